"""The folder of a data set: there whole or not at all, and never written over anything."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ttur.data.contents import Contents
from ttur.data.dataset import Card, map_array
from ttur.data.preparing.unfinished import Unfinished
from ttur.runtime.files import flush_directory
from ttur.runtime.lock import exclusive_lock
from ttur.runtime.progress import task

_LOCK = ".prepare.lock"
_INCIDENTAL = ("ttur", "pillow", "digest")  # of how_made; may differ between equal data sets


def check_place(target: Path, sources: list[Path]) -> None:
    """Whether a data set could be made there, from these.

    Raises:
        FileExistsError: if something of another kind has one of the names that are needed.
        ValueError: if the data folder lies in a source.
    """
    directory = target.parent
    for path in (directory, *directory.parents):
        if os.path.lexists(path) and not path.is_dir():
            raise FileExistsError(f"expected a folder for the data sets, got {path}, which is none")
    for source in sources:
        if directory.resolve().is_relative_to(source.resolve()):
            raise ValueError(
                f"the data folder {directory} lies in the source {source}, which it would change; "
                "choose one outside as `data_directory`"
            )
    if target.is_symlink() and not target.exists():
        raise FileExistsError(
            f"{target} is a link to nothing; delete it, or give another `target_name`"
        )
    for path, is_right in (
        (_unfinished_folder(target), stat.S_ISDIR),
        (directory / _LOCK, stat.S_ISREG),
    ):
        if os.path.lexists(path) and not is_right(path.lstat().st_mode):
            raise FileExistsError(f"{path} is not what `ttur prepare` makes there; delete it")


def _unfinished_folder(target: Path) -> Path:
    return target.with_name(f".{target.name}.unfinished")


def read_finished(target: Path, draft: Card) -> Card:
    """The card of the data set that lies there, if it is the one of `draft`.

    Raises:
        FileExistsError: if anything else lies there.
        ValueError: if its arrays are not those of its card.
    """
    remedy = f"move {target} away, or give another `target_name`"
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
    card = Card.read(target / "card.json")
    for split in card.splits:
        for name, (dtype, shape) in card.arrays(split).items():
            map_array(target / name, dtype, shape)
    return card


def _origin(card: Card) -> dict:
    options = {key: value for key, value in card.how_made.items() if key not in _INCIDENTAL}
    return {"source": card.source_sha256} | options


def write(target: Path, draft: Card, contents: Contents) -> Card:
    """Write arrays and card into `target`, under the lock of its folder; the card, now complete.

    What a killed or interrupted call with the same draft left beside it is gone on with.

    Raises:
        OSError: if the disk fills.
        ValueError: if the contents are damaged, or not as many as they say.
        What is done is kept for the next call; from another source it would begin anew.
    """
    folder = _unfinished_folder(target)
    total = sum(contents.counts.values())
    try:
        unfinished = Unfinished(folder, draft, contents.counts)
        with task(f"preparing {target.name}", total, "samples") as advance:
            for split in contents.counts:
                unfinished.write(split, contents, advance)
        flush_directory(folder)
        folder.rename(target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            raise OSError(
                error.errno,
                f"{error.strerror}; make room and repeat, or delete {folder}",
                str(target),
            ) from error
        raise
    return replace(unfinished.card, fresh=True)


@contextmanager
def directory_lock(directory: Path) -> Iterator[None]:
    """Keeps every other `ttur prepare` out of the folder, which is made if need be.

    Raises:
        BlockingIOError: if one is there.
        OSError: if the folder is not to be written to, or something else has the lock's name.
    """
    directory.mkdir(parents=True, exist_ok=True)
    busy = f"another `ttur prepare` is writing in {directory}; wait until it has ended"
    with exclusive_lock(directory / _LOCK, busy):
        yield
