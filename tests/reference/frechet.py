"""Moments and Fréchet distance as the formulas stand (Heusel et al. 2017), in float64."""

import numpy as np
import scipy.linalg


def naive_mean(samples: np.ndarray) -> np.ndarray:
    """(1/n) Σ x."""
    total = np.zeros(samples.shape[1])
    for sample in samples.astype(np.float64):
        total += sample
    return total / len(samples)


def naive_covariance(samples: np.ndarray) -> np.ndarray:
    """(1/(n-1)) Σ (x - mean)(x - mean)ᵀ."""
    mean = naive_mean(samples)
    total = np.zeros((samples.shape[1], samples.shape[1]))
    for sample in samples.astype(np.float64):
        total += np.outer(sample - mean, sample - mean)
    return total / (len(samples) - 1)


def uncentred_covariance(samples: np.ndarray) -> np.ndarray:
    """(Σ x xᵀ - n mean meanᵀ) / (n - 1): what most programs accumulate."""
    total, square = np.zeros(samples.shape[1]), np.zeros((samples.shape[1], samples.shape[1]))
    for sample in samples.astype(np.float64):
        total += sample
        square += np.outer(sample, sample)
    return (square - np.outer(total, total) / len(samples)) / (len(samples) - 1)


def naive_distance(
    mean_x: np.ndarray, covariance_x: np.ndarray, mean_y: np.ndarray, covariance_y: np.ndarray
) -> float:
    """|mean_x - mean_y|² + tr C_x + tr C_y - 2 tr sqrtm(C_x C_y), of the non-symmetric product."""
    root = scipy.linalg.sqrtm(covariance_x @ covariance_y)
    squared = ((mean_x - mean_y) ** 2).sum()
    return float(squared + np.trace(covariance_x + covariance_y) - 2 * np.trace(root).real)


def naive_distance_of_samples(x: np.ndarray, y: np.ndarray) -> float:
    """The same for fewer samples than dimensions, where the product above has no accurate root.

    C_x C_y = XᵀX YᵀY / ((n-1)(m-1)) with centred rows has the non-zero eigenvalues of the n × n
    matrix XYᵀ YXᵀ / ((n-1)(m-1)).
    """
    mean_x, mean_y = naive_mean(x), naive_mean(y)
    centred_x, centred_y = x - mean_x, y - mean_y
    cross = centred_x @ centred_y.T
    product = cross @ cross.T / ((len(x) - 1) * (len(y) - 1))
    root = np.sum(np.sqrt(np.linalg.eigvals(product).astype(np.complex128))).real
    variance_x = (centred_x**2).sum() / (len(x) - 1)
    variance_y = (centred_y**2).sum() / (len(y) - 1)
    return float(((mean_x - mean_y) ** 2).sum() + variance_x + variance_y - 2 * root)
