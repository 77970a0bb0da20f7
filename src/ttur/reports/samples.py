"""Samples of every setting side by side, and real ones: image grids, sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from ttur.analysis.groups import Group, by_experiment, curve
from ttur.analysis.real import real_images
from ttur.analysis.samples import grid_of, last_samples, stages, update_of
from ttur.data.images.grid import image_grid
from ttur.reports.names import data_title, figure_title, score_title
from ttur.reports.panels import entitle, save, wrapped
from ttur.reports.style import PLAIN, Style, marks
from ttur.training.record import RunRecord

SHOWN = 64  # real images: as many as a run draws
COLUMNS = {"column": 2, "page": 3, "slide": 4}
MOST_SENTENCES = 40


@dataclass(frozen=True)
class Shown:
    """A grid of images and what stands above and below it, the former in the setting's colour."""

    pixels: UInt8[np.ndarray, "h w 3"]
    above: str
    below: str
    colour: str = "black"

    @property
    def is_blank(self) -> bool:
        """Whether all images, between the gaps, are of one colour: there is nothing to see."""
        return Image.fromarray(self.pixels).getcolors(2) is not None


def draw_samples(
    groups: Sequence[Group],
    path: Path,
    style: Style = PLAIN,
    data_directory: Path | str | None = None,
) -> Path | None:
    """The last sample grid of one run of every setting, after real images; None if there is none.

    The run is the first seed that finished, or else one that still goes on, or else a diverged one.
    Experiments begin a row of their own. Real images are those of `data_directory` or the package.
    """
    mark_of = marks(groups)
    rows: list[list[Shown]] = []
    for some in by_experiment(groups).values():
        shown = []
        for group in some:
            if (last := last_samples(group, "png")) is None:
                continue
            run, grid = last
            points = [
                p for p in curve(run, group.metric or "") if p.event.update == update_of(grid)
            ]
            below = f"{_run_text(run)}, {update_of(grid):,} updates"
            below += f"\n{score_title(group.metric or '', points[-1].value)}" if points else ""
            name, colour = style.setting(group), mark_of[group.experiment, group.title].colour
            shown.append(Shown(_pixels(grid), name, below, colour))
        if shown:
            shown = [*_real(some[0], data_directory), *shown]
        columns = COLUMNS[style.size]
        rows += [shown[start : start + columns] for start in range(0, len(shown), columns)]
    return _draw(rows, path, style, _title(groups, style)) if rows else None


def draw_samples_by_distance(
    groups: Sequence[Group],
    path: Path,
    style: Style = PLAIN,
    data_directory: Path | str | None = None,
) -> Path | None:
    """Figures A21 to A38: a row for each setting, a quarter of the grids of one run as its distance
    falls, and real images at its end.

    The run is the one with the best value of the setting. Its grids are those of its first
    evaluation, the first ones past equal ratios of the distance on the way to the best, the best,
    and the last if that came later; the same latents throughout. None if no grid was scored.
    """
    rows, beside, mark_of = [], [], marks(groups)
    for group in groups:
        row = []
        colour = mark_of[group.experiment, group.title].colour
        for run, point, remark in (found := stages(group)):
            update, grid = point.event.update, grid_of(run, point)
            above = f"{update:,} update{'s' * (update != 1)}" + f" ({remark})" * bool(remark)
            below = score_title(group.metric or "", point.value)
            row.append(Shown(_quarter(_pixels(grid)), above, below))
        if found:
            real = [Shown(_quarter(r.pixels), r.above, "") for r in _real(group, data_directory)]
            rows.append([*row, *real])
            beside.append((f"{style.setting(group)}, {_run_text(found[0][0])}", colour))
    return _draw(rows, path, style, _title(groups, style), beside) if rows else None


def write_sentences(groups: Sequence[Group], path: Path, style: Style = PLAIN) -> Path | None:
    """The last sentences of one run of every setting, in columns (table A8).

    The run is chosen as for `draw_samples`. None if there are none.
    """
    files = [(group, *last) for group in groups if (last := last_samples(group, "txt"))]
    if not files:
        return None
    columns = [
        [
            f"{style.setting(group)}, {update_of(file):,} updates",
            _run_text(run),
            "",
            *_first_lines(file),
        ]
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


def _draw(
    rows: Sequence[Sequence[Shown]],
    path: Path,
    style: Style,
    title: str,
    beside: Sequence[tuple[str, str]] = (),
) -> Path:
    """Rows of square grids as wide as the figure allows; what has no grid has no axes."""
    columns = max(map(len, rows))
    side = (style.width - bool(beside) * 4 * style.text / 72) / max(2, columns)
    letters = int(1.1 * style.letters / max(2, columns))
    texts = sum(
        max(len(wrapped(each.above, letters)) for each in shown)
        + max(len(_below(each, letters)) for each in shown)
        for shown in rows
    )
    line = 1.35 * style.text / 72
    height = (0.97 * side + 0.6 * line) * len(rows) + line * texts
    with style.drawing():
        figure = Figure(figsize=(style.width, height), layout="constrained")
        grid = figure.add_gridspec(len(rows), columns)
        for row, shown in enumerate(rows):
            for column, each in enumerate(shown):
                axes = figure.add_subplot(grid[row, column])
                _show(axes, each, letters)
                if beside and column == 0:
                    text, colour = beside[row]
                    text = "\n".join(wrapped(text, letters + 6))
                    axes.set_ylabel(text, color=colour, fontsize="small")
        entitle(figure, style, title)
        return save(figure, path)


def _show(axes: Axes, shown: Shown, letters: int) -> None:
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color("0.7")
    axes.imshow(shown.pixels, interpolation="nearest")
    axes.set_title("\n".join(wrapped(shown.above, letters)), color=shown.colour, fontsize="small")
    axes.set_xlabel("\n".join(_below(shown, letters)), fontsize="small")
    if shown.is_blank:
        axes.text(
            0.5,
            0.5,
            "every image is\nof one colour",
            transform=axes.transAxes,
            ha="center",
            va="center",
            fontsize="small",
            bbox={"facecolor": "white", "edgecolor": "0.7"},
        )


def _below(shown: Shown, letters: int) -> list[str]:
    return [line for part in shown.below.splitlines() for line in wrapped(part, letters)]


def _title(groups: Sequence[Group], style: Style) -> str:
    return figure_title(groups) if style.title is None else style.title


def _real(group: Group, data_directory: Path | str | None) -> list[Shown]:
    """The real images of a setting, if they are at hand."""
    images = real_images(group.runs[0], data_directory, SHOWN)
    if images is None:
        return []
    return [Shown(image_grid(images), "real images", data_title(group.data))]


def _pixels(grid: Path) -> UInt8[np.ndarray, "h w 3"]:
    with Image.open(grid) as image:
        return np.asarray(image.convert("RGB"))


def _quarter(pixels: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "half_h half_w 3"]:
    """The images at the upper left, half as many rows and columns."""
    height, width = pixels.shape[:2]
    return pixels[: height // 2, : width // 2]


def _run_text(run: RunRecord) -> str:
    diverged = run.end is not None and run.end.kind == "diverged"
    ended = f", diverged at update {run.end.update:,}" if diverged and run.end else ""
    return f"seed {run.seed}{ended}"


def _first_lines(file: Path) -> list[str]:
    return file.read_text("utf-8").split("\n")[:-1][:MOST_SENTENCES]
