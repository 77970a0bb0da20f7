"""Quantities of runs over their updates: a panel for each, a line for each setting."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes

from ttur.analysis.bands import segments
from ttur.analysis.curves import Series
from ttur.analysis.groups import Group
from ttur.reports.lines import draw_runs, entries, note_of
from ttur.reports.names import figure_title
from ttur.reports.panels import (
    count_ticks,
    entitle,
    legend,
    page,
    plain_ticks,
    save,
    thousands_axis,
    wrapped,
)
from ttur.reports.parts import panel_groups
from ttur.reports.style import Mark, Style, marks
from ttur.training.record import RunRecord


@dataclass(frozen=True)
class Quantity:
    """What a panel shows: its title, the values of a run, its scale, and what to stay below."""

    title: str
    of: Callable[[RunRecord], Series]
    scale: Literal["linear", "log", "symlog"] = "linear"
    threshold: float | None = None
    limits: tuple[float, float] | None = None


def draw_quantities(
    groups: Sequence[Group], quantities: Sequence[Quantity], path: Path, style: Style, note: str
) -> Path | None:
    """Panels of those quantities that a run has, and one legend; None if there is none.

    A crowd of settings has a row for each quantity, on one scale, and a column for each generator
    rate.
    """
    parts = panel_groups(groups)
    shown = [each for each in quantities if any(each.of(r) for g in groups for r in g.runs)]
    if not shown:
        return None
    mark_of = marks(groups)
    whole = len(parts) == 1
    columns = (style.columns + (style.columns == 2 and len(shown) > 4)) if whole else len(parts)
    cells = [(each, heading) for each in shown for heading in parts]
    with style.drawing():
        panels = page(style, len(cells), columns, height=0.8 if whole else 1.0)
        for index, (axes, (each, heading)) in enumerate(zip(panels, cells, strict=True)):
            first = panels[index - index % len(parts)]
            if first is not axes:
                axes.sharey(first)
                axes.tick_params(labelleft=False)
            for group in parts[heading]:
                label = style.in_panel(group, heading)
                _draw_setting(
                    axes, group, each, mark_of[group.experiment, group.title], label, style
                )
            axes.grid()
            if index < columns and heading:
                axes.set_title("\n".join(wrapped(heading, style.letters // columns)))
            if whole or index % columns == 0:
                axes.set_ylabel("\n".join(wrapped(each.title, 24)))
            if index + columns >= len(cells):
                axes.set_xlabel("generator updates")
            count_ticks(axes.xaxis)
        for axes, (each, _) in zip(panels, cells, strict=True):
            _finish(axes, each)
        figure = panels[0].get_figure(root=True)
        assert figure is not None
        title = figure_title(groups) if style.title is None else style.title
        entitle(figure, style, title)
        notes = [line for line in (note_of(groups, style), note) if line]
        legend(figure, style, *entries(panels), "\n".join(notes))
        return save(figure, path)


def _draw_setting(
    axes: Axes, group: Group, each: Quantity, mark: Mark, label: str, style: Style
) -> None:
    runs = [values for run in group.runs if (values := each.of(run))]
    draw_runs(axes, runs, segments(runs, style.band or group.band), mark, label, 0.8 * style.line)


def _finish(axes: Axes, each: Quantity) -> None:
    high = axes.dataLim.intervaly[1]
    if each.threshold is not None:
        axes.axhline(each.threshold, color="black", linewidth=0.8, alpha=0.6, linestyle=(0, (1, 2)))
    if each.limits is not None:
        axes.set_ylim(each.limits)
    if each.scale == "symlog":
        axes.set_yscale("symlog", linthresh=0.1)
        axes.set_ylim(0, max(1.0, axes.get_ylim()[1], 2 * high if np.isfinite(high) else 0))
        thousands_axis(axes.yaxis)
    elif each.scale == "log" and high > 0:
        axes.set_yscale("log")
        plain_ticks(axes.yaxis)
    else:
        thousands_axis(axes.yaxis)
