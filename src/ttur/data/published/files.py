"""What the readers of official files share: finding them, reading them whole or in pieces."""

import lzma
import tarfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Int64, UInt8

from ttur.data.contents import Block, Fit
from ttur.data.images.archives import TarStream, is_tar, tar_members
from ttur.data.images.decode import is_of_the_machine
from ttur.data.published.description import PublishedDataSet

BLOCK_IMAGES = 1000
"""Images of a block."""
_Read = TypeVar("_Read")
_Key = TypeVar("_Key")


@dataclass(frozen=True)
class Stored:
    """A file in a folder or tar archive, not unpacked: `size` bytes from `start` on."""

    where: str
    size: int
    open: Callable[[], Any]
    start: int = 0

    def read(self, most: int) -> bytes:
        """All of it.

        Raises:
            ValueError: if it is damaged, or larger than `most` bytes.
        """
        if self.size > most:
            raise ValueError(f"expected at most {most} bytes in {self.where}, got {self.size}")
        return next(self.pieces(0, max(1, self.size)), b"")

    def pieces(self, first: int, length: int) -> Iterator[bytes]:
        """From the byte `first` on, `length` at a time.

        Raises:
            ValueError: if it is damaged.
        """
        with self.open() as file:
            for place in range(first, self.size, length):
                yield checked_read(partial(self._piece, file, place, length), self.where)

    def _piece(self, file: Any, place: int, length: int) -> bytes:
        length = min(length, self.size - place)
        file.seek(self.start + place)
        data = file.read(length)
        if len(data) < length:
            raise ValueError(f"it ends after {place + len(data)} of {self.size} bytes")
        return data


def stored_files(
    source: Path, folders: Collection[str], wanted: Collection[str]
) -> dict[str, Stored]:
    """The files of these names in a tar archive, or in a folder and these folders of it.

    Raises:
        ValueError: if the archive is damaged, or one of them is there twice.
    """
    found: dict[str, Stored] = {}
    for name, stored in _tar_files(source) if source.is_file() else _folder_files(source, folders):
        if name not in wanted:
            continue
        if name in found:
            raise ValueError(f"expected {name} once, got {found[name].where} and {stored.where}")
        found[name] = stored
    return found


def _folder_files(folder: Path, folders: Collection[str]) -> Iterator[tuple[str, Stored]]:
    for part in (folder / name for name in folders):
        for file in _plain_files(part) if part.is_dir() else ():
            yield file.name, Stored(str(file), file.stat().st_size, partial(file.open, "rb"))


def _tar_files(path: Path) -> Iterator[tuple[str, Stored]]:
    """By their last name."""
    if not is_tar(path):
        return
    for member in checked_read(lambda: list(tar_members(path)), str(path)):
        if member.isreg() and not member.issparse():
            where, stream = f"{path}!{member.name}", partial(TarStream, path)
            name = PurePosixPath(member.name).name
            yield name, Stored(where, member.size, stream, member.offset_data)


def find_files(
    published: PublishedDataSet, sources: list[Path], wanted: Mapping[str, _Key]
) -> dict[_Key, Path]:
    """The regular files of these names, by their keys: sources, or directly in a source.

    Raises:
        FileNotFoundError: if a source holds none of them.
        ValueError: if there are two for one key.
    """
    found: dict[_Key, Path] = {}
    for source in sources:
        files = [file for file in _plain_files(source) if file.name in wanted]
        if not files:
            raise FileNotFoundError(
                f"expected {', '.join(wanted)}, or some of them, in {source}, got none; "
                f"{published.name} can be had at {published.url}"
            )
        for file in files:
            if (key := wanted[file.name]) in found:
                raise ValueError(
                    f"expected each file of {published.name} once, got {found[key]} and {file}; "
                    "name the files you mean"
                )
            found[key] = file
    return found


def require_file(
    published: PublishedDataSet, name: str, sources: list[Path], found: Collection[_Key], key: _Key
) -> None:
    """Refuse sources among which there is no file of this key, in the words of `find_files`.

    Raises:
        FileNotFoundError: if so.
    """
    if key not in found:
        raise FileNotFoundError(
            f"expected {name}, directly or in a folder, among the sources "
            f"{', '.join(map(str, sources))}; it can be had at {published.url}"
        )


def _plain_files(source: Path) -> list[Path]:
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
    check_labels(labels, len(images), where)
    for start in range(0, len(images), BLOCK_IMAGES):
        part = images[start : start + BLOCK_IMAGES]
        yield Block(fit_each(part, fit), labels[start : start + BLOCK_IMAGES])


def check_labels(labels: Int64[np.ndarray, " labels"], count: int, where: str) -> None:
    """Refuse labels of another count, or of other classes than ten.

    Raises:
        ValueError: if so.
    """
    if len(labels) != count or not np.isin(labels, range(10)).all():
        raise ValueError(
            f"expected {count} labels from 0 to 9 in {where}, got {len(labels)} "
            f"with the values {sorted(set(labels.tolist()))[:20]}"
        )


def fit_each(
    images: UInt8[np.ndarray, "count height width 3"], fit: Fit | None
) -> UInt8[np.ndarray, "count new_height new_width 3"]:
    """Each image fitted; None leaves them."""
    return images if fit is None else np.stack([fit(image) for image in images])


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
