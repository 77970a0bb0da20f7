"""An official file is what was published, or it is not read as that."""

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from reference import archives
from reference import text as reference
from ttur.data import catalogue
from ttur.data.preparing.prepare import prepare


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def lists(monkeypatch, small_data_sets):
    """Puts digests into the table, as those that were published."""

    def put(name: str, digests: dict[str, str]) -> None:
        entry = dataclasses.replace(catalogue.KNOWN[name], sha256=digests)
        monkeypatch.setitem(catalogue.KNOWN, name, entry)

    return put


@pytest.fixture
def archive(tmp_path) -> Path:
    splits = {
        split: (archives.pictures(count), np.arange(count) % 10)
        for split, count in (("train", 40), ("test", 20))
    }
    return archives.cifar10_archive(tmp_path / "cifar-10-binary.tar.gz", "binary", splits)


def test_the_official_archive_is_said_to_be_it(tmp_path, lists, archive):
    lists("cifar10", {archive.name: sha256(archive)})
    card = prepare("cifar10", [archive], tmp_path / "data")
    assert card.how_made["digest"] == "official"
    assert not prepare("cifar10", [archive], tmp_path / "data").fresh
    renamed = archive.rename(tmp_path / "downloaded")
    card = prepare("cifar10", [renamed], tmp_path / "other")
    assert card.how_made["digest"] == "official", "whatever its name"


def test_other_bytes_under_an_official_name_are_refused(tmp_path, lists, archive):
    lists("cifar10", {archive.name: "0" * 64, "another.tar.gz": "1" * 64})
    words = rf"expected the SHA-256 0{{64}} of {archive.name}.*got {sha256(archive)} .*get it again"
    with pytest.raises(ValueError, match=words):
        prepare("cifar10", [archive], tmp_path / "data")
    assert [path.name for path in (tmp_path / "data").iterdir()] == [".prepare.lock"]
    copy = archive.rename(tmp_path / "another-form.tar.gz")
    card = prepare("cifar10", [copy], tmp_path / "data")
    assert card.how_made["digest"] == "not among the published"


def test_official_files_are_found_in_their_folder(tmp_path, lists):
    archives.mnist_files(tmp_path / "idx", {"train": 40, "test": 20}, compressed=True)
    files = sorted((tmp_path / "idx").iterdir())
    (tmp_path / "idx" / "README").write_text("of no account")
    lists("mnist", {file.name: sha256(file) for file in files})
    card = prepare("mnist", [tmp_path / "idx"], tmp_path / "data")
    assert card.how_made["digest"] == "official"
    lists("mnist", {files[3].name: "0" * 64})
    with pytest.raises(ValueError, match=rf"of {files[3].name}, as it was published, got"):
        prepare("mnist", [tmp_path / "idx"], tmp_path / "other")
    lists("mnist", {file.name: sha256(file) for file in files[1:]})
    card = prepare("mnist", [tmp_path / "idx"], tmp_path / "other")
    assert card.how_made["digest"] == "not among the published", "one has none to compare"


def test_an_official_archive_beside_what_is_read_makes_it_no_official_data(tmp_path, lists):
    splits = {
        n: (archives.pictures(c), np.arange(c) % 10) for n, c in (("train", 40), ("test", 20))
    }
    folder = archives.class_folders(tmp_path / "images", splits)
    archive = archives.cifar10_archive(folder / "cifar-10-binary.tar.gz", "binary", splits)
    lists("cifar10", {archive.name: sha256(archive)})
    card = prepare("cifar10", [folder], tmp_path / "data")
    assert card.how_made["digest"] == "not among the published"


def test_texts_are_compared_too(tmp_path, monkeypatch):
    name = f"{reference.TRAINING}/news.en-00001-of-00100"
    (official,) = catalogue.KNOWN["billion_word"].sha256
    archive = reference.tar_archive(tmp_path / official, {name: b"some words\n"})
    with pytest.raises(ValueError, match=r"SHA-256 01ba60381110.*`ttur prepare text`"):
        prepare("billion_word", [archive], tmp_path / "data")
    entry = dataclasses.replace(catalogue.KNOWN["billion_word"], sha256={official: sha256(archive)})
    monkeypatch.setitem(catalogue.KNOWN, "billion_word", entry)
    card = prepare("billion_word", [archive], tmp_path / "data")
    assert card.how_made["digest"] == "official"


def test_of_ones_own_nothing_is_said(tmp_path):
    (tmp_path / "a.txt").write_text("some words\n")
    card = prepare("text", [tmp_path / "a.txt"], tmp_path / "data", target_name="own")
    assert "digest" not in card.how_made


def test_what_was_made_before_digests_were_compared_is_found(tmp_path, lists, archive):
    prepare("cifar10", [archive], tmp_path / "data")
    path = tmp_path / "data/cifar10/card.json"
    assert "digest" not in json.loads(path.read_text())["how_made"], "nothing was listed"
    lists("cifar10", {archive.name: sha256(archive)})
    assert not prepare("cifar10", [archive], tmp_path / "data").fresh
    lists("cifar10", {archive.name: "0" * 64})
    assert not prepare("cifar10", [archive], tmp_path / "data").fresh, "its card has the digest"
