"""FID∞: the FID of infinitely many generated samples, read from a line in 1 / size."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Num

from ttur.metrics.frechet import frechet_distance
from ttur.metrics.moments import VECTORS_AT_ONCE, Moments
from ttur.runtime.progress import counted


@dataclass(frozen=True)
class Extrapolation:
    """FID∞ and the line it is read from: distance = value + slope / size.

    `standard_error` is that of the intercept by the scatter around the line. All subsets come from
    one sample, so it says nothing of another sample: that is what `uncertainty` does.
    """

    value: float
    standard_error: float
    slope: float
    sizes: tuple[int, ...]
    distances: tuple[float, ...]


def fid_infinity(
    real: Moments, generated: Num[Any, "samples d"], *, seed: int = 0, points: int = 15
) -> Extrapolation:
    """FID of infinitely many generated samples (Chong & Forsyth 2020, Sec. 3).

    FID of random subsets without replacement, of `points` sizes evenly spaced from a tenth of the
    samples (5,000 of 50,000 in the paper), but no less than 2 d, to all of them; a straight line in
    1 / size; its intercept. The real side stays as it is, with the bias of its own size.

    Raises:
        ValueError: if there are fewer than 4 d samples, fewer than 3 points, the dimensions
            differ, or a feature is not finite.
    """
    count, dimension = generated.shape
    if dimension != len(real.mean):
        raise ValueError(
            f"expected features of one dimension, got {len(real.mean)} and {dimension}; "
            "both sides must come from the same extractor"
        )
    if points < 3:
        raise ValueError(f"expected at least 3 points for a line with an error, got {points}")
    if count < 4 * dimension:
        raise ValueError(
            f"expected at least {4 * dimension} generated samples (4 per dimension), got {count}; "
            "FID is no straight line in 1/N below; add images"
        )
    rng = np.random.default_rng(seed)
    sizes = np.linspace(max(count // 10, 2 * dimension), count, points).astype(int)
    covariance = real.covariance
    distances = []
    for size in counted(sizes, "distances of subsets", "distances"):
        order = rng.permutation(count)[:size]
        batches = (
            generated[order[start : start + VECTORS_AT_ONCE]]
            for start in range(0, size, VECTORS_AT_ONCE)
        )
        subset = Moments.of_batches(batches, dimension)
        distances.append(frechet_distance(real.mean, covariance, subset.mean, subset.covariance))
    design = np.stack([np.ones(points), 1 / sizes], axis=1)
    (value, slope), *_ = np.linalg.lstsq(design, np.array(distances))
    residuals = distances - design @ (value, slope)
    variance = residuals @ residuals / (points - 2) * np.linalg.inv(design.T @ design)[0, 0]
    return Extrapolation(
        float(value), math.sqrt(variance), float(slope), tuple(map(int, sizes)), tuple(distances)
    )
