"""How often the interval of the FID holds the true distance, beside the percentile bootstrap.

    python benchmarks/coverage.py [--dimensions 16 32 64] [--ratios 5 30 100] [--simulations 300]

Every situation has moments in closed form, hence a true distance. A row: share of simulations
whose interval holds it, ours and the percentile bootstrap's; the median half width of ours, and
the bias of the plain FID and of our estimate, all three in standard deviations of that estimate.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ttur.metrics.frechet import frechet_distance
from ttur.metrics.grouped_moments import GroupedMoments
from ttur.metrics.moments import Moments
from ttur.metrics.uncertainty import fid_interval

Draw = Callable[[int, np.random.Generator], np.ndarray]
RESAMPLES = 100


@dataclass(frozen=True, eq=False)
class Population:
    """Something to draw (n, d) from, and its moments."""

    draw: Draw
    mean: np.ndarray
    covariance: np.ndarray


def gaussian(mean: np.ndarray, factor: np.ndarray) -> Population:
    """mean + factor z."""
    return Population(
        lambda n, rng: rng.normal(size=(n, len(mean))) @ factor.T + mean, mean, factor @ factor.T
    )


def rectified(factor: np.ndarray, scale: float) -> Population:
    """scale · max(0, factor z), whose second moments are arc-cosine kernels (Cho & Saul 2009)."""
    size = np.linalg.norm(factor, axis=1)
    cosine = np.clip(factor @ factor.T / np.outer(size, size), -1, 1)
    angle = np.arccos(cosine)
    second = np.outer(size, size) * (np.sin(angle) + (np.pi - angle) * cosine) / (2 * np.pi)
    mean = scale * size / np.sqrt(2 * np.pi)
    return Population(
        lambda n, rng: scale * np.maximum(rng.normal(size=(n, len(size))) @ factor.T, 0),
        mean,
        scale**2 * second - np.outer(mean, mean),
    )


def of_random_size(factor: np.ndarray, spread: float = 0.5) -> Population:
    """exp(spread · w) factor z: samples of large and of small norm, heavier tails than Gauss."""
    return Population(
        lambda n, rng: (
            np.exp(spread * rng.normal(size=(n, 1)))
            * (rng.normal(size=(n, len(factor))) @ factor.T)
        ),
        np.zeros(len(factor)),
        np.exp(2 * spread**2) * factor @ factor.T,
    )


def situations(d: int) -> Iterator[tuple[str, Population, Population]]:
    rng = np.random.default_rng(0)
    decay = np.arange(1.0, d + 1) ** -0.5  # roots of the variances 1, 1/2, 1/3, ...
    basis = np.linalg.qr(rng.normal(size=(d, d)))[0]
    mixing = rng.normal(size=(d, d)) / np.sqrt(d) * decay
    zero, one = np.zeros(d), np.eye(d)
    yield "identical", gaussian(zero, np.diag(decay)), gaussian(zero, np.diag(decay))
    yield "small shift", gaussian(0.1 * decay, np.diag(decay)), gaussian(zero, np.diag(decay))
    yield "shift, flat", gaussian(zero + 0.3, one), gaussian(zero, one)
    yield "scaled 1.2", gaussian(zero, np.diag(decay)), gaussian(zero, 1.2 * np.diag(decay))
    yield "far, rotated", gaussian(decay, np.diag(decay)), gaussian(zero, 1.4 * basis * decay)
    yield "ReLU, near", rectified(mixing, 1.0), rectified(mixing, 1.1)
    yield "ReLU, far", rectified(mixing, 1.0), rectified(basis @ mixing, 1.2)
    yield "norms vary, far", of_random_size(mixing), of_random_size(basis @ mixing)


def grouped(rows: np.ndarray, seed: int) -> GroupedMoments:
    made = GroupedMoments(rows.shape[1], seed)
    made.update(rows)
    return made


def distance(x: Moments, y: Moments) -> float:
    return frechet_distance(x.mean, x.covariance, y.mean, y.covariance)


def resampled(rows: np.ndarray, rng: np.random.Generator) -> Moments:
    return Moments.of(rows[rng.integers(len(rows), size=len(rows))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dimensions", type=int, nargs="+", default=[16, 32, 64])
    parser.add_argument("--ratios", type=float, nargs="+", default=[5, 30, 100])
    parser.add_argument("--simulations", type=int, default=300)
    parser.add_argument("--bootstraps", type=int, default=50, help="simulations that get one")
    parser.add_argument("--situations", nargs="+", help="only those whose name has one of these")
    options = parser.parse_args()
    print("| situation | d | N/d | true | ours | real exact | bootstrap | ± | FID | estimate |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for d in options.dimensions:
        for name, real, generated in situations(d):
            if not any(part in name for part in options.situations or [""]):
                continue
            for ratio in options.ratios:
                print(f"| {name} | {d} | {ratio:g} | {row(real, generated, ratio, options)} |")


def row(real: Population, generated: Population, ratio: float, options) -> str:
    true = frechet_distance(real.mean, real.covariance, generated.mean, generated.covariance)
    d, rng = len(real.mean), np.random.default_rng(1)
    count = int(ratio * d)
    # A population is given as the moments of two samples that have just these.
    exact = Moments(2, real.mean, real.covariance)
    plain, ours, one_sided, percentiles = [], [], [], []
    for i in range(options.simulations):
        x, y = real.draw(count, rng), generated.draw(count, rng)
        side_x, side_y = grouped(x, 2 * i), grouped(y, 2 * i + 1)
        plain.append(distance(side_x.total, side_y.total))
        ours.append(fid_interval(side_x.groups, side_y.groups))
        one_sided.append(fid_interval(exact, side_y.groups))
        if i < options.bootstraps:
            resamples = [distance(resampled(x, rng), resampled(y, rng)) for _ in range(RESAMPLES)]
            percentiles.append(np.quantile(resamples, [0.025, 0.975]))
    estimates = np.array([interval.estimate for interval in ours])
    deviation = estimates.std()
    true_or_zero = true if true > 1e-9 else 0.0  # rounding of identical populations

    def share(bounds) -> str:
        inside = [low <= true_or_zero <= high for low, high in bounds]
        return f"{100 * np.mean(inside):.1f} %" if inside else ""

    width = np.median([interval.high - interval.low for interval in ours]) / 2
    return " | ".join(
        [
            f"{true:.3g}",
            share((interval.low, interval.high) for interval in ours),
            share((interval.low, interval.high) for interval in one_sided),
            share(percentiles),
            f"{width / deviation:.2f}",
            f"{(np.mean(plain) - true) / deviation:+.2f}",
            f"{(np.mean(estimates) - true) / deviation:+.2f}",
        ]
    )


if __name__ == "__main__":
    main()
