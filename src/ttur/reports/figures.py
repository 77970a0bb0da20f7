"""Curves with single runs and bands over seeds, and the published curves with theirs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from ttur.analysis.bands import segments
from ttur.analysis.curves import (
    AXES,
    Axis,
    PublishedPoint,
    Series,
    metric_series,
    published_series,
)
from ttur.analysis.groups import Group, differ_in_cost
from ttur.reports.lines import draw_runs, entries, note_of, set_scale
from ttur.reports.names import figure_title, metric_title
from ttur.reports.panels import count_ticks, entitle, legend, page, save, wrapped
from ttur.reports.parts import panel_groups
from ttur.reports.style import PLAIN, Mark, Style, marks

NEAR = 0.4  # of the height of what is drawn: a floor further below it is told, not drawn


@dataclass(frozen=True)
class Cell:
    """A panel of curves: what over what, of which settings, and the part of the axis shown."""

    axis: Axis
    metric: str
    heading: str
    groups: Sequence[Group]
    window: tuple[float, float] | None = None


def draw_report(groups: Sequence[Group], path: Path, style: Style = PLAIN) -> list[Path]:
    """The figures of a report, none without a value: those on more samples in their own, `…-fine`.

    Sentences, and settings that differ in n_critic, are drawn against minutes and updates unless
    the style says otherwise (Figures 6, 7, A45), all else against updates.
    """
    metrics = list(dict.fromkeys(metric for group in groups for metric in group.metrics))
    if not metrics:
        return []
    if not style.against:
        are_sentences = any(run.vocabulary for group in groups for run in group.runs)
        is_timed = differ_in_cost(groups) or are_sentences
        style = replace(style, against=("minutes", "updates") if is_timed else ("updates",))
    fine = [metric for metric in metrics if metric.endswith("_fine")]
    drawn = [draw_curves(groups, path, [m for m in metrics if m not in fine], style)]
    if fine:
        path = path.with_name(f"{path.stem}-fine{path.suffix}")
        drawn.append(draw_curves(groups, path, fine, style))
    return drawn


def draw_curves(
    groups: Sequence[Group], path: Path, metrics: Sequence[str], style: Style = PLAIN
) -> Path:
    """The mean line and the band over seeds of each setting, its runs thin behind them.

    A panel for each axis of `style.against` (`AXES`) and each of `metrics`, and one more with the
    part of it that the paper shows enlarged; of a crowd of settings one for each generator rate.
    The line is narrow where it is a mean over fewer runs, and a cross marks where one diverged.
    Published means have hollow markers, their band a dotted edge; a dotted line is what real
    samples score.
    """
    parts = panel_groups(groups)
    cells = [
        Cell(AXES[name], metric, heading, shown, window)
        for name in style.against or ("updates",)
        for metric in sorted(metrics)
        for heading, part in parts.items()
        if (shown := [group for group in part if metric in group.metrics])
        for window in _windows(shown, metric, name)
    ]
    mark_of = marks(groups)
    are_uneven = len({group.tally for group in groups}) > 1
    with style.drawing():
        columns = style.columns + (len(parts) > 1 and style.columns > 1)
        panels = page(style, len(cells), columns)
        scales: dict[tuple[str, str], Axes] = {}
        for axes, cell in zip(panels, cells, strict=True):
            if cell.heading:
                first = scales.setdefault((cell.metric, cell.axis.label), axes)
                if first is not axes:
                    axes.sharey(first)
        for axes, cell in zip(panels, cells, strict=True):
            _draw_cell(axes, cell, mark_of, style, are_uneven and not cell.heading)
        figure = panels[0].get_figure(root=True)
        assert figure is not None
        title = figure_title(groups) if style.title is None else style.title
        entitle(figure, style, title)
        legend(figure, style, *entries(panels), note_of(groups, style))
        return save(figure, path)


def _windows(
    groups: Sequence[Group], metric: str, name: str
) -> Iterable[tuple[float, float] | None]:
    """All of the axis, and what the paper enlarges of it if runs came so far."""
    yield None
    found = next((g.published.zoom[metric] for g in groups if metric in g.published.zoom), None)
    reached = max((run.updates for group in groups for run in group.runs), default=0)
    if found is not None and name == "updates" and reached > found[0]:
        yield found


def _draw_cell(
    axes: Axes, cell: Cell, mark_of: dict[tuple[str, str], Mark], style: Style, is_told: bool
) -> None:
    """The tally of each setting `is_told` in its label."""
    axis, metric = cell.axis, cell.metric
    names = {group.experiment for group in cell.groups}
    drawn: list[Series] = []
    for group in cell.groups:
        label = style.in_panel(group, cell.heading)
        label = f"{group.experiment}, {label}" if len(names) > 1 else label
        label += f" ({group.tally})" if is_told else ""
        runs = [metric_series(run, metric, axis) for run in group.runs]
        mark, band = mark_of[group.experiment, group.title], style.band or group.band
        draw_runs(axes, runs, segments(runs, band), mark, label, style.line)
        _mark_ends(axes, [metric_series(run, metric, axis) for run in group.diverged], mark, style)
        drawn += runs
    right = max((x for run in drawn for x, _ in run.values()), default=0)
    titles = {group.title: group.experiment for group in reversed(cell.groups)}
    for title, points in published_series(cell.groups, metric, axis).items():
        experiment = titles.get(title, cell.groups[0].experiment)
        _draw_published(
            axes,
            f"{'' if title in titles else style.series(title) + ', '}published{axis.remark}",
            [point for point in points if point.x <= 1.05 * right],
            mark_of[experiment, title],
            style,
        )
    heading = [cell.heading] * bool(cell.heading)
    heading += ["enlarged"] * (cell.window is not None)
    axes.set(xlabel=axis.label, title=", ".join(heading))
    axes.set_ylabel("\n".join(wrapped(metric_title(metric), 26)))
    axes.grid()
    set_scale(axes, style)
    _draw_floor(axes, cell)
    if cell.window is not None:
        _enlarge(axes, cell.window)
    count_ticks(axes.xaxis)
    if style.y_limits is not None and cell.window is None:
        axes.set_ylim(style.y_limits)


def _mark_ends(axes: Axes, diverged: Sequence[Series], mark: Mark, style: Style) -> None:
    ends = [list(points.values())[-1] for points in diverged if points]
    if not ends:
        return
    axes.plot(
        [x for x, _ in ends],
        [y for _, y in ends],
        "x",
        color=mark.colour,
        markersize=0.9 * style.text,
        markeredgewidth=0.8 * style.line,
    )


def _draw_published(
    axes: Axes,
    label: str,
    points: Sequence[PublishedPoint],
    mark: Mark,
    style: Style,
) -> None:
    """The mean by a narrow line with hollow markers, the band by its dotted edges."""
    if not points:
        return
    x, mean, low, high = (list(column) for column in zip(*points, strict=True))
    axes.plot(
        x,
        mean,
        **mark.line,
        linewidth=0.5 * style.line,
        marker=mark.marker,
        markersize=0.45 * style.text,
        markerfacecolor="white",
        markeredgewidth=0.5 * style.line,
        markevery=max(1, len(x) // 12),
        zorder=2.2,
        label=label,
    )
    axes.fill_between(
        x,
        low,
        high,
        facecolor=(mark.colour, 0.07),
        edgecolor=(mark.colour, 0.8),
        linestyle=":",
        linewidth=0.4 * style.line,
        zorder=1.5,
    )


def _draw_floor(axes: Axes, cell: Cell) -> None:
    """What real samples score, if that is near what was drawn; else its number at the edge."""
    low, high = axes.get_ylim()
    for floor in sorted({g.floor[cell.metric] for g in cell.groups if cell.metric in g.floor}):
        text = f"real samples ({floor:.3g})"
        if low - NEAR * (high - low) <= floor <= high + NEAR * (high - low):
            axes.axhline(floor, color="black", linestyle=":", linewidth=1, label="real samples")
            continue
        edge, arrow = ("top", "↓") if floor < low else ("bottom", "↑")  # where curves end not
        axes.annotate(
            f"{arrow} {text}",
            (0.98, 0.98 if edge == "top" else 0.02),
            xycoords="axes fraction",
            ha="right",
            va=edge,
            fontsize="small",
        )


def _enlarge(axes: Axes, window: tuple[float, float]) -> None:
    """Show `window` of the axis, and as much of the other as lines have within it."""
    within = [
        float(y)
        for line in axes.get_lines()
        for x, y in np.asarray(line.get_xydata())
        if window[0] <= float(x) <= window[1]
    ]
    axes.set_xlim(window)
    if within:
        margin = 0.08 * (max(within) - min(within)) or 1.0
        axes.set_ylim(min(within) - margin, max(within) + margin)
