"""The figure of a study of the theory: what was measured drawn, what was predicted dashed on it."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from errno import EACCES, ENOTDIR
from itertools import count
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from jaxtyping import Shaped
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from rich.markup import escape
from rich.table import Table

from ttur.reports.panels import DRAWABLE
from ttur.runtime.files import replacement
from ttur.theory import catalogue
from ttur.theory.running import answer, check_size
from ttur.theory.study import Curve, Panel, Row, Scale, Study, StudyResult

PANEL = (5.4, 4.0)  # inches
LETTERS = 10  # of a title, in an inch
SUFFIXES = (".png", ".pdf")
MARK = "ttur theory"  # the title of a file of ours, in its metadata
COLOURS = 10  # of matplotlib's cycle


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
    files = draw_study(result, figure, f"{study.theorem}\n{study.question}")
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


def draw_study(result: StudyResult, path: Path, title: str = "") -> list[Path]:
    """Write `path` as PNG and as PDF, whatever its suffix; the folder is made. Returns both.

    The panels stand row by row, `result.columns` beside each other; long lines of `title` break.

    Raises:
        FileExistsError: if a file of that name is no figure of a study.
    """
    written = figure_files(path)
    columns = min(result.columns, len(result.panels))
    rows = -(-len(result.panels) // columns)
    width, height = PANEL
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(width * columns, height * rows + 0.5 * bool(title)),
        squeeze=False,
        layout="constrained",
    )
    for panel, axes in zip(result.panels, grid.flat, strict=False):
        _draw_panel(axes, panel)
    for axes in grid.flat[len(result.panels) :]:
        axes.axis("off")
    if title:
        lines = (fill(line, int(LETTERS * width * columns)) for line in title.splitlines())
        figure.suptitle("\n".join(lines))
    path.parent.mkdir(parents=True, exist_ok=True)
    for file in written:  # without a date: the same numbers give the same bytes
        undated = {"CreationDate": None} if file.suffix == ".pdf" else {}
        with replacement(file) as stream:
            kind = file.suffix.removeprefix(".")
            figure.savefig(stream, format=kind, dpi=110, metadata={"Title": MARK} | undated)
    plt.close(figure)
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
    """Predicted beside measured ± Monte-Carlo error; z is their distance in such errors."""
    table = Table("quantity", box=None)
    for heading in ("predicted", "measured", "± Monte-Carlo", "z"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            escape(row.quantity),
            _text(row.predicted, ".5g"),
            _text(row.measured, ".5g"),
            _text(row.standard_error, ".2g"),
            _text(row.z, "+.1f"),
        )
    return table


def _text(number: float | None, form: str) -> str:
    return "–" if number is None else format(number, form)


def _draw_panel(axes: Axes, panel: Panel) -> None:
    bars = [curve.x for curve in panel.curves if curve.style == "bars"]
    width = _bar_width(bars) if bars else 0.0
    chosen, seen = {curve.colour for curve in panel.curves}, set()
    free = (number for number in count() if number not in chosen)
    for curve in panel.curves:
        number = curve.colour
        if number is None and curve.style != "faint":
            number = next(free)
        colour = "grey" if number is None else f"C{number % COLOURS}"
        label = None if not curve.label or curve.label in seen else curve.label
        seen.add(curve.label)
        _draw_curve(axes, curve, colour, label, width)
    axes.set(title=panel.title, xlabel=panel.x_label, ylabel=panel.y_label)
    _set_scale(axes.set_xscale, panel.x_scale, [c.x for c in panel.curves])
    _set_scale(axes.set_yscale, panel.y_scale, [c.y for c in panel.curves])
    axes.set_xlim(panel.x_limits)
    axes.set_ylim(panel.y_limits)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc="best", fontsize="small", framealpha=0.85)


def _draw_curve(axes: Axes, curve: Curve, colour: str, label: str | None, width: float) -> None:
    x, y = _drawable(curve.x), _drawable(curve.y)
    band = None
    if curve.low is not None and curve.high is not None:
        band = _drawable(curve.low), _drawable(curve.high)
    match curve.style:
        case "points":
            error = None if band is None else np.maximum(0, [y - band[0], band[1] - y])
            axes.errorbar(x, y, error, fmt="o", ms=4, capsize=2, color=colour, label=label)
            return
        case "bars":
            axes.bar(x, y, width, color=colour, alpha=0.5, label=label)
            return
        case "prediction":  # darker than what was measured, and on it
            dark = tuple(0.55 * part for part in to_rgb(colour))
            axes.plot(x, y, "--", color=dark, linewidth=1.5, zorder=3, label=label)
        case "line":
            marker = "o" if len(x) == 1 else ""  # a line of one point is not seen
            axes.plot(x, y, color=colour, linewidth=2, alpha=0.85, marker=marker, label=label)
        case "faint":
            axes.plot(x, y, color=colour, linewidth=0.8, alpha=0.5, label=label)
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
