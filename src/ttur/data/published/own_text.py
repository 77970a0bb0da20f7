"""One's own text: any files of it, one sentence a line, of which some are held out."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from ttur.data.contents import Corpus
from ttur.data.lines import Points
from ttur.data.published.description import PublishedText
from ttur.data.published.shards import Shard, first_lines

HELD_OUT_EVERY = 10
"""Every tenth line is held out."""


@contextmanager
def _read(published: PublishedText, files: list[Path], most_lines: int | None) -> Iterator[Corpus]:
    """The first `most_lines` lines of text files in the order given; every tenth is held out.

    Raises:
        ValueError: if one is not a file.
    """
    for file in files:
        if not file.is_file():
            raise ValueError(
                f"expected text files, one sentence a line, got {file}; name its files"
            )
    shards = [Shard(str(file), partial(file.open, "rb")) for file in files]

    def lines(split: str) -> Iterator[Points]:
        first = 0
        for points in first_lines(most_lines, shards):
            ranks = np.arange(first, first + len(points))
            is_held_out = ranks % HELD_OUT_EVERY == HELD_OUT_EVERY - 1
            yield points[is_held_out == (split == "held_out")]
            first += len(points)

    yield Corpus("text", ("train", "held_out"), lines)


OWN_TEXT = PublishedText(
    name="text",
    title="your own text: its files, one sentence a line",
    licence="that of the text's owners",
    usage="ttur prepare text FILE --name {name}",
    takes_several_sources=True,
    reader=_read,
    held_out=f"every {HELD_OUT_EVERY}th line",
)
