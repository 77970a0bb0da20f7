"""CIFAR-10 (Krizhevsky 2009): its binary or python archive, or images in class folders."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ttur.data.contents import Block, Blocks, Contents, skip_samples
from ttur.data.images.archives import image_entries
from ttur.data.images.framing import Framing
from ttur.data.published.description import PublishedImages
from ttur.data.published.files import Stored, labelled_blocks, stored_files
from ttur.data.published.image_folders import class_folders
from ttur.data.published.pickled import read_pickle

_RECORD = 1 + 3 * 32 * 32  # a label, then the red, the green and the blue plane
_LARGEST_BATCH = 64 * 2**20  # bytes; the official ones have 31 million
_BATCHES = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
_FOLDERS = (".", "cifar-10-batches-bin", "cifar-10-batches-py")


@contextmanager
def _read(published: PublishedImages, sources: list[Path], framing: Framing) -> Iterator[Contents]:
    (source,) = sources
    if batches := _batches(published, source, framing):
        yield batches
        return
    side = published.size if framing.is_untouched else None
    with image_entries(source) as entries:
        yield class_folders(entries, source, published.classes or (), side, framing)


def _batches(published: PublishedImages, source: Path, framing: Framing) -> Contents | None:
    """The binary or python version, as a tar archive or its folder; None if it is neither."""
    names = [name for split in _BATCHES.values() for name in split]
    files = stored_files(source, _FOLDERS, [*names, *(f"{name}.bin" for name in names)])
    fit = None if framing.is_untouched else framing
    for suffix, kind, parsed in ((".bin", "binary", _binary), ("", "python", _python)):
        missing = [name + suffix for name in names if name + suffix not in files]
        if len(missing) == len(names):
            continue
        if missing:
            raise ValueError(f"expected the files {', '.join(missing)} in {source}, got none")

        def blocks(split: str, suffix=suffix, parsed=parsed) -> Iterator[Block]:
            for name in _BATCHES[split]:
                where = f"{source}!{name}{suffix}"
                planes, labels = parsed(files[name + suffix], where)
                images = planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
                yield from labelled_blocks(images, labels, fit, where)

        def blocks_from(split: str, first: int, blocks=blocks) -> Blocks:
            return skip_samples(first, blocks(split))

        read = (source,) if source.is_file() else ()
        counts = published.counts or {}
        return Contents(f"{kind} batches", published.classes, counts, blocks_from, read)
    return None


def _binary(file: Stored, where: str) -> tuple[np.ndarray, np.ndarray]:
    data = file.read(_LARGEST_BATCH)
    if not data or len(data) % _RECORD:
        raise ValueError(f"expected records of {_RECORD} bytes in {where}, got {len(data)} bytes")
    records = np.frombuffer(data, np.uint8).reshape(-1, _RECORD)
    return records[:, 1:], records[:, 0].astype(np.int64)


def _python(file: Stored, where: str) -> tuple[np.ndarray, np.ndarray]:
    batch = read_pickle(file.read(_LARGEST_BATCH), where)
    planes, labels = batch.get("data"), batch.get("labels")
    if not isinstance(planes, np.ndarray) or planes.ndim != 2 or planes.shape[1] != _RECORD - 1:
        raise ValueError(f"expected 'data', {_RECORD - 1} bytes an image, in {where}")
    if not isinstance(labels, list) or any(type(label) is not int for label in labels):
        raise ValueError(f"expected 'labels', a list of integers, in {where}")
    return planes, np.array(labels, np.int64)


CIFAR10 = PublishedImages(
    name="cifar10",
    title="CIFAR-10 (Krizhevsky 2009)",
    url="https://www.cs.toronto.edu/~kriz/cifar.html",
    licence="none stated by the authors; asks to cite Krizhevsky 2009",
    reader=_read,
    size=32,
    counts={"train": 50_000, "test": 10_000},
    classes=(
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ),
    sha256={
        "cifar-10-binary.tar.gz": (
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
        ),
        "cifar-10-python.tar.gz": (
            "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
        ),
    },
)
