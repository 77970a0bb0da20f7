"""Samples of every setting side by side: image grids, sentences."""

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from PIL import Image

from ttur.analysis.groups import Group, curve
from ttur.analysis.samples import grid_of, last_samples, stages, update_of
from ttur.reports.panels import row_groups, save
from ttur.training.record import RunRecord

COLUMNS = 5  # settings beside each other; more of them go below
MOST_SENTENCES = 40


def draw_samples(groups: Sequence[Group], path: Path) -> Path | None:
    """The last sample grid of one run of every setting, side by side; None if there is none.

    The run is the first seed that finished, or else one that still goes on, or else a diverged one.
    Experiments begin a row of their own.
    """
    rows = [
        grids
        for some in row_groups(groups, COLUMNS)
        if (grids := [(group, *last) for group in some if (last := last_samples(group, "png"))])
    ]
    if not rows:
        return None
    columns = max(map(len, rows))
    panels = _panels(len(rows), columns, 4.2)
    for grids, line in zip(rows, panels, strict=True):
        for (group, run, grid), axes in zip(grids, line, strict=False):
            update = update_of(grid)
            title = f"{group.title}, {_run_text(run)}, {update:,} updates"
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
    rows = [(group, found) for group in groups if (found := stages(group))]
    if not rows:
        return None
    panels = _panels(len(rows), max(len(found) for _, found in rows), 2.5)
    for (group, found), line in zip(rows, panels, strict=True):
        for (run, point, remark), axes in zip(found, line, strict=False):
            update = point.event.update
            title = f"{update:,} update{'s' * (update != 1)}"
            title += f" ({remark})" if remark else ""
            _show(axes, grid_of(run, point), title, f"{group.metric} {point.value:.4g}")
        line[0].set_ylabel(f"{group.experiment}\n{group.title}, seed {found[0][0].seed}")
    return save(panels[0, 0].figure, path)


def write_sentences(groups: Sequence[Group], path: Path) -> Path | None:
    """The last sentences of one run of every setting, in columns (table A8).

    The run is chosen as for `draw_samples`. None if there are none.
    """
    files = [(group, *last) for group in groups if (last := last_samples(group, "txt"))]
    if not files:
        return None
    columns = [
        [f"{group.title}, {update_of(file):,} updates", _run_text(run), "", *_first_lines(file)]
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


def _run_text(run: RunRecord) -> str:
    diverged = ", diverged" * run.outcome.startswith("diverged")
    return f"seed {run.seed}{diverged}"


def _first_lines(file: Path) -> list[str]:
    return file.read_text("utf-8").split("\n")[:-1][:MOST_SENTENCES]
