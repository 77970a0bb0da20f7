"""Clipped density and coverage: fidelity and diversity that no outlier moves far."""

from bisect import bisect_left
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Num

from ttur.metrics.neighbours import blocks, clouds, radii


@dataclass(frozen=True)
class ClippedDensityCoverage:
    """Shares in 0..1, to be read as the share of samples as good as real ones."""

    density: float
    coverage: float
    k: int


def clipped_density_coverage(
    real: Num[Any, "real_samples d"], generated: Num[Any, "generated_samples _"], k: int = 5
) -> ClippedDensityCoverage:
    """Clipped Density and Clipped Coverage (Salvy, Talbot & Thirion, ICLR 2026, arXiv 2507.01761).

    A ball around every real sample reaches to its k-th nearest real neighbour, itself not counted.

    Density: no ball is larger than the median one. Of each generated sample the closed balls it
    lies in (distance ≤ radius), divided by k and clipped at 1; their mean, divided by that of the
    real samples among themselves, a sample's own ball not counted, and clipped at 1.

    Coverage: of each ball, whole and open (distance < radius), the generated samples in it, divided
    by k and clipped at 1; their mean y. The result is the number of m in 0..M for which fewer are
    expected than y, of M + 1, M the number of generated samples: with m good samples among them
    (`expected_coverage`) y falls as a curve, and this falls in proportion to m.

    Open and closed, the mean of two middle radii as median, the step of 1 / (M + 1) and the curve
    that is 0 below k samples are those of the authors' program, so its numbers are these. It counts
    k real neighbours in a ball; where distances tie here all in the ball count, whatever their
    order. A side of m good samples scores about m / M on either, identical sides 1, distant ones 0.

    Exactness, memory and errors as `metrics.manifold.precision_recall`; three passes over pairs.
    """
    real_cloud, generated_cloud = clouds(real, generated, k)
    whole = radii(real_cloud, k)
    clipped = np.minimum(whole, _median_square(whole))
    balls_of_real = np.zeros(len(whole), np.int64)
    for rows, distances in blocks(real_cloud, real_cloud):
        balls_of_real += distances.within(clipped[rows, None], closed=True).sum(axis=0)
    balls, covered = np.zeros(len(generated), np.int64), 0
    for rows, distances in blocks(real_cloud, generated_cloud):
        balls += distances.within(clipped[rows, None], closed=True).sum(axis=0)
        inside = distances.within(whole[rows, None], closed=False).sum(axis=1)
        covered += int(np.minimum(inside, k).sum())
    # At least half of the balls are whole and hold k real samples: the divisor is not 0.
    density = min(1.0, _clipped_mean(balls, k) / _clipped_mean(balls_of_real, k))
    coverage = _calibrated(Fraction(covered, k * len(whole)), len(whole), len(generated), k)
    return ClippedDensityCoverage(density, coverage, k)


def expected_coverage(good: int, real: int, k: int) -> Fraction:
    """E min(X, k) / k, X the number of `good` samples in the ball of one of `real` samples.

    Both are of one distribution, whichever it is: its mass in the ball is Beta(k, real - k), hence
    X beta-binomial. P(X = 0) is Π_{i=1..k} (real - i) / (real + good - i).

        >>> expected_coverage(good=1, real=11, k=5)
        Fraction(1, 11)

    Raises:
        ValueError: unless real > k ≥ 1 and good ≥ 0.
    """
    if not real > k >= 1 or good < 0:
        raise ValueError(
            f"expected more than k ≥ 1 real samples and no negative number of good ones, got k "
            f"{k}, {real} real and {good} good"
        )
    probability, missing = Fraction(1), Fraction(0)
    for i in range(1, k + 1):
        probability *= Fraction(real - i, real + good - i)
    for j in range(min(k, good + 1)):
        missing += (k - j) * probability
        # The next one, j + 1 in the ball; 0 where no sample is left.
        probability *= Fraction((good - j) * (k + j), j + 1)
        probability /= max(1, real - k + good - j - 1)
    return 1 - missing / k


def _calibrated(share: Fraction, real: int, generated: int, k: int) -> float:
    expected = partial(_expected_or_none, real=real, k=k)
    return bisect_left(range(generated + 1), share, key=expected) / (generated + 1)


def _expected_or_none(good: int, real: int, k: int) -> Fraction:
    return expected_coverage(good, real, k) if good >= k else Fraction(0)


def _clipped_mean(balls: Int[np.ndarray, " n"], k: int) -> float:
    return int(np.minimum(balls, k).sum()) / (k * len(balls))


def _median_square(squares: Float[np.ndarray, " n"]) -> float:
    """The square of the median distance; of two middle ones that of their mean."""
    middle = np.sort(squares)[(len(squares) - 1) // 2 : len(squares) // 2 + 1]
    low, high = middle[0], middle[-1]
    return low if low == high else float(np.mean(np.sqrt(middle)) ** 2)
