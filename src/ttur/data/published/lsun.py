"""LSUN bedrooms (Yu et al. 2015): an LMDB a split, of WebP or JPEG files by their digests."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ttur.data.contents import Blocks, Contents, Fit
from ttur.data.images.ahead import fitted_blocks
from ttur.data.images.archives import image_entries
from ttur.data.images.decode import decode
from ttur.data.images.files import printable
from ttur.data.images.framing import Framing
from ttur.data.published.description import PublishedImages
from ttur.data.published.image_folders import unlabelled_images

_FOLDERS = {"train": "bedroom_train_lmdb", "val": "bedroom_val_lmdb"}
_FILE = "data.mdb"
MAPPED_IMAGES = 1000
"""Read before a database is opened anew; each has 64 KiB around it mapped."""


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One value of a database."""

    where: str
    data: bytes

    def pixels(self) -> np.ndarray:
        return decode(self.data, self.where).pixels


@contextmanager
def _read(published: PublishedImages, sources: list[Path], framing: Framing) -> Iterator[Contents]:
    if databases := _databases_of(sources, framing):
        yield databases
        return
    if len(sources) > 1:
        raise ValueError(
            f"expected databases of {published.name}, or one folder or zip of images, got "
            f"{', '.join(map(str, sources))}"
        )
    with image_entries(sources[0]) as entries:
        yield unlabelled_images(
            entries, framing, tuple(source for source in sources if source.is_file())
        )


def _databases_of(sources: list[Path], fit: Fit) -> Contents | None:
    """Databases, or the folder that holds them, in the order of the keys; None if there are none.

    They are mapped, not locked: nothing is written beside them. The validation images may be
    missing.

    Raises:
        ValueError: if one is damaged or packed, or `lmdb` is not installed.
    """
    for source in sources:
        if source.is_file() and source.name == _FILE:
            raise ValueError(
                f"{source} is the file of a database; name its folder, {source.parent}"
            )
        if source.is_file() and _holds_a_database(source):
            raise ValueError(f"{source} is packed, and a database is read in place; unzip it")
    folders = [folder for source in sources for folder in _databases(source)]
    if not folders:
        return None
    for source in sources:
        if not _databases(source):
            raise ValueError(
                f"expected databases only, or one folder or zip of images, got {source} beside "
                f"{folders[0]}; name one kind"
            )
    splits = {_split(folder): folder for folder in folders}
    if len(splits) < len(folders) or "train" not in splits:
        raise ValueError(
            f"expected {_FOLDERS['train']} and at most {_FOLDERS['val']} beside it, got "
            f"{', '.join(map(str, folders))}"
        )

    def blocks(split: str, first: int) -> Blocks:
        return fitted_blocks(((image, None) for image in _images(splits[split], first)), fit)

    counts = {split: _count(folder) for split, folder in splits.items()}
    return Contents("LMDB", None, counts, blocks)


def _split(folder: Path) -> str:
    names = folder.name, folder.resolve().name  # as one may link to it from a place of its name
    return "val" if _FOLDERS["val"] in names else "train"


def _databases(source: Path) -> list[Path]:
    folders = [source, *(source / name for name in _FOLDERS.values())]
    return [folder for folder in folders if (folder / _FILE).is_file()]


def _holds_a_database(file: Path) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return any(name.endswith(_FILE) for name in archive.namelist())
    except Exception:  # no zip, or a damaged one: said where images are looked for
        return False


def _count(folder: Path) -> int:
    with _database(folder) as database:
        return database.stat()["entries"]


def _images(folder: Path, first: int) -> Iterator[StoredImage]:
    """From the image number `first` on.

    What has been touched of a mapped file, and the pages around it, count as memory of the process
    until it is unmapped: the database is opened anew now and then.
    """
    rank, key, previous = 0, b"", None
    while key is not None:
        with _database(folder) as database, database.begin() as transaction:
            cursor = transaction.cursor()
            cursor.set_range(key)
            end, key = rank + MAPPED_IMAGES, None
            for found in cursor.iternext(values=False):
                if rank == end:
                    key = found
                    break
                if previous is not None and found <= previous:
                    raise ValueError(
                        f"{_where(folder, found)} does not come after the key before it: the "
                        "database is damaged; get it again"
                    )
                previous = found
                if rank >= first:
                    yield StoredImage(_where(folder, found), cursor.value())
                rank += 1


def _where(folder: Path, key: bytes) -> str:
    return printable(f"{folder}!{key.decode('utf-8', 'backslashreplace')}")


@contextmanager
def _database(folder: Path) -> Iterator[Any]:
    try:
        import lmdb
    except ImportError as error:
        raise ValueError(
            f"{folder} is an LMDB, and lmdb is not installed; run `pip install 'ttur[lsun]'`"
        ) from error
    try:
        with lmdb.open(str(folder), readonly=True, lock=False, create=False) as database:
            page, size = database.stat()["psize"], (folder / _FILE).stat().st_size
            needed = (database.info()["last_pgno"] + 1) * page
            if size < needed:  # reading beyond its end would kill the process
                raise ValueError(
                    f"{folder / _FILE} ends after {size:,} of {needed:,} bytes; get it again"
                )
            yield database
    except lmdb.Error as error:
        raise ValueError(
            f"cannot read the LMDB {folder}: {error}; if it is damaged, get it again"
        ) from error


LSUN_BEDROOM = PublishedImages(
    name="lsun_bedroom",
    title="LSUN bedrooms (Yu et al. 2015)",
    url="https://github.com/fyu/lsun",
    licence="none stated by the authors; asks to cite Yu et al. 2015",
    reader=_read,
    takes_several_sources=True,
    size=64,
    counts={"train": 3_033_042, "val": 300},
    is_resized=True,
    sha256={
        "bedroom_train_lmdb.zip": (
            "a15644c2e7153106867f0adb3491fc41224102d1f01b24494fb47d9f5d1f174e"
        ),
        "bedroom_val_lmdb.zip": "5d022e781b241c25ec2e1f1f769afcdb8091d7fd58362667aec03137b8114b12",
    },
)
