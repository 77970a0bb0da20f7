"""What a source holds, before anything is written: its splits as blocks of samples and labels."""

from collections.abc import Callable, Iterator
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


@dataclass(frozen=True)
class Contents:
    """The splits of one source. `blocks(split)` reads them in their fixed order."""

    kind: str
    classes: tuple[str, ...] | None
    counts: dict[str, int]
    blocks: Callable[[str], Iterator[Block]]
