import json
import re
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reference import archives
from ttur.data import catalogue
from ttur.data.contents import Block, Contents
from ttur.data.preparing.prepare import prepare
from ttur.data.published.cifar10 import CIFAR10
from ttur.data.published.description import PublishedImages
from ttur.data.published.mnist import MNIST


@pytest.fixture
def pets(tmp_path):
    """A data folder with the labelled data set `pets`, 6 images of 8x8."""
    for index, image in enumerate(archives.pictures(6, side=8)):
        folder = tmp_path / "own" / ("cats", "dogs")[index % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{index}.png")
    prepare("images", [tmp_path / "own"], tmp_path / "data", target_name="pets")
    return tmp_path / "data"


@pytest.mark.parametrize("file", ["train.npy", "train.labels.npy"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "another type", "a pickle"])
def test_a_file_that_is_not_what_the_card_says_is_named(pets, file, damage):
    path = pets / "pets" / file
    array = np.load(path)
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "another type":
        np.save(path, array.astype(np.float32))
    else:
        np.save(path, array.astype(object), allow_pickle=True)
    with pytest.raises(ValueError, match=rf"{file}.*delete .*pets and run `ttur prepare` again"):
        catalogue.load("pets", pets)


def test_an_empty_data_set_is_refused(pets):
    path = pets / "pets" / "card.json"
    card = json.loads(path.read_text())
    card["splits"]["train"]["count"] = 0
    path.write_text(json.dumps(card))
    np.save(pets / "pets" / "train.npy", np.empty((0, 8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match="holds no image"):
        catalogue.load("pets", pets)


def test_digits_need_no_directory_and_others_do():
    assert len(catalogue.load("digits", split="test").images) == 360
    with pytest.raises(ValueError, match="'cifar10' lies in a folder"):
        catalogue.load("cifar10")


def test_the_published_data_sets_are_described_as_their_authors_do():
    """Counts, classes and digests from the pages of Krizhevsky and LeCun and their mirrors."""
    cifar10, mnist = CIFAR10, MNIST
    assert cifar10.counts == {"train": 50_000, "test": 10_000}
    assert mnist.counts == {"train": 60_000, "test": 10_000}
    assert cifar10.classes == tuple(archives.CLASSES)
    for known in catalogue.KNOWN.values():
        assert all(len(bytes.fromhex(digest)) == 32 for digest in known.sha256.values())


def test_the_digests_of_the_documentation_are_those_compared():
    page = (Path(__file__).parents[2] / "docs/data.md").read_text("utf-8")
    printed = dict(re.findall(r"^\| ([\w.-]+) \| `([0-9a-f]{64})` \|$", page, re.MULTILINE))
    listed = [known.sha256 for known in catalogue.KNOWN.values()]
    assert printed == {file: digest for each in listed for file, digest in each.items()}


def test_a_data_set_is_one_entry(tmp_path, monkeypatch, ttur):
    """A toy with a reader of its own: `prepare`, messages and `load` need nothing else of it."""

    @contextmanager
    def read(published, sources, framing):
        counts = {"train": int(sources[0].read_text())}

        def blocks(split, first):
            yield Block(np.full((counts[split] - first, 4, 4, 3), 7, np.uint8), None)

        yield Contents("a number", None, counts, blocks, tuple(sources))

    toy = PublishedImages(
        name="toy",
        title="a toy",
        licence="none",
        url="https://toy",
        reader=read,
        counts={"train": 3},
    )
    monkeypatch.setitem(catalogue.KNOWN, "toy", toy)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="run `ttur prepare toy SOURCE"):
        catalogue.load("toy", tmp_path / "data")
    (tmp_path / "three").write_text("3")
    code, out, _ = ttur("prepare toy three")
    assert (code, out.splitlines()[:2]) == (
        0,
        ["made: data/toy: train 3 images of 4 × 4", "licence: none"],
    )
    assert (catalogue.load("toy", tmp_path / "data").images == 7).all()
    (tmp_path / "four").write_text("4")
    code, _, err = ttur("prepare toy four")
    assert (code, "{'train': 3} images of toy in four, got {'train': 4}" in err) == (2, True)
    code, _, err = ttur("prepare ? three")
    assert "no data set '?' to prepare; there are cifar10, " in err
    assert err.endswith(", toy\n")
    assert "digits" not in err, "which comes with the package"


def test_a_text_and_images_of_the_package_are_not_taken_for_each_other():
    for load, name in ((catalogue.load, "speeches"), (catalogue.load_text, "digits")):
        with pytest.raises(ValueError, match="lies in a folder"):
            load(name)
