"""The package's cache: the folder, what lies in it, and how much of what can be computed again."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ttur.runtime.lock import exclusive_lock, lock_beside

DOWNLOADS = "downloads"
COMPUTED = ("statistics", "ngrams")
"""Folders of what is computed once and can be again: their files may go. Downloads never do."""

LIMIT_VARIABLE = "TTUR_CACHE_LIMIT"
DEFAULT_LIMIT = "4G"  # some twenty statistics of Inception, with the groups of their intervals
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
# Files of ours are named by a key; what else lies there is not ours to remove.
_NAME = r"[0-9a-f]{64}\.npz"
_UNFINISHED = rf"\.{_NAME}\.([0-9]+\.writing|lock)"
_SECONDS_UNTIL_LEFT = 3600.0  # without a word: of a killed process


@dataclass(frozen=True)
class KeptFile:
    """A file of the cache; `used` is when it was last found, in seconds since 1970."""

    path: Path
    kind: str
    bytes: int
    used: float


def cache_directory() -> Path:
    """`$TTUR_CACHE`, else the platform's cache folder for `ttur`. It may not exist yet."""
    import pooch

    return Path(os.environ.get("TTUR_CACHE") or pooch.os_cache("ttur"))


def cache_limit() -> int:
    """Bytes that may be kept of what can be computed again: `$TTUR_CACHE_LIMIT`, 4G unless set.

    Raises:
        ValueError: if that is no number of bytes.
    """
    text = os.environ.get(LIMIT_VARIABLE) or DEFAULT_LIMIT
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)([KMGT]?)B?", text.strip().upper())
    if match is None:
        raise ValueError(
            f"expected {LIMIT_VARIABLE} as a number of bytes, or one with K, M, G or T, got "
            f"{text!r}; set it to 4G, or to 0 to keep nothing"
        )
    return int(float(match[1]) * _UNITS[match[2]])


def kept_files() -> list[KeptFile]:
    """All there are, by kind. Links are not followed, and hidden files are passed over."""
    root = cache_directory()
    return [
        *_files(root, DOWNLOADS, r"[^.].*"),
        *(file for kind in COMPUTED for file in _files(root / kind, kind, _NAME)),
    ]


def note_use(path: Path) -> None:
    """Such a file is not the first to go."""
    with suppress(OSError):  # of a folder that is only read
        os.utime(path)


def trim_cache() -> None:
    """Remove what was used longest ago of what can be computed again, until the rest is within the
    `cache_limit`. What a process is about to write, or Windows has open, stays.
    """
    files = sorted(_computed(), key=lambda file: file.used)
    excess = sum(file.bytes for file in files) - cache_limit()
    for file in files:
        if excess <= 0:
            return
        excess -= file.bytes if _remove(file) else 0


def clear_cache() -> list[KeptFile]:
    """Remove all that can be computed again, and what killed processes left of it; what went."""
    root = cache_directory()
    removed = [file for file in _computed() if _remove(file)]
    for kind in COMPUTED:
        for file in _files(root / kind, kind, _UNFINISHED):
            if time.time() - file.used > _SECONDS_UNTIL_LEFT:
                with suppress(OSError):
                    file.path.unlink()
    return removed


def _computed() -> list[KeptFile]:
    return [file for file in kept_files() if file.kind in COMPUTED]


def _files(folder: Path, kind: str, pattern: str) -> Iterator[KeptFile]:
    """Plain files of that name in a folder that is no link."""
    if kind != DOWNLOADS and folder.is_symlink():
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # nothing was kept yet
        return
    for entry in entries:
        if re.fullmatch(pattern, entry.name) and entry.is_file(follow_symlinks=False):
            with suppress(OSError):  # gone since
                status = entry.stat(follow_symlinks=False)
                yield KeptFile(Path(entry.path), kind, status.st_size, status.st_mtime)


def _remove(file: KeptFile) -> bool:
    """Whether it is gone. One that another process is about to replace stays."""
    lock = lock_beside(file.path)
    try:
        if lock.exists():
            with exclusive_lock(lock, "in use"):
                file.path.unlink()
        else:
            file.path.unlink()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
