"""Numbers of runs on all time axes at once: updates, minutes of training, updates of both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from ttur.analysis.bands import segments
from ttur.analysis.curves import AXES, published_curves, published_unit
from ttur.analysis.groups import Group, Point
from ttur.analysis.probes import running_median
from ttur.training.record import RunRecord

TIMES = ("updates", "minutes", "both_players")  # of `curves.AXES`
Points = Sequence[Point]


@dataclass(frozen=True)
class Timeline:
    """Values in order, their positions by axis, and a band if they are means over `runs`."""

    at: dict[str, tuple[float, ...]]
    values: tuple[float, ...]
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None
    runs: int = 1

    def thinned(self, most: int) -> "Timeline":
        """At most so many points: each the mean of equally many, within the band of all of them."""
        size = -(-len(self.values) // most)
        if size < 2:
            return self

        def by(one: Callable[..., float], some: tuple[float, ...]) -> tuple[float, ...]:
            return tuple(one(some[i : i + size]) for i in range(0, len(some), size))

        return Timeline(
            {axis: by(fmean, some) for axis, some in self.at.items()},
            by(fmean, self.values),
            None if self.low is None else by(min, self.low),
            None if self.high is None else by(max, self.high),
            self.runs,
        )


def run_timeline(points: Points) -> Timeline:
    """One run alone."""
    at = {name: tuple(float(AXES[name].of(point)) for point in points) for name in TIMES}
    return Timeline(at, tuple(point.value for point in points))


def mean_timelines(runs: Sequence[Points], band: str) -> list[Timeline]:
    """The mean over runs and its band, cut wherever a run ends (`bands.segments`)."""
    by_axis = {
        name: segments(
            [
                {point.event.update: (float(AXES[name].of(point)), point.value) for point in points}
                for points in runs
            ],
            band,
        )
        for name in TIMES
    }
    return [
        Timeline(
            {name: part.at for name, part in zip(TIMES, parts, strict=True)},
            parts[0].mean,
            parts[0].low,
            parts[0].high,
            parts[0].runs,
        )
        for parts in zip(*by_axis.values(), strict=True)
    ]


def published_timelines(groups: Sequence[Group], metric: str) -> dict[str, list[Timeline]]:
    """By series what the paper shows of `metric` in the place of `groups`, with its band.

    A figure counts one unit, and is there on the axis that counts the same.
    """
    figures = dict.fromkeys(
        group.published.curves[metric] for group in groups if metric in group.published.curves
    )
    found: dict[str, list[Timeline]] = {}
    for figure in figures:
        axes = [name for name in TIMES if AXES[name].published == published_unit(figure)]
        for series, points in published_curves(figure).items():
            at = {name: tuple(p["x"] * AXES[name].per_unit for p in points) for name in axes}
            mean, low, high = (
                tuple(p[key] for p in points) for key in ("mean", "lower_band", "upper_band")
            )
            found.setdefault(series, []).append(Timeline(at, mean, low, high))
    return found


def logged(run: RunRecord, name: str) -> list[Point]:
    """The values of a loss, or of what companions log; logs without a value are left out."""
    return [Point(value, log) for log in run.logs if (value := log.values.get(name)) is not None]


def probed(run: RunRecord, quantity: str, below: float) -> list[Point]:
    """What the monitor saw, as its running median (`probes.running_median`)."""
    events = {probe.update: probe for probe in run.probes}
    smooth = running_median(run, quantity, below)
    return [Point(value, events[update]) for update, (_, value) in smooth.items()]
