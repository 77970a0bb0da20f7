"""Curves with bands over seeds, published curves dashed behind."""

import csv
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("Agg")  # figures go to files; no display is needed

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ttur.reports.summary import SENTENCES, Group, curve
from ttur.runtime.names import closest

# The paper's colours: one time-scale by rising rate, two time-scales red.
ONE_TIMESCALE = ("tab:blue", "tab:orange", "tab:green", "tab:purple", "tab:brown", "tab:cyan")
TWO_TIMESCALES = ("tab:red", "tab:pink", "darkred")


class Axis(NamedTuple):
    """What curves are drawn against: its name, its value in an event, and a published unit."""

    label: str
    of: Callable[[dict[str, Any]], float]
    published: str | None = None
    per_unit: float = 1.0


AXES = {
    "updates": Axis("generator updates", lambda e: e["update"], "thousand mini-batches", 1000),
    "minutes": Axis("minutes of training", lambda e: e["training_seconds"] / 60, "minutes"),
    "both_players": Axis(
        "updates of both players", lambda e: e["update"] + e["discriminator_updates"]
    ),
}


def draw_report(groups: Sequence[Group], path: Path, against: Sequence[str] = ()) -> list[Path]:
    """The figures of a report: values on more samples stand in one of their own, `…-fine`.

    Sentences are drawn against minutes and updates unless `against` says otherwise (Figure 7, A45),
    images against updates.
    """
    metrics = list(dict.fromkeys(metric for group in groups for metric in group.metrics))
    if not against:
        has_sentences = any(metric.startswith(SENTENCES) for metric in metrics)
        against = ("minutes", "updates") if has_sentences else ("updates",)
    fine = [metric for metric in metrics if metric.endswith("_fine")]
    drawn = [draw_curves(groups, path, [m for m in metrics if m not in fine], against)]
    if fine:
        path = path.with_name(f"{path.stem}-fine{path.suffix}")
        drawn.append(draw_curves(groups, path, fine, against))
    return drawn


def draw_curves(
    groups: Sequence[Group], path: Path, metrics: Sequence[str], against: Sequence[str]
) -> Path:
    """The mean line and the min-max band over seeds of each setting, published curves dashed.

    A column of panels for each of `metrics`, a row for each of `against` (names of `AXES`). A
    dotted line is what real samples score.

    Raises:
        ValueError: if no run has an evaluation, or there is no such axis.
    """
    for name in against:
        if name not in AXES:
            raise ValueError(f"no axis {name!r} to draw against; {closest(name, AXES)}")
    if not metrics:
        raise ValueError("nothing to draw: no run has an evaluation yet (was it --metric none?)")
    figure, panels = plt.subplots(
        len(against),
        len(metrics),
        figsize=(7.2 * len(metrics), 5.0 * len(against)),
        squeeze=False,
        layout="constrained",
    )
    for row, name in zip(panels, against, strict=True):
        for axes, metric in zip(row, sorted(metrics), strict=True):
            _draw_panel(axes, [g for g in groups if metric in g.metrics], metric, AXES[name])
    return save(figure, path)


def published_curves(figure: str) -> dict[str, list[dict[str, float]]]:
    """Series of one figure of the paper: points with x, mean, lower_band and upper_band."""
    series = defaultdict(list)
    for row in _published_rows(figure):
        keys = ("x", "mean", "lower_band", "upper_band")
        series[row["series"]].append({key: float(row[key]) for key in keys})
    return dict(series)


def _published_unit(figure: str) -> str:
    return next(row["x_unit"] for row in _published_rows(figure))


def _published_rows(figure: str) -> Iterator[dict[str, str]]:
    with files("ttur.experiments").joinpath("published_curves.csv").open() as file:
        yield from (row for row in csv.DictReader(file) if row["figure"] == figure)


def _draw_panel(axes: Axes, groups: Sequence[Group], metric: str, axis: Axis) -> None:
    colours = _colours(groups)
    for group, colour in colours:
        _draw_group(axes, group, metric, axis, colour)
    for floor in sorted({g.floor[metric] for g in groups if metric in g.floor}):
        axes.axhline(floor, color="black", linestyle=":", label=f"real samples ({floor:.3g})")
    for figure in dict.fromkeys(g.published[metric] for g in groups if metric in g.published):
        _draw_published(axes, figure, axis, {g.title: c for g, c in colours})
    axes.set_xlabel(axis.label)
    axes.set_ylabel(metric)
    if _spans_decades(axes):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
    axes.set_title(", ".join(sorted({group.experiment for group in groups})))
    axes.grid(alpha=0.4)
    axes.legend()


def _draw_group(axes: Axes, group: Group, metric: str, axis: Axis, colour: str) -> None:
    points = defaultdict(list)
    for run in group.runs:
        for value, event in curve(run, metric):
            points[event["update"]].append((axis.of(event), value))
    at = [np.mean([x for x, _ in points[update]]) for update in sorted(points)]
    values = [[value for _, value in points[update]] for update in sorted(points)]
    diverged = sum(run.outcome.startswith("diverged") for run in group.runs)
    runs = f"{len(group.runs)} run{'s' * (len(group.runs) != 1)}"
    label = f"{group.title} ({runs}{f', {diverged} diverged' if diverged else ''})"
    axes.plot(at, [np.mean(some) for some in values], color=colour, linewidth=2, label=label)
    low, high = [min(some) for some in values], [max(some) for some in values]
    axes.fill_between(at, low, high, color=colour, alpha=0.2, linewidth=0)


def _draw_published(axes: Axes, figure: str, axis: Axis, colours: dict[str, str]) -> None:
    if _published_unit(figure) != axis.published:
        return
    limit = axes.get_xlim()[1]
    for series, points in published_curves(figure).items():
        seen = [point for point in points if point["x"] * axis.per_unit <= limit]
        axes.plot(
            [point["x"] * axis.per_unit for point in seen],
            [point["mean"] for point in seen],
            color=colours.get(series, "grey"),
            linestyle="--",
            linewidth=1.2,
            label=f"{series}, published",
        )


def _colours(groups: Sequence[Group]) -> list[tuple[Group, str]]:
    one, two = iter(ONE_TIMESCALE * 9), iter(TWO_TIMESCALES * 9)
    return [(g, next(two if g.label.startswith("ttur") else one)) for g in groups]


def _spans_decades(axes: Axes) -> bool:
    low, high = axes.dataLim.intervaly
    return bool(low > 0 and high / low > 30)


def save(figure: Figure, path: Path) -> Path:
    """Write and close; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path
