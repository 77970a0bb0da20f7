"""How often the interval of the FID holds the true distance: both methods, and the bootstrap.

    python benchmarks/coverage.py [--dimensions 48] [--ratios 2.6 10 100] [--simulations 300]
    python benchmarks/coverage.py --cost 2048

Every situation has moments in closed form, hence a true distance. A row: share of simulations
whose interval holds it, with both sides sampled by influence and by jackknife, by influence with
twice as many generated samples and with the real side exact; the percentile bootstrap's; the median
half width of both, and the biases of the plain FID and of both estimates, all in standard
deviations of the estimate by influence. `--methods influence` leaves the jackknife out, which takes
most of the time. `--cost` is the time of an interval beside the distance of the same inputs.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ttur.metrics.frechet import frechet_distance
from ttur.metrics.grouped_moments import GroupedMoments
from ttur.metrics.moments import Moments
from ttur.metrics.pencil import Pencil
from ttur.metrics.uncertainty import METHODS, fid_interval

Draw = Callable[[int, np.random.Generator], np.ndarray]
RESAMPLES = 100
# What is sampled, and the method; the jackknife takes most of the time.
COVERAGES = (
    ("both sides", "influence"),
    ("both sides", "jackknife"),
    ("1 : 2", "influence"),
    ("real exact", "influence"),
)


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


def heavy_tailed(factor: np.ndarray, freedom: int = 5) -> Population:
    """Multivariate Student's t: fourth moments, but none above."""
    return Population(
        lambda n, rng: (
            rng.normal(size=(n, len(factor)))
            @ factor.T
            / np.sqrt(rng.chisquare(freedom, size=(n, 1)) / freedom)
        ),
        np.zeros(len(factor)),
        freedom / (freedom - 2) * factor @ factor.T,
    )


def lognormal(factor: np.ndarray, scale: float) -> Population:
    """scale · exp(factor z) - 1, each feature skewed."""
    covariance = factor @ factor.T
    mean = np.exp(np.diag(covariance) / 2)
    return Population(
        lambda n, rng: scale * (np.exp(rng.normal(size=(n, len(factor))) @ factor.T) - 1),
        scale * (mean - 1),
        scale**2 * np.outer(mean, mean) * np.expm1(covariance),
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
    yield "t5, identical", heavy_tailed(mixing), heavy_tailed(mixing)
    yield "t5, far", heavy_tailed(mixing), heavy_tailed(1.2 * basis @ mixing)
    yield "lognormal, near", lognormal(mixing, 1.0), lognormal(mixing, 1.1)
    yield "lognormal, far", lognormal(mixing, 1.0), lognormal(basis @ mixing, 1.0)


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
    parser.add_argument("--dimensions", type=int, nargs="+", default=[48])
    parser.add_argument("--ratios", type=float, nargs="+", default=[2.6, 10, 100])
    parser.add_argument("--simulations", type=int, default=300)
    parser.add_argument("--bootstraps", type=int, default=8, help="simulations that get one")
    parser.add_argument("--situations", nargs="+", help="only those whose name has one of these")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--cost", type=int, metavar="D", help="time at so many dimensions instead")
    options = parser.parse_args()
    if options.cost:
        cost(options.cost)
        return
    heads = [f"{way}, {by}" for way, by in COVERAGES if by in options.methods]
    heads += [f"{head}, {by}" for head in ("±", "bias") for by in options.methods]
    print("| situation | d | N/d | true |", " | ".join([*heads, "bootstrap", "bias, FID"]), "|")
    print("|---" * (6 + len(heads)), "|", sep="")
    for d in options.dimensions:
        for name, real, generated in situations(d):
            if not any(part in name for part in options.situations or [""]):
                continue
            for ratio in options.ratios:
                print(
                    f"| {name} | {d} | {ratio:g} | {row(real, generated, ratio, options)} |",
                    flush=True,
                )


def row(real: Population, generated: Population, ratio: float, options) -> str:
    true = frechet_distance(real.mean, real.covariance, generated.mean, generated.covariance)
    d, rng = len(real.mean), np.random.default_rng(1)
    count = int(ratio * d)
    # A population is given as the moments of two samples that have just these.
    exact = Moments(2, real.mean, real.covariance)
    plain, percentiles = [], []
    coverages = [key for key in COVERAGES if key[1] in options.methods]
    made = {key: [] for key in coverages}
    for i in range(options.simulations):
        x, y = real.draw(count, rng), generated.draw(2 * count, rng)
        side_x, wide = grouped(x, 2 * i), grouped(y, 2 * i + 1)
        y = y[:count]
        side_y = grouped(y, 2 * i + 1)
        plain.append(distance(side_x.total, side_y.total))
        sides = {
            "both sides": (side_x.groups, side_y.groups),
            "1 : 2": (side_x.groups, wide.groups),
            "real exact": (exact, side_y.groups),
        }
        for way, method in coverages:
            made[way, method].append(fid_interval(*sides[way], method=method))
        if i < options.bootstraps:
            resamples = [distance(resampled(x, rng), resampled(y, rng)) for _ in range(RESAMPLES)]
            percentiles.append(np.quantile(resamples, [0.025, 0.975]))
    true_or_zero = true if true > 1e-9 else 0.0  # rounding of identical populations
    estimates = {
        method: np.array([interval.estimate for interval in made["both sides", method]])
        for method in options.methods
    }
    deviation = next(iter(estimates.values())).std()

    def share(bounds) -> str:
        inside = [low <= true_or_zero <= high for low, high in bounds]
        return f"{100 * np.mean(inside):.1f}" if inside else ""

    covered = [share((each.low, each.high) for each in intervals) for intervals in made.values()]
    widths = [
        np.median([each.high - each.low for each in made["both sides", method]]) / 2 / deviation
        for method in options.methods
    ]
    biases = [(estimates[method].mean() - true) / deviation for method in options.methods]
    return " | ".join(
        [
            f"{true:.3g}",
            *covered,
            *(f"{width:.2f}" for width in widths),
            *(f"{bias:+.2f}" for bias in biases),
            share(percentiles),
            f"{(np.mean(plain) - true) / deviation:+.2f}",
        ]
    )


def cost(d: int) -> None:
    """Processor seconds of a distance and of one with its interval, in turns."""
    rng = np.random.default_rng(0)
    decay, sides = np.arange(1.0, d + 1) ** -0.5, []
    for scale in (1.0, 1.1):
        rows = scale * rng.normal(size=(3 * d, d)) * decay
        sides.append(grouped(np.maximum(rows @ np.linalg.qr(rng.normal(size=(d, d)))[0], 0), 0))
    groups = [side.groups for side in sides]
    inputs = [part for side in sides for part in (side.total.mean, side.total.covariance)]
    for _ in range(3):
        seconds = [time.process_time()]
        plain = frechet_distance(*inputs)
        seconds.append(time.process_time())
        pencil = Pencil.of(inputs[1], inputs[3])
        value = frechet_distance(inputs[0], inputs[1], inputs[2], inputs[3], pencil)
        fid_interval(groups[0], groups[1], pencil=pencil)
        seconds.append(time.process_time())
        assert value == plain
        alone, both = np.diff(seconds)
        print(
            f"d = {d}: distance {alone:.2f} s, with interval {both:.2f} s, "
            f"{both / alone - 1:.2f} further distances",
            flush=True,
        )


if __name__ == "__main__":
    main()
