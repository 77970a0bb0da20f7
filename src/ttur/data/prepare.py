"""Official archives and folders of images become one uint8 array per split and a card."""

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np

from ttur.data import folders, records
from ttur.data.archives import image_entries
from ttur.data.catalogue import KNOWN
from ttur.data.contents import Contents, Fit
from ttur.data.dataset import Card, SplitCard
from ttur.data.images import centre_crop_and_resize

Progress = Callable[[int, int], None]
"""Called with the images done and the images in all."""

_OPTIONS = ("from", "size", "crop")  # of how_made; versions may differ between equal data sets


def prepare(
    name: str,
    sources: list[Path],
    data_directory: Path | str,
    *,
    size: int | None = None,
    crop: int | None = None,
    target_name: str | None = None,
    on_progress: Progress | None = None,
) -> Card:
    """Write `<data_directory>/<target_name>/`: `<split>.npy`, `<split>.labels.npy`, `card.json`.

    `name` is "cifar10", "mnist" or, for one's own, "images". Memory stays bounded; the folder
    appears complete or not at all. When it is already there, made from the same sources with the
    same options, its card comes back with `fresh` False.

    Raises:
        FileExistsError: if the folder holds anything else; nothing is ever overwritten.
        FileNotFoundError, ValueError: if a source is missing, damaged or not what `name` says.
        OSError: if the disk fills; nothing is kept.
    """
    target_name = _checked_name(name, target_name)
    sources = [Path(source) for source in sources]
    _check_arguments(name, sources, size, crop)
    with _opened(name, sources, size, crop) as contents:
        _check_counts(name, contents, sources)
        draft = Card(
            name=target_name,
            source=tuple(source.name for source in sources),
            source_sha256=tuple(_digest(source) for source in sources),
            licence=KNOWN[name].licence if name in KNOWN else "that of the images' owners",
            how_made={
                "from": contents.kind,
                "size": size,
                "crop": crop,
                "ttur": version("ttur"),
                "pillow": version("pillow"),
            },
            classes=contents.classes,
            splits={},
        )
        with _directory_lock(Path(data_directory)):
            target = Path(data_directory, target_name)
            if target.exists():
                return _existing(target, draft)
            return _write(target, draft, contents, on_progress or (lambda done, total: None))


def _checked_name(name: str, target_name: str | None) -> str:
    if name not in (*KNOWN, "images"):
        raise ValueError(f"expected one of {', '.join(KNOWN)} or images to prepare, got {name!r}")
    if name == "images" and (not target_name or target_name in (*KNOWN, "digits", "images")):
        raise ValueError(
            f"one's own images need a name of their own, got {target_name!r}; give one with --name"
        )
    target_name = target_name or name
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", target_name) or target_name == "digits":
        raise ValueError(
            f"expected a name of letters, digits, '.', '_' and '-' for the data set, other than "
            f"'digits', got {target_name!r}"
        )
    return target_name


def _check_arguments(name: str, sources: list[Path], size: int | None, crop: int | None) -> None:
    for option, side in (("size", size), ("crop", crop)):
        if side is not None and side < 2:
            raise ValueError(f"expected a {option} of at least 2 pixels, got {side}")
    if not sources or (name != "mnist" and len(sources) > 1):
        raise ValueError(f"expected one source for {name}, got {len(sources)}")
    for source in sources:
        if not source.exists():
            known = f"; it can be had at {KNOWN[name].url}" if name in KNOWN else ""
            raise FileNotFoundError(f"no file or folder {source}{known}")


@contextmanager
def _opened(
    name: str, sources: list[Path], size: int | None, crop: int | None
) -> Iterator[Contents]:
    fit: Fit = partial(centre_crop_and_resize, crop=crop, size=size)
    untouched = size is None and crop is None
    if name == "mnist":
        whole = records.padded if crop is None and size in (None, 32) else fit
        yield records.mnist(sources, whole)
    elif name == "cifar10" and (batches := records.cifar10(sources[0], None if untouched else fit)):
        yield batches
    else:
        with image_entries(sources[0]) as entries:
            fit = (lambda pixels: pixels) if untouched else fit
            if name == "images":
                yield folders.own_images(entries, fit)
            else:
                side = KNOWN[name].size if untouched else None
                yield folders.class_folders(entries, sources[0], KNOWN[name].classes, side, fit)


def _check_counts(name: str, contents: Contents, sources: list[Path]) -> None:
    if name in KNOWN and contents.counts != KNOWN[name].counts:
        raise ValueError(
            f"expected {KNOWN[name].counts} images of {name} in {sources[0]}, got "
            f"{contents.counts}; prepare a part of it with `ttur prepare images`"
        )


def _existing(target: Path, draft: Card) -> Card:
    remedy = f"move {target} away, or give another name with --name"
    if not (target / "card.json").is_file():
        raise FileExistsError(f"{target} exists and is not a data set of ttur; {remedy}")
    card = Card.read(target / "card.json")
    before = {"source": card.source_sha256} | {key: card.how_made.get(key) for key in _OPTIONS}
    now = {"source": draft.source_sha256} | {key: draft.how_made[key] for key in _OPTIONS}
    different = [f"{key} {before[key]} (now {now[key]})" for key in now if now[key] != before[key]]
    if different:
        raise FileExistsError(f"{target} was made with {', '.join(different)}; {remedy}")
    return card


def _write(target: Path, draft: Card, contents: Contents, on_progress: Progress) -> Card:
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

    def add(self, images: int) -> None:
        self.done += images
        self.on_progress(self.done, self.total)


def _write_split(folder: Path, split: str, contents: Contents, progress: _Counted) -> SplitCard:
    """Stream one split to disk and digest it on the way."""
    count, written = contents.counts[split], 0
    labels, shape, digest = [], (0, 0, 3), hashlib.sha256()
    # A plain file: on a full disk its writes err, where those to a memory map kill the process.
    with open(folder / f"{split}.npy", "xb") as file:
        for block in contents.blocks(split):
            pixels = np.ascontiguousarray(block.images)
            if not written:
                shape = pixels.shape[1:]
                header = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(pixels.data)
            digest.update(pixels.data)
            labels.append(block.labels)
            written += len(pixels)
            progress.add(len(pixels))
        _flush(file)
    if written != count:
        raise ValueError(f"expected {count} images in the split {split}, got {written}")
    if contents.classes is not None:
        with open(folder / f"{split}.labels.npy", "xb") as file:
            np.save(file, np.concatenate(labels), allow_pickle=False)
            _flush(file)
    return SplitCard(count, (shape[0], shape[1]), digest.hexdigest())


def _flush(file) -> None:
    file.flush()
    os.fsync(file.fileno())


def _digest(source: Path) -> str:
    """SHA-256 of a file, or of the sorted relative names and digests of all files of a folder."""
    if source.is_file():
        with open(source, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    files = sorted((file.relative_to(source).as_posix(), file) for file in source.rglob("*"))
    lines = (f"{_digest(file)}  {name}\n" for name, file in files if file.is_file())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@contextmanager
def _directory_lock(directory: Path) -> Iterator[None]:
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / ".prepare.lock", "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"another `ttur prepare` is writing in {directory}; wait until it has ended"
            ) from None
        yield
