"""A lock between processes: a file that one of them holds, and the kernel lets go of."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ttur.runtime.progress import task

SECONDS_BETWEEN_TRIES = 0.2


@contextmanager
def exclusive_lock(path: Path, busy: str) -> Iterator[None]:
    """The lock `path`, a file in a folder that is there, or `BlockingIOError(busy)` at once.

    Nobody waits. The file may stay when the lock is given back; a killed process holds none.

    Raises:
        BlockingIOError: if another process, or another block of this one, holds it.
        OSError: if the file cannot be made, or its name is that of a link, a pipe or a folder.
    """
    _check_place(path)
    lock = FileLock(path, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise BlockingIOError(busy) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def awaited_lock(path: Path) -> Iterator[None]:
    """The lock `path`, once nobody else holds it: whoever comes later finds what the block made.

    Across all processes that see the file, of whatever node; a killed one holds none. The file
    goes with the block, so that none is left beside what it guarded. Where no lock can be made (a
    folder that is not to be written to, a file system without locks) the block runs without: it
    must be one that others may run at the same time, to no harm but double work.
    """
    lock = FileLock(path, poll_interval=SECONDS_BETWEEN_TRIES, thread_local=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _check_place(path)
        with task(f"waiting for {path}"):
            lock.acquire()
    except (OSError, NotImplementedError):
        yield
        return
    try:
        yield
    finally:
        # While it is held: later, another process's might go. Windows removes no open file.
        with suppress(OSError):
            path.unlink()
        lock.release()


def lock_beside(path: Path) -> Path:
    """Where the lock of a file lies that processes make for each other."""
    return path.with_name(f".{path.name}.lock")


def _check_place(path: Path) -> None:
    if os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode):
        raise FileExistsError(errno.EEXIST, "stands where a lock should; delete it", str(path))
