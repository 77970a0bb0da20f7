"""Samples of every setting side by side: image grids, sentences."""

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from PIL import Image

from ttur.reports.figures import save
from ttur.reports.summary import Group

MOST_SENTENCES = 40


def draw_samples(groups: Sequence[Group], path: Path) -> Path | None:
    """The last sample grid of every setting's first seed, side by side; None if there is none."""
    grids = [(group, grid) for group in groups if (grid := _last(group, "png")) is not None]
    if not grids:
        return None
    figure, panels = plt.subplots(
        1, len(grids), figsize=(4.2 * len(grids), 4.7), squeeze=False, layout="constrained"
    )
    for (group, grid), axes in zip(grids, panels[0], strict=True):
        with Image.open(grid) as image:
            axes.imshow(np.asarray(image), interpolation="nearest")
        axes.set_title(f"{group.title}, {_update(grid):,} updates")
        axes.axis("off")
    return save(figure, path)


def write_sentences(groups: Sequence[Group], path: Path) -> Path | None:
    """The sentences of every setting's first seed after its last update, in columns (table A8).

    None if there are none.
    """
    files = [(group, file) for group in groups if (file := _last(group, "txt")) is not None]
    if not files:
        return None
    columns = [
        [f"{group.title}, {_update(file):,} updates", "", *_first_lines(file)]
        for group, file in files
    ]
    widths = [max(map(len, column)) for column in columns]
    rows = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in zip_longest(*columns, fillvalue="")
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


def _last(group: Group, suffix: str) -> Path | None:
    for run in group.runs:
        files = sorted((run.directory / "samples").glob(f"update-*.{suffix}"))
        if files:
            return files[-1]
    return None


def _update(file: Path) -> int:
    return int(file.stem.removeprefix("update-"))


def _first_lines(file: Path) -> list[str]:
    return file.read_text("utf-8").split("\n")[:-1][:MOST_SENTENCES]
