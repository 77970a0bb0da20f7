"""Whatever holds images is opened: one opener for each kind, tried in order."""

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from torch import Tensor, nn
from torch.utils.data import IterableDataset

from ttur.data import catalogue
from ttur.data.dataset import DataSet
from ttur.data.images.ahead import read_pictures
from ttur.data.images.archives import image_files, nonempty
from ttur.data.images.arrays import ArrayFile
from ttur.data.images.decode import POLICY, Picture
from ttur.data.images.files import FileList, ImageEntry, ImageFiles, printable
from ttur.evaluation.sources import ImageSet, Outcome
from ttur.evaluation.values import ValueRange, Values, channels_last, count_of, shape_of_many
from ttur.runtime import digests
from ttur.runtime.errors import kind_of
from ttur.runtime.saved import read_saved


@runtime_checkable
class Items(Protocol):
    """A map-style data set, of torch or of anybody: as many items as it is long."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


# A folder, zip or tar of images, a pattern such as `images/*.png`, a list of files, a prepared data
# set (a folder means its training split), an .npy or .npz (`arr_0`), a .pt of a tensor, an array
# (N, H, W, 3), a tensor (N, 3, H, W), a list or iterator of images or batches, a torch Dataset or
# DataLoader, a function: number of images → batch.
ImageSource = (
    str | Path | DataSet | np.ndarray | Tensor | Items | Iterable[Any] | Callable[[int], Any]
)


@dataclass(frozen=True)
class Reading:
    """How a source is to be read: what floats mean, how many to draw, what to do about errors and
    links out of a folder.
    """

    value_range: ValueRange | None = None
    count: int | None = None
    on_error: str = "fail"
    follow_links: bool = False

    def __post_init__(self) -> None:
        if self.on_error not in ("fail", "skip"):
            raise ValueError(f"expected `on_error` fail or skip, got {self.on_error!r}")

    def values(self, source: Any) -> Values:
        return Values(name_of(source), self.value_range)


def open_images(
    source: ImageSource | ImageSet,
    *,
    value_range: ValueRange | None = None,
    count: int | None = None,
    on_error: str = "fail",
    follow_links: bool = False,
) -> ImageSet:
    """The images of a source; little is read before the first batch is asked for.

        >>> open_images(np.zeros((7, 32, 32, 3), np.uint8)).count
        7

    `value_range` (black, white) is for floats; uint8 images are taken as they are. `count` is how
    many images to draw from a function, or to take from an iterator. `on_error` "skip" passes over
    images that cannot be read, and counts and names them in the audit; "fail" stops at the first.
    Links out of a folder are followed with `follow_links`; those within it are anyway.

    Raises:
        FileNotFoundError: if there is nothing at the path.
        ValueError: if it holds no images, or some that are refused; the message names them.
    """
    if isinstance(source, ImageSet):
        return source
    reading = Reading(value_range, count, on_error, follow_links)
    values = reading.values(source)
    for opener in OPENERS:
        opened = opener(source, reading)
        if opened is None:
            continue
        if count is not None and opener not in DRAWN:
            raise ValueError(
                f"a count is for functions and iterators, {values.where} has its own number of "
                "images"
            )
        return opened
    if isinstance(source, dict):
        raise ValueError(f"expected images, got a dict of {', '.join(map(str, source))}")
    raise ValueError(
        f"expected images: a path, an array, a tensor, a Dataset, a DataLoader, an iterator or a "
        f"function of a number of images, got {values.where}; wrap a network as "
        "lambda n: network(noise(n))"
    )


def name_of(source: object) -> str:
    """What a message calls a source."""
    if isinstance(source, DataSet):
        return f"{source.name} ({source.split})"
    return str(source) if isinstance(source, str | Path) else kind_of(source)


def prepared_folder(source: Any, reading: Reading) -> ImageSet | None:
    """A folder made by `ttur prepare`: its training split."""
    if not isinstance(source, str | Path) or not (Path(source) / "card.json").is_file():
        return None
    path = Path(source).resolve()
    return data_set(catalogue.load(path.name, path.parent), reading)


def array_file(source: Any, reading: Reading) -> ImageSet | None:
    """An .npy or .npz of images."""
    if not isinstance(source, str | Path):
        return None
    path = Path(source)
    if path.suffix.lower() not in (".npy", ".npz") or path.is_dir():
        return None
    file, values = ArrayFile(path), reading.values(source)
    shape = shape_of_many(file.shape, -1, values.where)
    values.check(file.dtype, shape)

    def read(batch_size: int) -> Iterator[Outcome]:
        return (values.picture(row.reshape(shape[1:])) for row in file.rows())

    def content() -> str:
        return digests.of_text(f"{file.sha256()} {values.value_range}")

    def mapped() -> np.ndarray | None:
        if path.suffix.lower() == ".npz":
            return None
        return _pixels(np.load(path, mmap_mode="r", allow_pickle=False))

    return ImageSet(values.where, shape[0], reading.on_error, read, content=content, array=mapped)


def tensor_file(source: Any, reading: Reading) -> ImageSet | None:
    """A .pt or .pth of a tensor (N, 3, H, W), or of a list of them; nothing else is unpickled."""
    if not isinstance(source, str | Path) or not Path(source).is_file():
        return None
    path = Path(source)
    if path.suffix.lower() not in (".pt", ".pth"):
        return None
    try:
        held = read_saved(path)
    except ValueError as error:
        held = f"a file that {str(error).removeprefix('it ')}"
    many = held if isinstance(held, list | tuple) else [held]
    if not many or not all(isinstance(each, Tensor) for each in many):
        found = held if isinstance(held, str) else kind_of(held)
        raise ValueError(
            f"expected in {path} a tensor of images (N, 3, H, W) or a list of such, got {found}; "
            "write it by torch.save(images, path)"
        )
    opened = (array if isinstance(held, Tensor) else items)(held, reading)
    assert opened is not None
    return replace(opened, name=str(path))


def file_list(source: Any, reading: Reading) -> ImageSet | None:
    """A list of image files, or a pattern of names such as `images/**/*.png`."""
    if isinstance(source, list | tuple):
        if not source or not all(isinstance(each, str | Path) for each in source):
            return None
        return _of_files(FileList(source, "a list of files"), reading)
    if not isinstance(source, str | Path) or Path(source).exists():
        return None
    pattern = str(source)
    if not glob.has_magic(pattern):
        return None
    names = [name for name in sorted(glob.glob(pattern, recursive=True)) if not os.path.isdir(name)]
    if not names:
        raise FileNotFoundError(f"no images at {pattern}: no file has a name of that pattern")
    return _of_files(FileList(names, pattern), reading)


def files(source: Any, reading: Reading) -> ImageSet | None:
    """A folder, a zip or a tar of image files."""
    if not isinstance(source, str | Path):
        return None
    return _of_files(image_files(Path(source), follow_links=reading.follow_links), reading)


def _of_files(found: ImageFiles, reading: Reading) -> ImageSet:
    if reading.on_error == "fail":
        for where, reason in [*found.refused, *found.unfollowed]:
            raise ValueError(f"{where} {reason}")
    if not found.refused:
        nonempty(found)

    def part(entries: list[ImageEntry], name: str) -> ImageSet:
        def read(batch_size: int) -> Iterator[Outcome]:
            for entry, picture in read_pictures(found, entries):
                yield picture if isinstance(picture, Picture) else (entry.where, picture)

        return ImageSet(name, len(entries), reading.on_error, read)

    def content() -> str:  # of the files, whose pixels are what the policy makes of them
        return digests.of_text(f"{found.sha256()} {POLICY}")

    def by_class() -> dict[str, ImageSet]:
        entries = dict[str, list[ImageEntry]]()
        for entry in found.entries:
            entries.setdefault(entry.label or ".", []).append(entry)
        classes = {} if set(entries) <= {"."} else entries
        return {label: part(those, f"{name}/{label}") for label, those in classes.items()}

    name = printable(str(found.path))
    whole = part(found.entries, name)
    return replace(whole, files=found, content=content, by_class=by_class)


def data_set(source: Any, reading: Reading) -> ImageSet | None:
    """One of `ttur.data`."""
    if not isinstance(source, DataSet):
        return None
    labels, classes = source.labels, source.card.get("classes")
    if labels is not None and classes:
        labels = np.array(classes)[labels]
    return _of_array(
        source.images,
        reading.values(source),
        reading.on_error,
        lambda: _prepared_sha256(source),
        labels,
    )


def array(source: Any, reading: Reading) -> ImageSet | None:
    """An array (N, H, W, 3) or a tensor (N, 3, H, W), grey ones without their axis of channels."""
    if not isinstance(source, np.ndarray | Tensor):
        return None
    values = reading.values(source)
    channel = -1 if isinstance(source, np.ndarray) else 0
    pixels = channels_last(
        source.reshape(shape_of_many(tuple(source.shape), channel, values.where))
    )

    def content() -> str:  # of the array as it came: with its axes moved it would be copied
        return digests.of_text(f"{digests.of_array(source)} {channel} {values.value_range}")

    return _of_array(pixels, values, reading.on_error, content)


def items(source: Any, reading: Reading) -> ImageSet | None:
    """A map-style data set; a list or tuple of images or batches."""
    if isinstance(source, dict | IterableDataset) or not isinstance(source, Items):
        return None
    values, listed = reading.values(source), isinstance(source, list | tuple)

    def read(batch_size: int) -> Iterator[Outcome]:
        for index in range(len(source)):
            try:
                pictures = list(values.pictures_of(source[index]))
                if len(pictures) != 1 and not listed:
                    raise ValueError(
                        f"{len(pictures)} images where one was expected; a data set of batches is "
                        "read by iter(...) of it"
                    )
            except Exception as error:  # of a data set of somebody else's
                reason = ValueError(f"cannot read item {index} of {values.where}: {error}")
                reason.__cause__ = error
                yield f"item {index}", reason
            else:
                yield from pictures

    count = count_of(source) if listed else len(source)
    return ImageSet(values.where, count, reading.on_error, read)


def iterable(source: Any, reading: Reading) -> ImageSet | None:
    """A DataLoader, an iterator, a generator: of images or of batches."""
    if isinstance(source, dict) or not isinstance(source, Iterable):
        return None
    values, count = reading.values(source), reading.count

    def read(batch_size: int) -> Iterator[Outcome]:
        pictures = (picture for item in source for picture in values.pictures_of(item))
        taken = 0
        for picture in islice(pictures, count):
            yield picture
            taken += 1
        if count is not None and taken < count:
            raise ValueError(f"expected {count} images from {values.where}, got {taken}")

    return ImageSet(values.where, count, reading.on_error, read)


def function(source: Any, reading: Reading) -> ImageSet | None:
    """A function of a number of images, which draws them."""
    if not callable(source) or isinstance(source, nn.Module):
        return None
    values, count = reading.values(source), reading.count
    if count is None or count < 1:
        raise ValueError(f"{values.where} makes as many images as it is asked for; give a count")

    def read(batch_size: int) -> Iterator[Outcome]:
        for made in range(0, count, batch_size):
            wanted = min(batch_size, count - made)
            pictures = list(values.pictures_of(source(wanted)))
            if len(pictures) != wanted:
                raise ValueError(
                    f"expected {wanted} images from {values.where}, got {len(pictures)}"
                )
            yield from pictures

    return ImageSet(values.where, count, reading.on_error, read)


# An opener returns None of what is not its kind, and raises if it is and cannot be read.
Opener = Callable[[Any, Reading], ImageSet | None]
DRAWN: tuple[Opener, ...] = (iterable, function)  # they have no number of their own
OPENERS: list[Opener] = [
    *(prepared_folder, array_file, tensor_file, file_list, files),
    *(data_set, array, items, *DRAWN),
]


def _of_array(
    pixels: np.ndarray,
    values: Values,
    on_error: str,
    content: Callable[[], str],
    labels: np.ndarray | None = None,
) -> ImageSet:
    values.check(pixels.dtype, pixels.shape)

    def part(rows: Sequence[int] | np.ndarray, name: str) -> ImageSet:
        def read(batch_size: int) -> Iterator[Outcome]:
            for row in rows:
                picture = values.picture(pixels[row])
                yield picture if labels is None else replace(picture, label=str(labels[row]))

        return ImageSet(name, len(rows), on_error, read)

    def by_class() -> dict[str, ImageSet]:
        classes = () if labels is None else np.unique(labels)
        return {
            str(each): part(np.flatnonzero(labels == each), f"{values.where}/{each}")
            for each in classes
        }

    whole = part(range(len(pixels)), values.where)
    return replace(whole, content=content, array=lambda: _pixels(pixels), by_class=by_class)


def _pixels(array: np.ndarray) -> np.ndarray | None:
    """The array, if it is one of pixels: not of floats, nor of grey images."""
    is_pixels = array.dtype == np.uint8 and array.ndim == 4 and array.shape[3] == 3
    return array if is_pixels else None


def _prepared_sha256(data: DataSet) -> str:
    """Its card's digest, and by size and time that the file is still the one the card is of."""
    file = getattr(data.images, "filename", None)
    if file is None:
        return digests.of_array(data.images)
    status = Path(file).stat()
    made = f"{data.sha256} {data.images.shape} {status.st_size} {status.st_mtime_ns}"
    return digests.of_text(made)
