"""The figure of a study of the theory: what was measured drawn, what was predicted dashed on it."""

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from errno import EACCES, ENOTDIR
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from ttur.reports.mathematics import mathematics
from ttur.reports.panels import DRAWABLE, entitle, panels_of, plain_ticks, thousands_axis, wrapped
from ttur.reports.style import MARKERS, PALETTE, Style
from ttur.reports.table import NONE, Column, Table, number, without_empty
from ttur.runtime.files import replacement
from ttur.theory import catalogue
from ttur.theory.running import answer, check_size
from ttur.theory.study import Curve, Panel, Row, Scale, Study, StudyResult

PANEL = (3.5, 2.5)  # inches, without what stands below
PAGE = Style()
SUFFIXES = (".png", ".pdf")
MARK = "ttur theory"  # the title of a file of ours, in its metadata


@dataclass(frozen=True)
class StudyReport:
    """A study that has run, with all its settings, its figures, and the seconds it took."""

    study: Study
    settings: dict[str, Any]
    result: StudyResult
    files: list[Path]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return self.study.to_json() | {
            "settings": self.settings,
            "rows": [row.to_json() for row in self.result.rows],
            "sentence": self.result.sentence,
            "files": [str(path) for path in self.files],
            "seconds": self.seconds,
        }


def write_study(study: Study, settings: Mapping[str, Any], out: Path) -> StudyReport:
    """Run a study and draw what comes out, as `out`/<name>.png and .pdf; the folder is made.

    Raises:
        OSError: if the figures cannot be written, before anything is computed.
        ValueError: of settings that cannot be computed with, or would take days.
    """
    check_size(study, settings)
    figure = out / f"{study.name}.png"
    make_folder(out)
    figure_files(figure)
    start = time.perf_counter()
    result = answer(study, settings)
    files = draw_study(result, figure, study.question, study.theorem)
    seconds = round(time.perf_counter() - start, 1)
    return StudyReport(study, study.defaults | dict(settings), result, files, seconds)


def write_default_study(name: str, out: Path) -> StudyReport:
    """`write_study` with the defaults, without the curves: what a process sends back is light."""
    report = write_study(catalogue.study(name), {}, out)
    return replace(report, result=replace(report.result, panels=()))


def make_folder(out: Path) -> None:
    """Raises: NotADirectoryError, PermissionError: if no figure can be written there."""
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(ENOTDIR, "is a file; `out` expects a folder", str(out))
    out.mkdir(parents=True, exist_ok=True)
    if not os.access(out, os.W_OK):
        raise PermissionError(EACCES, "cannot be written to", str(out))


def draw_study(result: StudyResult, path: Path, title: str = "", source: str = "") -> list[Path]:
    """Write `path` as PNG and as PDF, whatever its suffix; the folder is made. Returns both.

    The panels stand row by row, `result.columns` beside each other, each with its legend below it;
    long lines of `title` break, and `source` stands small below all.

    Raises:
        FileExistsError: if a file of that name is no figure of a study.
    """
    written = figure_files(path)
    columns = min(result.columns, len(result.panels))
    rows = -(-len(result.panels) // columns)
    width, height = PANEL
    with PAGE.drawing():
        figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
        panels = panels_of(figure, len(result.panels), columns)
        below = [_draw_panel(axes, p) for axes, p in zip(panels, result.panels, strict=True)]
        lines = sum(max(below[start : start + columns]) for start in range(0, len(below), columns))
        figure.set_figheight(height * rows + 1.5 * (lines + rows) * PAGE.text / 72)
        entitle(figure, Style(), title)
        if source:
            figure.supxlabel(source, fontsize="small", color="0.45")
        path.parent.mkdir(parents=True, exist_ok=True)
        for file in written:  # without a date: the same numbers give the same bytes
            undated = {"CreationDate": None} if file.suffix == ".pdf" else {}
            with replacement(file) as stream:
                kind = file.suffix.removeprefix(".")
                figure.savefig(stream, format=kind, metadata={"Title": MARK} | undated)
            figure.set_layout_engine("none")  # it stands
    return written


def figure_files(path: Path) -> list[Path]:
    """The files of a figure that may be written: new ones, or older figures of a study.

    Raises:
        FileExistsError: if one of them is something else.
    """
    files = [path.with_suffix(suffix) for suffix in SUFFIXES]
    for file in files:
        if file.exists() and not (file.is_file() and MARK.encode() in file.read_bytes()):
            raise FileExistsError(
                f"{file} is no figure of `{MARK}`; move it or choose another `out`"
            )
    return files


def rows_table(rows: Sequence[Row]) -> Table:
    """Predicted beside measured ± Monte-Carlo error; z is their distance in such errors.

    Columns that no row fills are left out.
    """
    columns = [
        Column("quantity", folds=True),
        number("predicted"),
        number("measured", bold=True),
        number("± Monte-Carlo", 2),
        number("z", 1),
    ]
    cells = [
        [
            row.quantity,
            _text(row.predicted, ".5g"),
            _text(row.measured, ".5g"),
            _text(row.standard_error, ".2g"),
            _text(row.z, "+.1f"),
        ]
        for row in rows
    ]
    return without_empty(Table(columns, cells))


def reports_table(reports: Sequence[StudyReport]) -> Table:
    """A row for each study: how many rows agree with what was predicted, and the first of them that
    a prediction other than 0 stands beside.
    """
    columns = [
        Column("study", bold=True),
        Column("agree"),
        number("predicted"),
        number("measured", bold=True),
        Column("of what", 1, folds=True, comfort=32),
        number("seconds", 3),
    ]
    return Table(columns, [_report_cells(report) for report in reports])


def _report_cells(report: StudyReport) -> list[str]:
    compared = [row for row in report.result.rows if row.agrees is not None]
    agree = f"{sum(bool(row.agrees) for row in compared)} of {len(compared)}"
    shown = next((row for row in compared if row.predicted), Row("", None, None))
    numbers = (_text(shown.predicted, ".4g"), _text(shown.measured, ".4g"))
    return [report.study.name, agree, *numbers, shown.quantity, f"{report.seconds:.0f}"]


def _text(number: float | None, form: str) -> str:
    return NONE if number is None else format(number, form)


def _draw_panel(axes: Axes, panel: Panel) -> int:
    """The curves, and the legend below them; how many lines that has.

    Lines are the narrower the later they come, so that those on each other are seen.
    """
    bars = [curve.x for curve in panel.curves if curve.style == "bars"]
    width = _bar_width(bars) if bars else 0.0
    chosen, seen = {curve.colour for curve in panel.curves}, set()
    free = (number for number in count() if number not in chosen)
    lines = 0
    for curve in panel.curves:
        number = curve.colour
        if number is None and curve.style != "faint":
            number = next(free)
        label = None if not curve.label or curve.label in seen else mathematics(curve.label)
        seen.add(curve.label)
        weight = PAGE.line * max(0.7, 1.5 - 0.25 * lines)
        lines += curve.style == "line"
        _draw_curve(axes, curve, number, label, width, weight)
    letters = int(0.87 * PANEL[0] * 72 / (0.56 * PAGE.text))
    axes.set_title("\n".join(wrapped(mathematics(panel.title), letters)))
    axes.set_xlabel("\n".join(wrapped(mathematics(panel.x_label), letters)))
    axes.set_ylabel("\n".join(wrapped(mathematics(panel.y_label), 32)))
    _set_scale(axes.set_xscale, panel.x_scale, [c.x for c in panel.curves])
    _set_scale(axes.set_yscale, panel.y_scale, [c.y for c in panel.curves])
    axes.set_xlim(panel.x_limits)
    axes.set_ylim(panel.y_limits)
    for axis, scale in ((axes.xaxis, axes.get_xscale()), (axes.yaxis, axes.get_yscale())):
        low, high = sorted(axis.get_view_interval())
        if scale == "linear":
            thousands_axis(axis)
        elif high < 1e6 * low:
            plain_ticks(axis)
    if panel.is_equal:
        axes.set_aspect("equal", adjustable="box")
    axes.grid()
    return _legend(axes, panel, letters)


def _legend(axes: Axes, panel: Panel, letters: int) -> int:
    handles, labels = axes.get_legend_handles_labels()
    for index, label in enumerate(labels):
        alike = [curve for curve in panel.curves if mathematics(curve.label) == label]
        if len({curve.colour for curve in alike}) > 1:  # what it says holds of all colours
            dashes = "--" if alike[0].style == "prediction" else "-"
            marker = "o" if alike[0].style == "points" else ""
            style = "" if marker else dashes
            handles[index] = Line2D([], [], color="0.3", linestyle=style, marker=marker, lw=1)
    if any(curve.style == "prediction" and not curve.label for curve in panel.curves):
        handles.append(Line2D([], [], color="0.3", linestyle="--", linewidth=PAGE.line * 0.7))
        labels.append("predicted")
    if not labels:
        return 0
    shown = [len(re.sub(r"[$\\{}^_]|mathrm|sqrt", "", label)) for label in labels]
    columns = max(1, min(len(labels), letters // (max(shown) + 7)))
    # So many letters below the panel: numbers and the label of the axis stand between.
    down = 2.9 + 1.2 * ("\n" in axes.get_xlabel())
    figure = axes.get_figure(root=True)
    assert figure is not None
    shift = ScaledTranslation(0, -down * PAGE.text / 72, figure.dpi_scale_trans)
    axes.legend(
        handles,
        labels,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        bbox_transform=axes.transAxes + shift,
        ncols=columns,
    )
    return -(-len(labels) // columns)


def _draw_curve(
    axes: Axes, curve: Curve, number: int | None, label: str | None, width: float, weight: float
) -> None:
    x, y = _drawable(curve.x), _drawable(curve.y)
    colour = "0.5" if number is None else PALETTE[number % len(PALETTE)]
    marker = MARKERS[(number or 0) % len(MARKERS)]
    band = None
    if curve.low is not None and curve.high is not None:
        band = _drawable(curve.low), _drawable(curve.high)
    match curve.style:
        case "points":
            error = None if band is None else np.maximum(0, [y - band[0], band[1] - y])
            many = len(x) > 100
            marker, size = ("." if many else marker), 3 if many else 5
            axes.errorbar(
                x, y, error, fmt=marker, ms=size, capsize=2, lw=1, color=colour, label=label
            )
            return
        case "bars":  # outlines: two that cover each other would make a third colour
            edges = np.append(x - width / 2, x[-1] + width / 2)
            axes.stairs(y, edges, color=colour, linewidth=PAGE.line, label=label)
            return
        case "prediction":  # darker than what was measured, and on it
            dark = tuple(0.55 * part for part in to_rgb(colour))
            axes.plot(x, y, "--", color=dark, linewidth=0.7 * PAGE.line, zorder=3, label=label)
        case "line":
            marker = marker if len(x) == 1 else ""  # a line of one point is not seen
            dash = "-" if (number or 0) < len(PALETTE) else ":"  # the colours begin anew
            axes.plot(x, y, dash, color=colour, linewidth=weight, marker=marker, label=label)
        case "faint":
            axes.plot(x, y, color=colour, linewidth=0.5 * PAGE.line, alpha=0.7, label=label)
    if band is not None:
        axes.fill_between(x, *band, color=colour, alpha=0.2, linewidth=0)


def _drawable(values: Shaped[np.ndarray, " points"]) -> Shaped[np.ndarray, " points"]:
    values = np.asarray(values, np.float64)
    with np.errstate(invalid="ignore"):  # what has exploded further ends its line
        return np.where(np.abs(values) < DRAWABLE, values, np.nan)


def _bar_width(positions: Sequence[np.ndarray]) -> float:
    """Bars of all curves fit beside each other: of the least gap, leaving a tenth of it."""
    gaps = np.diff(np.unique(np.concatenate(positions)))
    gaps = gaps[gaps > 1e-6 * gaps.sum()]  # else the same place, but for rounding
    return 0.9 * float(gaps.min(initial=np.inf)) if gaps.size else 0.8


def _set_scale(choose: Callable[..., None], scale: Scale, values: Sequence[np.ndarray]) -> None:
    """A logarithmic axis of what has no positive value is linear instead."""
    drawn = np.concatenate([_drawable(np.ravel(some)) for some in values])
    if scale == "log" and np.any(drawn > 0):
        choose("log")
