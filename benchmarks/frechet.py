"""Seconds and error of the Fréchet distance at d = 2048 beside scipy's matrix square root.

python benchmarks/frechet.py [--dimension 2048]
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import scipy.linalg

from ttur.metrics.frechet import frechet_distance


def square_root_distance(
    mean_x: np.ndarray, covariance_x: np.ndarray, mean_y: np.ndarray, covariance_y: np.ndarray
) -> float:
    """The paper's code and pytorch-fid without their repairs: tr sqrtm(C_x C_y)."""
    root = np.trace(scipy.linalg.sqrtm(covariance_x @ covariance_y)).real
    squared = ((mean_x - mean_y) ** 2).sum()
    return float(squared + np.trace(covariance_x + covariance_y) - 2 * root)


def eigenvalue_distance(
    mean_x: np.ndarray, covariance_x: np.ndarray, mean_y: np.ndarray, covariance_y: np.ndarray
) -> float:
    """torch-fidelity and torchmetrics: roots of the complex eigenvalues of C_x C_y."""
    eigenvalues = np.linalg.eigvals(covariance_x @ covariance_y).astype(np.complex128)
    root = np.sum(np.sqrt(eigenvalues)).real
    squared = ((mean_x - mean_y) ** 2).sum()
    return float(squared + np.trace(covariance_x + covariance_y) - 2 * root)


def commuting(spectrum_x: np.ndarray, spectrum_y: np.ndarray) -> tuple[tuple, float]:
    """Two Gaussians with one eigenbasis, and their distance Σ (√x - √y)²."""
    dimension = len(spectrum_x)
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(dimension, dimension)))[0]
    covariances = [(basis * spectrum) @ basis.T for spectrum in (spectrum_x, spectrum_y)]
    mean = np.zeros(dimension)
    expected = ((np.sqrt(spectrum_x) - np.sqrt(spectrum_y)) ** 2).sum()
    return (mean, covariances[0], mean, covariances[1]), float(expected)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dimension", type=int, default=2048)
    dimension = parser.parse_args().dimension
    rng = np.random.default_rng(1)
    decay = np.arange(1.0, dimension + 1) ** -1.5
    x, y = decay * rng.uniform(0.5, 2, dimension), decay * rng.uniform(0.5, 2, dimension)
    without = np.arange(dimension) < dimension // 2
    cases = {
        "well-conditioned": commuting(rng.uniform(1, 2, dimension), rng.uniform(1, 2, dimension)),
        "decaying": commuting(x, y),
        "half the rank": commuting(x * without, y * without),
    }
    methods: dict[str, Callable[..., float]] = {
        "ttur": frechet_distance,
        "scipy sqrtm": square_root_distance,
        "numpy eigvals": eigenvalue_distance,
    }
    print(f"{'d = ' + str(dimension):18} {'method':15} {'seconds':>8} {'relative error':>15}")
    for case, (gaussians, expected) in cases.items():
        for name, method in methods.items():
            start = time.perf_counter()
            error = abs(method(*gaussians) - expected) / expected
            print(
                f"{case:18} {name:15} {time.perf_counter() - start:8.2f} {error:15.1e}", flush=True
            )


if __name__ == "__main__":
    main()
