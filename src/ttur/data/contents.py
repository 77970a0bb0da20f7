"""What a source holds, before anything is written: its splits as blocks of samples and labels."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt

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
    """

    kind: str
    classes: tuple[str, ...] | None
    counts: dict[str, int]
    blocks: Callable[[str, int], Blocks]


def from_sample(first: int, blocks: Iterator[Block]) -> Blocks:
    """Without the samples before `first`: for sources that are read from their beginning only."""
    for block in blocks:
        if first < len(block.samples):
            labels = None if block.labels is None else block.labels[first:]
            yield Block(block.samples[first:], labels)
        first = max(0, first - len(block.samples))
