"""A file is there whole or not at all; what only looks like one is not opened."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_WRITING = ".writing"
# Windows lacks two of these, and has one of its own, without which it changes line ends.
_BINARY = getattr(os, "O_BINARY", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # else opening a pipe waits for somebody to write
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


@contextmanager
def replacement(path: Path) -> Iterator[BinaryIO]:
    """A file to write; it takes the name `path` when the block ends, flushed, and never before.

    A block that fails leaves what stood at `path` as it was, and nothing beside it.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}{_WRITING}")
    beside.unlink(missing_ok=True)  # of a killed process that had our number
    try:
        with beside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def remove_unfinished(folder: Path, process: int) -> None:
    """What a killed process was writing there by `replacement`."""
    for left in folder.glob(f".*.{process}{_WRITING}"):
        left.unlink(missing_ok=True)


def open_plain(path: Path | str, *, change: bool = False) -> BinaryIO:
    """A file of bytes to be read, or to be changed; to be changed, no link to one.

    Raises:
        OSError: if there is none, or it cannot be opened.
        ValueError: if it is a pipe, a device or a socket; none of them is waited for.
    """
    flags = (os.O_RDWR | _NO_LINK) if change else os.O_RDONLY
    if change and not _NO_LINK and os.path.islink(path):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    descriptor = os.open(path, flags | _BINARY | _NO_WAIT)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError("it is a pipe, a device or a socket")
    return open(descriptor, "r+b" if change else "rb")


def check_can_be_made(folder: Path) -> None:
    """Whether a folder that is not there could be made; makes nothing.

    Raises:
        OSError: if what stands above it is no folder, or not to be written to.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    above = missing[-1].absolute().parent
    if not above.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    if not os.access(above, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(missing[-1]))


def flush_directory(directory: Path) -> None:
    """Make renames in a folder survive a power failure."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except PermissionError:  # Windows opens no folder
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def size_in_words(count: int) -> str:
    """Bytes as a person reads them.

    >>> size_in_words(512), size_in_words(33_600_000), size_in_words(4_000_000_000)
    ('512 bytes', '33.6 MB', '4.0 GB')
    """
    if count < 1000:
        return f"{count} bytes"
    for unit, size in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if count < 999.95 * size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e12:.1f} TB"
