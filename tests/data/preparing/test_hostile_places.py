"""`ttur prepare` among damaged, foreign and hostile files: no traceback, no hang, no lost hours."""

import bz2
import errno
import hashlib
import json
import lzma
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from scipy.sparse import csc_matrix

from onlooking import prepare
from reference import archives
from ttur.data.contents import Block, Contents
from ttur.data.dataset import Card
from ttur.data.images import ahead as reading
from ttur.data.images import archives as opened
from ttur.data.images.decode import decode
from ttur.data.preparing import place as writing
from ttur.data.preparing.sources import digest
from ttur.data.preparing.unfinished import Unfinished


@pytest.fixture
def own(tmp_path) -> Path:
    """Four images in two class folders."""
    for index, name in enumerate(("a/1.png", "a/2.png", "b/1.png", "b/2.png")):
        (tmp_path / "own" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(archives.pictures(1, 8, index)[0]).save(tmp_path / "own" / name)
    return tmp_path / "own"


def prepare_own(own: Path, **options) -> Card:
    return prepare("images", [own], own.parent / "data", target_name="own", **options)


class Interrupted(BaseException):
    pass


@pytest.fixture
def left(own, monkeypatch) -> Path:
    """What an interrupt after three of the four images leaves."""
    monkeypatch.setattr(reading, "BLOCK_IMAGES", 1)

    def interrupt(done: int, total: int) -> None:
        if done == 3:
            raise Interrupted

    with pytest.raises(Interrupted):
        prepare_own(own, on_progress=interrupt)
    return own.parent / "data/.own.unfinished"


def assert_made_as_at_once(own: Path) -> None:
    prepare_own(own)
    shutil.move(own.parent / "data/own", own.parent / "resumed")
    prepare_own(own)
    for folder in ("resumed", "data/own"):
        names = sorted(path.name for path in (own.parent / folder).iterdir())
        assert names == ["card.json", "train.labels.npy", "train.npy"]
    for name in names:
        there, at_once = own.parent / "resumed" / name, own.parent / "data/own" / name
        assert there.read_bytes() == at_once.read_bytes()


# What is left of a killed call


def change_a_label(left: Path) -> None:
    labels = left / "train.labels.npy"
    content = bytearray(labels.read_bytes())
    content[128] ^= 1
    labels.write_bytes(content)


def other_header(old: bytes, new: bytes):
    def change(left: Path) -> None:
        content = (left / "train.npy").read_bytes()
        assert old in content
        (left / "train.npy").write_bytes(content.replace(old, new, 1))

    return change


def leave_a_card_half_written(left: Path) -> None:
    (left / f".card.json.{os.getpid()}.writing").write_bytes(b"{")
    (left / ".card.json.1.writing").write_bytes(b"{")


def claim_another_split(left: Path) -> None:
    card = json.loads((left / "card.json").read_text())
    card["splits"]["val"] = card["splits"]["train"]
    (left / "card.json").write_text(json.dumps(card))


def claim_a_text_of_rows(left: Path) -> None:
    card = json.loads((left / "card.json").read_text())
    card["splits"]["train"]["count"] = "3"
    (left / "card.json").write_text(json.dumps(card))


def nest_the_card(left: Path) -> None:
    (left / "card.json").write_text("[" * 100_000)


def a_pipe_for_a_card(left: Path) -> None:
    (left / "card.json").unlink()
    os.mkfifo(left / "card.json")


@pytest.mark.parametrize(
    "change",
    [
        change_a_label,
        other_header(b"False", b"True "),
        other_header(b"(4, 8, 8, 3)", b"(4, 4,16, 3)"),
        other_header(b"'|u1'", b"'|i1'"),
        other_header(b"'shape'", b"'sha(((("),
        leave_a_card_half_written,
        claim_another_split,
        claim_a_text_of_rows,
        nest_the_card,
        a_pipe_for_a_card,
    ],
)
def test_whatever_is_left_the_same_bytes_come_out(own, left, change):
    change(left)
    assert_made_as_at_once(own)


@pytest.mark.parametrize("link", [os.symlink, os.link])
@pytest.mark.parametrize("is_array", [True, False])
def test_a_link_among_what_is_left_is_not_written_through(own, left, link, is_array):
    victim = own.parent / "victim"
    victim.write_bytes((left / "train.npy").read_bytes() if is_array else b"precious")
    before = victim.read_bytes()
    (left / "train.npy").unlink()
    link(victim, left / "train.npy")
    assert_made_as_at_once(own)
    assert victim.read_bytes() == before


def test_a_fault_of_the_machine_loses_nothing(own, monkeypatch):
    monkeypatch.setattr(reading, "BLOCK_IMAGES", 1)
    read = opened.Folder.read

    def third_fails(folder, member):
        if member.endswith("b/1.png"):
            raise OSError(errno.EMFILE, "Too many open files")
        return read(folder, member)

    monkeypatch.setattr(opened.Folder, "read", third_fails)
    with pytest.raises(OSError) as caught:
        prepare_own(own)
    assert caught.value.errno == errno.EMFILE
    assert "own/b/1.png" in str(caught.value.filename)
    card = Card.read(own.parent / "data/.own.unfinished/card.json")
    assert card.splits["train"].count >= 1


def test_no_memory_is_not_a_damaged_image(monkeypatch):
    def exhausted(image):
        raise MemoryError

    monkeypatch.setattr("ttur.data.images.decode.picture_of", exhausted)
    with pytest.raises(MemoryError):
        decode(archives.bedroom(0), "here")


def test_a_damaged_image_keeps_what_was_done(own, monkeypatch):
    monkeypatch.setattr(reading, "BLOCK_IMAGES", 1)
    (own / "b/2.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"b/2\.png"):
        prepare_own(own)
    assert (own.parent / "data/.own.unfinished/train.npy").is_file()
    Image.new("RGB", (8, 8)).save(own / "b/2.png")
    assert_made_as_at_once(own)


def card_of(splits: dict) -> Card:
    return Card("own", ("own",), ("0",), "none", {}, None, splits)


def test_contents_longer_than_they_say_end_at_once(tmp_path):
    def endless(split: str, first: int):
        while True:
            yield Block(np.zeros((2, 4, 4, 3), np.uint8), None)

    contents = Contents("images", None, {"train": 5}, endless)
    unfinished = Unfinished(tmp_path / "made", card_of({}), contents.counts)
    with pytest.raises(ValueError, match="expected 5 samples in the split train, got more"):
        unfinished.write("train", contents, lambda done: None)


def test_samples_of_another_size_than_those_left_are_refused(tmp_path):
    def of_two_sizes(split: str, first: int):
        for index in range(first, 4):
            side = 4 if index < 2 else 5
            yield Block(np.zeros((1, side, side, 3), np.uint8), None)

    contents = Contents("images", None, {"train": 4}, of_two_sizes)
    for _ in range(2):
        unfinished = Unfinished(tmp_path / "made", card_of({}), contents.counts)
        with pytest.raises(ValueError, match=r"\(4, 4, 3\).*got \(5, 5, 3\).*`size`"):
            unfinished.write("train", contents, lambda done: None)
        (tmp_path / "made").mkdir(exist_ok=True)


# What is finished


def test_a_finished_data_set_without_its_array_is_not_there(own):
    prepare_own(own)
    (own.parent / "data/own/train.npy").unlink()
    with pytest.raises(ValueError, match=r"train\.npy is missing.*delete .*own and run"):
        prepare_own(own)


def test_a_finished_data_set_is_found_without_a_lock(own):
    prepare_own(own)
    with writing.directory_lock(own.parent / "data"):
        assert not prepare_own(own).fresh


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("splits", "train", "count"), "4"),
        (("splits", "train", "count"), 4.0),
        (("splits", "train", "count"), -4),
        (("splits", "train", "size"), [8, "8"]),
        (("classes",), [1, 2]),
        (("source",), [None]),
    ],
)
def test_a_card_of_wrong_types_is_refused(own, keys, value):
    prepare_own(own)
    path = own.parent / "data/own/card.json"
    card = json.loads(path.read_text())
    *outer, last = keys
    inner = card
    for key in outer:
        inner = inner[key]
    inner[last] = value
    path.write_text(json.dumps(card))
    with pytest.raises(ValueError, match="not a complete data set card"):
        Card.read(path)


def test_the_card_has_the_digest_of_the_labels(own):
    labels = np.array([0, 0, 1, 1], np.int64)
    expected = hashlib.sha256(labels.tobytes()).hexdigest()
    assert prepare_own(own).splits["train"].labels_sha256 == expected


# Names and places


@pytest.mark.parametrize("name", ["cifar10", "billion_word", "images", "speeches", ""])
def test_no_data_set_takes_the_name_of_another(tmp_path, name):
    with pytest.raises(ValueError, match="a name of its own for what is made from svhn"):
        prepare("svhn", [tmp_path], tmp_path / "data", target_name=name)


@pytest.mark.parametrize("option", ["size", "crop"])
def test_absurd_sides_are_refused(own, option):
    with pytest.raises(ValueError, match=rf"`{option}` of 2 to 8192 pixels, got 10\d*"):
        prepare_own(own, **{option: 10**11})


def test_a_data_folder_in_its_source_is_refused_before_any_work(own, monkeypatch):
    monkeypatch.chdir(own)
    with pytest.raises(ValueError, match=r"in the source .*one outside as `data_directory`"):
        prepare("images", [Path(".")], "data", target_name="own")
    assert not (own / "data").exists()
    card = prepare("images", [Path(".")], own.parent / "data", target_name="own")
    assert card.source == ("own",)


@pytest.mark.parametrize(
    ("place", "make"),
    [
        ("data", Path.touch),
        ("data/.own.unfinished", Path.touch),
        ("data/.own.unfinished", lambda path: path.symlink_to(path.parent)),
        ("data/.prepare.lock", Path.mkdir),
        ("data/.prepare.lock", os.mkfifo),
        ("data/own", lambda path: path.symlink_to("nothing")),
    ],
)
def test_what_is_in_the_way_is_named(own, place, make):
    path = own.parent / place
    if place != "data":
        path.parent.mkdir()
    make(path)
    with pytest.raises(FileExistsError, match=f"{place}.*(which is none|delete it)"):
        prepare_own(own)


def test_a_lock_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / ".prepare.lock").symlink_to("elsewhere")
    with pytest.raises(OSError), writing.directory_lock(tmp_path):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_the_digest_of_a_deep_folder(tmp_path):
    folder = tmp_path
    for _ in range(1100):
        folder = folder / "d"
        os.mkdir(folder)
    try:
        (folder / "file").write_bytes(b"content")
        assert len(digest(tmp_path)) == 64
    finally:
        (folder / "file").unlink()
        while folder != tmp_path:  # rmtree of this Python recurses
            folder.rmdir()
            folder = folder.parent


# Archives


def test_zips_and_flat_folders_that_are_not_class_folders(tmp_path, own, small_data_sets):
    for index in range(3):
        shutil.copy(own / "a/1.png", own.parent / f"{index}.png")
    (own.parent / "flat").mkdir()
    shutil.move(own.parent / "0.png", own.parent / "flat/0.png")
    archive = archives.zipped(own.parent / "flat", tmp_path / "flat.zip")
    for source in (own.parent / "flat", archive):
        with pytest.raises(ValueError, match=r"expected train/<class>/.*got 0\.png"):
            prepare("cifar10", [source], tmp_path / "data")


def test_a_zip_of_a_later_version_is_no_traceback(tmp_path, small_data_sets):
    path = tmp_path / "late.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", b"")
    content = path.read_bytes()
    place = content.index(b"PK\x01\x02") + 6
    path.write_bytes(content[:place] + bytes([99, 0]) + content[place + 2 :])
    with pytest.raises(ValueError, match=r"late\.zip"):
        prepare("lsun_bedroom", [path], tmp_path / "data")


@pytest.mark.parametrize("compress", [lzma.compress, bz2.compress])
def test_a_damaged_tar_of_any_compression_is_named(tmp_path, small_data_sets, compress):
    path = tmp_path / "cifar.tar"
    with tarfile.open(path, "w") as archive:
        for name in archives.BATCHES:
            archives.add(archive, f"{name}.bin", os.urandom(3073))
    whole = compress(path.read_bytes())
    for at in (10, len(whole) // 2):
        path.write_bytes(whole[:at] + bytes(50) + whole[at + 50 :])
        with pytest.raises(ValueError, match=r"cifar\.tar"):
            prepare("cifar10", [path], tmp_path / "data")


def test_a_bomb_is_not_unpacked_to_its_end(tmp_path, small_data_sets, monkeypatch):
    path = tmp_path / "bomb.tar.bz2"
    with tarfile.open(path, "w:bz2") as archive:
        archives.add(archive, "data_batch_1.bin", bytes(8 * 2**20))
        archives.add(archive, "data_batch_2.bin", b"")
    monkeypatch.setattr(opened, "LARGEST_RATIO", -(2**30) // path.stat().st_size)
    with pytest.raises(ValueError, match=r"bomb\.tar\.bz2 is damaged \(a bomb\?"):
        prepare("cifar10", [path], tmp_path / "data")


# Sources


def test_every_source_must_contribute(tmp_path, own, small_data_sets):
    data = tmp_path / "data"
    archives.svhn_file(tmp_path / "mat/train_32x32.mat", archives.pictures(40), np.arange(40) % 10)
    with pytest.raises(ValueError, match=r"each file of svhn once, got .*mat.*mat"):
        prepare("svhn", [tmp_path / "mat", tmp_path / "mat"], data)
    with pytest.raises(FileNotFoundError, match=r"in .*1\.png, got none"):
        prepare("svhn", [tmp_path / "mat", own / "a/1.png"], data)
    archives.mnist_files(tmp_path / "idx", {"train": 40, "test": 20}, compressed=True)
    (tmp_path / "idx" / archives.IDX["test", "images"]).touch()
    with pytest.raises(ValueError, match="each file of mnist once"):
        prepare("mnist", [tmp_path / "idx"], data)
    with pytest.raises(ValueError, match=r"or one folder or zip of images, got .*own.*idx"):
        prepare("lsun_bedroom", [own, tmp_path / "idx"], data)
    with tarfile.open(tmp_path / "c.tar", "w") as archive:
        for folder in ("a", "b"):
            for name in archives.BATCHES:
                archives.add(archive, f"{folder}/{name}.bin", b"")
    with pytest.raises(ValueError, match=r"data_batch_1\.bin once, got .*a/data.* and .*b/data"):
        prepare("cifar10", [tmp_path / "c.tar"], data)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.full((40, 1), 1.5), "labels from 0 to 10"),
        (np.full((40, 1), 1 + 0j), "labels from 0 to 10"),
        (np.full((40, 1), np.nan), "labels from 0 to 10"),
        (csc_matrix(np.ones((40, 1))), "y of shape|labels from 0 to 10"),
        (np.array([["a"]] * 40, object), "y of shape|labels from 0 to 10"),
    ],
    ids=["fractions", "complex", "no numbers", "sparse", "cells"],
)
def test_svhn_labels_that_are_none(tmp_path, small_data_sets, labels, words):
    file = tmp_path / "train_32x32.mat"
    savemat(file, {"X": np.zeros((32, 32, 3, 40), np.uint8), "y": labels})
    with pytest.raises(ValueError, match=rf"train_32x32\.mat.*({words})"):
        prepare("svhn", [file], tmp_path / "data")


def test_svhn_with_a_variable_twice(tmp_path, small_data_sets):
    parts = []
    for value in (1, 2):
        file = tmp_path / f"{value}.mat"
        savemat(file, {"X": np.zeros((32, 32, 3, 40), np.uint8), "y": np.full((40, 1), value)})
        parts.append(file.read_bytes())
    (tmp_path / "train_32x32.mat").write_bytes(parts[0] + parts[1][128:])
    with pytest.raises(ValueError, match=r"each variable once in .*got X, y twice"):
        prepare("svhn", [tmp_path / "train_32x32.mat"], tmp_path / "data")


def test_other_counts_name_all_sources_and_a_remedy_that_exists(tmp_path, small_data_sets):
    files = []
    for split, count in (("train", 40), ("test", 19)):
        images, digits = archives.pictures(count), np.arange(count) % 10
        files.append(tmp_path / f"{split}_32x32.mat")
        archives.svhn_file(files[-1], images, digits)
    with pytest.raises(ValueError, match=r"train_32x32\.mat, .*test_32x32\.mat, got") as caught:
        prepare("svhn", files, tmp_path / "data")
    assert "prepare images" not in str(caught.value)
    assert "ufldl.stanford.edu" in str(caught.value)


# Databases


def test_a_link_of_the_published_name_and_the_file_itself(tmp_path, small_data_sets):
    for name, count in (("one", 30), ("two", 5)):
        archives.lsun_database(tmp_path / name, [archives.bedroom(i + count) for i in range(count)])
    (tmp_path / "bedroom_val_lmdb").symlink_to(tmp_path / "two")
    sources = [tmp_path / "one", tmp_path / "bedroom_val_lmdb"]
    card = prepare("lsun_bedroom", sources, tmp_path / "data")
    assert {split: part.count for split, part in card.splits.items()} == {"train": 30, "val": 5}
    with pytest.raises(ValueError, match=r"data\.mdb is the file of a database; name its folder"):
        prepare("lsun_bedroom", [tmp_path / "one/data.mdb"], tmp_path / "other")
    archive = archives.zipped(tmp_path / "one", tmp_path / "no.zip")
    archive.write_bytes(b"no database")
    with pytest.raises(ValueError, match=r"got .*no\.zip beside .*one; name one kind"):
        prepare("lsun_bedroom", [tmp_path / "one", archive], tmp_path / "other")


def test_keys_out_of_order_end_with_a_name(tmp_path, small_data_sets):
    """The first key of a real database is overwritten by one that belongs behind the second."""
    values = [archives.bedroom(index) for index in range(30)]
    folder = tmp_path / "bedroom_train_lmdb"
    first, second, *_ = [
        hashlib.sha1(value).hexdigest().encode() for value in archives.lsun_database(folder, values)
    ]
    content = (folder / "data.mdb").read_bytes()
    (folder / "data.mdb").write_bytes(content.replace(first, b"f" * len(first)))
    words = f"bedroom_train_lmdb!{second.decode()} does not come after the key before it"
    with pytest.raises(ValueError, match=words):
        prepare("lsun_bedroom", [folder], tmp_path / "data")
