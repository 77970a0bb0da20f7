"""Losses of both players, and BEGAN's k and convergence measure, against updates (Figure A51)."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from ttur.analysis.bands import segments
from ttur.analysis.curves import log_series
from ttur.analysis.groups import Group
from ttur.reports.figures import PANEL, draw_mean
from ttur.reports.panels import row_groups, save

COLUMNS = 4  # settings beside each other; more of them go below
# Rows of panels: the quantities of the logs that are drawn together, and their colours.
ROWS = (
    {"discriminator_loss": "tab:blue", "generator_loss": "tab:orange"},
    {"k": "tab:green"},
    {"convergence": "tab:purple"},
)


def draw_losses(groups: Sequence[Group], path: Path, band: str | None = None) -> Path | None:
    """A column of panels for each setting, a row for the losses, for k and for convergence.

    Mean and band over runs as in the curves of the metric (`bands.segments`), one scale for each
    quantity of an experiment. None if no run has a log; rows that would be empty are left out.
    """
    lines = [
        (some, row)
        for some in row_groups(groups, COLUMNS)
        for row in ROWS
        if any(row.keys() & log.values for group in some for run in group.runs for log in run.logs)
    ]
    if not lines:
        return None
    width, height = PANEL
    columns = max(len(some) for some, _ in lines)
    figure, panels = plt.subplots(
        len(lines),
        columns,
        figsize=(0.8 * width * columns, 0.7 * height * len(lines)),
        squeeze=False,
        layout="constrained",
    )
    first: dict[tuple[str, ...], Axes] = {}  # panel of a quantity: its scale is that of all
    for (some, row), line in zip(lines, panels, strict=True):
        for group, axes in zip(some, line, strict=False):
            scale = first.setdefault((group.experiment, *row), axes)
            if scale is not axes:
                axes.sharey(scale)
            axes.tick_params(labelleft=axes is line[0])
            for name, colour in row.items():
                _draw_quantity(axes, group, name, band or group.band, colour)
            axes.set(xlabel="generator updates", title=f"{group.experiment}, {group.title}")
            axes.grid(alpha=0.4)
            if axes.get_legend_handles_labels()[1]:
                axes.legend(title=f"{group.tally}; band {band or group.band}")
        for axes in line[len(some) :]:
            axes.axis("off")
    return save(figure, path)


def _draw_quantity(axes: Axes, group: Group, name: str, band: str, colour: str) -> None:
    runs = [log_series(run, name) for run in group.runs]
    draw_mean(axes, segments(runs, band), colour, name.replace("_", " "), width=1.6)
