"""Encoded images become blocks of pixels of one size, decoded by several threads."""

import os
from collections import deque
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, islice
from typing import Protocol, runtime_checkable

import numpy as np

from ttur.data.contents import Block, Blocks, Fit

_THREADS = min(16, max(4, os.cpu_count() or 1))  # Pillow decodes outside the interpreter's lock
_BLOCK = 256  # images at most
_BLOCK_BYTES = 32 * 2**20


@runtime_checkable
class Encoded(Protocol):
    """An image that is read and decoded when its turn comes, in any thread."""

    @property
    def where(self) -> str:
        """Its name in messages."""
        ...

    def pixels(self) -> np.ndarray: ...


Labelled = tuple[Encoded, int | None]


def decoded(labelled: Iterable[Labelled], fit: Fit, shape: tuple[int, int] | None = None) -> Blocks:
    """Images in the order given; while a block is used, the next one is decoded.

    Every fitted image must have the (height, width) `shape`, or that of the first one.

    Raises:
        ValueError: naming the first image that cannot be read or has another size.
    """
    rest = iter(labelled)
    first = next(rest, None)
    if first is None:
        return
    pixels = _fitted(fit, shape, first[0])
    length = max(1, min(_BLOCK, _BLOCK_BYTES // pixels.nbytes))
    images = chain([first], rest)
    make = partial(_fitted, fit, shape or pixels.shape[:2])
    pool = ThreadPoolExecutor(_THREADS)
    begun = deque()
    try:
        while True:
            if block := list(islice(images, length)):
                labels = [label for _, label in block if label is not None]
                begun.append((pool.map(make, [image for image, _ in block]), labels))
            if len(begun) == 2 or (begun and not block):
                made, labels = begun.popleft()
                yield Block(np.stack(list(made)), np.array(labels, np.int64) if labels else None)
            elif not block:
                return
    finally:
        pool.shutdown(cancel_futures=True)


def _fitted(fit: Fit, shape: tuple[int, int] | None, image: Encoded) -> np.ndarray:
    pixels = image.pixels()
    try:
        fitted = fit(pixels)
    except ValueError as error:
        raise ValueError(f"{image.where}: {error}") from error
    if shape is not None and fitted.shape[:2] != shape:
        raise ValueError(
            f"expected {shape[1]}x{shape[0]} pixels in every image, got "
            f"{fitted.shape[1]}x{fitted.shape[0]} in {image.where}; "
            "give the size you want with --size"
        )
    return fitted
