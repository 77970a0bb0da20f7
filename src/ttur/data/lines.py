"""Bytes of a text → its lines, cut and padded, as Unicode code points; memory stays bounded."""

import codecs
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt32

PADDING = "`"
"""Fills a line up to the fixed length; an ordinary symbol for everything that follows."""

READ_BYTES = 2**20
"""Bytes read at once; they take 4 bytes a character and some copies."""
MOST_LINES = 2**16
"""Of one block: a chunk of empty lines would fill 32 times its size."""
_POINT = np.dtype("<u4")

Points = UInt32[np.ndarray, "count length"]
"""Lines as rows of code points."""


@runtime_checkable
class ByteStream(Protocol):
    """Any open binary file."""

    def read(self, size: int, /) -> bytes: ...


def padded_lines(file: ByteStream, name: str, length: int) -> Iterator[Points]:
    """The first `length` characters of every line of a UTF-8 file, padded, in blocks.

    Only "\\n" ends a line (no other separator of Unicode does), and one "\\r" before it, or at the
    end of the file, is dropped; nothing else is changed, a byte order mark included. An empty line
    is all padding; the last line need not be ended. Of a line without end no more than a piece is
    held at a time, but all of it is checked.

    Raises:
        ValueError: if the file is not UTF-8; names it and the line.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    unfinished = np.empty(0, _POINT)
    lines, at_end = 0, False
    while not at_end:
        chunk = file.read(READ_BYTES)
        at_end = not chunk
        try:
            characters = decoder.decode(chunk, final=at_end)
        except UnicodeDecodeError as error:
            line = lines + error.object[: error.start].count(b"\n") + 1
            raise ValueError(
                f"expected UTF-8 in {name}, got other bytes in line {line:,} ({error.reason}); "
                "convert the file, with iconv for example"
            ) from error
        points = np.concatenate([unfinished, _code_points(characters)])
        ends = np.flatnonzero(points == ord("\n"))
        if at_end and len(points):
            ends = np.append(ends, len(points))
        starts = np.concatenate([[0], ends + 1])
        yield from _cut(points, starts[:-1], ends, length)
        lines += len(ends)
        # One more than `length`, so that a "\r" there is not taken for the end of the line.
        unfinished = points[starts[-1] :][: length + 1].copy()


def padded_strings(lines: Iterable[str], length: int) -> Iterator[Points]:
    """The same of strings, which come without their line ends."""
    lines = iter(lines)
    while block := [line[:length].ljust(length, PADDING) for line in islice(lines, MOST_LINES)]:
        yield _code_points("".join(block)).reshape(-1, length)


def _code_points(characters: str) -> np.ndarray:
    return np.frombuffer(characters.encode("utf-32-le"), _POINT)


def _cut(
    points: np.ndarray, starts: np.ndarray, ends: np.ndarray, length: int
) -> Iterator[np.ndarray]:
    ends = ends - ((ends > starts) & (points[ends - 1] == ord("\r")))
    beyond = np.full(length, ord(PADDING), _POINT)
    windows = np.lib.stride_tricks.sliding_window_view(np.concatenate([points, beyond]), length)
    for first in range(0, len(starts), MOST_LINES):
        block = slice(first, first + MOST_LINES)
        cut = windows[starts[block]]
        cut[np.arange(length) >= (ends[block] - starts[block])[:, None]] = ord(PADDING)
        yield cut
