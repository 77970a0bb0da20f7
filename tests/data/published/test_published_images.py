import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from reference import archives
from ttur.data import catalogue
from ttur.data.images.framing import Framing, centre_crop_and_resize
from ttur.data.preparing.prepare import prepare
from ttur.data.published import lsun
from ttur.data.published.celeba import crop_face


def refused(
    tmp_path: Path,
    words: str,
    name: str,
    sources: list[Path],
    kind: type[Exception] = ValueError,
    **options,
):
    """`prepare` refuses, saying `words`, and shows no data set."""
    with pytest.raises(kind, match=words):
        prepare(name, sources, tmp_path / "data", **options)
    left = list((tmp_path / "data").glob("*")) if (tmp_path / "data").exists() else []
    assert {path.name[0] for path in left} <= {"."}


# Street View House Numbers


@pytest.fixture
def house_numbers(tmp_path, small_data_sets) -> dict[str, tuple]:
    splits = {}
    for split, count in (("train", 40), ("test", 20), ("extra", 30)):
        digits = np.random.default_rng(count).permutation(np.arange(count) % 10)
        splits[split] = archives.pictures(count, seed=count), digits
        archives.svhn_file(tmp_path / "mat" / f"{split}_32x32.mat", *splits[split])
    return splits


def test_svhn_keeps_pixels_digits_and_order(tmp_path, house_numbers):
    card = prepare("svhn", [tmp_path / "mat"], tmp_path / "data")
    assert card.classes == tuple("0123456789")
    for split, (images, digits) in house_numbers.items():
        loaded = catalogue.load("svhn", tmp_path / "data", split)
        assert np.array_equal(loaded.images, images)
        assert loaded.labels is not None
        assert np.array_equal(loaded.labels, digits), "10 stands for 0"


@pytest.mark.parametrize("compressed", [True, False])
def test_svhn_needs_only_its_training_images(tmp_path, small_data_sets, compressed):
    images, digits = archives.pictures(40), np.arange(40) % 10
    file = archives.svhn_file(tmp_path / "train_32x32.mat", images, digits, compressed)
    prepare("svhn", [file], tmp_path / "data", size=16)
    loaded = catalogue.load("svhn", tmp_path / "data")
    assert set(loaded.card["splits"]) == {"train"}
    expected = [centre_crop_and_resize(image, None, 16) for image in images]
    assert np.array_equal(loaded.images, expected)
    file.rename(tmp_path / "test_32x32.mat")
    with pytest.raises(FileNotFoundError, match=r"train_32x32\.mat.*ufldl\.stanford\.edu"):
        prepare("svhn", [tmp_path / "test_32x32.mat"], tmp_path / "other")


def test_several_splits_are_joined_in_the_order_they_are_named(tmp_path, house_numbers):
    prepare("svhn", [tmp_path / "mat"], tmp_path / "data")
    joined = catalogue.load("svhn", tmp_path / "data", "train+extra")
    images = np.concatenate([house_numbers[split][0] for split in ("train", "extra")])
    assert joined.split == "train+extra"
    assert np.array_equal(joined.images, images)
    assert joined.labels is not None
    assert joined.labels[40:].tolist() == house_numbers["extra"][1].tolist()
    assert joined.sha256 == hashlib.sha256(images.tobytes()).hexdigest()
    for split, words in (("train+train", "each split once"), ("train+", "got ''")):
        with pytest.raises(ValueError, match=words):
            catalogue.load("svhn", tmp_path / "data", split)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"X": np.zeros((32, 32, 3, 40), np.uint8)}, "y of shape"),
        ({"X": np.zeros((32, 32, 3, 40)), "y": np.ones((40, 1))}, "float|double"),
        ({"X": np.zeros((32, 32, 3, 39), np.uint8), "y": np.ones((39, 1))}, "'train': 40.*39"),
        ({"X": np.zeros((32, 32, 3, 40), np.uint8), "y": np.full((40, 1), 11)}, "labels from 0 to"),
    ],
    ids=["no labels", "floats", "one missing", "a label of 11"],
)
def test_other_matlab_files_are_refused(tmp_path, small_data_sets, content, words):
    savemat(tmp_path / "train_32x32.mat", content)
    refused(tmp_path, words, "svhn", [tmp_path / "train_32x32.mat"])


@pytest.mark.parametrize("keep", [0, 60, 200, 5000, -1000])
def test_a_damaged_matlab_file_is_named(tmp_path, house_numbers, keep):
    file = tmp_path / "mat" / "train_32x32.mat"
    file.write_bytes(file.read_bytes()[:keep])
    refused(tmp_path, r"train_32x32\.mat", "svhn", [tmp_path / "mat"])


def test_a_pipe_is_no_source_and_blocks_nothing(tmp_path, small_data_sets):
    pipes = tmp_path / "pipes"
    pipes.mkdir()
    os.mkfifo(pipes / "train_32x32.mat")
    refused(tmp_path, "a pipe or a device", "svhn", [pipes / "train_32x32.mat"])
    refused(tmp_path, "train_32x32", "svhn", [pipes], kind=FileNotFoundError)
    for name in ("data_batch_1.bin", "train-images-idx3-ubyte", "data.mdb", "a.jpg"):
        os.mkfifo(pipes / name)
    refused(tmp_path, "expected train/<class>/.*got a.jpg", "cifar10", [pipes])
    refused(tmp_path, "train-images-idx3-ubyte.*got none", "mnist", [pipes], kind=FileNotFoundError)
    refused(tmp_path, "'train': 30.*'train': 1}", "lsun_bedroom", [pipes])
    refused(tmp_path, "'train': 12.*'train': 1}", "celeba", [pipes])


# CelebA


def test_celeba_is_its_centre_of_108_at_64_pixels(tmp_path, small_data_sets):
    faces = archives.celeba_folder(tmp_path / "zipped/img_align_celeba", 12)
    archive = archives.zipped(tmp_path / "zipped", tmp_path / "img_align_celeba.zip")
    prepare("celeba", [archive], tmp_path / "from-zip")
    prepare("celeba", [tmp_path / "zipped/img_align_celeba"], tmp_path / "from-folder")
    # Rows 55 to 162 and columns 35 to 142: where the eyes of the published thumbnails lie (A.5).
    expected = [
        np.array(Image.fromarray(face[55:163, 35:143]).resize((64, 64), Image.Resampling.BILINEAR))
        for face in faces
    ]
    for where in ("from-zip", "from-folder"):
        loaded = catalogue.load("celeba", tmp_path / where)
        assert np.array_equal(loaded.images, expected)
        assert loaded.labels is None
        assert loaded.card["how_made"]["crop"] == 108
        assert loaded.card["how_made"]["size"] == 64


@pytest.mark.parametrize(
    ("crop", "rows", "columns"),
    [
        (64, slice(77, 141), slice(57, 121)),
        ("began", slice(50, 178, 2), slice(25, 153, 2)),
    ],
)
def test_the_other_crops_of_celeba_choose_pixels(tmp_path, small_data_sets, crop, rows, columns):
    faces = archives.celeba_folder(tmp_path / "faces", 12)
    prepare("celeba", [tmp_path / "faces"], tmp_path / "data", crop=crop)
    loaded = catalogue.load("celeba", tmp_path / "data")
    assert np.array_equal(loaded.images, faces[:, rows, columns])
    assert loaded.card["how_made"]["crop"] == crop


def test_the_nearest_pixel_is_that_of_tensorflow():
    """floor(i · 128 / size), not the centre of the output pixel."""
    rows = np.broadcast_to(np.arange(218, dtype=np.uint8)[:, None, None], (218, 178, 3))
    kept = crop_face(rows, Framing(48, "began"))[:, 0, 0]
    assert kept.tolist() == [50 + i * 128 // 48 for i in range(48)]
    assert np.array_equal(crop_face(rows, Framing(128, "began")), rows[50:178, 25:153])


def test_images_that_are_not_the_aligned_ones_are_named(tmp_path, small_data_sets):
    archives.celeba_folder(tmp_path / "faces", 12)
    Image.new("RGB", (178, 217)).save(tmp_path / "faces/000007.jpg")
    refused(tmp_path, r"faces/000007\.jpg.*178x218.*178x217", "celeba", [tmp_path / "faces"])
    (tmp_path / "faces/000007.jpg").unlink()
    refused(tmp_path, r"\{'train': 12\} images.*11.*a part of it", "celeba", [tmp_path / "faces"])


def test_the_crop_began_is_only_of_celeba(tmp_path, ttur):
    Image.new("RGB", (8, 8)).save(tmp_path / "one.png")
    words = "'began' is one of celeba"
    refused(tmp_path, words, "images", [tmp_path / "one.png"], target_name="own", crop="began")
    code, _, err = ttur("prepare images one.png --name own --crop half")
    assert (code, err) == (2, "error: expected a number of pixels as --crop, got 'half'\n")


# LSUN bedrooms


@pytest.fixture
def bedrooms(tmp_path, small_data_sets) -> dict[str, list[bytes]]:
    values = {
        "train": [
            archives.bedroom(seed, kind, *size)
            for seed, (kind, size) in enumerate(
                15 * [("WEBP", (341, 256)), ("JPEG", (256, 300))],
            )
        ],
        "val": [archives.bedroom(seed, "WEBP", 256, 257) for seed in range(100, 105)],
    }
    return {
        split: archives.lsun_database(tmp_path / f"lsun/bedroom_{split}_lmdb", files)
        for split, files in values.items()
    }


def centre_of(data: bytes) -> np.ndarray:
    return centre_crop_and_resize(np.array(Image.open(io.BytesIO(data))), None, 64)


def test_lsun_is_the_centre_square_in_the_order_of_the_keys(tmp_path, bedrooms):
    prepare("lsun_bedroom", [tmp_path / "lsun"], tmp_path / "data")
    for split, files in bedrooms.items():
        loaded = catalogue.load("lsun_bedroom", tmp_path / "data", split)
        assert np.array_equal(loaded.images, [centre_of(data) for data in files])
        assert loaded.labels is None


def test_a_database_is_neither_locked_nor_written_to(tmp_path, bedrooms):
    """As on a folder without the right to write, which the superuser of a container always has."""
    folder = tmp_path / "lsun/bedroom_train_lmdb"
    (folder / "lock.mdb").write_bytes(b"of another process")
    before = [(p.name, p.stat().st_mtime_ns, p.read_bytes()) for p in sorted(folder.iterdir())]
    prepare("lsun_bedroom", [folder], tmp_path / "data")
    after = [(p.name, p.stat().st_mtime_ns, p.read_bytes()) for p in sorted(folder.iterdir())]
    assert before == after
    (folder / "lock.mdb").write_bytes(b"of a third")
    assert not prepare("lsun_bedroom", [folder], tmp_path / "data").fresh, "the images are the same"


def test_a_database_opened_anew_for_every_image_gives_the_same(tmp_path, bedrooms, monkeypatch):
    monkeypatch.setattr(lsun, "MAPPED_IMAGES", 1)
    prepare("lsun_bedroom", [tmp_path / "lsun"], tmp_path / "data")
    loaded = catalogue.load("lsun_bedroom", tmp_path / "data")
    assert np.array_equal(loaded.images, [centre_of(data) for data in bedrooms["train"]])


def test_lsun_may_be_a_folder_of_exported_files(tmp_path, bedrooms):
    """`0/1/2/<key>.webp`: by path, hence in the order of the keys."""
    for data in bedrooms["train"]:
        key = hashlib.sha1(data).hexdigest()
        path = tmp_path / "exported" / "/".join(key[:6]) / f"{key}.webp"
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
    prepare("lsun_bedroom", [tmp_path / "exported"], tmp_path / "folder")
    prepare("lsun_bedroom", [tmp_path / "lsun/bedroom_train_lmdb"], tmp_path / "database")
    folder, database = (
        catalogue.load("lsun_bedroom", tmp_path / where) for where in ("folder", "database")
    )
    assert folder.sha256 == database.sha256


def test_a_corrupt_entry_of_a_database_is_named(tmp_path, bedrooms):
    victim = bedrooms["train"][0]
    key = hashlib.sha1(victim[:100]).hexdigest()
    files = [*bedrooms["train"][1:], victim[:100]]
    archives.lsun_database(tmp_path / "broken/bedroom_train_lmdb", files)
    refused(tmp_path, f"bedroom_train_lmdb!{key}", "lsun_bedroom", [tmp_path / "broken"])


@pytest.mark.parametrize("damage", ["empty", "no database", "truncated"])
def test_a_damaged_database_is_refused(tmp_path, bedrooms, damage):
    file = tmp_path / "lsun/bedroom_train_lmdb/data.mdb"
    whole = file.read_bytes()
    file.write_bytes({"empty": b"", "no database": b"x" * len(whole)}.get(damage, whole[:9000]))
    refused(tmp_path, "bedroom_train_lmdb", "lsun_bedroom", [tmp_path / "lsun"])


def test_a_packed_database_is_to_be_unpacked(tmp_path, bedrooms):
    archive = archives.zipped(tmp_path / "lsun", tmp_path / "bedroom_train_lmdb.zip")
    refused(tmp_path, r"bedroom_train_lmdb\.zip is packed.*unzip it", "lsun_bedroom", [archive])


def test_two_training_databases_are_refused(tmp_path, bedrooms):
    folders = [tmp_path / "lsun/bedroom_train_lmdb"] * 2
    refused(tmp_path, "bedroom_train_lmdb and at most", "lsun_bedroom", folders)


def test_without_lmdb_the_remedy_is_named_and_other_commands_work(tmp_path, bedrooms):
    program = """if True:
        import sys
        sys.modules["lmdb"] = None
        from ttur.cli import main
        sys.argv = ["ttur", *sys.argv[1:]]
        main()
    """

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    done = call("prepare", "lsun_bedroom", "lsun")
    assert done.returncode == 2
    assert done.stderr.endswith("is not installed; run `pip install 'ttur[lsun]'`\n")
    assert call("experiments", "--json").returncode == 0
    Image.new("RGB", (8, 8)).save(tmp_path / "one.png")
    (tmp_path / "own").mkdir()
    (tmp_path / "one.png").rename(tmp_path / "own/one.png")
    assert call("prepare", "images", "own", "--name", "own").returncode == 0


def test_the_command_line_reports_what_it_made(tmp_path, bedrooms, ttur):
    code, out, _ = ttur("prepare lsun_bedroom lsun --json")
    assert code == 0
    assert {s: c["count"] for s, c in json.loads(out)["splits"].items()} == {"train": 30, "val": 5}
    code, out, _ = ttur("prepare lsun_bedroom lsun")
    assert out.startswith("already there: data/lsun_bedroom: train 30, val 5 images of ")
