"""Precision, recall, density and coverage, sample by sample as the definitions stand."""

import numpy as np


def squared_distance(x: np.ndarray, y: np.ndarray) -> float:
    return float(((x.astype(np.float64) - y.astype(np.float64)) ** 2).sum())


def radius(samples: np.ndarray, index: int, k: int) -> float:
    """Squared distance to the k-th nearest other sample (Kynkäänniemi et al. 2019, section 2)."""
    others = [j for j in range(len(samples)) if j != index]
    return sorted(squared_distance(samples[index], samples[j]) for j in others)[k - 1]


def share_on_manifold(samples: np.ndarray, manifold: np.ndarray, k: int) -> float:
    """Mean of f(sample, manifold), f = 1 where |sample - centre| <= radius for some centre."""
    radii = [radius(manifold, index, k) for index in range(len(manifold))]
    on = 0
    for sample in samples:
        on += any(squared_distance(sample, c) <= r for c, r in zip(manifold, radii, strict=True))
    return on / len(samples)


def precision(real: np.ndarray, generated: np.ndarray, k: int) -> float:
    return share_on_manifold(generated, real, k)


def recall(real: np.ndarray, generated: np.ndarray, k: int) -> float:
    return share_on_manifold(real, generated, k)


def density(real: np.ndarray, generated: np.ndarray, k: int) -> float:
    """(1/km) Σ_j Σ_i 1[generated_j in the open ball of real_i] (Naeem et al. 2020)."""
    radii = [radius(real, index, k) for index in range(len(real))]
    inside = 0
    for sample in generated:
        for centre, r in zip(real, radii, strict=True):
            inside += squared_distance(sample, centre) < r
    return inside / (k * len(generated))


def coverage(real: np.ndarray, generated: np.ndarray, k: int) -> float:
    """(1/n) Σ_i 1[some generated_j in the open ball of real_i] (Naeem et al. 2020)."""
    covered = 0
    for index, centre in enumerate(real):
        r = radius(real, index, k)
        covered += any(squared_distance(sample, centre) < r for sample in generated)
    return covered / len(real)
