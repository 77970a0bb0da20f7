"""A prepared data set: images, labels and the card that says where they come from."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8


@dataclass(frozen=True)
class SplitCard:
    """One split: how many images, (height, width), and the SHA-256 of their pixel bytes."""

    count: int
    size: tuple[int, int]
    sha256: str


@dataclass(frozen=True)
class Card:
    """What a data set is, where it comes from, under which licence and how it was made.

    `source_sha256` has one digest per source: of the file, or of the names and contents of all
    files of a folder. `fresh` is whether this call made the data set; it is not written down.
    """

    name: str
    source: tuple[str, ...]
    source_sha256: tuple[str, ...]
    licence: str
    how_made: dict[str, str | int | None]
    classes: tuple[str, ...] | None
    splits: dict[str, SplitCard]
    fresh: bool = False

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
                name: SplitCard(split["count"], tuple(split["size"]), split["sha256"])
                for name, split in document.pop("splits").items()
            }
            classes = document.pop("classes")
            return Card(
                **document
                | {
                    "source": tuple(document["source"]),
                    "source_sha256": tuple(document["source_sha256"]),
                    "classes": None if classes is None else tuple(classes),
                },
                splits=splits,
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path} is not a complete data set card ({error!r}); "
                "delete its folder and run `ttur prepare` again"
            ) from error


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
