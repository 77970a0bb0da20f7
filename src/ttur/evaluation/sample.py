"""A random part of the images of a source, taken while they pass by."""

import heapq
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from jaxtyping import UInt8

from ttur.data.images.decode import Picture
from ttur.evaluation.sources import ImageSet, Outcome


class ImageSample:
    """`count` of the images, all alike likely, in random order; all of them if there are fewer.

    Each image draws a key as it passes, and the smallest keys stay: it takes one pass, of a number
    of images that need not be known, and holds `count` of them.
    """

    def __init__(self, count: int, seed: int) -> None:
        self._count = count
        self._keys = np.random.default_rng((seed, *b"image sample"))
        self._kept: list[tuple[float, int, np.ndarray]] = []  # a heap, of the largest key

    def of(self, images: ImageSet) -> ImageSet:
        """The same images; those that are read are sampled.

        Raises:
            ValueError: while they are read, if one has another size than those before.
        """

        def read(batch_size: int) -> Iterator[Outcome]:
            shape = None
            for place, outcome in enumerate(images.read(batch_size)):
                if isinstance(outcome, Picture):
                    pixels = outcome.pixels
                    shape = shape or pixels.shape
                    if pixels.shape != shape:
                        raise ValueError(
                            f"expected images of one size, got {shape[1]}x{shape[0]} and "
                            f"{pixels.shape[1]}x{pixels.shape[0]}; prepare them with a `size`"
                        )
                    self._take(place, pixels)
                yield outcome

        return replace(images, read=read)

    def images(self) -> UInt8[np.ndarray, "_ _ _ 3"]:
        """Those that were drawn so far, in the order of their keys."""
        return np.stack([pixels for *_, pixels in sorted(self._kept, key=lambda one: -one[0])])

    def _take(self, place: int, pixels: np.ndarray) -> None:
        one = (-self._keys.random(), place, pixels)
        if len(self._kept) < self._count:
            heapq.heappush(self._kept, one)
        elif one > self._kept[0]:
            heapq.heapreplace(self._kept, one)
