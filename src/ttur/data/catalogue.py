"""Names of data sets: where each comes from, its licence, what it must contain, how to load it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ttur.data.dataset import Card, DataSet, code_type, mapped
from ttur.data.published import digits as demo
from ttur.data.published.speeches import speeches
from ttur.data.vocabulary import Sentences
from ttur.runtime import digests


@dataclass(frozen=True)
class KnownDataSet:
    """A published data set. `sha256` lists its official files, for people to compare.

    Images of other sizes are brought to `size`, after a central `crop` or that of the short side.
    """

    title: str
    url: str
    licence: str
    size: int
    counts: dict[str, int]
    classes: tuple[str, ...] | None
    sha256: dict[str, str]
    crop: int | None = None


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
    "svhn": KnownDataSet(
        title="Street View House Numbers, cropped digits (Netzer et al. 2011)",
        url="http://ufldl.stanford.edu/housenumbers/",
        licence="for non-commercial use only",
        size=32,
        counts={"train": 73_257, "test": 26_032, "extra": 531_131},
        classes=tuple("0123456789"),
        sha256={
            "train_32x32.mat": "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
            "test_32x32.mat": "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
            "extra_32x32.mat": "a133a4beb38a00fcdda90c9489e0c04f900b660ce8a316a5e854838379a71eb3",
        },
    ),
    "celeba": KnownDataSet(
        title="CelebA, aligned and cropped faces (Liu et al. 2015)",
        url="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        licence="for non-commercial research only; no copies may be passed on",
        size=64,
        counts={"train": 202_599},
        classes=None,
        sha256={
            "img_align_celeba.zip": (
                "46fb89443c578308acf364d7d379fe1b9efb793042c0af734b6112e4fd3a8c74"
            ),
        },
        crop=108,
    ),
    "lsun_bedroom": KnownDataSet(
        title="LSUN bedrooms (Yu et al. 2015)",
        url="https://github.com/fyu/lsun",
        licence="none stated by the authors; asks to cite Yu et al. 2015",
        size=64,
        counts={"train": 3_033_042, "val": 300},
        classes=None,
        sha256={
            "bedroom_train_lmdb.zip": (
                "a15644c2e7153106867f0adb3491fc41224102d1f01b24494fb47d9f5d1f174e"
            ),
            "bedroom_val_lmdb.zip": (
                "5d022e781b241c25ec2e1f1f769afcdb8091d7fd58362667aec03137b8114b12"
            ),
        },
    ),
}


def load(name: str, data_directory: Path | str | None = None, split: str = "train") -> DataSet:
    """One split of a data set, images memory-mapped; "digits" is part of the package.

    Several splits one after the other, "train+extra" of SVHN say, are read into memory.

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
    parts = [_mapped_split(folder, card, part) for part in split.split("+")]
    return parts[0] if len(parts) == 1 else _joined(split, parts)


def load_text(
    name: str, data_directory: Path | str | None = None, split: str = "train"
) -> Sentences:
    """One split, "train" or "held_out", of a text; "speeches" is part of the package.

    Raises:
        FileNotFoundError: if the text was never prepared; says the command that does it.
        ValueError: if it has no such split, is no text, or its files differ from its card.
    """
    if name == "speeches":
        return speeches(split)
    if data_directory is None:
        raise ValueError(f"the text {name!r} lies in a folder; expected its data directory")
    folder = Path(data_directory, name)
    if not (folder / "card.json").is_file():
        command = f"ttur prepare text FILE --name {name} --data {data_directory}"
        if name == "billion_word":
            command = f"ttur prepare {name} SOURCE --data {data_directory}"
        raise FileNotFoundError(
            f"no text {name!r} in {data_directory}; run `{command}` (docs/data.md says where to "
            "get it)"
        )
    card = Card.read(folder / "card.json")
    if card.vocabulary is None:
        raise ValueError(f"expected a text in {folder}, got a data set of images")
    if split not in card.splits:
        raise ValueError(f"expected one of the splits {list(card.splits)} of {name}, got {split!r}")
    expected = card.splits[split]
    shape = (expected.count, *expected.size)
    codes = mapped(folder / f"{split}.npy", code_type(card.vocabulary), shape)
    return Sentences(name, split, codes, card.vocabulary, card.document())


def _mapped_split(folder: Path, card: Card, split: str) -> DataSet:
    if split not in card.splits:
        raise ValueError(
            f"expected one of the splits {sorted(card.splits)} of {folder.name}, got {split!r}"
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
    return DataSet(folder.name, split, images, labels, card.document())


def _joined(split: str, parts: list[DataSet]) -> DataSet:
    if len({part.split for part in parts}) < len(parts):
        raise ValueError(f"expected each split once, got {split!r}")
    images = np.concatenate([part.images for part in parts])
    labels = [part.labels for part in parts if part.labels is not None]
    digest = digests.of_bytes(images.data)
    card = parts[0].card
    size = card["splits"][parts[0].split]["size"]
    splits = card["splits"] | {split: {"count": len(images), "size": size, "sha256": digest}}
    return DataSet(
        name=parts[0].name,
        split=split,
        images=images,
        labels=np.concatenate(labels) if labels else None,
        card=card | {"splits": splits},
    )


def _remedy(name: str, data_directory: Path) -> str:
    if name in KNOWN:
        known = KNOWN[name]
        command = f"ttur prepare {name} SOURCE --data {data_directory}"
        where = f", with SOURCE ({', '.join(known.sha256)}) from {known.url}"
    else:
        command = f"ttur prepare images FOLDER --name {name} --size 64 --data {data_directory}"
        where = ", with the folder or zip of your images and the size you want"
    return f"no data set {name!r} in {data_directory}; run `{command}`{where}"
