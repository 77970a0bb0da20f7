"""Names of data sets: the table of those that are known, and how one is opened."""

from pathlib import Path

import numpy as np

from ttur.data.dataset import Card, DataSet, code_type, map_array
from ttur.data.published.billion_word import BILLION_WORD
from ttur.data.published.celeba import CELEBA
from ttur.data.published.cifar10 import CIFAR10
from ttur.data.published.description import PublishedDataSet, PublishedImages, PublishedText
from ttur.data.published.digits import DIGITS
from ttur.data.published.lsun import LSUN_BEDROOM
from ttur.data.published.mnist import MNIST
from ttur.data.published.own_images import OWN_IMAGES
from ttur.data.published.own_text import OWN_TEXT
from ttur.data.published.speeches import SPEECHES
from ttur.data.published.stl10 import STL10
from ttur.data.published.svhn import SVHN
from ttur.data.vocabulary import Sentences
from ttur.runtime import digests
from ttur.runtime.errors import close

KNOWN: dict[str, PublishedImages | PublishedText] = {
    published.name: published
    for published in (
        *(CIFAR10, MNIST, SVHN, STL10, CELEBA, LSUN_BEDROOM, BILLION_WORD, OWN_IMAGES, OWN_TEXT),
        *(DIGITS, SPEECHES),
    )
}
"""By name: what `prepare` makes, one's own among them, and what comes with the package."""


def load(name: str, data_directory: Path | str | None = None, split: str = "train") -> DataSet:
    """One split of a data set, images memory-mapped; some are part of the package.

    Several splits one after the other, "train+extra" of SVHN say, are read into memory.

    Raises:
        FileNotFoundError: if the data set was never prepared; says the command that does it.
        ValueError: if it has no such split, or files that differ from its card.
    """
    known = KNOWN.get(name)
    if isinstance(known, PublishedImages) and known.load is not None:
        return known.load(split)
    folder, card = _folder_and_card(name, data_directory, OWN_IMAGES)
    parts = [_split_of(folder, card, part) for part in split.split("+")]
    return parts[0] if len(parts) == 1 else _join(split, parts)


def load_text(
    name: str, data_directory: Path | str | None = None, split: str = "train"
) -> Sentences:
    """One split, "train" or "held_out", of a text; some are part of the package.

    Raises:
        FileNotFoundError: if the text was never prepared; says the command that does it.
        ValueError: if it has no such split, is no text, or its files differ from its card.
    """
    known = KNOWN.get(name)
    if isinstance(known, PublishedText) and known.load is not None:
        return known.load(split)
    folder, card = _folder_and_card(name, data_directory, OWN_TEXT)
    assert card.vocabulary is not None
    if split not in card.splits:
        raise ValueError(f"expected one of the splits {list(card.splits)} of {name}, got {split!r}")
    expected = card.splits[split]
    shape = (expected.count, *expected.size)
    codes = map_array(folder / f"{split}.npy", code_type(card.vocabulary), shape)
    return Sentences(name, split, codes, card.vocabulary, card.document())


def _folder_and_card(
    name: str, data_directory: Path | str | None, own: PublishedDataSet
) -> tuple[Path, Card]:
    """Folder and card of what `prepare` made, of the kind of one's `own`."""
    kind = "text" if own is OWN_TEXT else "data set"
    if data_directory is None:
        raise ValueError(f"the {kind} {name!r} lies in a folder; expected its data directory")
    folder = Path(data_directory, name)
    if not (folder / "card.json").is_file():
        there = [card.parent.name for card in Path(data_directory).glob("*/card.json")]
        remedies = (close(name, there), _remedy(name, data_directory, own))
        raise FileNotFoundError(
            f"no {kind} {name!r} in {data_directory}; {' Or '.join(filter(None, remedies))}"
        )
    card = Card.read(folder / "card.json")
    if (card.vocabulary is None) is (own is OWN_TEXT):
        kinds = ("a data set of images", "a text")
        expected, got = reversed(kinds) if own is OWN_TEXT else kinds
        raise ValueError(f"expected {expected} in {folder}, got {got}")
    return folder, card


def _split_of(folder: Path, card: Card, split: str) -> DataSet:
    if split not in card.splits:
        raise ValueError(
            f"expected one of the splits {sorted(card.splits)} of {folder.name}, got {split!r}"
        )
    expected = card.splits[split]
    shape = (expected.count, *expected.size, 3)
    if expected.count == 0:  # no memory map is that short
        raise ValueError(
            f"{folder / split}.npy holds no image; delete {folder} and run `ttur prepare` again"
        )
    images = map_array(folder / f"{split}.npy", np.dtype(np.uint8), shape)
    labels = None
    if card.has_labels(split):
        labels = map_array(folder / f"{split}.labels.npy", np.dtype(np.int64), (expected.count,))
    return DataSet(folder.name, split, images, labels, card.document())


def _join(split: str, parts: list[DataSet]) -> DataSet:
    if len({part.split for part in parts}) < len(parts):
        raise ValueError(f"expected each split once, got {split!r}")
    images = np.concatenate([part.images for part in parts])
    labels = [part.labels for part in parts if part.labels is not None]
    are_labelled = len(labels) == len(parts)
    digest = digests.of_bytes(images.data)
    card = parts[0].card
    size = card["splits"][parts[0].split]["size"]
    splits = card["splits"] | {split: {"count": len(images), "size": size, "sha256": digest}}
    return DataSet(
        name=parts[0].name,
        split=split,
        images=images,
        labels=np.concatenate(labels) if are_labelled else None,
        card=card | {"splits": splits},
    )


def _remedy(name: str, data_directory: Path | str, own: PublishedDataSet) -> str:
    """The command that makes it; what nobody published is taken for one's own."""
    known = KNOWN.get(name, own)
    published = known if known.kind == own.kind else own
    words = published.usage.format(name=name).removeprefix("ttur ")
    where = published.title
    if published.url is not None:
        where = f"SOURCE ({', '.join(published.sha256)}) from {published.url}"
    return f"run `ttur {words} --data {data_directory}`, with {where}"
