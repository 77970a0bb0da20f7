"""A text as files of lines → its splits, counted and encoded in two passes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ttur.data.contents import Block, Blocks, Contents, from_sample
from ttur.data.lines import Points, padded_lines
from ttur.data.preparing.place import Progress
from ttur.data.vocabulary import (
    CODE_POINTS,
    LENGTH,
    Vocabulary,
    add_counts,
    code_table,
    most_frequent,
)

HELD_OUT_EVERY = 10
"""Of one's own text every tenth line is held out."""


@dataclass(frozen=True)
class Shard:
    """One file of text, open for its bytes after `opened()`; `name` is for messages."""

    name: str
    opened: Callable[[], Any]

    def lines(self) -> Iterator[Points]:
        with self.opened() as file:
            yield from padded_lines(file, self.name, LENGTH)


@dataclass(frozen=True)
class Corpus:
    """Splits of a text; `lines(split)` reads one from its beginning, in the order of its files."""

    kind: str
    splits: tuple[str, ...]
    lines: Callable[[str], Iterator[Points]]


def own_text(files: list[Path], most_lines: int | None) -> Corpus:
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
        for points in up_to(most_lines, shards):
            ranks = np.arange(first, first + len(points))
            is_held_out = ranks % HELD_OUT_EVERY == HELD_OUT_EVERY - 1
            yield points[is_held_out == (split == "held_out")]
            first += len(points)

    return Corpus("text", ("train", "held_out"), lines)


def up_to(most_lines: int | None, shards: list[Shard]) -> Iterator[Points]:
    """The first lines of shards one after the other; none is opened that is not needed."""
    left = most_lines
    for points in chain.from_iterable(shard.lines() for shard in shards):
        yield points[:left]
        if left is not None:
            left -= min(left, len(points))
            if not left:
                return


def counted(corpus: Corpus, on_progress: Progress) -> tuple[Vocabulary, Contents]:
    """One pass: the vocabulary of the training lines, and every split as it will be encoded.

    Raises:
        ValueError: if the text has no two different characters, or is not UTF-8.
    """
    histogram = np.zeros(CODE_POINTS, np.int64)
    counts: dict[str, int] = {}
    for split in corpus.splits:
        for points in corpus.lines(split):
            if split == "train":
                add_counts(histogram, points)
            counts[split] = counts.get(split, 0) + len(points)
            on_progress(sum(counts.values()), 0)
    vocabulary = most_frequent(histogram)
    table = code_table(vocabulary)

    def blocks(split: str, first: int) -> Blocks:
        return from_sample(first, (Block(table[points], None) for points in corpus.lines(split)))

    return vocabulary, Contents(corpus.kind, None, {s: n for s, n in counts.items() if n}, blocks)
