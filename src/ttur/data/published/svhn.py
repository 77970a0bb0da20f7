"""Street View House Numbers, cropped digits: one MATLAB file a split (Netzer et al. 2011)."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat, whosmat

from ttur.data.catalogue import KNOWN
from ttur.data.contents import Blocks, Contents, Fit, from_sample
from ttur.data.images.decode import is_of_the_machine
from ttur.data.published.records import given_files, labelled_blocks

_FILES = {"train": "train_32x32.mat", "test": "test_32x32.mat", "extra": "extra_32x32.mat"}


def svhn(sources: list[Path], fit: Fit | None) -> Contents:
    """The .mat files, or folders that hold them; test and extra may be missing.

    One file at a time is read whole: 1.7 GB at the peak for extra.

    Raises:
        FileNotFoundError: if the training images are not among them.
        ValueError: if a file is damaged or holds something else, before anything is unpacked.
    """
    given = given_files("svhn", sources, {name: split for split, name in _FILES.items()})
    files = {split: given[split] for split in _FILES if split in given}
    if "train" not in files:
        raise FileNotFoundError(
            f"expected {_FILES['train']}, directly or in a folder, among the sources "
            f"{', '.join(map(str, sources))}; it can be had at {KNOWN['svhn'].url}"
        )
    counts = {split: _count(file) for split, file in files.items()}

    def blocks(split: str, first: int) -> Blocks:
        images, labels = _read(files[split], partial(_unpacked, count=counts[split]))
        return from_sample(first, labelled_blocks(images, labels, fit, str(files[split])))

    return Contents("MATLAB files", KNOWN["svhn"].classes, counts, blocks)


def _count(file: Path) -> int:
    """By its headers: nothing is unpacked before it is known to be what it should."""
    listed = _read(file, whosmat)
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


def _unpacked(file: str, *, count: int, appendmat: bool) -> tuple[np.ndarray, np.ndarray]:
    """Images and digits. What is stored may be of another type than its header says."""
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


def _read(file: Path, reader: Callable[..., Any]) -> Any:
    try:
        return reader(str(file), appendmat=False)
    except Exception as error:  # damaged files raise a dozen kinds
        if is_of_the_machine(error):
            raise
        raise ValueError(
            f"cannot read the MATLAB file {file}: {error}; get it again at {KNOWN['svhn'].url}"
        ) from error
