"""STL-10 (Coates, Ng, Lee 2011): its binary archive; most of its images have no label."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ttur.data.contents import Block, Blocks, Contents
from ttur.data.images.framing import Framing
from ttur.data.published.description import PublishedImages
from ttur.data.published.files import Stored, check_labels, fit_each, stored_files

BLOCK_IMAGES = 500
"""Images of a block, of 14 MB."""
_SIDE = 96
_IMAGE = 3 * _SIDE * _SIDE  # bytes: red, green, blue, each column by column
_MOST_LABELS = 2**20
_SPLITS = ("train", "test", "unlabeled")
_FOLDERS = (".", "stl10_binary")


@contextmanager
def _read(published: PublishedImages, sources: list[Path], framing: Framing) -> Iterator[Contents]:
    """The archive or its folder; test and unlabeled images may be missing. A block of images at a
    time is read; nothing is unpacked.

    Raises:
        ValueError: if it is neither, or a file is damaged.
    """
    (source,) = sources
    wanted = [f"{split}_{kind}.bin" for split in _SPLITS for kind in "Xy"]
    files = stored_files(source, _FOLDERS, wanted)
    splits = [split for split in _SPLITS if f"{split}_X.bin" in files]
    needed = {f"{split}_y.bin" for split in splits if split != "unlabeled"} | {"train_X.bin"}
    if missing := sorted(needed - set(files)):
        raise ValueError(
            f"expected the files {', '.join(missing)} in {source}, got none; {published.name} can "
            f"be had at {published.url}"
        )
    counts = {split: _count(files[f"{split}_X.bin"]) for split in splits}
    labels = {
        split: _labels(files[f"{split}_y.bin"], counts[split])
        for split in splits
        if split != "unlabeled"
    }

    def blocks(split: str, first: int) -> Blocks:
        pieces = files[f"{split}_X.bin"].pieces(first * _IMAGE, BLOCK_IMAGES * _IMAGE)
        for start, piece in enumerate(pieces):
            columns = np.frombuffer(piece, np.uint8).reshape(-1, 3, _SIDE, _SIDE)
            images = fit_each(
                columns.transpose(0, 3, 2, 1), None if framing.is_untouched else framing
            )
            place = first + start * BLOCK_IMAGES
            of_block = labels[split][place : place + BLOCK_IMAGES] if split in labels else None
            yield Block(images, of_block)

    unlabelled = tuple(split for split in splits if split not in labels)
    read = (source,) if source.is_file() else ()
    yield Contents("binary files", published.classes, counts, blocks, read, unlabelled)


def _count(file: Stored) -> int:
    count, rest = divmod(file.size, _IMAGE)
    if rest:
        raise ValueError(f"expected images of {_IMAGE} bytes in {file.where}, got {file.size}")
    return count


def _labels(file: Stored, count: int) -> np.ndarray:
    labels = np.frombuffer(file.read(_MOST_LABELS), np.uint8).astype(np.int64) - 1
    check_labels(labels, count, file.where)
    return labels


STL10 = PublishedImages(
    name="stl10",
    title="STL-10 (Coates, Ng, Lee 2011)",
    url="https://cs.stanford.edu/~acoates/stl10/",
    licence="none stated by the authors; asks to cite Coates, Ng, Lee 2011; pictures of ImageNet",
    reader=_read,
    size=96,
    counts={"train": 5_000, "test": 8_000, "unlabeled": 100_000},
    classes=(
        *("airplane", "bird", "car", "cat", "deer"),
        *("dog", "horse", "monkey", "ship", "truck"),
    ),
    sha256={
        "stl10_binary.tar.gz": "f31fd99273a1acb8609c8db427cebb1de3f71de77758cdc0e22956e1289b9866",
    },
)
