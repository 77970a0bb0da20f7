"""N-gram models of lines of one length, and the Jensen–Shannon divergence between two of them.

The key of an n-gram is its codes as one number in base V, the size of the vocabulary, or, where Vⁿ
is more than 2⁶⁴, as bytes: exact at every size, and in both forms sorted as the codes are.
"""

import json
import zipfile
import zlib
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, Integer, Shaped

from ttur.metrics import key_counts
from ttur.metrics.key_counts import KeyCounts, count_blocks, sums_of_repeated, union, workers
from ttur.runtime.files import replacement
from ttur.runtime.progress import counted

NUMBERS = 2**64  # keys that fit one machine word
LOADING_ERRORS = (
    *(OSError, EOFError, KeyError, TypeError, ValueError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
)


@dataclass(frozen=True, eq=False)
class NgramModel:
    """How often every n-gram occurs; its relative frequency is count / total, never smoothed.

    `keys` ascend and are uint64 or bytes; `ngrams` are the codes they stand for. `fingerprint`
    says what was counted, `{}` where nobody said.
    """

    order: int
    vocabulary_size: int
    keys: Shaped[np.ndarray, " distinct"]
    counts: Int64[np.ndarray, " distinct"]
    fingerprint: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def total(self) -> int:
        """Windows counted."""
        return int(self.counts.sum())

    @property
    def ngrams(self) -> Integer[np.ndarray, "distinct order"]:
        """The codes of every n-gram, in the order of `keys`."""
        if self.keys.dtype.kind == "S":
            return self.keys.view(_symbol(self.vocabulary_size)).reshape(-1, self.order)
        places = range(self.order - 1, -1, -1)
        beginnings = [self.keys // np.uint64(self.vocabulary_size**place) for place in places]
        return np.stack(beginnings, axis=1) % np.uint64(self.vocabulary_size)

    def merge(self, other: "NgramModel") -> "NgramModel":
        """The model of both texts together, without a fingerprint.

        Raises:
            ValueError: if order or size of the vocabulary differ.
        """
        _check_same(self, other)
        parts = [KeyCounts(model.keys, model.counts) for model in (self, other)]
        with workers() as threads:
            return NgramModel(self.order, self.vocabulary_size, *union(parts, threads))

    def save(self, path: Path | str) -> None:
        """Written beside, flushed, then renamed: never half a file under that name."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacement(path) as file:
            np.savez(
                file,  # pyright: ignore[reportArgumentType]
                keys=self.keys,
                counts=self.counts,
                order=np.array(self.order),
                vocabulary_size=np.array(self.vocabulary_size),
                fingerprint=np.array(json.dumps(self.fingerprint, sort_keys=True)),
            )

    @classmethod
    def load(cls, path: Path | str) -> "NgramModel":
        """What `save` wrote.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is torn, or holds something else.
        """
        try:
            # Opened here: np.load leaves a torn file open.
            with Path(path).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                order, size = int(file["order"]), int(file["vocabulary_size"])
                keys, counts = file["keys"], file["counts"]
                fingerprint = json.loads(str(file["fingerprint"]))
            _check_arrays(order, size, keys, counts)
            if not isinstance(fingerprint, dict):
                raise ValueError(f"its fingerprint is {fingerprint!r}")
        except FileNotFoundError:
            raise
        except LOADING_ERRORS as error:
            raise ValueError(
                f"expected a model of n-grams in {path}, got a torn or foreign file ({error}); "
                "delete it and count again"
            ) from error
        return cls(order, size, keys, counts, fingerprint)


def ngram_models(
    codes: Integer[np.ndarray, "lines length"],
    vocabulary_size: int,
    orders: Iterable[int] = range(1, 7),
) -> dict[int, NgramModel]:
    """The models of all overlapping windows of each order n: length - n + 1 in every line.

    Codes are below `vocabulary_size`; a memory-mapped array is read by blocks. Only the windows of
    the highest order are all sorted: those of a lower one are their beginnings and the lines' ends.

    Raises:
        ValueError: if an order is below 1 or beyond the length, or a code not in the vocabulary.
    """
    wanted = set(orders)
    length = codes.shape[1]
    if not wanted or min(wanted) < 1 or max(wanted) > length:
        raise ValueError(
            f"expected orders from 1 to {length}, the length of the lines, got {sorted(wanted)}"
        )
    models = {}
    with workers() as threads:
        order = max(wanted)
        counts = _windows(codes, vocabulary_size, order, threads)
        while True:
            if order in wanted:
                models[order] = NgramModel(order, vocabulary_size, *counts)
            if order == min(wanted):
                return dict(sorted(models.items()))
            beginnings = _beginnings(NgramModel(order, vocabulary_size, *counts))
            order -= 1
            ends = _windows(codes[:, length - order :], vocabulary_size, order, threads)
            counts = union([beginnings, ends], threads)


def jensen_shannon(p: NgramModel, q: NgramModel) -> float:
    """½ Σ p log₂(p/m) + ½ Σ q log₂(q/m) with m = (p + q)/2: from 0, equal, to 1, nothing shared.

    Heusel et al. 2017 call it normalised: natural logarithms divided by ln 2. Takes the time of the
    smaller model, for an n-gram that only one side has adds half its frequency, whatever it is.

    Raises:
        ValueError: if order or size of the vocabulary differ, or a model is empty.
    """
    _check_same(p, q)
    if not p.total or not q.total:
        raise ValueError("expected n-grams on both sides, got an empty model; add lines")
    few, many = sorted((p, q), key=lambda model: len(model.keys))
    places = np.searchsorted(many.keys, few.keys)
    places[places == len(many.keys)] = 0
    shared = many.keys[places] == few.keys
    a, b = few.counts[shared], many.counts[places[shared]]
    alone = (few.total - int(a.sum())) / few.total + (many.total - int(b.sum())) / many.total
    a, b = a / few.total, b / many.total
    middle = (a + b) / 2
    together = float((a * np.log2(a / middle) + b * np.log2(b / middle)).sum())
    return max((together + alone) / 2, 0.0)  # only rounding goes below


def _windows(
    codes: Integer[np.ndarray, "lines length"], size: int, order: int, threads: Executor
) -> KeyCounts:
    lines = max(key_counts.KEYS_AT_ONCE // (codes.shape[1] - order + 1), 1)
    starts = range(0, max(len(codes), 1), lines)
    shown = counted(starts, f"{order}-grams", "blocks")
    blocks = (partial(_keys_of, codes[start : start + lines], size, order) for start in shown)
    return count_blocks(blocks, threads)


def _keys_of(
    codes: Integer[np.ndarray, "lines length"], size: int, order: int
) -> Shaped[np.ndarray, " windows"]:
    """The key of every window."""
    if codes.size and not 0 <= codes.min() <= codes.max() < size:
        raise ValueError(
            f"expected codes from 0 to {size - 1}, got {codes.min()} to {codes.max()}; "
            "give the size of the vocabulary the lines were encoded with"
        )
    codes = codes.astype(_symbol(size))
    if size**order > NUMBERS:
        windows = np.lib.stride_tricks.sliding_window_view(codes, order, axis=1)
        return windows.copy().view(f"S{order * codes.itemsize}").ravel()
    count = codes.shape[1] - order + 1
    keys = np.zeros((len(codes), count), np.uint64)
    for place in range(order):
        keys *= np.uint64(size)
        keys += codes[:, place : place + count]
    return keys.ravel()


def _beginnings(model: NgramModel) -> KeyCounts:
    """The first n - 1 codes of every n-gram, which ascend as the n-grams do."""
    size = model.vocabulary_size
    if model.keys.dtype.kind == "S":
        return sums_of_repeated(_keys_of(model.ngrams[:, :-1], size, model.order - 1), model.counts)
    return sums_of_repeated(model.keys // np.uint64(size), model.counts)


def _symbol(size: int) -> np.dtype:
    """The smallest type of a code, high byte first: bytes then compare as numbers do."""
    return np.min_scalar_type(size - 1).newbyteorder(">")


def _check_arrays(order: int, size: int, keys: np.ndarray, counts: np.ndarray) -> None:
    if order < 1 or size < 1:
        raise ValueError(f"its order is {order}, its vocabulary {size}")
    expected = _keys_of(np.zeros((1, order), np.uint8), size, order).dtype
    if keys.dtype != expected or counts.dtype != np.int64 or keys.ndim != 1:
        raise ValueError(f"its keys are {keys.dtype}, its counts {counts.dtype}")
    if keys.shape != counts.shape or (keys[1:] <= keys[:-1]).any() or (counts < 1).any():
        raise ValueError("its keys and counts are not those of a model")


def _check_same(p: NgramModel, q: NgramModel) -> None:
    for name in ("order", "vocabulary_size"):
        a, b = getattr(p, name), getattr(q, name)
        if a != b:
            raise ValueError(
                f"expected models of one {name.replace('_', ' ')}, got {a} and {b}; count both "
                "sides with the same vocabulary and order"
            )
