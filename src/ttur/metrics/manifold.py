"""How much of one set lies in the other: precision, recall, density, coverage of features."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Num

from ttur.metrics.neighbours import blocks, clouds, radii


@dataclass(frozen=True)
class PrecisionRecall:
    """Shares in 0..1: of the generated samples among the real ones, and the reverse."""

    precision: float
    recall: float
    k: int


@dataclass(frozen=True)
class DensityCoverage:
    """`density` ≥ 0, about 1 for equal distributions and not bounded by it; `coverage` in 0..1."""

    density: float
    coverage: float
    k: int


def precision_recall(
    real: Num[Any, "real_samples d"], generated: Num[Any, "generated_samples _"], k: int = 3
) -> PrecisionRecall:
    """Improved precision and recall (Kynkäänniemi et al. 2019, Eq. 1 and 2).

    A ball around every sample reaches to its k-th nearest neighbour in its own set, itself not
    counted. Precision is the share of generated samples in some closed ball of the real ones (at a
    distance ≤ radius), recall of real samples in some ball of the generated ones. Both depend on
    the counts and on k; compare them only at equal ones.

    Every comparison is decided as float64 Σ (x - y)² decides it, duplicates included. Memory beside
    the features: one float32 copy and some 200 MB.

    Raises:
        ValueError: if k < 1, a side has k samples or fewer, a feature is not finite, or the
            dimensions differ.
    """
    real_cloud, generated_cloud = clouds(real, generated, k)
    real_radii, generated_radii = radii(real_cloud, k), radii(generated_cloud, k)
    within_real = np.zeros(len(generated), dtype=bool)
    within_generated = np.zeros(len(real), dtype=bool)
    for rows, distances in blocks(real_cloud, generated_cloud):
        within_real |= distances.within(real_radii[rows, None], closed=True).any(axis=0)
        within_generated[rows] = distances.within(generated_radii[None], closed=True).any(axis=1)
    return PrecisionRecall(float(within_real.mean()), float(within_generated.mean()), k)


def density_coverage(
    real: Num[Any, "real_samples d"], generated: Num[Any, "generated_samples _"], k: int = 5
) -> DensityCoverage:
    """Density and coverage (Naeem et al. 2020, Eq. 3 and 4).

    With the open balls of the real samples (distance < radius, radii as in `precision_recall`):
    density is the number of balls a generated sample lies in, mean over generated samples, divided
    by k; coverage is the share of real samples with a generated one in their ball. For equal
    distributions, n real and m generated samples, the expectation of coverage is
    1 - Π_{i=1..k} (n - i) / (n + m - i), about 1 - 2⁻ᵏ at n = m, and that of density 1 if n is
    large.

    Exactness, memory and errors as `precision_recall`. A real sample with k duplicates has a ball
    of radius 0, which holds nothing.
    """
    real_cloud, generated_cloud = clouds(real, generated, k)
    reach, count, covered = radii(real_cloud, k), 0, 0
    for rows, distances in blocks(real_cloud, generated_cloud):
        inside = distances.within(reach[rows, None], closed=False)
        count += int(inside.sum())
        covered += int(inside.any(axis=1).sum())
    return DensityCoverage(count / (k * len(generated)), covered / len(real), k)
