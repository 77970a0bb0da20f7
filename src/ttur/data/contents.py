"""What a source holds, before anything is written: its splits as blocks of samples and labels."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt

from ttur.data.lines import Points

Fit = Callable[[np.ndarray], np.ndarray]
"""One uint8 (height, width, 3) image brought to its final size."""


@dataclass(frozen=True)
class Block:
    """A run of images of one size, or of lines, few enough to be held in memory."""

    samples: UInt[np.ndarray, "count ..."]
    labels: Int64[np.ndarray, " count"] | None


Blocks = Generator[Block, None, None]


@dataclass(frozen=True)
class Contents:
    """The splits of one source. `blocks(split, first)` reads one in its fixed order from the sample
    number `first` on.

    `files` are those that were published and are read as they are. With `classes` every split has
    labels, but for those `unlabelled`.
    """

    kind: str
    classes: tuple[str, ...] | None
    counts: dict[str, int]
    blocks: Callable[[str, int], Blocks]
    files: tuple[Path, ...] = ()
    unlabelled: tuple[str, ...] = ()


@dataclass(frozen=True)
class Corpus:
    """Splits of a text; `lines(split)` reads one from its beginning, in the order of its files,
    of which `files` were published and are read as they are.
    """

    kind: str
    splits: tuple[str, ...]
    lines: Callable[[str], Iterator[Points]]
    files: tuple[Path, ...] = ()


def skip_samples(first: int, blocks: Iterator[Block]) -> Blocks:
    """Without the samples before `first`: for sources that are read from their beginning only."""
    for block in blocks:
        if first < len(block.samples):
            labels = None if block.labels is None else block.labels[first:]
            yield Block(block.samples[first:], labels)
        first = max(0, first - len(block.samples))
