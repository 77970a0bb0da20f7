"""Images of one source, to be read in passes: batches of uint8 pixels, and the audit of each."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch
from jaxtyping import Num, UInt8
from torch import Tensor

from ttur.data.images.decode import Picture
from ttur.data.images.files import ImageFiles
from ttur.evaluation.audit import Audit

# What an entry of a source became: its picture, or its name and why there is none.
Outcome = Picture | tuple[str, ValueError]


@dataclass(frozen=True)
class ImageSet:
    """The images of one source.

    `count` is the number of images if it is known beforehand; skipped ones are among them. `read`
    makes one pass, asking the source for so many at a time. Arrays, files and data sets can be read
    again, from the beginning; an iterator cannot. `array` is all of them at once where that is how
    they come, in memory or mapped from disk, and None elsewhere. `by_class` are the images of each
    class, by its name: of each first folder, of each label; none where the source says nothing.
    """

    name: str
    count: int | None
    on_error: str
    read: Callable[[int], Iterator[Outcome]] = field(repr=False)
    files: ImageFiles | None = field(default=None, repr=False)
    content: Callable[[], str | None] = field(default=lambda: None, repr=False)
    array: Callable[[], UInt8[np.ndarray, "_ _ _ 3"] | None] = field(
        default=lambda: None, repr=False
    )
    by_class: Callable[[], dict[str, "ImageSet"]] = field(default=dict, repr=False)

    def batches(self, batch_size: int, *, audited: bool = True) -> "ImagePass":
        """One pass over the images.

        Raises:
            ValueError: naming the image that cannot be read, unless such are skipped; if none can.
        """
        check_batch_size(batch_size)
        return ImagePass(self, batch_size, audited)

    def content_sha256(self) -> str | None:
        """A digest of the content without decoding it: paths and bytes of the files, bytes of an
        array, the card of a data set. None for what is computed or read only once.
        """
        return self.content()


class ImagePass:
    """One pass: iterates over uint8 (batch, H, W, 3), or a list of (H, W, 3) where a batch has
    images of several sizes. The last batch may be smaller.

    `audit` is of what was read so far; without `audited` it only counts. `labels` are the classes
    of the images that came through, in their order: the first folder of the path in a folder or
    archive, the label beside an image of a data set, as text; None where the source says nothing.
    """

    def __init__(self, images: ImageSet, batch_size: int, audited: bool) -> None:
        self.audit = Audit()
        self.labels: list[str | None] = []
        self._images, self._audited = images, audited
        if images.files is not None:
            self.audit.ignored.update(images.files.ignored)
            for where, reason in images.files.refused:
                self.audit.skip(where, reason)
        self._batches = self._read(batch_size)

    def __iter__(self) -> Iterator[np.ndarray | list[np.ndarray]]:
        return self._batches

    def __next__(self) -> np.ndarray | list[np.ndarray]:
        return next(self._batches)

    def close(self) -> None:
        """End the pass here: threads that read ahead end, files are closed."""
        self._batches.close()

    def _read(self, batch_size: int) -> Generator[np.ndarray | list[np.ndarray]]:
        pixels = self._good(self._images.read(batch_size))
        while batch := list(islice(pixels, batch_size)):
            one_size = len({image.shape for image in batch}) == 1
            yield np.stack(batch) if one_size else batch
        if self.audit.skipped and not self.audit.read:
            raise ValueError(
                f"none of the {self.audit.skipped} images of {self._images.name} could be read; "
                f"the first: {self.audit.skipped_files[0].reason}"
            )
        if not self.audit.read:
            why = "it was empty, or read before" if self._images.count is None else "it is empty"
            raise ValueError(f"expected images from {self._images.name}, got none: {why}")

    def _good(self, outcomes: Iterator[Outcome]) -> Iterator[np.ndarray]:
        for outcome in outcomes:
            if isinstance(outcome, Picture):
                if self._audited:
                    self.audit.add(outcome)
                else:
                    self.audit.read += 1
                self.labels.append(outcome.label)
                yield outcome.pixels
            elif self._images.on_error == "fail":
                raise ValueError(
                    f"{outcome[1]}; mend or remove it, or pass over such images by `on_error` skip"
                ) from outcome[1]
            else:
                self.audit.skip(outcome[0], str(outcome[1]))


def check_batch_size(batch_size: int) -> None:
    """Raises ValueError if there is no image in a batch."""
    if batch_size < 1:
        raise ValueError(f"expected a batch size of 1 or more, got {batch_size}")


def extractor_input(
    batch: np.ndarray | list[np.ndarray],
) -> Num[Tensor, "batch 3 height width"] | list[Num[Tensor, "3 _ _"]]:
    """A batch as an extractor takes it: images of several sizes one by one."""
    if isinstance(batch, np.ndarray):
        return torch.from_numpy(batch).movedim(-1, 1)
    return [torch.from_numpy(image).movedim(-1, 0) for image in batch]
