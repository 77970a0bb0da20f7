import json

import numpy as np
import pytest
from PIL import Image

from reference import archives
from ttur.data import catalogue
from ttur.data.preparing.prepare import prepare
from ttur.data.published.cifar10 import CIFAR10
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
