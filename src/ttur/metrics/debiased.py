"""The Fréchet distance without its bias: noise of sampling taken out by random matrix theory."""

import math

import numpy as np
import scipy.linalg
from jaxtyping import Float

from ttur.metrics.frechet import factor_of
from ttur.metrics.moments import Moments

# Trapezoids in log(x / λ_max): the tails of the integrand fall as x^±3/2, so that its ends and
# steps cost less than rounding.
STEP = 0.25
GRID = np.exp(np.arange(-37, 25, STEP))


def debiased_distance(x: Moments, y: Moments, n: float = math.inf, m: float = math.inf) -> float:
    """d² of two populations from the moments of n and of m samples of them; ∞: as they stand.

    Exact in the mean for Gaussians as d grows with n/d and m/d fixed, where the plain distance has
    a bias of some d² / n. May be negative next to zero. Needs n, m > d + 1.
    """
    difference = x.mean - y.mean
    covariance_x, covariance_y = x.covariance, y.covariance
    trace_x, trace_y = float(np.trace(covariance_x)), float(np.trace(covariance_y))
    squared = float(difference @ difference) - trace_x / n - trace_y / m
    root = root_trace(_product_spectrum(covariance_x, covariance_y), n - 1, m - 1)
    return squared + trace_x + trace_y - 2 * root


def root_trace(
    eigenvalues: Float[np.ndarray, " rank"],
    n: float,
    m: float,
    excess: tuple[float, float] = (0.0, 0.0),
) -> float:
    """tr (C_x C_y)^½ from the positive eigenvalues of the product of two sample covariances.

    n and m are their degrees of freedom. With f(x) = Σ λ / (λ + x), Σ √λ is (2/π) ∫ √x (-f'(x)) dx.
    In the S-transform, noise is a factor 1 / (1 + u d/n) per side (Marchenko & Pastur 1967);
    taking it out puts x / ((1 - f/n) (1 - f/m)) in place of the x under the root (the estimator of
    Tiomoko & Couillet 2019, as a real integral). Dimensions without variance play no role. Where
    the norms of samples vary, of the two sides by `excess`, the factor is (1 + excess f/n) /
    (1 - f/n) instead.
    """
    if not len(eigenvalues):
        return 0.0
    x = eigenvalues.max() * GRID
    shares = eigenvalues / (eigenvalues + x[:, None])
    f = shares.sum(axis=1)
    falls = (shares * (1 - shares)).sum(axis=1)  # -df / d log x
    correction = 2 / math.pi * STEP * float((np.sqrt(x) * falls) @ (_growth(f, n, m, excess) - 1))
    return float(np.sqrt(eigenvalues).sum()) + correction


def root_slopes(
    eigenvalues: Float[np.ndarray, " rank"],
    n: float,
    m: float,
    excess: tuple[float, float] = (0.0, 0.0),
) -> Float[np.ndarray, " rank"]:
    """Derivatives of `root_trace` by the roots √λ of the eigenvalues: 1 without noise.

    With g the growth, the root is (1/π) ∫ G(f) / √x dx with G' = g, so its derivative by λ is
    (1/π) ∫ (g √x)' / (λ + x) dx.
    """
    x = eigenvalues.max() * GRID
    shares = eigenvalues / (eigenvalues + x[:, None])
    f = shares.sum(axis=1)
    falls = (shares * (1 - shares)).sum(axis=1)
    growth = _growth(f, n, m, excess)
    steepness = sum(
        1 / (count - f) + by / (count + by * f)
        for count, by in zip((n, m), excess, strict=True)
        if count < math.inf
    )
    # Beside the integral without noise, which is 1 exactly; d log g / df = steepness / 2.
    beyond = np.sqrt(x) * (growth * (1 - steepness * falls) - 1) / 2
    kernel = (1 - shares) / x[:, None]  # 1 / (λ + x)
    return 1 + 2 * np.sqrt(eigenvalues) / math.pi * STEP * (beyond @ kernel)


def _growth(f: np.ndarray, n: float, m: float, excess: tuple[float, float]) -> np.ndarray:
    more = np.sqrt((1 + excess[0] * f / n) * (1 + excess[1] * f / m))
    return more / np.sqrt((1 - f / n) * (1 - f / m))


def _product_spectrum(covariance_x: np.ndarray, covariance_y: np.ndarray) -> np.ndarray:
    """The positive eigenvalues of C_x C_y, up to rounding of the largest: enough for estimates."""
    try:
        # As in `frechet_distance`, whose exact way would be too slow for twenty distances.
        eigenvalues = scipy.linalg.eigvalsh(
            covariance_y, covariance_x, type=2, driver="gv", check_finite=False
        )
    except scipy.linalg.LinAlgError:
        factor = factor_of(covariance_x)
        eigenvalues = scipy.linalg.eigvalsh(factor.T @ covariance_y @ factor, check_finite=False)
    return eigenvalues[eigenvalues > 0]
