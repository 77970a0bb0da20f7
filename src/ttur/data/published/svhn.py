"""Street View House Numbers, cropped digits: one MATLAB file a split (Netzer et al. 2011)."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ttur.data.contents import Blocks, Contents, skip_samples
from ttur.data.images.decode import is_of_the_machine
from ttur.data.images.framing import Framing
from ttur.data.published.description import PublishedImages
from ttur.data.published.files import find_files, labelled_blocks, require_file

_FILES = {"train": "train_32x32.mat", "test": "test_32x32.mat", "extra": "extra_32x32.mat"}


@contextmanager
def _read(published: PublishedImages, sources: list[Path], framing: Framing) -> Iterator[Contents]:
    """The .mat files, or folders that hold them; test and extra may be missing.

    One file at a time is read whole: 1.7 GB at the peak for extra.

    Raises:
        FileNotFoundError: if the training images are not among them.
        ValueError: if a file is damaged or holds something else, before anything is unpacked.
    """
    given = find_files(published, sources, {name: split for split, name in _FILES.items()})
    files = {split: given[split] for split in _FILES if split in given}
    require_file(published, _FILES["train"], sources, files, "train")
    counts = {split: _count(published, file) for split, file in files.items()}
    fit = None if framing.is_untouched else framing

    def blocks(split: str, first: int) -> Blocks:
        unpacked = partial(_unpack, count=counts[split])
        images, labels = _read_checked(published, files[split], unpacked)
        return skip_samples(first, labelled_blocks(images, labels, fit, str(files[split])))

    yield Contents("MATLAB files", published.classes, counts, blocks, tuple(files.values()))


def _count(published: PublishedImages, file: Path) -> int:
    """By its headers: nothing is unpacked before it is known to be what it should."""
    from scipy.io import whosmat  # a second of imports, for this data set alone

    listed = _read_checked(published, file, whosmat)
    held = {name: (shape, kind) for name, shape, kind in listed}
    twice = [name for name, times in Counter(name for name, _, _ in listed).items() if times > 1]
    if twice:
        raise ValueError(f"expected each variable once in {file}, got {', '.join(twice)} twice")
    shape, kind = held.get("X", ((), ""))
    count = shape[-1] if shape else 0
    if shape != (32, 32, 3, count) or kind != "uint8" or held.get("y", ((), ""))[0] != (count, 1):
        raise ValueError(
            f"expected X, uint8 of shape (32, 32, 3, n), and y of shape (n, 1) in {file}, "
            f"got {held}"
        )
    return count


def _unpack(file: str, *, count: int, appendmat: bool) -> tuple[np.ndarray, np.ndarray]:
    """Images and digits. What is stored may be of another type than its header says."""
    from scipy.io import loadmat

    read = loadmat(file, appendmat=appendmat, variable_names=("X", "y"))
    images, labels = read["X"], read["y"]
    shape = (32, 32, 3, count)
    if not isinstance(images, np.ndarray) or (images.dtype, images.shape) != (np.uint8, shape):
        raise ValueError(f"expected X, uint8 of shape {shape}, got {type(images).__name__}")
    if (
        not isinstance(labels, np.ndarray)
        or labels.dtype.kind not in "iuf"
        or not np.isin(labels, range(11)).all()
    ):
        raise ValueError("expected y, labels from 0 to 10")
    labels = labels.ravel().astype(np.int64)
    labels = np.where(labels == 10, 0, labels)  # how MATLAB counts the digit 0
    return images.transpose(3, 0, 1, 2), labels


def _read_checked(published: PublishedImages, file: Path, reader: Callable[..., Any]) -> Any:
    try:
        return reader(str(file), appendmat=False)
    except Exception as error:  # damaged files raise a dozen kinds
        if is_of_the_machine(error):
            raise
        raise ValueError(
            f"cannot read the MATLAB file {file}: {error}; get it again at {published.url}"
        ) from error


SVHN = PublishedImages(
    name="svhn",
    title="Street View House Numbers, cropped digits (Netzer et al. 2011)",
    url="http://ufldl.stanford.edu/housenumbers/",
    licence="for non-commercial use only",
    reader=_read,
    takes_several_sources=True,
    size=32,
    counts={"train": 73_257, "test": 26_032, "extra": 531_131},
    classes=tuple("0123456789"),
    sha256={
        "train_32x32.mat": "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
        "test_32x32.mat": "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
        "extra_32x32.mat": "a133a4beb38a00fcdda90c9489e0c04f900b660ce8a316a5e854838379a71eb3",
    },
)
