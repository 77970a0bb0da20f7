"""Clipped density and coverage, and authenticity, sample by sample as the definitions stand."""

from fractions import Fraction
from math import comb

import numpy as np

from reference.manifold import radius, squared_distance


def clipped_density(real: np.ndarray, generated: np.ndarray, k: int) -> float:
    """Salvy et al. 2026: radii clipped at their median, counts / k at 1, over that of the real."""
    squares = np.array([radius(real, index, k) for index in range(len(real))])
    distances = np.sqrt(squares)
    median = np.median(distances)
    # Squares stay squares where the radius is not clipped: a root squared is another number.
    limits = [s if d <= median else median**2 for s, d in zip(squares, distances, strict=True)]

    def score(samples: np.ndarray, themselves: bool) -> float:
        total = 0
        for index, sample in enumerate(samples):
            balls = sum(
                squared_distance(sample, centre) <= limit
                for other, (centre, limit) in enumerate(zip(real, limits, strict=True))
                if not (themselves and other == index)
            )
            total += min(balls, k)
        return total / (k * len(samples))

    return min(1.0, score(generated, False) / score(real, True))


def expected_coverage(good: int, real: int, k: int) -> Fraction:
    """Σ_j min(j, k)/k P(j), the orders in which j good samples come before the k-th of n - 1 real
    ones, the last of those in the ball, over all orders of n - 1 real and m good samples.
    """
    total = comb(real - 1 + good, good)
    return sum(
        (
            Fraction(min(j, k) * comb(k + j - 1, j) * comb(real - 1 - k + good - j, good - j))
            for j in range(good + 1)
        ),
        Fraction(0),
    ) / (k * total)


def clipped_coverage(real: np.ndarray, generated: np.ndarray, k: int) -> float:
    """Counts in open balls / k clipped at 1; how many samples are expected to cover less."""
    total = 0
    for index, centre in enumerate(real):
        r = radius(real, index, k)
        total += min(sum(squared_distance(sample, centre) < r for sample in generated), k)
    share = Fraction(total, k * len(real))
    curve = [expected_coverage(m, len(real), k) if m >= k else 0 for m in range(len(generated) + 1)]
    return sum(value < share for value in curve) / len(curve)


def nearest(sample: np.ndarray, others: list[np.ndarray]) -> tuple[float, int]:
    """Squared distance and index of the nearest one, the first of equals."""
    return min((squared_distance(sample, other), index) for index, other in enumerate(others))


def authentic(training: np.ndarray, generated: np.ndarray) -> list[bool]:
    """Alaa et al. 2022, section 4.2, with dgm-eval's strict inequality."""
    found = []
    for sample in generated:
        distance, index = nearest(sample, list(training))
        others = [other for i, other in enumerate(training) if i != index]
        found.append(nearest(training[index], others)[0] < distance)
    return found
