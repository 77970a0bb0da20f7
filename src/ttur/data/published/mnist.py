"""MNIST (LeCun, Cortes, Burges 1998): four IDX files, two of images and two of labels."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from ttur.data.contents import Blocks, Contents, Fit, skip_samples
from ttur.data.images.framing import Framing
from ttur.data.published.description import PublishedImages
from ttur.data.published.files import checked_read, find_files, labelled_blocks, require_file

_IDX = {
    ("train", "images"): "train-images-idx3-ubyte",
    ("train", "labels"): "train-labels-idx1-ubyte",
    ("test", "images"): "t10k-images-idx3-ubyte",
    ("test", "labels"): "t10k-labels-idx1-ubyte",
}


@contextmanager
def _read(published: PublishedImages, sources: list[Path], framing: Framing) -> Iterator[Contents]:
    """The four files, gzipped or not, or the folder that holds them."""
    names = {name: key for key, name in _IDX.items()}
    names |= {name.replace("-idx", ".idx"): key for name, key in names.items()}  # of some mirrors
    names |= {f"{name}.gz": key for name, key in names.items()}
    files = find_files(published, sources, names)
    for key, name in _IDX.items():
        require_file(published, f"{name}.gz", sources, files, key)
    counts = published.counts or {}
    is_usual = framing.crop is None and framing.size in (None, published.size)
    fit: Fit = pad_border if is_usual else framing

    def blocks(split: str, first: int) -> Blocks:
        grey = _idx(files[split, "images"], (counts[split], 28, 28))
        labels = _idx(files[split, "labels"], (counts[split],))
        images = np.broadcast_to(grey[..., None], (*grey.shape, 3))
        where = str(files[split, "labels"])
        whole = labelled_blocks(images, labels.astype(np.int64), fit, where)
        return skip_samples(first, whole)

    yield Contents("IDX files", published.classes, counts, blocks, tuple(files.values()))


def pad_border(pixels: UInt8[np.ndarray, "28 28 3"]) -> UInt8[np.ndarray, "32 32 3"]:
    """Two black pixels around a digit: 32 halves five times, and every pixel stays exact."""
    return np.pad(pixels, ((2, 2), (2, 2), (0, 0)))


def _idx(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """The unsigned bytes of an IDX file: 0, 0, 8, number of axes, their lengths, the values."""
    header = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes()
    expected = len(header) + int(np.prod(shape))

    def read() -> bytes:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            return file.read(expected + 1)  # no more, should it unpack to a terabyte

    data = checked_read(read, str(path))
    if data[: len(header)] != header or len(data) != expected:
        raise ValueError(
            f"expected IDX bytes of shape {shape} in {path}: {expected} bytes with the header "
            f"{header.hex()}, got {min(len(data), expected + 1)} with {data[: len(header)].hex()}"
        )
    return np.frombuffer(data, np.uint8, offset=len(header)).reshape(shape)


MNIST = PublishedImages(
    name="mnist",
    title="MNIST (LeCun, Cortes, Burges 1998)",
    url="https://ossci-datasets.s3.amazonaws.com/mnist/",
    licence="CC BY-SA 3.0 (Yann LeCun and Corinna Cortes)",
    reader=_read,
    takes_several_sources=True,
    size=32,
    counts={"train": 60_000, "test": 10_000},
    classes=tuple("0123456789"),
    sha256={
        "train-images-idx3-ubyte.gz": (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
        ),
        "train-labels-idx1-ubyte.gz": (
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
        ),
    },
)
