"""Names of data sets: where each comes from, its licence, what it must contain, how to load it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ttur.data import demo
from ttur.data.dataset import Card, DataSet, mapped


@dataclass(frozen=True)
class KnownDataSet:
    """A published data set. `sha256` lists its official files; mirrors must match them."""

    title: str
    url: str
    licence: str
    size: int
    counts: dict[str, int]
    classes: tuple[str, ...]
    sha256: dict[str, str]


KNOWN = {
    "cifar10": KnownDataSet(
        title="CIFAR-10 (Krizhevsky 2009)",
        url="https://www.cs.toronto.edu/~kriz/cifar.html",
        licence="none stated by the authors; asks to cite Krizhevsky 2009",
        size=32,
        counts={"train": 50_000, "test": 10_000},
        classes=(
            *("airplane", "automobile", "bird", "cat", "deer"),
            *("dog", "frog", "horse", "ship", "truck"),
        ),
        sha256={
            "cifar-10-binary.tar.gz": (
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
            ),
            "cifar-10-python.tar.gz": (
                "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
            ),
        },
    ),
    "mnist": KnownDataSet(
        title="MNIST (LeCun, Cortes, Burges 1998)",
        url="https://ossci-datasets.s3.amazonaws.com/mnist/",
        licence="CC BY-SA 3.0 (Yann LeCun and Corinna Cortes)",
        size=32,
        counts={"train": 60_000, "test": 10_000},
        classes=tuple("0123456789"),
        sha256={
            "train-images-idx3-ubyte.gz": (
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
            ),
            "train-labels-idx1-ubyte.gz": (
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
            ),
            "t10k-images-idx3-ubyte.gz": (
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
            ),
            "t10k-labels-idx1-ubyte.gz": (
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
            ),
        },
    ),
}


def load(name: str, data_directory: Path | str | None = None, split: str = "train") -> DataSet:
    """One split of a data set, images memory-mapped; "digits" is part of the package.

    Raises:
        FileNotFoundError: if the data set was never prepared; says the command that does it.
        ValueError: if it has no such split, or files that differ from its card.
    """
    if name == "digits":
        return demo.digits(split)
    if data_directory is None:
        raise ValueError(f"data set {name!r} lies in a folder; expected its data directory")
    folder = Path(data_directory, name)
    if not (folder / "card.json").is_file():
        raise FileNotFoundError(_remedy(name, Path(data_directory)))
    card = Card.read(folder / "card.json")
    if card.vocabulary is not None:
        raise ValueError(f"expected a data set of images in {folder}, got a text")
    if split not in card.splits:
        raise ValueError(
            f"expected one of the splits {sorted(card.splits)} of {name}, got {split!r}"
        )
    expected = card.splits[split]
    shape = (expected.count, *expected.size, 3)
    if expected.count == 0:  # no memory map is that short
        raise ValueError(
            f"{folder / split}.npy holds no image; delete {folder} and run `ttur prepare` again"
        )
    images = mapped(folder / f"{split}.npy", np.dtype(np.uint8), shape)
    labels = None
    if card.classes is not None:
        labels = mapped(folder / f"{split}.labels.npy", np.dtype(np.int64), (expected.count,))
    return DataSet(name, split, images, labels, card.document())


def _remedy(name: str, data_directory: Path) -> str:
    if name in KNOWN:
        known = KNOWN[name]
        command = f"ttur prepare {name} SOURCE --data {data_directory}"
        where = f", with SOURCE ({', '.join(known.sha256)}) from {known.url}"
    else:
        command = f"ttur prepare images FOLDER --name {name} --size 64 --data {data_directory}"
        where = ", with the folder or zip of your images and the size you want"
    return f"no data set {name!r} in {data_directory}; run `{command}`{where}"
