"""Where image files lie: they are listed in one order, and each is read when its turn comes."""

import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import UInt8

from ttur.data.images.decode import Picture, decode, is_of_the_machine
from ttur.data.images.formats import image_formats
from ttur.runtime import digests
from ttur.runtime.files import open_plain

LINKED_FOLDER = "linked folder"  # among what is passed over
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
        return replace(decode(data, self.where), label=self.label)

    @property
    def label(self) -> str | None:
        """Its class: the first folder of its path."""
        return self.container.label(self.path)

    def pixels(self) -> UInt8[np.ndarray, "height width 3"]:
        return self.picture(partial(self.container.read, self.member)).pixels


class ImageFiles(ABC):
    """The image files of one place. Listing it reads no pixels.

    An image is a file whose extension, in any case, is one of `image_formats`; other files, hidden
    ones and the `__MACOSX` folder are passed over and counted in `ignored`, by extension. `entries`
    are sorted by path; `refused` cannot be read as images of this place, `unfollowed` are links to
    folders elsewhere: (name, reason).

    Raises:
        ValueError: if an archive is none, or names files outside itself.
    """

    separator = "!"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.refused: list[tuple[str, str]] = []
        self.unfollowed: list[tuple[str, str]] = []
        self.ignored: Counter[str] = Counter()
        self.entries: list[ImageEntry] = []
        listed: list[ImageEntry] = []
        self._list(listed)
        self._arrange(listed)

    def _arrange(self, listed: list[ImageEntry]) -> None:
        """Into one order, each name once."""
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

    def label(self, path: str) -> str | None:
        first, deeper, _ = path.partition("/")
        return first if deeper else None

    def _is_hidden(self, path: PurePosixPath) -> bool:
        return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)

    def _offer(
        self, listed: list[ImageEntry], path: PurePosixPath, member: Any, refusal: str | None
    ) -> None:
        suffix, formats = path.suffix.lower(), image_formats()
        if self._is_hidden(path):
            self.ignored["hidden"] += 1
        elif package := formats.unread.get(suffix):
            refusal = f"is an image that cannot be read here: pip install {package}, or convert it"
            self.refused.append((self.where(str(path)), refusal))
        elif suffix not in formats.suffixes:
            self.ignored[suffix or "no extension"] += 1
        elif refusal:
            self.refused.append((self.where(str(path)), refusal))
        else:
            listed.append(ImageEntry(str(path), member, self))


class Folder(ImageFiles):
    """A folder and the folders in it. Only regular files are read, so that no pipe can block.

    Links are followed whose target lies in the folder, or with `follow_links` anywhere. Each real
    folder is read once: under its own name, or that of the first link to it, so that no loop is
    endless.
    """

    separator = "/"

    def __init__(self, path: Path, *, follow_links: bool = False) -> None:
        self.follow_links = follow_links
        super().__init__(path)

    def _list(self, listed: list[ImageEntry]) -> None:
        root = os.path.realpath(self.path)
        pending, links, seen = [(root, "")], list[tuple[str, str]](), {root}
        while pending or links:  # not os.walk, which recurses: folders can be deep
            if not pending:  # links last, so that a folder has its own name where it can
                links.sort(key=lambda link: link[1], reverse=True)
                target, inner = links.pop()
                if target in seen:
                    continue
                seen.add(target)
                pending.append((target, inner))
            folder, inner = pending.pop()
            try:
                with os.scandir(folder) as items:
                    for item in items:
                        path = f"{inner}{item.name}"
                        if item.is_dir(follow_symlinks=False) and item.name[0] != ".":
                            if item.path not in seen:
                                seen.add(item.path)
                                pending.append((item.path, f"{path}/"))
                        elif item.is_symlink() and os.path.isdir(item.path):
                            links += self._linked_folder(item, path, root)
                        else:
                            self._offer_item(listed, item, path, root)
            except OSError as error:
                self.refused.append((printable(folder), f"cannot be listed: {error.strerror}"))
        self.refused.sort()  # not as the disk lists them
        self.unfollowed.sort()

    def _linked_folder(
        self, item: os.DirEntry[str], path: str, root: str
    ) -> Iterator[tuple[str, str]]:
        """Its target and its path here, if it is to be listed."""
        target = os.path.realpath(item.path)
        if item.name[0] == ".":
            self.ignored["hidden"] += 1
        elif self.follow_links or Path(target).is_relative_to(root):
            yield target, f"{path}/"
        else:
            reason = (
                f"links to a folder outside {self.path}; follow links by `follow_links`, name that "
                "folder itself, or copy it"
            )
            self.unfollowed.append((self.where(path), reason))
            self.ignored[LINKED_FOLDER] += 1

    def _offer_item(
        self, listed: list[ImageEntry], item: os.DirEntry[str], path: str, root: str
    ) -> None:
        refusal = None
        free = not item.is_symlink() or self.follow_links
        if not free and not Path(os.path.realpath(item.path)).is_relative_to(root):
            refusal = (
                f"links to a file outside {self.path}; follow links by `follow_links`, or copy it "
                "there"
            )
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


class FileList(Folder):
    """Files that were named one by one, in the order given; links among them are followed.

    `name` is what messages call all of them.
    """

    separator = ""

    def __init__(self, files: Sequence[Path | str], name: str) -> None:
        self._files = files
        super().__init__(Path(name), follow_links=True)

    def _list(self, listed: list[ImageEntry]) -> None:
        for file in (os.fspath(each) for each in self._files):
            if os.path.isdir(file):
                self.refused.append((printable(file), "is a folder; name its files, or it alone"))
            elif not os.path.lexists(file):
                self.refused.append((printable(file), "is not there"))
            else:
                self._offer(listed, PurePosixPath(Path(file).as_posix()), file, None)

    def _arrange(self, listed: list[ImageEntry]) -> None:
        self.entries = listed

    def _is_hidden(self, path: PurePosixPath) -> bool:
        return False  # it was named

    def where(self, path: str) -> str:
        return printable(path)

    def label(self, path: str) -> str | None:
        return None


def too_large(size: int) -> str:
    return f"has {size} bytes; expected an image file of at most {LARGEST_FILE}"


def printable(name: str) -> str:
    """A name of a file as it may stand on a terminal, whatever bytes it is made of."""
    return name if name.isprintable() else repr(name)[1:-1]
