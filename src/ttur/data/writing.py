"""The folder of a data set: written whole or not at all, and never over anything."""

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ttur.data.contents import Contents
from ttur.data.dataset import Card, SplitCard

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

    Raises:
        OSError: if the disk fills; nothing is kept.
        ValueError: if the contents are not as many as they say.
    """
    # Under the lock nobody else writes here: one that lies here was left by a killed process.
    unfinished = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    count = _Counted(on_progress, sum(contents.counts.values()))
    try:
        splits = {
            split: _write_split(unfinished, split, contents, count) for split in contents.counts
        }
        card = replace(draft, splits=splits, fresh=True)
        with open(unfinished / "card.json", "x", encoding="utf-8") as file:
            file.write(json.dumps(card.document(), indent=2) + "\n")
            _flush(file)
        unfinished.rename(target)
    except BaseException as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            raise OSError(
                error.errno,
                f"{error.strerror}; nothing was kept, make room and repeat",
                str(target),
            ) from error
        raise
    return card


@dataclass
class _Counted:
    on_progress: Progress
    total: int
    done: int = 0

    def add(self, samples: int) -> None:
        self.done += samples
        self.on_progress(self.done, self.total)


def _write_split(folder: Path, split: str, contents: Contents, progress: _Counted) -> SplitCard:
    """Stream one split to disk and digest it on the way."""
    count, written = contents.counts[split], 0
    labels, digest = [], hashlib.sha256()
    shape: tuple[int, ...] = ()
    # A plain file: on a full disk its writes err, where those to a memory map kill the process.
    with open(folder / f"{split}.npy", "xb") as file:
        for block in contents.blocks(split):
            samples = np.ascontiguousarray(block.samples)
            if not shape:
                shape = samples.shape[1:]
                kind = np.lib.format.dtype_to_descr(samples.dtype)
                header = {"descr": kind, "fortran_order": False, "shape": (count, *shape)}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(samples.data)
            digest.update(samples.data)
            labels.append(block.labels)
            written += len(samples)
            progress.add(len(samples))
        _flush(file)
    if written != count:
        raise ValueError(f"expected {count:,} samples in the split {split}, got {written:,}")
    if contents.classes is not None:
        with open(folder / f"{split}.labels.npy", "xb") as file:
            np.save(file, np.concatenate(labels), allow_pickle=False)
            _flush(file)
    size = shape[:2]  # the three channels of images go without saying
    return SplitCard(count, size, digest.hexdigest())


def _flush(file) -> None:
    file.flush()
    os.fsync(file.fileno())


def digest(source: Path) -> str:
    """SHA-256 of a file, or of the sorted relative names and digests of all files of a folder."""
    if source.is_file():
        with open(source, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    files = sorted((file.relative_to(source).as_posix(), file) for file in source.rglob("*"))
    lines = (f"{digest(file)}  {name}\n" for name, file in files if file.is_file())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


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
