"""Data embedded in the package, so that every command works offline: 1,797 handwritten digits."""

from functools import cache
from importlib.metadata import version
from importlib.resources import files

import numpy as np
from jaxtyping import Integer, UInt8

from ttur.data.dataset import Card, DataSet, SplitCard
from ttur.data.published.description import PublishedImages
from ttur.runtime import digests

_SPLITS = ("train", "test", "all")


def digits(split: str = "train") -> DataSet:
    """The UCI handwritten digits as 16x16 RGB: every fifth is "test" (360), the rest "train".

    "all" are both, 1,797. The same thirteen writers are in train and test.
    """
    if split not in _SPLITS:
        raise ValueError(
            f"expected one of the splits {', '.join(_SPLITS)} of digits, got {split!r}"
        )
    images, labels, digest = _embedded()
    return DataSet(
        name=DIGITS.name,
        split=split,
        images=images[_chosen(split, len(images))],
        labels=labels[_chosen(split, len(images))],
        card=Card(
            name=DIGITS.name,
            source=(DIGITS.title,),
            source_sha256=(digest,),
            licence=DIGITS.licence,
            how_made={
                "from": "scikit-learn's copy (the UCI test set), by tools/make_digits.py",
                "size": 16,
                "crop": None,
                "ttur": version("ttur"),
            },
            classes=DIGITS.classes,
            splits={name: _split_card(images[_chosen(name, len(images))]) for name in _SPLITS},
        ).document(),
    )


def double(
    counts: Integer[np.ndarray, "count height width"],
) -> UInt8[np.ndarray, "count 2*height 2*width"]:
    """Values 0 to 16 brought to twice the side and 0 to 255, bilinearly, rounded once.

    Output pixel centres lie a quarter of an input pixel from the nearest input: the weights are
    9, 3, 3, 1 sixteenths. In integers, so that every machine and library version agrees.
    """
    values = counts.astype(np.int64)
    for axis in (1, 2):
        edge = [(0, 0)] * 3
        edge[axis] = (1, 1)
        values = np.pad(values, edge, mode="edge")
        near, before, after = (
            np.take(values, range(start, start + values.shape[axis] - 2), axis)
            for start in (1, 0, 2)
        )
        pairs = np.stack([3 * near + before, 3 * near + after], axis + 1)
        shape = list(near.shape)
        shape[axis] *= 2
        values = pairs.reshape(shape)
    return ((255 * values + 128) // 256).astype(np.uint8)


@cache
def _embedded() -> tuple[np.ndarray, np.ndarray, str]:
    file = files("ttur.data.published") / "digits.npz"
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        images, labels = archive["images"], archive["labels"].astype(np.int64)
    images = np.repeat(double(images)[..., None], 3, axis=3)
    images.flags.writeable = labels.flags.writeable = False  # shared by all callers
    return images, labels, digests.of_bytes(file.read_bytes())


def _chosen(split: str, count: int) -> np.ndarray:
    fifth = np.arange(count) % 5 == 0
    return {"train": ~fifth, "test": fifth, "all": np.full(count, True)}[split]


def _split_card(images: np.ndarray) -> SplitCard:
    height, width = images.shape[1:3]
    return SplitCard(len(images), (height, width), digests.of_bytes(images.tobytes()))


DIGITS = PublishedImages(
    name="digits",
    title="Optical Recognition of Handwritten Digits, Alpaydin and Kaynak 1998, UCI",
    licence="CC BY 4.0",
    load=digits,
    size=16,
    classes=tuple("0123456789"),
)
