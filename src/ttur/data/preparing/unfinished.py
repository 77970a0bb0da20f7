"""A data set in the making: it grows on disk, and a later process goes on where one was killed."""

import errno
import hashlib
import io
import json
import math
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ttur.data.contents import Contents
from ttur.data.dataset import Card, SplitCard
from ttur.runtime import digests
from ttur.runtime.files import open_plain, replacement

FLUSH_BYTES = 64 * 2**20
"""Of samples; a killed process has lost no more."""
_CHUNK_BYTES = 4 * 2**20
_NOTHING = SplitCard(0, (), digests.of_bytes(b""))


class Unfinished:
    """The folder of a data set while it is written.

    Its card says how many samples of each split are safely on disk, and the digests of samples and
    labels. What another process left is gone on with if it is of the same `draft`, down to the
    versions, so that the same bytes come out; else it is cleared.
    """

    def __init__(self, folder: Path, draft: Card, splits: Iterable[str]) -> None:
        self.folder, self.card = folder, draft
        left = None
        with suppress(ValueError):  # not one of ours
            if (folder / "card.json").is_file():  # no pipe, which would be waited for
                left = Card.read(folder / "card.json")
        if left is not None and replace(left, splits={}) == draft:
            there = {split: left.splits[split] for split in splits if split in left.splits}
            self.card = replace(draft, splits=there)
            for card in folder.glob(".card.json.*.writing"):  # of a process killed while it wrote
                card.unlink()
        else:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()

    def write(self, split: str, contents: Contents, on_samples: Callable[[int], None]) -> None:
        """Bring one split to its end; `on_samples` hears of the samples that are there.

        Raises:
            ValueError: if the contents are not as many as they say, or of several sizes.
        """
        count = contents.counts[split]
        with ExitStack() as opened:
            arrays = self._open_arrays(opened, split, count)
            samples, *labels = arrays
            reached = self._card_of(arrays)
            on_samples(reached.count)
            unflushed = 0
            blocks = opened.enter_context(closing(contents.blocks(split, reached.count)))
            try:
                for block in blocks:
                    if samples.rows + len(block.samples) > count:
                        raise ValueError(
                            f"expected {count:,} samples in the split {split}, got more"
                        )
                    samples.append(block.samples)
                    for array in labels:
                        assert block.labels is not None, "where there are classes"
                        array.append(block.labels)
                    reached = self._card_of(arrays)
                    unflushed += block.samples.nbytes
                    if unflushed >= FLUSH_BYTES:
                        self._flush(split, reached, arrays)
                        unflushed = 0
                    on_samples(len(block.samples))
            finally:  # also when the user interrupts
                self._flush(split, reached, arrays)
        if reached.count != count:
            raise ValueError(
                f"expected {count:,} samples in the split {split}, got {reached.count:,}"
            )

    def _open_arrays(self, opened: ExitStack, split: str, count: int) -> list["GrowingArray"]:
        """The array of the samples and, where there are classes, that of their labels."""
        left = self.card.splits.get(split, _NOTHING)
        as_it_will_be = replace(self.card, splits={split: replace(left, count=count)})
        forms = as_it_will_be.arrays(split)
        digests = (left.sha256, left.labels_sha256)
        arrays = [GrowingArray(self.folder / name, count) for name in forms]
        for array in arrays:
            opened.enter_context(closing(array))
        parts = zip(arrays, forms.values(), digests, strict=False)
        if not left.count or not all(
            array.take_up(left.count, dtype, shape[1:], digest)
            for array, (dtype, shape), digest in parts
        ):
            for array in arrays:
                array.begin()
        return arrays

    @staticmethod
    def _card_of(arrays: list["GrowingArray"]) -> SplitCard:
        """The rows so far; that images have three channels goes without saying."""
        samples, *labels = arrays
        size = (samples.shape or ())[:2]
        digests = [array.digest.hexdigest() for array in arrays]
        return SplitCard(samples.rows, size, digests[0], digests[1] if labels else None)

    def _flush(self, split: str, reached: SplitCard, arrays: list["GrowingArray"]) -> None:
        for array in arrays:  # before the card that says they are there
            array.flush()
        self.card = replace(self.card, splits=self.card.splits | {split: reached})
        with replacement(self.folder / "card.json") as file:
            file.write(json.dumps(self.card.document(), indent=2).encode() + b"\n")


class GrowingArray:
    """An .npy file of `count` rows that come in blocks. `take_up` what is there, or `begin`."""

    def __init__(self, path: Path, count: int) -> None:
        self.path, self.count, self.rows = path, count, 0
        self.shape: tuple[int, ...] | None = None  # of a row
        self.digest = hashlib.sha256()  # of the rows
        self._header = b""
        # A plain file: on a full disk its writes err, where those to a memory map kill the process.
        self._file: BinaryIO | None = None

    def begin(self) -> None:
        """Without a row. What had the name, a link to another file say, is left as it is."""
        self.close()
        self.rows, self.shape, self.digest, self._header = 0, None, hashlib.sha256(), b""
        self.path.unlink(missing_ok=True)
        self._file = self.path.open("x+b")

    def take_up(
        self, rows: int, dtype: np.dtype, shape: tuple[int, ...], digest: str | None
    ) -> bool:
        """Go on behind so many rows; whether they are there, and of this form and digest."""
        self._file = _plain_file(self.path)
        header = _header(dtype, (self.count, *shape))
        if self._file is None or rows > self.count or self._file.read(len(header)) != header:
            return False
        left, found = rows * math.prod(shape) * dtype.itemsize, hashlib.sha256()
        while left and (chunk := self._file.read(min(left, _CHUNK_BYTES))):
            found.update(chunk)
            left -= len(chunk)
        self._file.truncate()
        self.rows, self.shape, self.digest, self._header = rows, shape, found, header
        return not left and found.hexdigest() == digest

    def append(self, rows: np.ndarray) -> None:
        """Rows of one form.

        Raises:
            ValueError: if they differ from those before.
        """
        assert self._file is not None, "begun or taken up"
        rows = np.ascontiguousarray(rows)
        header = _header(rows.dtype, (self.count, *rows.shape[1:]))
        if not self._header:
            self.shape, self._header = rows.shape[1:], header
            self._file.write(header)
        if header != self._header:
            raise ValueError(
                f"expected samples of the shape {self.shape}, as those before, got "
                f"{rows.shape[1:]}; give the `size` you want"
            )
        self._file.write(rows.data)
        self.digest.update(rows.data)
        self.rows += len(rows)

    def flush(self) -> None:
        assert self._file is not None, "begun or taken up"
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _header(dtype: np.dtype, shape: tuple[int, ...]) -> bytes:
    """What stands before the rows of an .npy file."""
    header = io.BytesIO()
    kind = np.lib.format.dtype_to_descr(dtype)
    content = {"descr": kind, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, content)
    return header.getvalue()


def _plain_file(path: Path) -> BinaryIO | None:
    """Opened to be changed; None if there is none, or one that has other names as well."""
    try:
        file = open_plain(path, change=True)
    except ValueError:
        return None
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.EISDIR, errno.ENXIO):
            return None
        raise
    if os.fstat(file.fileno()).st_nlink == 1:
        return file
    file.close()
    return None
