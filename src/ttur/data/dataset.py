"""A prepared data set: labelled images, or a text, and the card that says where it comes from."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8


@dataclass(frozen=True)
class SplitCard:
    """One split: how many samples, (height, width) or (length,), and the SHA-256 of their bytes and
    of those of the labels, where there are classes.
    """

    count: int
    size: tuple[int, ...]
    sha256: str
    labels_sha256: str | None = None


@dataclass(frozen=True)
class Card:
    """What a data set is, where it comes from, under which licence and how it was made.

    `source_sha256` has one digest per source: of the file, or of the names and contents of all
    files of a folder. Only texts have a vocabulary. `fresh` is whether this call made the data set;
    it is not written down.
    """

    name: str
    source: tuple[str, ...]
    source_sha256: tuple[str, ...]
    licence: str
    how_made: dict[str, str | int | None]
    classes: tuple[str, ...] | None
    splits: dict[str, SplitCard]
    vocabulary: tuple[str, ...] | None = None
    fresh: bool = False

    def arrays(self, split: str) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
        """Type and shape of each file that belongs to a split: the samples, then the labels."""
        count, size = self.splits[split].count, self.splits[split].size
        if self.vocabulary is not None:
            return {f"{split}.npy": (code_type(self.vocabulary), (count, *size))}
        images = {f"{split}.npy": (np.dtype(np.uint8), (count, *size, 3))}
        labels = {f"{split}.labels.npy": (np.dtype(np.int64), (count,))}
        return images if self.classes is None else images | labels

    def document(self) -> dict:
        """The card as it stands in card.json."""
        document = json.loads(json.dumps(asdict(self)))
        del document["fresh"]
        return document

    @staticmethod
    def read(path: Path) -> "Card":
        """The card in a file.

        Raises:
            ValueError: if the file is not a complete card.
        """
        try:
            document = json.loads(path.read_text("utf-8"))
            splits = {
                name: SplitCard(**split | {"size": tuple(split["size"])})
                for name, split in document.pop("splits").items()
            }
            classes, vocabulary = document.pop("classes"), document.get("vocabulary")
            card = Card(
                **document
                | {
                    "source": tuple(document["source"]),
                    "source_sha256": tuple(document["source_sha256"]),
                    "classes": None if classes is None else tuple(classes),
                    "vocabulary": None if vocabulary is None else tuple(vocabulary),
                },
                splits=splits,
            )
            _check_types(card)
            return card
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path} is not a complete data set card ({error!r}); "
                "delete its folder and run `ttur prepare` again"
            ) from error


def _check_types(card: Card) -> None:
    parts = card.splits.values()
    texts = [card.name, card.licence, *card.source, *card.source_sha256, *(card.classes or ())]
    texts += [*(card.vocabulary or ()), *(part.sha256 for part in parts), *card.how_made]
    texts += [part.labels_sha256 for part in parts if part.labels_sha256 is not None]
    numbers = [number for part in parts for number in (part.count, *part.size)]
    for value, kind in [*((text, str) for text in texts), *((number, int) for number in numbers)]:
        if type(value) is not kind or (kind is int and value < 0):
            raise TypeError(f"expected {kind.__name__}, got {value!r}")


def code_type(vocabulary: tuple[str, ...]) -> np.dtype:
    """The smaller unsigned type that holds every place in the vocabulary."""
    return np.dtype(np.uint8 if len(vocabulary) <= 256 else np.uint16)


@dataclass(frozen=True)
class DataSet:
    """One split of a data set; `images` lie on disk and are read as they are used."""

    name: str
    split: str
    images: UInt8[np.ndarray, "count height width 3"]
    labels: Int64[np.ndarray, " count"] | None
    card: dict

    @property
    def sha256(self) -> str:
        """Digest of the pixel bytes, the data fingerprint of every number measured on them."""
        return self.card["splits"][self.split]["sha256"]


def mapped(path: Path, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """An array on disk, read as it is used.

    Raises:
        ValueError: if it is not of this type and shape, which its card says.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise ValueError("no plain file")
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (FileNotFoundError, ValueError, EOFError) as error:
        raise ValueError(
            f"{path} is missing or damaged ({error}); delete {path.parent} and run "
            "`ttur prepare` again"
        ) from error
    if array.dtype != dtype or array.shape != shape:
        raise ValueError(
            f"expected {dtype} of shape {shape} in {path} (so its card says), got {array.dtype} "
            f"of shape {array.shape}; delete {path.parent} and run `ttur prepare` again"
        )
    return array
