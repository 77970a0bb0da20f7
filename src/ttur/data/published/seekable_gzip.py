"""A gzip file read like a plain one: going back costs seconds, not the whole way again."""

import io
import zlib
from pathlib import Path
from typing import Any

BETWEEN_MARKS = 2**25
"""Unpacked bytes."""
READ_BYTES = 2**18
"""Bytes read or passed over at once."""
_GZIP = 31  # zlib's word for a gzip header and its checksum


class SeekableGzip(io.RawIOBase):
    """Every 32 MiB of unpacked bytes the decompressor is copied (some 40 kB), to return there.

    Nothing is unpacked to disk. Wrap it in `io.BufferedReader`.

    Raises:
        ValueError: while reading, if the file is damaged or cut off; names it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")
        self._decompressor: Any = zlib.decompressobj(_GZIP)
        self._packed = b""
        self._position = 0
        self._marks = [(0, 0, self._decompressor.copy())]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        if not len(view):
            return 0
        data = self._unpack(len(view))
        view[: len(data)] = data
        self._position += len(data)
        is_due = self._position >= self._marks[-1][0] + BETWEEN_MARKS
        if is_due and not self._decompressor.eof:  # at its end it holds bytes of the next member
            place = self._file.tell() - len(self._packed)
            self._marks.append((self._position, place, self._decompressor.copy()))
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence == io.SEEK_CUR:
            offset += self._position
        elif whence != io.SEEK_SET:
            raise io.UnsupportedOperation("the unpacked size is not known before the end")
        mark = max((mark for mark in self._marks if mark[0] <= offset), key=lambda mark: mark[0])
        if offset < self._position or mark[0] > self._position:
            self._position, place, decompressor = mark
            self._decompressor, self._packed = decompressor.copy(), b""
            self._file.seek(place)
        skipped = bytearray(READ_BYTES)
        while self._position < offset:
            if not self.readinto(memoryview(skipped)[: offset - self._position]):
                break
        return self._position

    def close(self) -> None:
        self._file.close()
        super().close()

    def _unpack(self, most: int) -> bytes:
        """1 to `most` bytes, none at the end of the file."""
        while True:
            if self._decompressor.eof:  # of one gzip member; another may follow
                self._packed = self._decompressor.unused_data or self._file.read(READ_BYTES)
                if not self._packed:
                    return b""
                self._decompressor = zlib.decompressobj(_GZIP)
            try:
                data = self._decompressor.decompress(self._packed, most)
            except zlib.error as error:
                raise ValueError(f"{self._path} is damaged: {error}") from error
            self._packed = self._decompressor.unconsumed_tail
            if data:
                return data
            if not self._packed and not self._decompressor.eof:
                self._packed = self._file.read(READ_BYTES)
                if not self._packed:
                    raise ValueError(f"{self._path} is cut off; copy or download it again")
