"""Curves with bands over seeds, published curves dashed behind, and sample grids side by side."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # figures go to files; no display is needed

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from ttur.reports.summary import Group

# The paper's colours: one time-scale by rising rate, two time-scales red.
ONE_TIMESCALE = ("tab:blue", "tab:orange", "tab:green", "tab:purple", "tab:brown", "tab:cyan")
TWO_TIMESCALES = ("tab:red", "tab:pink", "darkred")


def draw_curves(groups: Sequence[Group], published: str | None, path: Path) -> Path:
    """Metric against updates: the mean line and the min-max band over seeds of each setting.

    `published` names the figure in published_curves.csv whose series are drawn dashed; they are
    FIDs, so they are drawn beside nothing else.

    Raises:
        ValueError: if no run has an evaluation.
    """
    drawn = [group for group in groups if group.metric is not None]
    if not drawn:
        raise ValueError("nothing to draw: no run has an evaluation yet (was it --metric none?)")
    metrics = sorted({group.metric or "" for group in drawn})
    figure, panels = plt.subplots(
        1, len(metrics), figsize=(7.2 * len(metrics), 5.0), squeeze=False, layout="constrained"
    )
    for metric, axes in zip(metrics, panels[0], strict=True):
        colours = _colours([group for group in drawn if group.metric == metric])
        for group, colour in colours:
            _draw_group(axes, group, colour)
        if published is not None and metric == "fid":
            _draw_published(axes, published, {g.title: c for g, c in colours})
        axes.set_xlabel("generator updates")
        axes.set_ylabel(metric)
        if _spans_decades(axes):
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter("{x:g}")
        axes.set_title(", ".join(sorted({group.experiment for group, _ in colours})))
        axes.grid(alpha=0.4)
        axes.legend()
    return _save(figure, path)


def draw_samples(groups: Sequence[Group], path: Path) -> Path | None:
    """The last sample grid of every setting's first seed, side by side; None if there is none."""
    grids = [(group, grid) for group in groups if (grid := _last_grid(group)) is not None]
    if not grids:
        return None
    figure, panels = plt.subplots(
        1, len(grids), figsize=(4.2 * len(grids), 4.7), squeeze=False, layout="constrained"
    )
    for (group, grid), axes in zip(grids, panels[0], strict=True):
        with Image.open(grid) as image:
            axes.imshow(np.asarray(image), interpolation="nearest")
        update = int(grid.stem.removeprefix("update-"))
        axes.set_title(f"{group.title}, {update:,} updates")
        axes.axis("off")
    return _save(figure, path)


def published_curves(figure: str) -> dict[str, list[dict[str, float]]]:
    """Series of one figure of the paper: points with x, mean, lower_band and upper_band."""
    series = defaultdict(list)
    with files("ttur.experiments").joinpath("published_curves.csv").open() as file:
        for row in csv.DictReader(file):
            if row["figure"] == figure:
                keys = ("x", "mean", "lower_band", "upper_band")
                series[row["series"]].append({key: float(row[key]) for key in keys})
    return dict(series)


def _draw_group(axes: Axes, group: Group, colour: str) -> None:
    values = defaultdict(list)
    for run in group.runs:
        for evaluation in run.evaluations:
            values[evaluation["update"]].append(evaluation["value"])
    updates = sorted(values)
    means = [np.mean(values[update]) for update in updates]
    diverged = sum(run.outcome.startswith("diverged") for run in group.runs)
    runs = f"{len(group.runs)} run{'s' * (len(group.runs) != 1)}"
    label = f"{group.title} ({runs}{f', {diverged} diverged' if diverged else ''})"
    axes.plot(updates, means, color=colour, linewidth=2, label=label)
    axes.fill_between(
        updates,
        [min(values[update]) for update in updates],
        [max(values[update]) for update in updates],
        color=colour,
        alpha=0.2,
        linewidth=0,
    )


def _draw_published(axes: Axes, figure: str, colours: dict[str, str]) -> None:
    limit = axes.get_xlim()[1]
    for series, points in published_curves(figure).items():
        seen = [point for point in points if point["x"] * 1000 <= limit]
        axes.plot(
            [point["x"] * 1000 for point in seen],
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


def _last_grid(group: Group) -> Path | None:
    for run in group.runs:
        grids = sorted((run.directory / "samples").glob("update-*.png"))
        if grids:
            return grids[-1]
    return None


def _save(figure: Figure, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path
