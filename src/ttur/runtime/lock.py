"""A lock between processes: a file that one of them holds, and the kernel lets go of."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def exclusive_lock(path: Path, busy: str) -> Iterator[None]:
    """The lock `path`, a file in a folder that is there, or `BlockingIOError(busy)` at once.

    Nobody waits. The file may stay when the lock is given back; a killed process holds none.

    Raises:
        BlockingIOError: if another process, or another block of this one, holds it.
        OSError: if the file cannot be made, or its name is that of a link, a pipe or a folder.
    """
    if os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode):
        raise FileExistsError(errno.EEXIST, "stands where a lock should; delete it", str(path))
    lock = FileLock(path, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise BlockingIOError(busy) from None
    try:
        yield
    finally:
        lock.release()
