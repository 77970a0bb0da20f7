"""A prepared data set: labelled images, or a text, and the card that says where it comes from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8
from pydantic import ConfigDict, NonNegativeInt, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as described

from ttur.runtime.settings import reasons

_STRICT = ConfigDict(strict=True, extra="forbid")  # a card says what it says, in these types


@described(frozen=True, config=_STRICT)
class SplitCard:
    """One split: how many samples, (height, width) or (length,), and the SHA-256 of their bytes and
    of those of the labels, where there are classes.
    """

    count: NonNegativeInt
    size: tuple[NonNegativeInt, ...]
    sha256: str
    labels_sha256: str | None = None


@described(frozen=True, config=_STRICT)
class Card:
    """What a data set is, where it comes from, under which licence and how it was made.

    `source_sha256` has one digest per source: of the file, or of the names and contents of all
    files of a folder. Only texts have a vocabulary. Of a data set with `classes`, the splits that
    are `unlabelled` have none. `fresh` is whether this call made the data set; it is not written
    down.
    """

    name: str
    source: tuple[str, ...]
    source_sha256: tuple[str, ...]
    licence: str
    how_made: dict[str, str | int | None]
    classes: tuple[str, ...] | None
    splits: dict[str, SplitCard]
    vocabulary: tuple[str, ...] | None = None
    unlabelled: tuple[str, ...] = ()
    fresh: bool = False

    def arrays(self, split: str) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
        """Type and shape of each file that belongs to a split: the samples, then the labels."""
        count, size = self.splits[split].count, self.splits[split].size
        if self.vocabulary is not None:
            return {f"{split}.npy": (code_type(self.vocabulary), (count, *size))}
        images = {f"{split}.npy": (np.dtype(np.uint8), (count, *size, 3))}
        labels = {f"{split}.labels.npy": (np.dtype(np.int64), (count,))}
        return images | labels if self.has_labels(split) else images

    def has_labels(self, split: str) -> bool:
        return self.classes is not None and split not in self.unlabelled

    def document(self) -> dict:
        """The card as it stands in card.json; there are no empty `unlabelled`."""
        omitted = {"fresh"} if self.unlabelled else {"fresh", "unlabelled"}
        return _CARD.dump_python(self, mode="json", exclude=omitted)

    @staticmethod
    def read(path: Path) -> "Card":
        """The card in a file.

        Raises:
            ValueError: if the file is not a complete card.
        """
        try:
            return _CARD.validate_json(path.read_bytes())
        except ValidationError as error:
            raise ValueError(
                f"{path} is not a complete data set card ({reasons(error)}); "
                "delete its folder and run `ttur prepare` again"
            ) from error


_CARD = TypeAdapter(Card)


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


def map_array(path: Path, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
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
