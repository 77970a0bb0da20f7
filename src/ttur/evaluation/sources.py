"""Whatever holds images becomes batches of uint8 pixels, in one order and one layout."""

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Num
from torch import Tensor
from torch.utils.data import IterableDataset

from ttur.data import catalogue
from ttur.data.archives import image_files, nonempty
from ttur.data.array_files import ArrayFile
from ttur.data.dataset import DataSet
from ttur.data.image_files import ImageFiles
from ttur.data.images import Picture
from ttur.data.reading import read_pictures
from ttur.evaluation.audit import Audit
from ttur.evaluation.values import Values, channels_last, many_shaped
from ttur.metrics.resize import resize

# A folder, zip or tar of images, a prepared data set (a folder means its training split), an .npy
# or .npz (`arr_0`), an array (N, H, W, 3), a tensor (N, 3, H, W), a torch Dataset or DataLoader, an
# iterator of images or batches, a function: number of images → batch.
ImageSource = str | Path | DataSet | np.ndarray | Tensor | Iterable | Callable[[int], Any] | Any

# What an entry of a source became: its picture, or its name and why there is none.
Outcome = Picture | tuple[str, ValueError]


@dataclass
class Images:
    """The images of one source, to be read in one pass, which fills the `audit`.

    `count` is the number of images if it is known beforehand; skipped ones are among them. Arrays,
    files and data sets can be read again, from the beginning and with a new audit; an iterator
    cannot.
    """

    name: str
    count: int | None
    on_error: str
    read: Callable[[int, int, int], Iterator[Outcome]] = field(repr=False)
    files: ImageFiles | None = field(default=None, repr=False)
    content: Callable[[], str | None] = field(default=lambda: None, repr=False)
    audit: Audit = field(default_factory=Audit, repr=False)

    def batches(
        self, batch_size: int, rank: int = 0, world_size: int = 1
    ) -> Generator[np.ndarray | list[np.ndarray]]:
        """uint8 (batch, H, W, 3), or a list of (H, W, 3) where a batch has images of several sizes.

        The last batch may be smaller. Of `world_size` processes each takes every `world_size`-th
        image from its `rank` on: none twice, none missing.

        Raises:
            ValueError: naming the image that cannot be read, unless such are skipped; if none can.
        """
        if batch_size < 1:
            raise ValueError(f"expected a batch size of 1 or more, got {batch_size}")
        self.audit = Audit()
        if self.files is not None and rank == 0:
            self.audit.ignored.update(self.files.ignored)
            for where, reason in self.files.refused:
                self.audit.skip(where, reason)
        images = self._good(self.read(batch_size, rank, world_size))
        while batch := list(islice(images, batch_size)):
            one_size = len({image.shape for image in batch}) == 1
            yield np.stack(batch) if one_size else batch
        if not self.audit.read and (world_size == 1 or self.audit.skipped):
            first = f"; the first: {self.audit.skipped_files[0][1]}" if self.audit.skipped else ""
            raise ValueError(
                f"none of the {self.audit.skipped} images of {self.name} could be read{first}"
            )

    def content_sha256(self) -> str | None:
        """A digest of the content without decoding it: paths and bytes of the files, bytes of an
        array, the card of a data set. None for what is computed or read only once.
        """
        return self.content()

    def _good(self, outcomes: Iterator[Outcome]) -> Iterator[np.ndarray]:
        for outcome in outcomes:
            if isinstance(outcome, Picture):
                self.audit.add(outcome)
                yield outcome.pixels
            elif self.on_error == "fail":
                raise outcome[1]
            else:
                self.audit.skip(outcome[0], str(outcome[1]))


def open_images(
    source: ImageSource,
    *,
    value_range: tuple[float, float] | None = None,
    count: int | None = None,
    on_error: str = "fail",
) -> Images:
    """The images of a source; little is read before the first batch is asked for.

    `value_range` (black, white) is for floats; uint8 images are taken as they are. `count` is how
    many images to draw from a function, or to take from an iterator. `on_error` "skip" passes over
    images that cannot be read, and counts and names them in the audit; "fail" stops at the first.

    Raises:
        FileNotFoundError: if there is nothing at the path.
        ValueError: if it holds no images, or some that are refused; the message names them.
    """
    if on_error not in ("fail", "skip"):
        raise ValueError(f"expected on_error fail or skip, got {on_error!r}")
    values = Values(name_of(source), value_range)
    if count is not None and not _is_drawn(source):
        raise ValueError(
            f"a count is for functions and iterators, {values.where} has its own number of images"
        )
    if isinstance(source, str | Path):
        path = Path(source)
        if (path / "card.json").is_file():
            source = catalogue.load(path.resolve().name, path.resolve().parent)
        elif path.suffix.lower() in (".npy", ".npz") and not path.is_dir():
            return _of_array_file(ArrayFile(path), values, on_error)
        else:
            return _of_files(image_files(path), values.where, on_error)
    if isinstance(source, DataSet):
        prepared = source
        return _of_array(source.images, values, on_error, lambda: _prepared_sha256(prepared))
    if isinstance(source, np.ndarray | Tensor):
        shape = many_shaped(
            tuple(source.shape), -1 if isinstance(source, np.ndarray) else 0, values.where
        )
        array = channels_last(source.reshape(shape))
        return _of_array(array, values, on_error, lambda: _array_sha256(array, value_range))
    if isinstance(source, dict):
        raise ValueError(f"expected images, got a dict of {', '.join(map(str, source))}")
    if _is_map_style(source):
        return _of_items(source, values, on_error)
    if isinstance(source, Iterable):
        return _of_iterable(source, values, on_error, count)
    if callable(source) and not isinstance(source, torch.nn.Module):
        return _of_function(source, values, on_error, count)
    raise ValueError(
        f"expected images: a path, an array, a tensor, a Dataset, a DataLoader, an iterator or a "
        f"function of a number of images, got {values.where}; wrap a network as "
        "lambda n: network(noise(n))"
    )


def _of_files(files: ImageFiles, name: str, on_error: str) -> Images:
    if on_error == "fail":
        for where, reason in files.refused:
            raise ValueError(f"{where} {reason}")
    if not files.refused:
        nonempty(files)

    def read(batch_size: int, rank: int, world_size: int) -> Iterator[Outcome]:
        for entry, picture in read_pictures(files, files.entries[rank::world_size]):
            yield picture if isinstance(picture, Picture) else (entry.where, picture)

    return Images(name, len(files.entries), on_error, read, files, files.sha256)


def _of_array(
    array: np.ndarray, values: Values, on_error: str, content: Callable[[], str]
) -> Images:
    values.check(array.dtype, array.shape)

    def read(batch_size: int, rank: int, world_size: int) -> Iterator[Outcome]:
        return map(values.picture, array[rank::world_size])

    return Images(values.where, len(array), on_error, read, content=content)


def _of_array_file(file: ArrayFile, values: Values, on_error: str) -> Images:
    shape = many_shaped(file.shape, -1, values.where)
    values.check(file.dtype, shape)

    def read(batch_size: int, rank: int, world_size: int) -> Iterator[Outcome]:
        return (values.picture(row.reshape(shape[1:])) for row in file.rows(rank, world_size))

    def content() -> str:
        return _sha256(f"{file.sha256()} {values.value_range}".encode())

    return Images(values.where, shape[0], on_error, read, content=content)


def _of_items(items: Any, values: Values, on_error: str) -> Images:
    def read(batch_size: int, rank: int, world_size: int) -> Iterator[Outcome]:
        for index in range(rank, len(items), world_size):
            try:
                (picture,) = values.pictures_of(items[index])
            except Exception as error:  # of a data set of somebody else's
                reason = ValueError(f"cannot read item {index} of {values.where}: {error}")
                reason.__cause__ = error
                yield f"item {index}", reason
            else:
                yield picture

    return Images(values.where, len(items), on_error, read)


def _of_iterable(source: Iterable[Any], values: Values, on_error: str, count: int | None) -> Images:
    def read(batch_size: int, rank: int, world_size: int) -> Iterator[Outcome]:
        pictures = (picture for item in source for picture in values.pictures_of(item))
        taken = 0
        for picture in islice(pictures, count):
            if taken % world_size == rank:
                yield picture
            taken += 1
        if count is not None and taken < count:
            raise ValueError(f"expected {count} images from {values.where}, got {taken}")

    return Images(values.where, count, on_error, read)


def _of_function(
    source: Callable[[int], Any], values: Values, on_error: str, count: int | None
) -> Images:
    if count is None or count < 1:
        raise ValueError(f"{values.where} makes as many images as it is asked for; give a count")

    def read(batch_size: int, rank: int, world_size: int) -> Iterator[Outcome]:
        made = 0
        while made < count:
            wanted = min(batch_size, count - made)
            pictures = list(values.pictures_of(source(wanted)))
            if len(pictures) != wanted:
                raise ValueError(
                    f"expected {wanted} images from {values.where}, got {len(pictures)}"
                )
            yield from pictures[(rank - made) % world_size :: world_size]
            made += wanted

    return Images(values.where, count, on_error, read)


def to_pixels(
    batch: np.ndarray | list[np.ndarray], size: int | None, protocol: str
) -> Num[Tensor, "batch 3 height width"]:
    """A batch as its extractor takes it; images of several sizes are resized one by one.

    That changes nothing but the time: an extractor leaves images of its own size alone.
    """
    if isinstance(batch, np.ndarray):
        return torch.from_numpy(batch).movedim(-1, 1)
    if size is None:
        raise ValueError(
            "expected images of one size, got several, and the extractor has no size of its own; "
            "give Extractor.of a size"
        )
    return torch.cat(
        [resize(torch.from_numpy(image).movedim(-1, 0)[None], size, protocol) for image in batch]
    )


def name_of(source: object) -> str:
    """What a message calls a source."""
    if isinstance(source, DataSet):
        return f"{source.name} ({source.split})"
    return str(source) if isinstance(source, str | Path) else f"a {type(source).__name__}"


def _is_drawn(source: Any) -> bool:
    held = str | Path | DataSet | np.ndarray | Tensor
    return not isinstance(source, held) and not _is_map_style(source)


def _is_map_style(source: Any) -> bool:
    has_items = hasattr(source, "__getitem__") and hasattr(source, "__len__")
    return has_items and not isinstance(source, IterableDataset)


def _prepared_sha256(data: DataSet) -> str:
    """Its card's digest, and by size and time that the file is still the one the card is of."""
    file = getattr(data.images, "filename", None)
    if file is None:
        return _array_sha256(data.images, None)
    status = Path(file).stat()
    made = f"{data.sha256} {data.images.shape} {status.st_size} {status.st_mtime_ns}"
    return _sha256(made.encode())


def _array_sha256(array: np.ndarray, value_range: tuple[float, float] | None) -> str:
    digest = hashlib.sha256(f"{array.shape} {array.dtype} {value_range}".encode())
    for image in array:
        digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
