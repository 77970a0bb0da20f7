"""Arrays of images in .npy files, which are memory-mapped, and .npz files, which are streamed."""

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ttur.runtime import digests

_MEMBER = "arr_0.npy"  # what np.savez calls an array without a name, as in ADM's sample batches


class ArrayFile:
    """An array whose first axis counts images; the values stay on disk until they are iterated.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds no such array, or a damaged one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._readable():
            if path.suffix.lower() == ".npy":
                array = self._memory_map()
                self.shape, self.dtype = array.shape, array.dtype
            else:
                with self._stream() as (_, shape, dtype):
                    self.shape, self.dtype = shape, dtype
        if not self.shape:
            raise ValueError(f"expected an array of images in {path}, got a single number")

    def rows(self, rank: int = 0, world_size: int = 1) -> Iterator[np.ndarray]:
        """Every `world_size`-th entry of the first axis, from `rank` on, one at a time."""
        with self._readable():
            if self.path.suffix.lower() == ".npy":
                yield from self._memory_map()[rank::world_size]
                return
            with self._stream() as (stream, shape, dtype):
                size = math.prod(shape[1:]) * dtype.itemsize
                for index in range(shape[0]):
                    data = stream.read(size)
                    if len(data) < size:
                        raise ValueError(f"it ends within image {index} of {shape[0]}")
                    if index % world_size == rank:
                        yield np.frombuffer(data, dtype).reshape(shape[1:])

    def sha256(self) -> str:
        """Of the file, whatever it holds."""
        return digests.of_file(self.path)

    def _memory_map(self) -> np.ndarray:
        array = np.load(self.path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray):
            array.close()
            raise ValueError("an .npz archive under the name of an .npy file; rename it")
        return array

    @contextmanager
    def _stream(self) -> Iterator[tuple[Any, tuple[int, ...], np.dtype]]:
        with zipfile.ZipFile(self.path) as archive:
            if _MEMBER not in archive.namelist():
                raise ValueError(_held([n.removesuffix(".npy") for n in archive.namelist()]))
            with archive.open(_MEMBER) as stream:
                shape, dtype = _header(stream)
                claimed = stream.tell() + math.prod(shape) * dtype.itemsize
                if archive.getinfo(_MEMBER).file_size != claimed:
                    raise ValueError(f"{claimed} bytes claimed, but a member of another size")
                yield stream, shape, dtype

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, GeneratorExit):
            raise
        except Exception as error:  # a damaged archive raises half a dozen kinds
            raise ValueError(
                f"expected an array of images (in an .npz: `arr_0`) in {self.path}, got: "
                f"{error or type(error).__name__}"
            ) from error


def _held(members: list[str]) -> str:
    """What an archive without images has in their place."""
    if {"mu", "sigma"} <= set(members):
        return "statistics (mu, sigma), of which no images can be made; give the images"
    if "features" in members:
        return "features, of which no images can be made; give the images"
    return (
        "no arr_0 (images), nor mu and sigma (statistics), but "
        f"{', '.join(members[:5]) or 'nothing'}; write it again with these keys"
    )


def _header(stream: Any) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(stream)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"the array format {version}, which is for records")
    shape, fortran_order, dtype = readers[version](stream)
    if dtype.hasobject:
        raise ValueError("an array of Python objects, which is never loaded")
    if fortran_order:
        raise ValueError("an array in column order; save np.ascontiguousarray of it")
    return shape, dtype
