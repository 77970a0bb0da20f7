"""A data set in the making: it grows on disk, and a later process goes on where one was killed."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from ttur.data.contents import Contents
from ttur.data.dataset import Card, SplitCard
from ttur.runtime.files import replaced

_FLUSH_BYTES = 64 * 2**20  # of samples; a killed process has lost no more
_CHUNK_BYTES = 4 * 2**20
_NOTHING = SplitCard(0, (), hashlib.sha256().hexdigest())


class Unfinished:
    """The folder of a data set while it is written.

    Its card says how many samples of each split are safely on disk, and their digest. What another
    process left is gone on with if it is of the same `draft`, down to the versions, so that the
    same bytes come out; else it is cleared.
    """

    def __init__(self, folder: Path, draft: Card) -> None:
        self.folder, self.card = folder, draft
        left = None
        with suppress(OSError, ValueError):  # none there, or not one of ours
            left = Card.read(folder / "card.json")
        if left is not None and replace(left, splits={}) == draft:
            self.card = left
        else:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()

    def write(self, split: str, contents: Contents, on_samples: Callable[[int], None]) -> None:
        """Bring one split to its end; `on_samples` hears of the samples that are there.

        Raises:
            ValueError: if the contents are not as many as they say.
        """
        count = contents.counts[split]
        with ExitStack() as opened:
            reached = self.card.splits.get(split, _NOTHING)
            arrays = self._opened(opened, split, count, reached.count)
            if arrays[0].digest.hexdigest() != reached.sha256 or arrays[-1].rows != reached.count:
                reached = _NOTHING
                arrays = self._opened(opened, split, count, 0)
            samples, *labels = arrays
            on_samples(reached.count)
            unflushed = 0
            blocks = opened.enter_context(closing(contents.blocks(split, reached.count)))
            try:
                for block in blocks:
                    samples.append(block.samples)
                    for array in labels:
                        assert block.labels is not None, "where there are classes"
                        array.append(block.labels)
                    reached = samples.reached()
                    unflushed += block.samples.nbytes
                    if unflushed >= _FLUSH_BYTES:
                        self._flush(split, reached, arrays)
                        unflushed = 0
                    on_samples(len(block.samples))
            finally:  # also when the user interrupts
                self._flush(split, reached, arrays)
        if reached.count != count:
            raise ValueError(
                f"expected {count:,} samples in the split {split}, got {reached.count:,}"
            )

    def _opened(self, opened: ExitStack, split: str, count: int, rows: int) -> list["GrowingArray"]:
        """The array of the samples and, where there are classes, that of their labels."""
        names = [split] if self.card.classes is None else [split, f"{split}.labels"]
        paths = [self.folder / f"{name}.npy" for name in names]
        return [opened.enter_context(closing(GrowingArray(path, count, rows))) for path in paths]

    def _flush(self, split: str, reached: SplitCard, arrays: list["GrowingArray"]) -> None:
        for array in arrays:  # before the card that says they are there
            array.flush()
        self.card = replace(self.card, splits=self.card.splits | {split: reached})
        with replaced(self.folder / "card.json") as file:
            file.write(json.dumps(self.card.document(), indent=2).encode() + b"\n")


class GrowingArray:
    """An .npy file of `count` rows that come in blocks. The first `rows` are there already; if they
    are not, it begins anew.
    """

    def __init__(self, path: Path, count: int, rows: int) -> None:
        self.count, self.rows = count, 0
        self.shape: tuple[int, ...] | None = None  # of a row
        self.digest = hashlib.sha256()  # of the rows
        # A plain file: on a full disk its writes err, where those to a memory map kill the process.
        self._file = path.open("r+b" if rows and path.is_file() else "w+b")
        try:
            if rows:
                self._take_up(rows)
        except ValueError:  # no such header, or too short
            self._file.seek(0)
        self._file.truncate()

    def _take_up(self, rows: int) -> None:
        np.lib.format.read_magic(self._file)
        (count, *shape), _, dtype = np.lib.format.read_array_header_1_0(self._file)
        left, digest = rows * int(np.prod(shape)) * dtype.itemsize, hashlib.sha256()
        while left:
            chunk = self._file.read(min(left, _CHUNK_BYTES))
            if not chunk or count != self.count:
                raise ValueError("not the rows that were written")
            digest.update(chunk)
            left -= len(chunk)
        self.rows, self.shape, self.digest = rows, tuple(shape), digest

    def append(self, rows: np.ndarray) -> None:
        rows = np.ascontiguousarray(rows)
        if self.shape is None:
            self.shape = rows.shape[1:]
            kind = np.lib.format.dtype_to_descr(rows.dtype)
            header = {"descr": kind, "fortran_order": False, "shape": (self.count, *self.shape)}
            np.lib.format.write_array_header_1_0(self._file, header)
        self._file.write(rows.data)
        self.digest.update(rows.data)
        self.rows += len(rows)

    def reached(self) -> SplitCard:
        """The rows so far; that images have three channels goes without saying."""
        return SplitCard(self.rows, (self.shape or ())[:2], self.digest.hexdigest())

    def flush(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()
