"""Numbers of a run over its updates, and the paper's curves, digitised."""

import csv
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from typing import NamedTuple

from ttur.analysis.groups import Group, Point, curve
from ttur.training.record import RunRecord

Series = dict[int, tuple[float, float]]  # (x, value) by update, as `bands.segments` takes it


class Axis(NamedTuple):
    """What values stand over: its name, its value at a point, and a published unit.

    A unit is worth `per_unit` of it. `remark` says how the published series counts otherwise.
    """

    label: str
    of: Callable[[Point], float]
    published: str | None = None
    per_unit: float = 1.0
    remark: str = ""


AXES = {
    "updates": Axis("generator updates", lambda p: p.event.update, "thousand mini-batches", 1e3),
    "minutes": Axis(
        "minutes of training",
        lambda p: p.event.training_seconds / 60,
        "minutes",
        remark=", evaluation included",  # J.23
    ),
    "total_minutes": Axis(
        "minutes, evaluation included",
        lambda p: (p.event.training_seconds + p.evaluation_seconds) / 60,
        "minutes",
    ),
    "both_players": Axis(
        "updates of both players", lambda p: p.event.update + p.event.discriminator_updates
    ),
}


class PublishedPoint(NamedTuple):
    """A point of a published curve, and the lower and upper edge of its band."""

    x: float
    mean: float
    low: float
    high: float


def metric_series(run: RunRecord, metric: str, axis: Axis) -> Series:
    """(position on the axis, value of `metric`) by update."""
    return {p.event.update: (float(axis.of(p)), p.value) for p in curve(run, metric)}


def log_series(run: RunRecord, name: str) -> Series:
    """(update, logged value) by update; logs without a value are left out."""
    return {
        log.update: (float(log.update), value)
        for log in run.logs
        if (value := log.values.get(name)) is not None
    }


def published_series(
    groups: Sequence[Group], metric: str, axis: Axis
) -> dict[str, list[PublishedPoint]]:
    """What the paper shows of `metric` in the place of `groups`, by series.

    Those that count what `axis` has, in its unit.
    """
    figures = dict.fromkeys(
        group.published.curves[metric] for group in groups if metric in group.published.curves
    )
    return {
        series: [
            PublishedPoint(p["x"] * axis.per_unit, p["mean"], p["lower_band"], p["upper_band"])
            for p in points
        ]
        for figure in figures
        if published_unit(figure) == axis.published
        for series, points in published_curves(figure).items()
    }


def published_curves(figure: str) -> dict[str, list[dict[str, float]]]:
    """Series of one figure of the paper: points with x, mean, lower_band and upper_band."""
    series = defaultdict(list)
    for row in _rows(figure):
        keys = ("x", "mean", "lower_band", "upper_band")
        series[row["series"]].append({key: float(row[key]) for key in keys})
    return dict(series)


def published_unit(figure: str) -> str:
    """What x of a figure counts: "thousand mini-batches" or "minutes"."""
    return next(row["x_unit"] for row in _rows(figure))


def _rows(figure: str) -> Iterator[dict[str, str]]:
    with files("ttur.analysis").joinpath("published_curves.csv").open() as file:
        yield from (row for row in csv.DictReader(file) if row["figure"] == figure)
