"""A page of figures: its grid of panels, what an axis can show, ticks, legends, saving."""

import re
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from ttur.reports.style import Style
from ttur.runtime.files import replacement
from ttur.runtime.progress import task

DRAWABLE = 1e100  # larger values end in infinite axes
HEIGHT = 0.72  # of a panel, to its width
LONE = 0.75  # of that, where no panel stands beside another
SUFFIXES = (".png", ".pdf", ".svg")


def figure_path(path: Path) -> Path:
    """Where a figure asked for as `path` is written: without a suffix, as PNG.

    Raises:
        ValueError: if the suffix is none of `SUFFIXES`.
    """
    if path.suffix.lower() in SUFFIXES:
        return path
    if path.suffix:
        raise ValueError(f"{path} is no figure; expected a name in {', '.join(SUFFIXES)}, or none")
    return path.with_suffix(".png")


def page(style: Style, panels: int, columns: int, *, height: float = HEIGHT) -> list[Axes]:
    """So many panels row by row on a new figure of the style's width; no empty ones beside them."""
    columns = min(columns, panels)
    rows = -(-panels // columns)
    side = style.width / columns * (LONE if columns == 1 else 1)
    figure = Figure(figsize=(style.width, rows * height * side), layout="constrained")
    return panels_of(figure, panels, columns)


def panels_of(figure: Figure | SubFigure, panels: int, columns: int) -> list[Axes]:
    """The first so many of a grid."""
    rows = -(-panels // columns)
    grid = figure.add_gridspec(rows, columns)
    return [figure.add_subplot(grid[divmod(index, columns)]) for index in range(panels)]


def plain_ticks(axis: Axis) -> None:
    """Ticks of a logarithmic axis as plain numbers, also between decades where there are few."""
    low, high = axis.get_view_interval()
    axis.set_major_formatter(FuncFormatter(lambda value, _: thousands(value)))
    axis.set_minor_formatter(NullFormatter())
    if high < 500 * low:
        axis.set_minor_locator(LogLocator(subs=(2, 5)))
        axis.set_minor_formatter(FuncFormatter(lambda value, _: thousands(value)))


def count_ticks(axis: Axis) -> None:
    """Few ticks of a linear axis that counts, thousands as k."""
    axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: thousands(value)))


def thousands_axis(axis: Axis) -> None:
    """Ticks where they are, as numbers with thousands as k and a true minus."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: thousands(value)))


def thousands(value: float) -> str:
    """A number on an axis, with a true minus: `20k`, `0.5`, `−3`."""
    if 0 < abs(value) < 1e-3:
        text = re.sub("e([-+])0", r"e\1", f"{value:.3g}" if value < 1e-4 else f"{value:.0e}")
    else:
        text = f"{value / 1000:g}k" if 1000 <= abs(value) < 1e6 else f"{value:g}"
    return text.replace("-", "\N{MINUS SIGN}")


def entitle(figure: Figure, style: Style, title: str) -> None:
    """A title above all panels, broken where the figure ends, for which the figure grows."""
    if title:
        lines = wrapped(title, int(0.9 * style.letters))
        figure.suptitle("\n".join(lines))
        _grow(figure, style, len(lines))


def legend(
    figure: Figure, style: Style, handles: Sequence[Artist], labels: Sequence[str], note: str = ""
) -> None:
    """One below all panels, as many entries beside each other as fit, with a note above them."""
    fit = int(style.letters * style.text / (style.text - 1))
    longest = max((len(label) for label in labels), default=1) + 8  # the line and the gap
    columns = max(1, min(len(labels), fit // longest))
    lines = [part for line in note.splitlines() for part in wrapped(line, fit)]
    title = "\n".join(lines)
    figure.legend(handles, labels, title=title, loc="outside lower center", ncols=columns)
    _grow(figure, style, len(lines) + -(-len(labels) // columns))


def _grow(figure: Figure, style: Style, lines: int) -> None:
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 1.4 * lines * style.text / 72)


def wrapped(text: str, width: int) -> list[str]:
    """Lines of so many letters; what stands in brackets stays together where it can, and
    mathematics counts as two letters.
    """
    width, maths = max(10, width), re.findall(r"\$[^$]*\$", text)
    plain = re.sub(r"\$[^$]*\$", "\0\0", text)
    name, bracket, rest = plain.partition(" (")
    lines = wrap(plain, width) or [""]
    if len(lines) > 1 and bracket and max(len(name), 1 + len(rest)) <= width:
        lines = [name, f"({rest}"]
    left = iter(maths)
    return [re.sub("\0\0", lambda _: next(left), line) for line in lines]


def save(figure: Figure, path: Path) -> Path:
    """Write, undated: the same numbers give the same bytes. The folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = path.suffix.lower().removeprefix(".")
    dates: dict[str, dict[str, Any]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
    with task(f"figure {path.name}"), replacement(path) as file:
        figure.savefig(file, format=kind, metadata=dates.get(kind))
    return path
