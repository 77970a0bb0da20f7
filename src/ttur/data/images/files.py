"""Where image files lie: they are listed in one order, and each is read when its turn comes."""

import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import UInt8

from ttur.data.images.decode import SUFFIXES, Picture, decode, is_of_the_machine
from ttur.runtime import digests
from ttur.runtime.files import open_plain

LARGEST_FILE = 256 * 2**20  # bytes of one image file, unpacked


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """One image of a folder or archive, not yet read.

    `path` is relative and POSIX; `member` is what its container finds it by.
    """

    path: str
    member: Any
    container: "ImageFiles"

    @property
    def where(self) -> str:
        """Its name in messages."""
        return self.container.where(self.path)

    def picture(self, read: Callable[[], bytes]) -> Picture:
        """Decoded from the bytes that `read` gives.

        Raises:
            ValueError: naming the file, if it cannot be read.
            OSError, MemoryError: for other reasons than the file's.
        """
        try:
            data = read()
        # No such file, no permission; in archives wrong checksums, damaged streams and more.
        except Exception as error:
            if is_of_the_machine(error):
                if isinstance(error, OSError):
                    error.filename = self.where
                raise
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise ValueError(f"cannot read the image {self.where}: {reason}") from error
        return decode(data, self.where)

    def pixels(self) -> UInt8[np.ndarray, "height width 3"]:
        return self.picture(partial(self.container.read, self.member)).pixels


class ImageFiles(ABC):
    """The image files of one place. Listing it reads no pixels.

    An image is a file whose extension, in any case, is one of SUFFIXES; other files, hidden ones
    and the `__MACOSX` folder are passed over and counted in `ignored`, by extension. `entries` are
    sorted by path; `refused` cannot be meant as images of this place: (name, reason).

    Raises:
        ValueError: if an archive is none, or names files outside itself.
    """

    separator = "!"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.refused: list[tuple[str, str]] = []
        self.ignored: Counter[str] = Counter()
        self.entries: list[ImageEntry] = []
        listed: list[ImageEntry] = []
        self._list(listed)
        for entry in sorted(listed, key=lambda entry: entry.path):
            if self.entries and entry.path == self.entries[-1].path:
                self.refused.append((entry.where, "occurs twice; which one is meant?"))
            else:
                self.entries.append(entry)

    @abstractmethod
    def _list(self, listed: list[ImageEntry]) -> None:
        """Offer every file."""

    @abstractmethod
    def read(self, member: Any) -> bytes:
        """The bytes of one entry; safe in several threads."""

    def readers(self, entries: list[ImageEntry]) -> Iterator[Callable[[], bytes]]:
        """For each entry, in that order, a function that gives its bytes in any thread."""
        return (partial(self.read, entry.member) for entry in entries)

    def close(self) -> None:
        """Let go of what is open."""
        return

    def sha256(self) -> str:
        """Of the archive's bytes, whatever they decode to."""
        return digests.of_file(self.path)

    def where(self, path: str) -> str:
        return printable(f"{self.path}{self.separator}{path}")

    def _offer(
        self, listed: list[ImageEntry], path: PurePosixPath, member: Any, refusal: str | None
    ) -> None:
        hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
        if hidden or path.suffix.lower() not in SUFFIXES:
            self.ignored["hidden" if hidden else path.suffix.lower() or "no extension"] += 1
        elif refusal:
            self.refused.append((self.where(str(path)), refusal))
        else:
            listed.append(ImageEntry(str(path), member, self))


class Folder(ImageFiles):
    """A folder and the folders in it. Only regular files are read, so that no pipe can block."""

    separator = "/"

    def _list(self, listed: list[ImageEntry]) -> None:
        root = os.path.realpath(self.path)
        pending = [(root, "")]
        while pending:  # not os.walk, which recurses: folders can be deep
            folder, inner = pending.pop()
            try:
                with os.scandir(folder) as items:
                    for item in items:
                        path = f"{inner}{item.name}"
                        if item.is_dir(follow_symlinks=False) and item.name[0] != ".":
                            pending.append((item.path, f"{path}/"))
                        else:
                            self._offer_item(listed, item, path, root)
            except OSError as error:
                self.refused.append((printable(folder), f"cannot be listed: {error.strerror}"))

    def _offer_item(
        self, listed: list[ImageEntry], item: os.DirEntry[str], path: str, root: str
    ) -> None:
        refusal = None
        if item.is_symlink():
            if os.path.isdir(item.path):
                reason = (
                    "links to another folder; links between folders are not followed: name that "
                    "folder itself, or copy it"
                )
                self.refused.append((self.where(path), reason))
                return
            if not Path(os.path.realpath(item.path)).is_relative_to(root):
                refusal = f"links to a file outside {self.path}; copy it there instead"
        self._offer(listed, PurePosixPath(path), item.path, refusal)

    def read(self, member: str) -> bytes:
        with open_plain(member) as file:
            size = os.fstat(file.fileno()).st_size
            if size > LARGEST_FILE:
                raise ValueError(too_large(size))
            return file.read()

    def sha256(self) -> str:
        """Of the paths of all images and the digests of their bytes, whatever they decode to."""
        return digests.of_pieces(
            os.fsencode(entry.path) + b"\0" + self._digest(entry).encode() for entry in self.entries
        )

    def _digest(self, entry: ImageEntry) -> str:
        try:
            return digests.of_bytes(self.read(entry.member))
        except (OSError, ValueError):
            return "unreadable"


def too_large(size: int) -> str:
    return f"has {size} bytes; expected an image file of at most {LARGEST_FILE}"


def printable(name: str) -> str:
    """A name of a file as it may stand on a terminal, whatever bytes it is made of."""
    return name if name.isprintable() else repr(name)[1:-1]
