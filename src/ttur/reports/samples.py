"""Samples of every setting side by side: image grids, sentences."""

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from PIL import Image

from ttur.analysis.groups import Group, Point, curve, in_rows
from ttur.reports.page import save
from ttur.training.record import RunRecord

COLUMNS = 5  # settings beside each other; more of them go below
MOST_SENTENCES = 40
STAGES = 5  # of the distance on its way down, the first and the best among them


def draw_samples(groups: Sequence[Group], path: Path) -> Path | None:
    """The last sample grid of one run of every setting, side by side; None if there is none.

    The run is the first seed that finished, or else one that still goes on, or else a diverged one.
    Experiments begin a row of their own.
    """
    rows = [
        grids
        for some in in_rows(groups, COLUMNS)
        if (grids := [(group, *last) for group in some if (last := _last(group, "png"))])
    ]
    if not rows:
        return None
    columns = max(map(len, rows))
    panels = _panels(len(rows), columns, 4.2)
    for grids, line in zip(rows, panels, strict=True):
        for (group, run, grid), axes in zip(grids, line, strict=False):
            update = _update(grid)
            title = f"{group.title}, {_told(run)}, {update:,} updates"
            points = [p for p in curve(run, group.metric or "") if p.event.update == update]
            below = f"{group.metric} {points[-1].value:.4g}" if points else ""
            _show(axes, grid, title, below)
        line[0].set_ylabel(grids[0][0].experiment)
    return save(panels[0, 0].figure, path)


def draw_samples_by_distance(groups: Sequence[Group], path: Path) -> Path | None:
    """Figures A21 to A38: a row for each setting, the grids of one run as its distance falls.

    The run is the one with the best value of the setting. Its grids are those of its first
    evaluation, the first ones past equal ratios of the distance on the way to the best, the best,
    and the last if that came later; the same latents throughout. None if no grid was scored.
    """
    rows = [(group, stages) for group in groups if (stages := _stages(group))]
    if not rows:
        return None
    panels = _panels(len(rows), max(len(stages) for _, stages in rows), 2.5)
    for (group, stages), line in zip(rows, panels, strict=True):
        for (run, point, remark), axes in zip(stages, line, strict=False):
            update = point.event.update
            title = f"{update:,} update{'s' * (update != 1)}{remark}"
            _show(axes, _grid(run, point), title, f"{group.metric} {point.value:.4g}")
        line[0].set_ylabel(f"{group.experiment}\n{group.title}, seed {stages[0][0].seed}")
    return save(panels[0, 0].figure, path)


def write_sentences(groups: Sequence[Group], path: Path) -> Path | None:
    """The last sentences of one run of every setting, in columns (table A8).

    The run is chosen as for `draw_samples`. None if there are none.
    """
    files = [(group, *last) for group in groups if (last := _last(group, "txt"))]
    if not files:
        return None
    columns = [
        [f"{group.title}, {_update(file):,} updates", _told(run), "", *_first_lines(file)]
        for group, run, file in files
    ]
    widths = [max(map(len, column)) for column in columns]
    rows = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in zip_longest(*columns, fillvalue="")
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


def _stages(group: Group) -> list[tuple[RunRecord, Point, str]]:
    """Scored grids of the group's best run, by update, with what is to be remarked."""
    metric = group.metric or ""
    scored = {
        run.seed: [point for point in curve(run, metric) if _grid(run, point).exists()]
        for run in group.runs
    }
    best = group.best(metric, [point for points in scored.values() for point in points])
    if best is None:
        return []
    run = next(run for run in group.runs if best in scored[run.seed])
    points = scored[run.seed]
    until = points[: points.index(best) + 1]
    sign = 1 if group.lower_is_better(metric) else -1
    space = np.geomspace if min(points[0].value, best.value) > 0 else np.linspace
    targets = space(points[0].value, best.value, STAGES)[1:-1]
    reached = [
        next((p for p in until if sign * p.value <= sign * target), best)  # targets are rounded
        for target in targets
    ]
    chosen = {p.event.update: p for p in (points[0], *reached, best, points[-1])}
    remarks = {points[-1].event.update: " (last)", best.event.update: " (best)"}
    return [(run, chosen[update], remarks.get(update, "")) for update in sorted(chosen)]


def _grid(run: RunRecord, point: Point) -> Path:
    return run.directory / "samples" / f"update-{point.event.update:07d}.png"


def _panels(rows: int, columns: int, side: float) -> np.ndarray:
    """Axes without ticks or frames for square grids of `side` inches and a line above and below."""
    _, panels = plt.subplots(
        rows,
        columns,
        figsize=(side * columns, (side + 0.5) * rows),
        squeeze=False,
        layout="constrained",
    )
    for axes in panels.flat:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    return panels


def _show(axes: Axes, grid: Path, above: str, below: str) -> None:
    with Image.open(grid) as image:
        axes.imshow(np.asarray(image), interpolation="nearest")
    axes.set_title(above, fontsize=10)
    axes.set_xlabel(below)


def _last(group: Group, suffix: str) -> tuple[RunRecord, Path] | None:
    def preference(run: RunRecord) -> tuple[bool, bool, int]:
        return run in group.diverged, run not in group.finished, run.seed

    for run in sorted(group.runs, key=preference):
        files = sorted((run.directory / "samples").glob(f"update-*.{suffix}"))
        if files:
            return run, files[-1]
    return None


def _told(run: RunRecord) -> str:
    diverged = ", diverged" * run.outcome.startswith("diverged")
    return f"seed {run.seed}{diverged}"


def _update(file: Path) -> int:
    return int(file.stem.removeprefix("update-"))


def _first_lines(file: Path) -> list[str]:
    return file.read_text("utf-8").split("\n")[:-1][:MOST_SENTENCES]
