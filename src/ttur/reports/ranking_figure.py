"""What was measured early against the distance reached later, drawn."""

import math
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ttur.analysis.groups import Group
from ttur.analysis.probes import QUANTITIES
from ttur.analysis.ranking import LATE, PREDICTORS, Correlation, Place, Ranking
from ttur.reports.names import experiment_title, metric_title
from ttur.reports.panels import (
    DRAWABLE,
    entitle,
    legend,
    page,
    plain_ticks,
    save,
    thousands_axis,
    wrapped,
)
from ttur.reports.parts import panel_groups, rate_heading
from ttur.reports.perturbation import quantity_title
from ttur.reports.style import PLAIN, Mark, Style, marks


def draw_ranking(
    ranking: Ranking, groups: Sequence[Group], path: Path, style: Style = PLAIN
) -> Path:
    """A panel for each predictor: the late value over the early one, a point for each setting.

    `groups` are all settings of the report, marked as in its other figures. Where one ranks the
    other well, the points rise or fall from left to right; predictors that are equal everywhere are
    left out.
    """
    there = [group for group in groups if group.experiment == ranking.experiment]
    reached = {place.title: place for place in ranking.places if place.late is not None}
    known = [each for each in ranking.correlations if each.settings]
    shown = [each for each in known if each.spearman is not None] or known
    mark_of = {title: mark for (name, title), mark in marks(groups).items()
               if name == ranking.experiment}  # fmt: skip
    columns = {"column": 2, "page": 4, "slide": 5}[style.size]
    with style.drawing():
        panels = page(style, len(shown), columns, height=1.2)
        for index, (axes, each) in enumerate(zip(panels, shown, strict=True)):
            if index:
                axes.sharey(panels[0])
            for title, place in reached.items():
                _draw_place(axes, each, place, mark_of[title], style)
            axes.set_xlabel("\n".join(wrapped(_title(each.predictor), style.letters // columns)))
            axes.set_title(_correlation_text(each), fontsize="medium")
            axes.grid()
            if index % columns:
                axes.tick_params(labelleft=False)
            else:
                name = f"{metric_title(ranking.metric)}, last {LATE:.0%}"
                axes.set_ylabel("\n".join(wrapped(name, 26)))
        for axes in panels:
            _set_scales(axes)
        figure = panels[0].get_figure(root=True)
        assert figure is not None
        title = experiment_title(there[0]) if style.title is None else style.title
        entitle(figure, style, title)
        seeds = "" if ranking.agreement is None else (
            f"; two seeds agree to {signed(ranking.agreement)}"
        )  # fmt: skip
        note = f"a point for each setting, {ranking.diverged} diverged{seeds}"
        legend(figure, style, *_entries(there, reached, mark_of, style), note)
        return save(figure, path)


def signed(value: float) -> str:
    """With two digits and its sign, a true one."""
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def _title(predictor: str) -> str:
    return quantity_title(predictor) if predictor in QUANTITIES else PREDICTORS[predictor]


def _draw_place(axes: Axes, found: Correlation, place: Place, mark: Mark, style: Style) -> None:
    early = place.early.get(found.predictor, math.inf)
    if abs(early) < DRAWABLE and place.late is not None:
        axes.plot(
            early,
            place.late,
            mark.marker,
            color=mark.colour,
            markersize=0.65 * style.text,
            markeredgecolor="white",
            markeredgewidth=0.04 * style.text,
            clip_on=False,
        )


def _set_scales(axes: Axes) -> None:
    low, high = axes.dataLim.intervalx
    if low > 0:
        axes.set_xscale("log")
        plain_ticks(axes.xaxis)
        if high > 8 * low:  # ticks between decades would meet
            axes.xaxis.set_minor_formatter(lambda *_: "")
    elif low == 0:
        axes.set_xscale("symlog", linthresh=0.1)
        axes.set_xlim(-0.02, max(1.0, 2 * high))
        thousands_axis(axes.xaxis)
    else:
        thousands_axis(axes.xaxis)
    if axes.dataLim.intervaly[0] > 0:
        axes.set_yscale("log")
        plain_ticks(axes.yaxis)


def _correlation_text(found: Correlation) -> str:
    if found.spearman is None:
        return "all equal"
    text = f"Spearman {signed(found.spearman)} (p {found.p_value:.2g})"
    if found.at_equal_rate is not None:
        text += f"\nequal a: {signed(found.at_equal_rate)} (p {found.at_equal_rate_p_value:.2g})"
    return text


def _entries(
    groups: Sequence[Group], reached: dict[str, Place], mark_of: dict[str, Mark], style: Style
) -> tuple[list[Line2D], list[str]]:
    """Of every setting; of a crowd of every rate: the colour is D's, the marker G's."""
    there = [group for group in groups if group.title in reached]
    parts = panel_groups(there)
    found: dict[str, Line2D] = {}
    for heading, group in chain.from_iterable(
        ((heading, group) for group in part) for heading, part in parts.items()
    ):
        mark = mark_of[group.title]
        by_rate = heading == rate_heading(group)
        line = Line2D([], [], linestyle="", marker=mark.marker, color=mark.colour)
        if by_rate:
            dot = Line2D([], [], linestyle="", marker=mark.marker, color="0.4")
            found.setdefault(heading, dot)
            line = Line2D([], [], linestyle="-", linewidth=3, color=mark.colour)
        found.setdefault(style.in_panel(group, heading), line)
    order = sorted(found, key=lambda label: label.startswith("discriminator rate"))
    return [found[label] for label in order], order
