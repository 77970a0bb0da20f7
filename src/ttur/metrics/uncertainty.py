"""What samples say of the distance of their populations: an interval.

The FID of n samples is biased upward by some d² / n. Derivation and measured coverage:
`docs/numerics.md`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Num
from scipy.special import stdtrit

from ttur.metrics.debiased import debiased_distance
from ttur.metrics.influence import Debiased, SampledSide
from ttur.metrics.moments import Moments
from ttur.metrics.pencil import Pencil
from ttur.runtime.progress import counted

# Samples per dimension from which the interval was seen to hold, with a group left out.
LEAST_RATIO = 2


@dataclass(frozen=True)
class FidInterval:
    """Bounds of the Fréchet distance of two populations, at `level`, and not below 0.

    `estimate` is the distance without its bias: the plain FID lies above it, often above `high`;
    next to zero it may be negative. `covers` names the sides ("real", "generated") whose sampling
    is covered; the other one counts as exact.
    """

    low: float
    high: float
    level: float
    estimate: float
    standard_error: float
    covers: tuple[str, ...]


def fid_interval(
    real: Moments | Sequence[Moments],
    generated: Moments | Sequence[Moments],
    *,
    level: float = 0.95,
    method: str = "influence",
    pencil: Pencil | None = None,
) -> FidInterval:
    """Confidence interval of the Fréchet distance between the populations two samples come from.

    A side is the groups of a `GroupedMoments`, or one `Moments` that counts as exact. `method`:

    - "influence": how each group moves the distance without its bias (`metrics.influence`), from
      one eigenbasis, at the price of about one distance more with the `pencil` of the two
      covariances in hand;
    - "jackknife": that distance again without each group, 21 times with ten groups on both sides.

    The bias is removed by random matrix theory, at any d (`metrics.debiased`), and what features
    that are not Gaussian add to it as the groups show it. The interval is Student's, with Welch's
    degrees of freedom.

    Raises:
        ValueError: if the dimensions differ, both sides are exact, nothing varies, or a side has
            fewer than two groups or too few samples (`LEAST_RATIO`).
    """
    if not 0 < level < 1:
        raise ValueError(f"expected a level between 0 and 1, got {level}; 0.95 is usual")
    if method not in METHODS:
        raise ValueError(f"expected a `method` of {' or '.join(METHODS)}, got {method!r}")
    x, y = _Side.of(real, "real"), _Side.of(generated, "generated")
    if not (x.groups or y.groups):
        raise ValueError(
            "expected groups of samples on one side at least, got two exact sides; "
            "an interval needs images, or statistics saved with their groups"
        )
    if x.moments.mean.shape != y.moments.mean.shape:
        raise ValueError(
            f"expected moments of one dimension, got {len(x.moments.mean)} and "
            f"{len(y.moments.mean)}; both sides must come from the same extractor"
        )
    covers = tuple(name for name, side in (("real", x), ("generated", y)) if side.groups)
    estimate, variance, freedom = METHODS[method](x, y, pencil)
    standard_error = math.sqrt(variance)
    margin = float(stdtrit(freedom, (1 + level) / 2)) * standard_error
    return FidInterval(
        max(0.0, estimate - margin),
        max(0.0, estimate + margin),
        level,
        estimate,
        standard_error,
        covers,
    )


def _by_influence(x: "_Side", y: "_Side", pencil: Pencil | None) -> tuple[float, float, float]:
    """Estimate, variance, degrees of freedom."""
    real, generated = (SampledSide(s.moments, s.noise_count, s.groups) for s in (x, y))
    made = Debiased.of(
        real, generated, pencil or Pencil.of(x.moments.covariance, y.moments.covariance)
    )
    parts, sizes = [], 0.0
    for side, name in ((x, "x"), (y, "y")):
        if side.groups:
            counts = np.array([group.count for group in side.groups])
            on_distance, on_size = made.influences(name)
            parts.append((_variance_of_mean(on_distance, counts), len(counts) - 1))
            sizes += _variance_of_mean(on_size, counts)
    first, freedom = _welch(parts)
    # Influences hold what is of second order twice.
    second = made.second_order(sizes)
    return made.estimate, max(first - second, second) + made.bias_noise, freedom


def _by_jackknife(x: "_Side", y: "_Side", pencil: Pencil | None) -> tuple[float, float, float]:
    whole = _distance(x, y)
    parts = [
        _jackknife(
            whole,
            np.array(
                [
                    _distance(rest, other)
                    for rest in counted(
                        side.without_each_group(),
                        "interval without each group",
                        total=len(side.groups),
                    )
                ]
            ),
            np.array([group.count for group in side.groups]),
        )
        for side, other in ((x, y), (y, x))
        if side.groups
    ]
    variance, freedom = _welch([(part.variance, part.freedom) for part in parts])
    return whole - sum(part.bias for part in parts), variance, freedom


METHODS = {"influence": _by_influence, "jackknife": _by_jackknife}


def _welch(parts: Sequence[tuple[float, int]]) -> tuple[float, float]:
    """The sum of variances, and its degrees of freedom."""
    variance = sum(part for part, _ in parts)
    if not variance > 0:
        raise ValueError("expected features that vary, got constant ones; look at the images")
    return variance, variance**2 / sum(part**2 / freedom for part, freedom in parts)


def _variance_of_mean(values: np.ndarray, counts: np.ndarray) -> float:
    """Of the mean of all samples, from those of groups."""
    weights = counts / counts.sum()
    centred = values - weights @ values
    return float((weights**2 * centred**2).sum()) * len(counts) / (len(counts) - 1)


@dataclass(frozen=True, eq=False)
class _Side:
    """Moments, and the number of samples whose noise is in them: ∞ if they count as exact."""

    moments: Moments
    noise_count: float
    groups: tuple[Moments, ...] = ()

    @classmethod
    def of(cls, side: Moments | Sequence[Moments], name: str) -> "_Side":
        if isinstance(side, Moments):
            return cls(side, math.inf)
        groups = tuple(group for group in side if group.count)
        dimension = len(groups[0].mean) if groups else 0
        count, least = sum(g.count for g in groups), math.ceil(LEAST_RATIO * dimension)
        if count < least:
            raise ValueError(
                f"needs {least:,} {name} images ({LEAST_RATIO} for each feature), there are "
                f"{count:,}"
            )
        if len(groups) < 2:
            raise ValueError(
                f"expected at least 2 groups of {name} samples, got {len(groups)}; add images"
            )
        whole = _merged(groups)
        rest = whole.count - max(group.count for group in groups)
        if rest < least:
            needed = math.ceil(least * whole.count / rest) if rest else LEAST_RATIO * least
            raise ValueError(
                f"needs about {needed:,} {name} images ({LEAST_RATIO} for each feature without "
                f"the largest group), there are {whole.count:,}"
            )
        return cls(whole, float(whole.count), groups)

    def without_each_group(self) -> Iterator["_Side"]:
        for group in self.groups:
            rest = _without(self.moments, group)
            yield _Side(rest, float(rest.count))


def _merged(groups: Sequence[Moments]) -> Moments:
    """As `Moments.merge` of one after the other, with one pass over each scatter."""
    counts = np.array([group.count for group in groups])
    means = np.stack([group.mean for group in groups])
    mean = counts @ means / counts.sum()
    steps = means - mean
    scatter = steps.T @ (counts[:, None] * steps)
    for group in groups:
        scatter += group.scatter
    return Moments(int(counts.sum()), mean, scatter)


def _without(whole: Moments, part: Moments) -> Moments:
    """What `part` was merged with to become `whole`."""
    count = whole.count - part.count
    delta = part.mean - whole.mean
    weighted = delta * math.sqrt(whole.count / count * part.count)
    scatter = whole.scatter - part.scatter
    scatter -= np.outer(weighted, weighted)
    return Moments(count, whole.mean - delta * (part.count / count), scatter)


def _distance(x: _Side, y: _Side) -> float:
    return debiased_distance(x.moments, y.moments, x.noise_count, y.noise_count)


@dataclass(frozen=True)
class _Jackknife:
    bias: float
    variance: float
    freedom: int


def _jackknife(
    whole: float, left_out: Float[np.ndarray, " groups"], counts: Num[np.ndarray, " groups"]
) -> _Jackknife:
    """Delete-a-group jackknife for groups of unequal sizes (Busing, Meijer & van der Leeden 1999).

    From the statistic of the whole sample, and of it without each group.
    """
    ratio = counts.sum() / counts
    pseudo = ratio * whole - (ratio - 1) * left_out
    mean = float((pseudo / ratio).sum())
    variance = float(((pseudo - mean) ** 2 / (ratio - 1)).mean())
    return _Jackknife(whole - mean, variance, len(counts) - 1)
