"""How often keys occur, as sorted arrays: counted by blocks, merged by intervals, on all cores.

Keys are of any type numpy sorts: integers, or bytes of one length.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, Shaped

KEYS_AT_ONCE = 1 << 18  # that one thread sorts; with all copies about 10 MB
BLOCKS_AT_ONCE = 64
THREADS = 8  # at most; numpy sorts without holding the interpreter


class KeyCounts(NamedTuple):
    """Keys that ascend, each once, and how often each occurred."""

    keys: Shaped[np.ndarray, " distinct"]
    counts: Int64[np.ndarray, " distinct"]


def workers() -> Executor:
    return ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1))


def count_blocks(
    blocks: Iterable[Callable[[], Shaped[np.ndarray, " n"]]], threads: Executor
) -> KeyCounts:
    """The keys of all blocks, at least one; each is made, in any order, when its turn comes.

    Counts are merged when the new ones are half as many as the old: every key a few times at most,
    in memory of about three times the result.
    """
    parts: list[KeyCounts] = []
    blocks = iter(blocks)
    while some := list(islice(blocks, BLOCKS_AT_ONCE)):
        parts += threads.map(lambda block: _count(block()), some)
        if sum(len(part.keys) for part in parts[1:]) > len(parts[0].keys) // 2:
            intervals = _intervals(parts, threads)
            parts.clear()  # before they are joined: the peak of memory is here
            parts.append(_join(intervals))
    return union(parts, threads)


def union(parts: Sequence[KeyCounts], threads: Executor) -> KeyCounts:
    """Several as one."""
    return parts[0] if len(parts) == 1 else _join(_intervals(parts, threads))


def _intervals(parts: Sequence[KeyCounts], threads: Executor) -> list[KeyCounts]:
    """The union cut into ascending intervals, so that little is held beside it and the parts."""
    largest = max(parts, key=lambda part: len(part.keys)).keys
    number = sum(len(part.keys) for part in parts) // KEYS_AT_ONCE + 1
    borders = largest[len(largest) * np.arange(1, number) // number]
    cuts = [[0, *np.searchsorted(keys, borders).tolist(), len(keys)] for keys, _ in parts]

    def merge(interval: int) -> KeyCounts:
        pieces = [slice(*cut[interval : interval + 2]) for cut in cuts]
        keys, counts = (
            np.concatenate([part[column][piece] for part, piece in zip(parts, pieces, strict=True)])
            for column in (0, 1)
        )
        ascending = np.argsort(keys, kind="stable")  # fast on runs that already ascend
        return sums_of_repeated(keys[ascending], counts[ascending])

    return list(threads.map(merge, range(number)))


def _join(intervals: list[KeyCounts]) -> KeyCounts:
    return KeyCounts(*(np.concatenate(column) for column in zip(*intervals, strict=True)))


def sums_of_repeated(keys: Shaped[np.ndarray, " n"], counts: Int64[np.ndarray, " n"]) -> KeyCounts:
    """Keys that ascend but repeat, each once, with the sum of its counts."""
    starts = np.flatnonzero(_is_first(keys))
    return KeyCounts(keys[starts], np.add.reduceat(counts, starts) if len(starts) else counts)


def _count(keys: Shaped[np.ndarray, " n"]) -> KeyCounts:
    """Sorts in place. Not `np.unique`: its hash table (numpy 2.3) is many times slower here."""
    keys.sort()
    starts = np.flatnonzero(_is_first(keys))
    return KeyCounts(keys[starts], np.diff(starts, append=len(keys)))


def _is_first(keys: Shaped[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    first = np.ones(len(keys), bool)
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    return first
