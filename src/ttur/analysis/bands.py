"""Several runs as one curve: their mean and a band, over runs that are told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean, stdev

from ttur.runtime.errors import closest

BANDS = ("min-max", "std")


@dataclass(frozen=True)
class Segment:
    """Consecutive points of a mean over the same runs: their number, x, mean and band."""

    runs: int
    at: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def segments(runs: Sequence[Mapping[int, tuple[float, float]]], band: str) -> list[Segment]:
    """The mean of runs and its band, cut wherever a run ends.

    A run is (x, value) by update. x is the mean over the runs as well, since seconds differ. The
    band is from the lowest to the highest run, or one standard deviation (n − 1) about the mean,
    which a single run has not. A mean is over every run that is still there, and a line joins
    means over the same runs only: what falls because a bad run ended is not drawn as progress. An
    update that a run still there did not score (another run's last) is passed over.

    Raises:
        ValueError: if there is no such band.
    """
    if band not in BANDS:
        raise ValueError(f"no band {band!r}; {closest(band, BANDS)}")
    updates = sorted({update for run in runs for update in run})
    last = [max(run, default=0) for run in runs]
    there = {
        update: [run for run, end in zip(runs, last, strict=True) if end >= update]
        for update in updates
    }
    scored = [update for update in updates if all(update in run for run in there[update])]
    return [
        _segment([[run[update] for run in there[update]] for update in some], band)
        for _, some in groupby(scored, key=lambda update: len(there[update]))
    ]


def _segment(points: list[list[tuple[float, float]]], band: str) -> Segment:
    columns = [_column(some, band) for some in points]
    return Segment(len(points[0]), *zip(*columns, strict=True))


def _column(points: list[tuple[float, float]], band: str) -> tuple[float, float, float, float]:
    values = [value for _, value in points]
    at, middle = fmean(x for x, _ in points), fmean(values)
    if band == "min-max":
        return at, middle, min(values), max(values)
    spread = stdev(values) if len(values) > 1 else 0.0
    return at, middle, middle - spread, middle + spread
