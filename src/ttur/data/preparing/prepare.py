"""Official archives, folders of images and texts become one array per split and a card."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from ttur.data.catalogue import KNOWN
from ttur.data.contents import Contents, Fit
from ttur.data.dataset import Card
from ttur.data.images.archives import image_entries
from ttur.data.images.decode import centre_crop_and_resize
from ttur.data.preparing.place import (
    Progress,
    check_place,
    digest,
    directory_lock,
    existing,
    written,
)
from ttur.data.published import billion_word, records
from ttur.data.published import own_images as folders
from ttur.data.published.celeba import Crop, celeba_crop
from ttur.data.published.lsun import lsun
from ttur.data.published.own_text import HELD_OUT_EVERY, counted, own_text
from ttur.data.published.svhn import svhn
from ttur.data.vocabulary import LENGTH, VOCABULARY_SIZE

TEXTS = ("billion_word", "text")
OWN = ("images", "text")
EMBEDDED = ("digits", "speeches")
RESIZED = ("celeba", "lsun_bedroom")
"""Published in other sizes than they are used."""
LARGEST_SIDE = 8192
"""Pixels of `size` and `crop`."""
SEVERAL_SOURCES = ("mnist", "svhn", "lsun_bedroom", "text")


def prepare(
    name: str,
    sources: list[Path],
    data_directory: Path | str,
    *,
    size: int | None = None,
    crop: Crop | None = None,
    lines: int | Literal["all"] | None = None,
    target_name: str | None = None,
    on_progress: Progress | None = None,
) -> Card:
    """Write `<data_directory>/<target_name>/`: `<split>.npy`, `<split>.labels.npy`, `card.json`.

    `name` is one of `KNOWN`, "billion_word" or, for one's own, "images" or "text". `size` and
    `crop` (the side of the centre square; of CelebA also "began") are for images, `lines` (how many
    training lines are read; all, but of billion_word the first 10,000,000) for texts. Memory stays
    bounded. The folder appears complete or not at all; the same call again goes on where one was
    killed or interrupted. When the data set is already there, made from the same sources with the
    same options, its card comes back with `fresh` False.

    Raises:
        FileExistsError: if the folder holds anything else; nothing is ever overwritten.
        FileNotFoundError, ValueError: if a source is missing, damaged or not what `name` says.
        OSError: if the disk fills; what is done is kept for the next call.
    """
    target_name = _checked_name(name, target_name)
    sources = [Path(source) for source in sources]
    on_progress = on_progress or (lambda done, total: None)
    _check_arguments(name, sources, size, crop, lines)
    if name in RESIZED:
        size, crop = size or KNOWN[name].size, crop or KNOWN[name].crop
    target = Path(data_directory, target_name)
    check_place(target, sources)
    if name in TEXTS:
        return _prepare_text(name, sources, target, lines, on_progress)
    with _opened(name, sources, size, crop) as contents:
        _check_counts(name, contents, sources)
        licence = KNOWN[name].licence if name in KNOWN else "that of the images' owners"
        side = size or crop or (KNOWN[name].size if name in KNOWN else None)
        how_made = {"from": contents.kind, "size": side, "crop": crop}
        draft = _draft(target_name, sources, licence, how_made | {"pillow": version("pillow")})
        if target.exists():  # before the lock, for which the folder must be writable
            return existing(target, draft)
        with directory_lock(Path(data_directory)):
            if target.exists():
                return existing(target, draft)
            return written(target, replace(draft, classes=contents.classes), contents, on_progress)


def _prepare_text(
    name: str,
    sources: list[Path],
    target: Path,
    lines: int | Literal["all"] | None,
    on_progress: Progress,
) -> Card:
    most_lines = billion_word.LINES if lines is None and name == "billion_word" else lines
    most_lines = None if most_lines == "all" else most_lines
    is_own = name == "text"
    how_made = {
        "from": name,
        "lines": "all" if most_lines is None else most_lines,
        "length": LENGTH,
        "vocabulary_size": VOCABULARY_SIZE,
        "held_out": f"every {HELD_OUT_EVERY}th line" if is_own else "the official shards",
    }
    licence = "that of the text's owners" if is_own else billion_word.LICENCE
    draft = _draft(target.name, sources, licence, how_made)
    if target.exists():  # before the lock, for which the folder must be writable
        return existing(target, draft)
    with directory_lock(target.parent):
        if target.exists():
            return existing(target, draft)
        if is_own:
            opened = nullcontext(own_text(sources, most_lines))
        else:
            opened = billion_word.billion_word(sources[0], most_lines)
        with opened as corpus:
            vocabulary, contents = counted(corpus, on_progress)
            return written(target, replace(draft, vocabulary=vocabulary), contents, on_progress)


def _draft(
    name: str, sources: list[Path], licence: str, how_made: dict[str, str | int | None]
) -> Card:
    return Card(
        name=name,
        source=tuple(Path(os.path.abspath(source)).name for source in sources),
        source_sha256=tuple(digest(source) for source in sources),
        licence=licence,
        how_made=how_made | {"ttur": version("ttur")},
        classes=None,
        splits={},
    )


def _checked_name(name: str, target_name: str | None) -> str:
    known = (*KNOWN, "billion_word")
    if name not in (*known, *OWN):
        raise ValueError(f"expected one of {', '.join((*known, *OWN))} to prepare, got {name!r}")
    if target_name is None and name in known:
        return name
    taken = {*known, *OWN, *EMBEDDED} - ({name} if name in known else set())
    if not target_name or target_name in taken:
        raise ValueError(
            f"expected a name of its own for what is made from {name}, got {target_name!r}; "
            "give one as `target_name`"
        )
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", target_name):
        raise ValueError(
            "expected a name of letters, digits, '.', '_' and '-' for the data set, got "
            f"{target_name!r}"
        )
    return target_name


def _check_arguments(
    name: str,
    sources: list[Path],
    size: int | None,
    crop: Crop | None,
    lines: int | Literal["all"] | None,
) -> None:
    if name in TEXTS and (size is not None or crop is not None):
        raise ValueError(f"`size` and `crop` are for images, and {name} is text")
    if name not in TEXTS and lines is not None:
        raise ValueError(f"`lines` is for texts, and {name} are images")
    if isinstance(lines, int) and lines < 1:
        raise ValueError(f"expected `lines` of at least 1, or all, got {lines}")
    if crop == "began" and name != "celeba":
        raise ValueError(f"the crop 'began' is one of celeba; expected a number for {name}")
    for option, side in (("size", size), ("crop", crop)):
        if isinstance(side, int) and not 2 <= side <= LARGEST_SIDE:
            raise ValueError(f"expected a `{option}` of 2 to {LARGEST_SIDE} pixels, got {side}")
    if not sources or (name not in SEVERAL_SOURCES and len(sources) > 1):
        raise ValueError(f"expected one source for {name}, got {len(sources)}")
    for source in sources:
        if not source.exists():
            url = billion_word.URL if name == "billion_word" else None
            url = KNOWN[name].url if name in KNOWN else url
            raise FileNotFoundError(
                f"no file or folder {source}" + (f"; it can be had at {url}" if url else "")
            )
        if not source.is_file() and not source.is_dir():
            raise ValueError(f"expected a file or folder, got {source}, a pipe or a device")


@contextmanager
def _opened(
    name: str, sources: list[Path], size: int | None, crop: Crop | None
) -> Iterator[Contents]:
    untouched = size is None and crop is None
    fit: Fit = partial(
        celeba_crop if name == "celeba" else centre_crop_and_resize, crop=crop, size=size
    )
    if name == "mnist":
        yield records.mnist(sources, records.padded if crop is None and size in (None, 32) else fit)
    elif name == "svhn":
        yield svhn(sources, None if untouched else fit)
    elif name == "lsun_bedroom" and (databases := lsun(sources, fit)):
        yield databases
    elif name == "cifar10" and (batches := records.cifar10(sources[0], None if untouched else fit)):
        yield batches
    else:
        if len(sources) > 1:
            raise ValueError(
                f"expected databases of {name}, or one folder or zip of images, got "
                f"{', '.join(map(str, sources))}"
            )
        with image_entries(sources[0]) as entries:
            fit = (lambda pixels: pixels) if untouched else fit
            if name == "images":
                yield folders.own_images(entries, fit)
            elif name in RESIZED:
                yield folders.unlabelled(entries, fit)
            else:
                classes, side = KNOWN[name].classes, KNOWN[name].size if untouched else None
                yield folders.class_folders(entries, sources[0], classes or (), side, fit)


def _check_counts(name: str, contents: Contents, sources: list[Path]) -> None:
    """Of the splits that are there: only some can be missing, as the readers say."""
    if name not in KNOWN:
        return
    expected = {split: KNOWN[name].counts[split] for split in contents.counts}
    if contents.counts != expected:
        remedy = f"get the whole of it at {KNOWN[name].url}"
        if contents.kind.startswith("images"):
            remedy = "prepare a part of it with `ttur prepare images`"
        raise ValueError(
            f"expected {expected} images of {name} in {', '.join(map(str, sources))}, got "
            f"{contents.counts}; {remedy}"
        )
