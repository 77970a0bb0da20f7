"""The folder of a data set: there whole or not at all, and never written over anything."""

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ttur.data.contents import Contents
from ttur.data.dataset import Card
from ttur.data.unfinished import Unfinished
from ttur.runtime.files import flush_directory

Progress = Callable[[int, int], None]
"""Called with the samples done and the samples in all, 0 while that is not known."""

_VERSIONS = ("ttur", "pillow")  # of how_made; they may differ between equal data sets


def existing(target: Path, draft: Card) -> Card:
    """The card of the data set that lies there, if it is the one of `draft`.

    Raises:
        FileExistsError: if anything else lies there.
    """
    remedy = f"move {target} away, or give another name with --name"
    if not (target / "card.json").is_file():
        raise FileExistsError(f"{target} exists and is not a data set of ttur; {remedy}")
    before, now = (_origin(card) for card in (Card.read(target / "card.json"), draft))
    different = [
        f"{key} {before.get(key)} (now {now.get(key)})"
        for key in before | now
        if now.get(key) != before.get(key)
    ]
    if different:
        raise FileExistsError(f"{target} was made with {', '.join(different)}; {remedy}")
    return Card.read(target / "card.json")


def _origin(card: Card) -> dict:
    options = {key: value for key, value in card.how_made.items() if key not in _VERSIONS}
    return {"source": card.source_sha256} | options


def written(target: Path, draft: Card, contents: Contents, on_progress: Progress) -> Card:
    """Write arrays and card into `target`, under the lock of its folder; the card, now complete.

    What a killed or interrupted call with the same draft left beside it is gone on with.

    Raises:
        OSError: if the disk fills; what is done is kept for the next call.
        ValueError: if the contents are damaged, or not as many as they say; nothing is kept.
    """
    folder = target.with_name(f".{target.name}.unfinished")
    total, done = sum(contents.counts.values()), 0

    def on_samples(count: int) -> None:
        nonlocal done
        done += count
        if count:
            on_progress(done, total)

    try:
        unfinished = Unfinished(folder, draft)
        for split in contents.counts:
            unfinished.write(split, contents, on_samples)
        flush_directory(folder)
        folder.rename(target)
    except ValueError:  # the same again would come of the same source
        shutil.rmtree(folder, ignore_errors=True)
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            raise OSError(
                error.errno,
                f"{error.strerror}; make room and repeat, or delete {folder}",
                str(target),
            ) from error
        raise
    return replace(unfinished.card, fresh=True)


def digest(source: Path) -> str:
    """SHA-256 of a file, or of the sorted relative names and digests of all files of a folder.

    The lock file of an LMDB is left out: whoever reads the database may write to it.
    """
    if source.is_file():
        with open(source, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    files = (file for file in source.rglob("*") if file.is_file() and file.name != "lock.mdb")
    whole = hashlib.sha256()
    for name in sorted(file.relative_to(source).as_posix() for file in files):
        whole.update(f"{digest(source / name)}  ".encode() + os.fsencode(name) + b"\n")
    return whole.hexdigest()


@contextmanager
def directory_lock(directory: Path) -> Iterator[None]:
    """Keeps every other `ttur prepare` out of the folder, which is made if need be.

    Raises:
        ValueError: if one is there.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / ".prepare.lock", "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"another `ttur prepare` is writing in {directory}; wait until it has ended"
            ) from None
        yield
