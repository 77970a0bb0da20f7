"""Fréchet distance of two Gaussians, given by their moments or by samples of each."""

import numpy as np
import scipy.linalg
from jaxtyping import Float

from ttur.metrics.pencil import Pencil

# The largest relative error the fast path may have, by its own estimate.
TOLERANCE = 1e-9
EPSILON = float(np.finfo(np.float64).eps)


def frechet_distance(
    mean_x: Float[np.ndarray, " d"],
    covariance_x: Float[np.ndarray, "d d"],
    mean_y: Float[np.ndarray, " d"],
    covariance_y: Float[np.ndarray, "d d"],
    pencil: Pencil | None = None,
) -> float:
    """d² = |mean_x - mean_y|² + tr(C_x + C_y - 2 (C_x C_y)^½) (Dowson & Landau 1982, Eq. 4).

    Holds for singular covariances as it stands, nothing is added to the diagonal. About a second
    at d = 2048 on two cores, some ten times that where a covariance is singular or nearly so.
    Identical inputs give 0 up to rounding of tr(C_x + C_y). The `pencil` of the same two
    covariances saves making it, and changes no bit.

    Raises:
        ValueError: if shapes differ, a value is not finite, or a covariance is not symmetric
            positive semi-definite up to rounding.
    """
    mean_x, covariance_x = _finite_moments(mean_x, covariance_x, "first")
    mean_y, covariance_y = _finite_moments(mean_y, covariance_y, "second")
    if mean_x.shape != mean_y.shape:
        raise ValueError(
            f"expected two Gaussians of one dimension, got {len(mean_x)} and {len(mean_y)}; "
            "both sides must come from the same extractor"
        )
    variance = float(np.trace(covariance_x) + np.trace(covariance_y))
    root, error = fast_root_trace(covariance_x, covariance_y, pencil)
    if error > TOLERANCE * variance:
        root = exact_root_trace(covariance_x, covariance_y)
    difference = mean_x - mean_y
    # A distance is not negative; what rounding leaves below zero is no information.
    return max(0.0, float(difference @ difference) + variance - 2 * root)


def frechet_distance_of_samples(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"]) -> float:
    """The same distance from the samples themselves, exact and fast where n, m < d.

    With centred X and Y, tr (C_x C_y)^½ is the nuclear norm of the n × m cross-Gram matrix
    X Yᵀ / √((n - 1)(m - 1)): no d × d matrix, and no root of an eigenvalue near zero.

    Raises:
        ValueError: if a side has fewer than two samples.
    """
    if min(len(x), len(y)) < 2:
        raise ValueError(f"expected at least 2 samples per side, got {len(x)} and {len(y)}")
    mean_x, mean_y = x.mean(axis=0, dtype=np.float64), y.mean(axis=0, dtype=np.float64)
    x, y = (x - mean_x) / np.sqrt(len(x) - 1), (y - mean_y) / np.sqrt(len(y) - 1)
    root = np.sum(scipy.linalg.svdvals(x @ y.T))
    difference = mean_x - mean_y
    return max(0.0, float(difference @ difference + (x**2).sum() + (y**2).sum() - 2 * root))


def fast_root_trace(
    covariance_x: np.ndarray, covariance_y: np.ndarray, pencil: Pencil | None = None
) -> tuple[float, float]:
    """Σ √λ_i of Lᵀ C_y L with C_x = L Lᵀ, and an estimate of its error, infinite without such L.

    Rounding moves every λ by about δ = ε |C_x| |C_y|, so its root by δ / 2√λ, or √δ next to zero.
    These moves are independent of each other and add up as their squares do; the bend of the root
    adds a bias of second order.
    """
    try:
        # C_y C_x v = λ v: LAPACK takes the Cholesky factor, forms Lᵀ C_y L and tridiagonalises it.
        eigenvalues = (
            scipy.linalg.eigvalsh(
                covariance_y, covariance_x, type=2, driver="gv", check_finite=False
            )
            if pencil is None
            else pencil.eigenvalues
        )
    except scipy.linalg.LinAlgError:
        return np.nan, np.inf
    if eigenvalues[0] < -TOLERANCE * eigenvalues[-1]:
        return np.nan, np.inf  # the second covariance is not semi-definite: the exact way says so
    delta = EPSILON * np.linalg.norm(covariance_x) * np.linalg.norm(covariance_y)
    roots = np.sqrt(np.maximum(eigenvalues, 0))
    slopes = np.maximum(np.maximum(2 * roots, np.sqrt(delta)), np.finfo(np.float64).tiny)
    moves = delta / slopes
    return float(roots.sum()), float(np.linalg.norm(moves) + (moves**2 / slopes).sum())


def exact_root_trace(covariance_x: np.ndarray, covariance_y: np.ndarray) -> float:
    """Nuclear norm of F_xᵀ F_y with C = F Fᵀ: its singular values are the roots themselves."""
    product = factor_of(covariance_x).T @ factor_of(covariance_y)
    return float(np.sum(scipy.linalg.svdvals(product, overwrite_a=True, check_finite=False)))


def factor_of(covariance: np.ndarray) -> np.ndarray:
    """F with F Fᵀ = C and as many columns as C has eigenvalues above rounding."""
    eigenvalues, vectors = scipy.linalg.eigh(covariance, driver="evd", check_finite=False)
    largest = eigenvalues[-1]
    if eigenvalues[0] < -1e-5 * largest:
        raise ValueError(
            f"expected a positive semi-definite covariance, got eigenvalues from "
            f"{eigenvalues[0]:g} to {largest:g}; the statistics are damaged, compute them again"
        )
    # Numerical rank: an eigenvalue that is only rounding has a root that is not small.
    kept = eigenvalues > len(covariance) * EPSILON * largest
    return vectors[:, kept] * np.sqrt(eigenvalues[kept])


def _finite_moments(
    mean: np.ndarray, covariance: np.ndarray, which: str
) -> tuple[np.ndarray, np.ndarray]:
    mean, covariance = np.asarray(mean, np.float64), np.asarray(covariance, np.float64)
    if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)):
        raise ValueError(
            f"expected a mean (d,) and a covariance (d, d), got {mean.shape} and "
            f"{covariance.shape} on the {which} side"
        )
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise ValueError(
            f"expected finite moments, got NaN or infinity on the {which} side; "
            "compute its statistics again"
        )
    if np.abs(covariance - covariance.T).max() > 1e-6 * np.abs(covariance).max():
        raise ValueError(
            f"expected a covariance equal to its transpose, got another one on the {which} side; "
            "compute its statistics again"
        )
    return mean, covariance
