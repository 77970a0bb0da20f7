"""The official files of CIFAR-10 and MNIST become blocks, images in the order of the files."""

import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np
from jaxtyping import Int64, UInt8

from ttur.data.catalogue import KNOWN
from ttur.data.contents import Block, Blocks, Contents, Fit, from_sample
from ttur.data.images.archives import is_tar, tar_content, tar_members
from ttur.data.images.decode import is_of_the_machine
from ttur.data.published.pickled import read_pickle

_RECORD = 1 + 3 * 32 * 32  # a label, then the red, the green and the blue plane
_LARGEST_BATCH = 64 * 2**20  # bytes; the official ones have 31 million
_BLOCK = 1000
_Read = TypeVar("_Read")
_Key = TypeVar("_Key")

_BATCHES = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
_NAMES = [name for names in _BATCHES.values() for name in names]
_FOLDERS = (".", "cifar-10-batches-bin", "cifar-10-batches-py")
_IDX = {
    ("train", "images"): "train-images-idx3-ubyte",
    ("train", "labels"): "train-labels-idx1-ubyte",
    ("test", "images"): "t10k-images-idx3-ubyte",
    ("test", "labels"): "t10k-labels-idx1-ubyte",
}


def cifar10(source: Path, fit: Fit | None) -> Contents | None:
    """The binary or python version, as a tar archive or its folder; None if it is neither."""
    files = _tar_members(source) if source.is_file() else _folder_files(source)
    for suffix, kind, parsed in ((".bin", "binary", _binary), ("", "python", _python)):
        batches = {split: [name + suffix for name in names] for split, names in _BATCHES.items()}
        missing = [name for names in batches.values() for name in names if name not in files]
        if len(missing) == 6:
            continue
        if missing:
            raise ValueError(f"expected the files {', '.join(missing)} in {source}, got none")
        known = KNOWN["cifar10"]

        def blocks(split: str, batches=batches, parsed=parsed) -> Iterator[Block]:
            for name in batches[split]:
                where = f"{source}!{name}"
                planes, labels = parsed(checked_read(files[name], where), where)
                images = planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
                yield from labelled_blocks(images, labels, fit, where)

        def blocks_from(split: str, first: int, blocks=blocks) -> Blocks:
            return from_sample(first, blocks(split))

        return Contents(f"{kind} batches", known.classes, known.counts, blocks_from)
    return None


def mnist(sources: list[Path], fit: Fit) -> Contents:
    """The four IDX files, gzipped or not, or the folder that holds them."""
    names = {name: key for key, name in _IDX.items()}
    names |= {name.replace("-idx", ".idx"): key for name, key in names.items()}  # of some mirrors
    names |= {f"{name}.gz": key for name, key in names.items()}
    files = given_files("mnist", sources, names)
    for key, name in _IDX.items():
        if key not in files:
            raise FileNotFoundError(
                f"expected {name}.gz, directly or in a folder, among the sources "
                f"{', '.join(map(str, sources))}; it can be had at {KNOWN['mnist'].url}"
            )
    known = KNOWN["mnist"]

    def blocks(split: str, first: int) -> Blocks:
        grey = _idx(files[split, "images"], (known.counts[split], 28, 28))
        labels = _idx(files[split, "labels"], (known.counts[split],))
        images = np.broadcast_to(grey[..., None], (*grey.shape, 3))
        where = str(files[split, "labels"])
        whole = labelled_blocks(images, labels.astype(np.int64), fit, where)
        return from_sample(first, whole)

    return Contents("IDX files", known.classes, known.counts, blocks)


def padded(pixels: UInt8[np.ndarray, "28 28 3"]) -> UInt8[np.ndarray, "32 32 3"]:
    """Two black pixels around a digit: 32 halves five times, and every pixel stays exact."""
    return np.pad(pixels, ((2, 2), (2, 2), (0, 0)))


def given_files(name: str, sources: list[Path], wanted: Mapping[str, _Key]) -> dict[_Key, Path]:
    """The regular files of these names, by their keys: sources, or directly in a source.

    Raises:
        FileNotFoundError: if a source holds none of them.
        ValueError: if there are two for one key.
    """
    found: dict[_Key, Path] = {}
    for source in sources:
        files = [file for file in _files_of(source) if file.name in wanted]
        if not files:
            raise FileNotFoundError(
                f"expected {', '.join(wanted)}, or some of them, in {source}, got none; "
                f"{name} can be had at {KNOWN[name].url}"
            )
        for file in files:
            if (key := wanted[file.name]) in found:
                raise ValueError(
                    f"expected each file of {name} once, got {found[key]} and {file}; "
                    "name the files you mean"
                )
            found[key] = file
    return found


def _files_of(source: Path) -> list[Path]:
    files = sorted(source.iterdir()) if source.is_dir() else [source]
    return [file for file in files if file.is_file()]


def labelled_blocks(
    images: UInt8[np.ndarray, "count height width 3"],
    labels: Int64[np.ndarray, " labels"],
    fit: Fit | None,
    where: str,
) -> Iterator[Block]:
    """Images in memory and their labels.

    Raises:
        ValueError: if the labels are not as many, or not from 0 to 9.
    """
    if len(labels) != len(images) or not np.isin(labels, range(10)).all():
        raise ValueError(
            f"expected {len(images)} labels from 0 to 9 in {where}, got {len(labels)} "
            f"with the values {sorted(set(labels.tolist()))[:20]}"
        )
    for start in range(0, len(images), _BLOCK):
        part = images[start : start + _BLOCK]
        fitted = part if fit is None else np.stack([fit(image) for image in part])
        yield Block(fitted, labels[start : start + _BLOCK])


def _binary(data: bytes, where: str) -> tuple[np.ndarray, np.ndarray]:
    if not data or len(data) % _RECORD:
        raise ValueError(f"expected records of {_RECORD} bytes in {where}, got {len(data)} bytes")
    records = np.frombuffer(data, np.uint8).reshape(-1, _RECORD)
    return records[:, 1:], records[:, 0].astype(np.int64)


def _python(data: bytes, where: str) -> tuple[np.ndarray, np.ndarray]:
    batch = read_pickle(data, where)
    planes, labels = batch.get("data"), batch.get("labels")
    if not isinstance(planes, np.ndarray) or planes.ndim != 2 or planes.shape[1] != _RECORD - 1:
        raise ValueError(f"expected 'data', {_RECORD - 1} bytes an image, in {where}")
    if not isinstance(labels, list) or any(type(label) is not int for label in labels):
        raise ValueError(f"expected 'labels', a list of integers, in {where}")
    return planes, np.array(labels, np.int64)


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


def _folder_files(folder: Path) -> dict[str, Callable[[], bytes]]:
    parts = [folder / name for name in _FOLDERS if (folder / name).is_dir()]
    return _once((f.name, f.read_bytes, str(f)) for part in parts for f in _files_of(part))


def _tar_members(path: Path) -> dict[str, Callable[[], bytes]]:
    """The files in a tar archive by their last name; they are read from it, never unpacked."""

    def read(member: tarfile.TarInfo) -> bytes:
        if member.size > _LARGEST_BATCH:
            raise ValueError(f"expected at most {_LARGEST_BATCH} bytes, got {member.size}")
        return tar_content(path, member)

    if not is_tar(path):
        return {}
    members = checked_read(lambda: list(tar_members(path)), str(path))
    return _once(
        (PurePosixPath(member.name).name, partial(read, member), f"{path}!{member.name}")
        for member in members
        if member.isreg() and not member.issparse()
    )


def _once(
    named: Iterable[tuple[str, Callable[[], bytes], str]],
) -> dict[str, Callable[[], bytes]]:
    """What reads each batch by its name; other files may lie beside them."""
    places: dict[str, str] = {}
    readers: dict[str, Callable[[], bytes]] = {}
    for name, read, where in named:
        if name.removesuffix(".bin") in _NAMES and name in readers:
            raise ValueError(f"expected {name} once, got {places[name]} and {where}")
        readers[name], places[name] = read, where
    return readers


def checked_read(read: Callable[[], _Read], where: str) -> _Read:
    """What `read` gives.

    Raises:
        ValueError: naming the file, if it is damaged.
    """
    try:
        return read()
    # What damaged archives raise; of the four kinds of stream bz2 raises a plain OSError.
    except (EOFError, OSError, lzma.LZMAError, tarfile.TarError, zlib.error, ValueError) as error:
        if is_of_the_machine(error):
            raise
        raise ValueError(f"{where} is damaged ({error}); get it again") from error
