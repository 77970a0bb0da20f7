"""Sentences as fixed-length rows of symbols of a vocabulary (C.1)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, Integer, UInt

from ttur.data.dataset import code_type
from ttur.data.lines import PADDING as PADDING
from ttur.data.lines import Points, padded_strings

LENGTH = 32
"""Characters of a sentence that are kept; a shorter one is filled with back-ticks."""
UNKNOWN = "unk"
"""Symbol 0 of every vocabulary: all characters that are not in it."""
VOCABULARY_SIZE = 2048
"""Most symbols of a vocabulary, `UNKNOWN` included."""
CODE_POINTS = 0x110000
_UNKNOWN_SHOWN = "\N{REPLACEMENT CHARACTER}"

Vocabulary = tuple[str, ...]
"""`UNKNOWN`, then single characters by falling frequency, ties by code point."""
Codes = UInt[np.ndarray, "count length"]
"""Places in a vocabulary: uint8 where they fit, else uint16."""


@dataclass(frozen=True, eq=False)
class Sentences:
    """One split of a text, in the order of its files; prepared ones lie on disk."""

    name: str
    split: str
    codes: Codes
    vocabulary: Vocabulary
    card: dict

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def sha256(self) -> str:
        """Digest of the codes, the data fingerprint of every number measured on them."""
        return self.card["splits"][self.split]["sha256"]

    def strings(self, codes: Integer[np.ndarray, "count length"]) -> list[str]:
        """`text` in this vocabulary."""
        return text(codes, self.vocabulary)


def build_vocabulary(
    lines: Iterable[str], size: int = VOCABULARY_SIZE, length: int = LENGTH
) -> Vocabulary:
    """The most frequent characters of lines cut and padded to `length`; `size` counts `UNKNOWN`.

    Raises:
        ValueError: if there are no two different characters, padding included.
    """
    counts = np.zeros(CODE_POINTS, np.int64)
    for points in padded_strings(lines, length):
        add_counts(counts, points)
    return most_frequent(counts, size)


def add_counts(counts: Int64[np.ndarray, " 1114112"], points: Points) -> None:
    """Count characters in place; entry i of `counts` is that of code point i."""
    found = np.bincount(points.ravel())
    counts[: len(found)] += found


def most_frequent(counts: Int64[np.ndarray, " 1114112"], size: int = VOCABULARY_SIZE) -> Vocabulary:
    """The vocabulary of these counts.

    Raises:
        ValueError: if fewer than two characters occur: nothing could be learnt.
    """
    present = np.flatnonzero(counts)
    if len(present) < 2 or size < 3:
        only = "".join(map(chr, present))
        raise ValueError(
            "expected a text of at least two different characters (padding counts as one) and a "
            f"vocabulary of at least 3, got only {only!r} and {size}; check the files"
        )
    order = np.lexsort([present, -counts[present]])[: size - 1]
    return (UNKNOWN, *map(chr, present[order].tolist()))


def encode(lines: Iterable[str], vocabulary: Vocabulary, length: int = LENGTH) -> Codes:
    """Lines (without their line ends) cut and padded to `length`, as places in the vocabulary."""
    table = code_table(vocabulary)
    blocks = [table[points] for points in padded_strings(lines, length)]
    return np.concatenate(blocks) if blocks else np.empty((0, length), table.dtype)


def code_table(vocabulary: Vocabulary) -> UInt[np.ndarray, " 1114112"]:
    """Code point → place in the vocabulary, 0 for those not in it."""
    table = np.zeros(CODE_POINTS, code_type(vocabulary))
    table[[ord(character) for character in vocabulary[1:]]] = np.arange(1, len(vocabulary))
    return table


def text(codes: Integer[np.ndarray, "count length"], vocabulary: Sequence[str]) -> list[str]:
    """Codes as strings of equal length: padding is kept, unknown is shown as U+FFFD."""
    characters = "".join([_UNKNOWN_SHOWN, *vocabulary[1:]])
    table = np.frombuffer(characters.encode("utf-32-le"), "<u4")
    rows, length = codes.shape
    joined = table[codes].tobytes().decode("utf-32-le")
    return [joined[row * length : (row + 1) * length] for row in range(rows)]
