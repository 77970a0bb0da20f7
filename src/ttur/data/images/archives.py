"""Zip and tar archives of images, read without unpacking them to disk."""

import bz2
import errno
import gzip
import lzma
import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from ttur.data.images.decode import is_of_the_machine
from ttur.data.images.files import LARGEST_FILE, Folder, ImageEntry, ImageFiles, too_large

IN_MEMORY = 64 * 2**20
"""Bytes of a compressed tar that are unpacked to memory, to be read out of order, not to disk."""
LEFT_FREE = 2**30
"""Bytes left on the disk where a larger one is unpacked."""
LARGEST_RATIO = 200
"""Of a compressed tar: images hardly shrink, bombs do by 1000 and more."""
_DECOMPRESSORS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}


def image_files(path: Path, *, follow_links: bool = False) -> ImageFiles:
    """The image files of a folder, zip or tar (.tar.gz, .tar.bz2 and .tar.xz too), by content.

    `follow_links` is for links out of a folder; those in archives are never followed.

    Raises:
        FileNotFoundError: if there is nothing at the path.
        ValueError: if it is neither, or an archive that names files outside itself.
    """
    if path.is_dir():
        return Folder(path, follow_links=follow_links)
    if not path.exists():
        raise FileNotFoundError(f"no images at {path}: no such folder, zip or tar archive")
    if path.is_file():
        if is_tar(path):  # first: a tar may end with a zip
            return Tar(path)
        if zipfile.is_zipfile(path):
            return Zip(path)
    raise ValueError(
        f"expected a folder, a zip or a tar archive of images, got {path}, which is another kind "
        "of file or damaged"
    )


@contextmanager
def image_entries(path: Path | str) -> Iterator[list[ImageEntry]]:
    """The images of a folder, zip or uncompressed tar, to be read in any order, sorted by path.

    Raises:
        FileNotFoundError: if the path does not exist.
        ValueError: if it holds no image, links to the outside or has a member such as `../a.png`.
    """
    path = Path(path)
    with closing(image_files(path)) as files:
        for where, reason in [*files.refused, *files.unfollowed]:
            raise ValueError(f"{where} {reason}")
        if isinstance(files, Tar) and files.compressed:
            raise ValueError(f"expected a folder, zip or uncompressed tar, got {path}; unpack it")
        yield nonempty(files)


def nonempty(files: ImageFiles) -> list[ImageEntry]:
    """Its entries.

    Raises:
        ValueError: if there is none.
    """
    if not files.entries:
        held = ", ".join(f"{kind} {count:,}" for kind, count in files.ignored.most_common(5))
        raise ValueError(
            f"expected image files (.png, .jpg, .webp, ...) in {files.path}, got none"
            + (f" but others: {held}" if held else "")
        )
    return files.entries


class Zip(ImageFiles):
    """A zip archive."""

    def _list(self, listed: list[ImageEntry]) -> None:
        try:
            self._archive = zipfile.ZipFile(self.path)
        except Exception as error:  # a damaged directory raises half a dozen kinds
            raise ValueError(f"cannot read the zip archive {self.path}: {error}") from error
        for member in self._archive.infolist():
            refusal = None
            if stat.S_ISLNK(member.external_attr >> 16):
                refusal = "is a link, not an image; refused"
            elif member.flag_bits & 1:
                refusal = "is encrypted; unpack it with its password"
            elif member.file_size > LARGEST_FILE:
                refusal = too_large(member.file_size)
            if not member.is_dir() and not member.filename.endswith("\\"):
                self._offer(
                    listed, _inside(member.filename, self.where(member.filename)), member, refusal
                )

    def read(self, member: zipfile.ZipInfo) -> bytes:
        return self._archive.read(member)

    def close(self) -> None:
        self._archive.close()


class Tar(ImageFiles):
    """A tar archive. A compressed one can be read only from its beginning on, by `readers`."""

    def __init__(self, path: Path) -> None:
        self.compressed = _decompressor(path) is not None
        super().__init__(path)

    def _list(self, listed: list[ImageEntry]) -> None:
        for member in self._members():
            refusal = None
            if not member.isreg() or member.issparse():
                refusal = "is a link, a device or a sparse file, not an image; refused"
            elif member.size > LARGEST_FILE:
                refusal = too_large(member.size)
            if not member.isdir():
                place = (member.offset_data, member.size)
                self._offer(listed, _inside(member.name, self.where(member.name)), place, refusal)

    def _members(self) -> Iterator[tarfile.TarInfo]:
        try:
            yield from tar_members(self.path)
        except Exception as error:
            self.refused.append(
                (str(self.path), f"cannot be read to its end: {error or type(error).__name__}")
            )

    def read(self, member: tuple[int, int]) -> bytes:
        offset, size = member
        with TarStream(self.path) as stream:
            return stream.read_at(offset, size)

    def readers(self, entries: list[ImageEntry]) -> Iterator[Callable[[], bytes]]:
        """A compressed archive is read in one pass; if its images are stored in another order than
        that of the entries, they are unpacked to a temporary file first.

        Raises:
            OSError: if there is no room for that file.
        """
        if not self.compressed:
            yield from super().readers(entries)
            return
        places = [entry.member for entry in entries]
        stored = sorted(places)
        with TarStream(self.path) as stream:
            contents = _contents(stream, stored)
            if places == stored:
                yield from (partial(_given, content) for content in contents)
                return
            with self._temporary_file(sum(size for _, size in places)) as file:
                at = {
                    place: _append(file, content)
                    for place, content in zip(stored, contents, strict=True)
                }
                for place in places:
                    yield partial(_given, _read_back(file, at[place], place[1]))

    def _temporary_file(self, size: int) -> tempfile.SpooledTemporaryFile[bytes]:
        """In memory, if it is small, else on a disk with room for it."""
        folder = tempfile.gettempdir()
        free = shutil.disk_usage(folder).free
        if size > IN_MEMORY and free < size + LEFT_FREE:
            raise OSError(
                errno.ENOSPC,
                f"its images are stored in another order than that of their names; to unpack it "
                f"takes {size:,} bytes in {folder}, where {free:,} are free; unpack it elsewhere, "
                "or name another folder by TMPDIR",
                str(self.path),
            )
        return tempfile.SpooledTemporaryFile(IN_MEMORY)


def _contents(stream: "TarStream", places: list[tuple[int, int]]) -> Iterator[bytes | Exception]:
    """Of each place in the order stored; after the first that is damaged all are lost."""
    failure: Exception | None = None
    for place in places:
        try:
            content = failure or stream.read_at(*place)
        except Exception as error:  # of four kinds of stream
            content = failure = error
        yield content


def _append(file: Any, content: bytes | Exception) -> int | Exception:
    """Where it begins."""
    if isinstance(content, Exception):
        return content
    start = file.tell()
    file.write(content)
    return start


def _read_back(file: Any, start: int | Exception, size: int) -> bytes | Exception:
    if isinstance(start, Exception):
        return start
    file.seek(start)
    return file.read(size)


class TarStream:
    """An archive unpacked as far as it is read. What a header claims is not allocated unseen."""

    def __init__(self, path: Path) -> None:
        self._file: Any = (_decompressor(path) or open)(path, "rb")
        self.tell, self.seek = self._file.tell, self._file.seek

    def read(self, size: int) -> bytes:
        if size > LARGEST_FILE:
            raise ValueError(f"a header of {size} bytes")
        return self._file.read(size)

    def read_at(self, offset: int, size: int) -> bytes:
        self.seek(offset)
        data = self.read(size)
        if len(data) < size:
            raise ValueError(f"the archive ends after {len(data)} of its {size} bytes")
        return data

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


def tar_members(path: Path) -> Iterator[tarfile.TarInfo]:
    """Those of `TarFile`, which takes a damaged header for the end; here it is an error.

    Raises:
        ValueError: if it unpacks to much more than images do.
        Exception: those of tarfile and of four kinds of stream, if it is damaged.
    """
    compressed = _decompressor(path) is not None
    largest = LARGEST_RATIO * path.stat().st_size + 2**30
    try:
        with TarStream(path) as stream, tarfile.TarFile(fileobj=stream) as archive:
            member = archive.next()
            while member is not None:
                yield member
                if compressed and archive.offset > largest:
                    raise ValueError("a bomb? unpack it yourself if you trust it")
                stream.seek(archive.offset)
                member = tarfile.TarInfo.fromtarfile(archive)
    except tarfile.EOFHeaderError:  # pyright: ignore[reportAttributeAccessIssue]
        return


def _decompressor(path: Path) -> Callable[..., Any] | None:
    with path.open("rb") as file:
        start = file.read(6)
    return next(
        (opener for magic, opener in _DECOMPRESSORS.items() if start.startswith(magic)), None
    )


def is_tar(path: Path) -> bool:
    """Compressed or not, by its first header."""
    try:
        with TarStream(path) as stream:
            tarfile.TarInfo.frombuf(stream.read(tarfile.BLOCKSIZE), "utf-8", "surrogateescape")
    except Exception as error:  # another kind of file: HeaderError, or what its stream raises
        if is_of_the_machine(error):
            raise
        return False
    return True


def _inside(name: str, where: str) -> PurePosixPath:
    """Its path; some programs write those of Windows, with back-slashes, into archives."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or PureWindowsPath(name).drive:
        raise ValueError(f"{where} names a file outside the archive; refused")
    return path


def _given(content: bytes | Exception) -> bytes:
    if isinstance(content, Exception):
        raise content
    return content
