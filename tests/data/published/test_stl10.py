"""STL-10 of a few images, in the form of the official archive."""

import dataclasses
import tarfile
from pathlib import Path

import numpy as np
import pytest

from onlooking import prepare
from reference import archives
from ttur.data import catalogue
from ttur.data.images.framing import centre_crop_and_resize
from ttur.data.published import stl10
from ttur.data.published.stl10 import STL10

COUNTS = {"train": 12, "test": 7, "unlabeled": 25}


def column_by_column(images: np.ndarray) -> bytes:
    """Written pixel by pixel: an image, a channel, a column, from its top."""
    return bytes(
        image[row, column, channel]
        for image in images
        for channel in range(3)
        for column in range(96)
        for row in range(96)
    )


@pytest.fixture(scope="module")
def splits() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {
        split: (
            archives.pictures(count, 96, count),
            np.random.default_rng(count).integers(0, 10, count),
        )
        for split, count in COUNTS.items()
    }


@pytest.fixture(scope="module")
def members(splits) -> dict[str, bytes]:
    """In the order of the official archive; its labels count from 1."""
    found = {}
    for split in ("test", "train", "unlabeled"):
        images, labels = splits[split]
        found[f"{split}_X.bin"] = column_by_column(images)
        if split != "unlabeled":
            found[f"{split}_y.bin"] = bytes((labels + 1).tolist())
    return found | {"class_names.txt": b"airplane\nbird\n", "fold_indices.txt": b"0 1 2\n"}


@pytest.fixture
def small(tmp_path, monkeypatch, members) -> dict[str, bytes]:
    """A table in which the set is small; blocks of four images."""
    entry = dataclasses.replace(STL10, counts=COUNTS, sha256={})
    monkeypatch.setitem(catalogue.KNOWN, "stl10", entry)
    monkeypatch.setattr(stl10, "BLOCK_IMAGES", 4)
    return dict(members)


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz", compresslevel=1) as opened:
        for name, data in members.items():
            archives.add(opened, f"stl10_binary/{name}", data)
    return path


def folder(path: Path, members: dict[str, bytes]) -> Path:
    (path / "stl10_binary").mkdir(parents=True)
    for name, data in members.items():
        (path / "stl10_binary" / name).write_bytes(data)
    return path


@pytest.mark.parametrize("form", ["archive", "folder", "the inner folder"])
def test_stl10_keeps_pixels_labels_and_order(tmp_path, small, splits, form):
    if form == "archive":
        source = archive(tmp_path / "stl10_binary.tar.gz", small)
    else:
        source = folder(tmp_path / "in", small)
        source = source / "stl10_binary" if form == "the inner folder" else source
    card = prepare("stl10", [source], tmp_path / "data")
    assert card.classes == STL10.classes
    assert card.unlabelled == ("unlabeled",)
    for split, (images, labels) in splits.items():
        loaded = catalogue.load("stl10", tmp_path / "data", split)
        assert np.array_equal(loaded.images, images)
        if split == "unlabeled":
            assert loaded.labels is None
            assert not (tmp_path / "data/stl10/unlabeled.labels.npy").exists()
        else:
            assert loaded.labels is not None
            assert np.array_equal(loaded.labels, labels)
    assert not prepare("stl10", [source], tmp_path / "data").fresh


def test_splits_joined_have_labels_if_all_of_them_have(tmp_path, small):
    prepare("stl10", [archive(tmp_path / "a.tar.gz", small)], tmp_path / "data", size=8)
    joined = catalogue.load("stl10", tmp_path / "data", "train+unlabeled")
    assert (len(joined.images), joined.labels) == (12 + 25, None)
    joined = catalogue.load("stl10", tmp_path / "data", "train+test")
    assert joined.labels is not None
    assert len(joined.labels) == 12 + 7


def test_stl10_is_brought_to_another_size(tmp_path, small, splits):
    del small["test_X.bin"], small["unlabeled_X.bin"]
    prepare("stl10", [archive(tmp_path / "a.tar.gz", small)], tmp_path / "data", size=48)
    loaded = catalogue.load("stl10", tmp_path / "data")
    expected = [centre_crop_and_resize(image, None, 48) for image in splits["train"][0]]
    assert np.array_equal(loaded.images, expected)
    assert set(loaded.card["splits"]) == {"train"}


class Interrupted(BaseException):
    pass


def test_interrupted_among_the_unlabelled_it_gives_the_same_bytes(tmp_path, small):
    """And before, among the labelled."""
    source = archive(tmp_path / "a.tar.gz", small)

    for most in (8, 12 + 7 + 8):

        def interrupt(done: int, total: int, most=most) -> None:
            if done == most:
                raise Interrupted

        with pytest.raises(Interrupted):
            prepare("stl10", [source], tmp_path / "data", on_progress=interrupt)
    prepare("stl10", [source], tmp_path / "data")
    prepare("stl10", [source], tmp_path / "at-once")
    for path in (tmp_path / "at-once/stl10").iterdir():
        assert path.read_bytes() == (tmp_path / "data/stl10" / path.name).read_bytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"train_X.bin": None}, r"expected the files train_X\.bin in .*acoates"),
        ({"test_y.bin": None}, r"expected the files test_y\.bin"),
        ({"train_y.bin": bytes([1] * 11)}, "expected 12 labels from 0 to 9 in .*got 11"),
        ({"train_y.bin": bytes([0] * 12)}, r"with the values \[-1\]"),
        ({"train_X.bin": b"1" * (27648 * 12 - 1)}, "images of 27648 bytes in .*train_X"),
        ({"unlabeled_X.bin": b"1" * 27648}, "'unlabeled': 25.*'unlabeled': 1"),
    ],
)
def test_other_files_are_refused(tmp_path, small, change, words):
    members = {name: data for name, data in (small | change).items() if data is not None}
    with pytest.raises(ValueError, match=words):
        prepare("stl10", [archive(tmp_path / "a.tar.gz", members)], tmp_path / "data")


def test_a_damaged_archive_is_named(tmp_path, small):
    path = archive(tmp_path / "a.tar.gz", small)
    path.write_bytes(path.read_bytes()[:-20_000])
    with pytest.raises(ValueError, match=r"a\.tar\.gz is damaged"):
        prepare("stl10", [path], tmp_path / "data")
