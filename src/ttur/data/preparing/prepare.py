"""Official archives, folders of images and texts become one array per split and a card."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from ttur.data.catalogue import KNOWN
from ttur.data.contents import Contents
from ttur.data.dataset import Card
from ttur.data.images.framing import Crop, Framing
from ttur.data.preparing.encoding import encode_corpus
from ttur.data.preparing.place import (
    check_place,
    directory_lock,
    read_finished,
    write,
)
from ttur.data.preparing.sources import FileDigests, check_sources, digest
from ttur.data.published.description import PublishedDataSet, PublishedImages, PublishedText
from ttur.data.vocabulary import LENGTH, VOCABULARY_SIZE
from ttur.runtime.errors import closest

LARGEST_SIDE = 8192
"""Pixels of `size` and `crop`."""


def prepare(
    name: str,
    sources: list[Path],
    data_directory: Path | str,
    *,
    size: int | None = None,
    crop: Crop | None = None,
    pad: bool = False,
    lines: int | Literal["all"] | None = None,
    target_name: str | None = None,
) -> Card:
    """Write `<data_directory>/<target_name>/`: `<split>.npy`, `<split>.labels.npy`, `card.json`.

    `name` is one of `KNOWN`, for one's own "images" or "text". `size`, `crop` (the side of the
    centre square; of CelebA also "began") and in its place `pad` (the whole image on a black
    square) are for images, `lines` (how many training lines are read, or "all") for texts. Memory
    stays bounded. The folder appears complete or not at all; the same call again goes on where one
    was killed or interrupted. When the data set is already there, made from the same sources with
    the same options, its card comes back with `fresh` False.

    Raises:
        FileExistsError: if the folder holds anything else; nothing is ever overwritten.
        FileNotFoundError, ValueError: if a source is missing, damaged or not what `name` says, by
            the digest of a file with an official name too.
        OSError: if the disk fills; what is done is kept for the next call.
    """
    published = _preparable(name)
    target = Path(data_directory, _checked_name(published, target_name))
    sources = [Path(source) for source in sources]
    if isinstance(published, PublishedText):
        if size is not None or crop is not None or pad:
            raise ValueError(f"`size` and `crop` are for images, and so is `pad`; {name} is text")
        make = partial(_prepare_text, published, _most_lines(published, lines))
    else:
        if lines is not None:
            raise ValueError(f"`lines` is for texts, and {name} are images")
        make = partial(_prepare_images, published, _framing(published, size, crop, pad))
    check_sources(published, sources)
    check_place(target, sources)
    return make(sources, target)


def _preparable(name: str) -> PublishedImages | PublishedText:
    known = {other: published for other, published in KNOWN.items() if published.reader is not None}
    if name not in known:
        raise ValueError(f"no data set {name!r} to prepare; {closest(name, known)}")
    return known[name]


def _checked_name(published: PublishedDataSet, target_name: str | None) -> str:
    is_own = published.url is None
    if target_name is None and not is_own:
        return published.name
    if not target_name or target_name in set(KNOWN) - (set() if is_own else {published.name}):
        got = f"{target_name!r}, that of another data set" if target_name else "none"
        raise ValueError(
            f"expected a name of its own for what is made from {published.name}, got {got}; give "
            "one by `target_name`"
        )
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", target_name):
        raise ValueError(
            "expected a name of letters, digits, '.', '_' and '-' for the data set, got "
            f"{target_name!r}"
        )
    return target_name


def _framing(published: PublishedImages, size: int | None, crop: Crop | None, pad: bool) -> Framing:
    name = published.name
    if isinstance(crop, str) and crop not in published.crops:
        named = [known for known, other in KNOWN.items() if crop in getattr(other, "crops", ())]
        if named:
            raise ValueError(
                f"the crop {crop!r} is one of {', '.join(named)}; expected a number for {name}"
            )
        choices = " or ".join(("a number of pixels", *published.crops))
        raise ValueError(f"expected {choices} as `crop`, got {crop!r}")
    for option, side in (("size", size), ("crop", crop)):
        if isinstance(side, int) and not 2 <= side <= LARGEST_SIDE:
            raise ValueError(f"expected a `{option}` of 2 to {LARGEST_SIDE} pixels, got {side}")
    if pad and crop is not None:
        raise ValueError("expected `crop` or `pad`, which keeps the whole image, got both")
    if pad and published.size is not None and not published.is_resized:
        raise ValueError(f"`pad` is for images that are not square, and those of {name} are")
    return published.framing(size, crop, pad)


def _most_lines(published: PublishedText, lines: int | Literal["all"] | None) -> int | None:
    if isinstance(lines, int) and lines < 1:
        raise ValueError(f"expected `lines` of at least 1, or all, got {lines}")
    lines = published.lines if lines is None else lines
    return None if lines == "all" else lines


def _prepare_images(
    published: PublishedImages,
    framing: Framing,
    sources: list[Path],
    target: Path,
) -> Card:
    with published.read(sources, framing) as contents:
        _check_counts(published, contents, sources)
        how_made: dict[str, str | int | None] = {
            "from": contents.kind,
            "size": framing.size or framing.crop or published.size,
            "crop": framing.crop,
        }
        how_made |= {"pad": "black"} if framing.pad else {}
        how_made |= {"pillow": version("pillow")}

        @contextmanager
        def complete(draft: Card) -> Iterator[tuple[Card, Contents]]:
            yield replace(draft, classes=contents.classes, unlabelled=contents.unlabelled), contents

        return _make(published, sources, target, how_made, complete)


def _prepare_text(
    published: PublishedText,
    most_lines: int | None,
    sources: list[Path],
    target: Path,
) -> Card:
    how_made: dict[str, str | int | None] = {
        "from": published.name,
        "lines": "all" if most_lines is None else most_lines,
        "length": LENGTH,
        "vocabulary_size": VOCABULARY_SIZE,
        "held_out": published.held_out,
    }

    @contextmanager
    def complete(draft: Card) -> Iterator[tuple[Card, Contents]]:
        with published.read(sources, most_lines) as corpus:
            vocabulary, contents = encode_corpus(corpus)
            yield replace(draft, vocabulary=vocabulary), contents

    return _make(published, sources, target, how_made, complete)


def _make(
    published: PublishedDataSet,
    sources: list[Path],
    target: Path,
    how_made: dict[str, str | int | None],
    complete: Callable[[Card], AbstractContextManager[tuple[Card, Contents]]],
) -> Card:
    """The data set that is there, or a new one, if the sources are what they seem to be."""
    of_files = FileDigests(published, sources)
    draft = Card(
        name=target.name,
        source=tuple(Path(os.path.abspath(source)).name for source in sources),
        source_sha256=tuple(digest(source, of_files.note) for source in sources),
        licence=published.licence,
        how_made=how_made | {"ttur": version("ttur")},
        classes=None,
        splits={},
    )
    if target.exists():  # before the lock, for which the folder must be writable
        return read_finished(target, draft)
    with directory_lock(target.parent):
        if target.exists():
            return read_finished(target, draft)
        with complete(draft) as (card, contents):
            card = replace(card, how_made=card.how_made | of_files.origin(contents.files))
            return write(target, card, contents)


def _check_counts(published: PublishedImages, contents: Contents, sources: list[Path]) -> None:
    """Of the splits that are there: only some can be missing, as the readers say."""
    if published.counts is None:
        return
    expected = {split: published.counts[split] for split in contents.counts}
    if contents.counts != expected:
        remedy = f"get the whole of it at {published.url}"
        if contents.kind.startswith("images"):
            remedy = "prepare a part of it with `ttur prepare images`"
        raise ValueError(
            f"expected {expected} images of {published.name} in "
            f"{', '.join(map(str, sources))}, got {contents.counts}; {remedy}"
        )
