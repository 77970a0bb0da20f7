"""A file is there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_WRITING = ".writing"


@contextmanager
def replaced(path: Path) -> Iterator[BinaryIO]:
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
    """What a killed process was writing there by `replaced`."""
    for left in folder.glob(f".*.{process}{_WRITING}"):
        left.unlink(missing_ok=True)


def flush_directory(directory: Path) -> None:
    """Make renames in a folder survive a power failure."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
