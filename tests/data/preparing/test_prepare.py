import hashlib
import json
import os
import pickle
import resource
import subprocess
import sys
import tarfile
import textwrap
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onlooking import prepare
from reference import archives
from ttur.data import catalogue
from ttur.data.images.framing import centre_crop_and_resize
from ttur.data.published.pickled import read_pickle


@pytest.fixture
def splits() -> dict[str, tuple]:
    rng = np.random.default_rng(3)
    return {
        split: (archives.pictures(count, seed=count), rng.permutation(np.arange(count) % 10))
        for split, count in (("train", 40), ("test", 20))
    }


@pytest.mark.parametrize("kind", ["binary", "python"])
def test_the_official_archives_keep_pixels_labels_and_order(
    tmp_path, small_data_sets, splits, kind
):
    source = archives.cifar10_archive(tmp_path / "cifar.tar.gz", kind, splits)
    card = prepare("cifar10", [source], tmp_path / "data")
    assert card.fresh
    for split, (images, labels) in splits.items():
        loaded = catalogue.load("cifar10", tmp_path / "data", split)
        assert np.array_equal(loaded.images, images)
        assert loaded.labels is not None
        assert np.array_equal(loaded.labels, labels)
        assert loaded.sha256 == hashlib.sha256(images.tobytes()).hexdigest()
        assert loaded.card["splits"][split]["count"] == len(images)


def test_folder_and_zip_give_the_same_arrays_by_class_then_name(tmp_path, small_data_sets, splits):
    folder = archives.class_folders(tmp_path / "images", splits)
    archive = archives.zipped(folder, tmp_path / "images.zip")
    prepare("cifar10", [folder], tmp_path / "from-folder")
    prepare("cifar10", [archive], tmp_path / "from-zip")
    for split, (images, labels) in splits.items():
        expected = images[np.lexsort((np.arange(len(labels)), labels))]
        for where in ("from-folder", "from-zip"):
            loaded = catalogue.load("cifar10", tmp_path / where, split)
            assert np.array_equal(loaded.images, expected)
            assert loaded.labels is not None
            assert np.array_equal(loaded.labels, np.sort(labels))


def test_the_array_is_memory_mapped_and_read_only(tmp_path, small_data_sets, splits):
    prepare("cifar10", [archives.class_folders(tmp_path / "a", splits)], tmp_path / "data")
    images = catalogue.load("cifar10", tmp_path / "data").images
    assert isinstance(images, np.memmap)
    assert not images.flags.writeable


@pytest.mark.parametrize("compressed", [True, False])
def test_mnist_is_padded_to_32_with_every_pixel_exact(tmp_path, small_data_sets, compressed):
    splits = archives.mnist_files(tmp_path / "idx", {"train": 40, "test": 20}, compressed)
    prepare("mnist", [tmp_path / "idx"], tmp_path / "data")
    for split, (grey, labels) in splits.items():
        loaded = catalogue.load("mnist", tmp_path / "data", split)
        assert loaded.images.shape[1:] == (32, 32, 3)
        for channel in range(3):
            assert np.array_equal(loaded.images[:, 2:30, 2:30, channel], grey)
        assert loaded.images.sum(dtype=np.int64) == 3 * grey.sum(dtype=np.int64)
        assert loaded.labels is not None
        assert np.array_equal(loaded.labels, labels)


def test_own_images_are_cropped_resized_and_labelled_by_folder(tmp_path):
    for name, colour in (("cats/1.png", (200, 0, 0)), ("dogs/1.JPG", (0, 100, 0))):
        (tmp_path / "own" / name).parent.mkdir(parents=True)
        Image.new("RGB", (60, 40), colour).save(tmp_path / "own" / name)
    card = prepare("images", [tmp_path / "own"], tmp_path / "data", size=16, target_name="pets")
    assert card.classes == ("cats", "dogs")
    loaded = catalogue.load("pets", tmp_path / "data")
    assert loaded.images.shape == (2, 16, 16, 3)
    assert (loaded.images[0] == (200, 0, 0)).all()
    assert loaded.labels is not None
    assert loaded.labels.tolist() == [0, 1]


def test_own_images_come_by_class_then_name(tmp_path):
    names = ["a/2.png", "a-b/1.png", "a/1.png"]
    for grey, name in enumerate(names):
        (tmp_path / "own" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), grey).save(tmp_path / "own" / name)
    card = prepare("images", [tmp_path / "own"], tmp_path / "data", target_name="own")
    assert card.classes == ("a", "a-b")
    loaded = catalogue.load("own", tmp_path / "data")
    assert loaded.images[:, 0, 0, 0].tolist() == [2, 0, 1]
    assert loaded.labels is not None
    assert loaded.labels.tolist() == [0, 0, 1]


def test_the_crop_is_central():
    pixels = np.arange(7 * 10).reshape(7, 10)[..., None].repeat(3, 2).astype(np.uint8)
    assert np.array_equal(centre_crop_and_resize(pixels, crop=4, size=None), pixels[1:5, 3:7])
    assert np.array_equal(centre_crop_and_resize(pixels, crop=None, size=None), pixels[:, 1:8])
    with pytest.raises(ValueError, match="crop of 8 pixels does not fit into an image of 10x7"):
        centre_crop_and_resize(pixels, crop=8, size=None)


def test_the_same_words_again_find_it_and_others_overwrite_nothing(
    tmp_path, small_data_sets, splits
):
    source = archives.class_folders(tmp_path / "a", splits)
    prepare("cifar10", [source], tmp_path / "data")
    before = (tmp_path / "data/cifar10/train.npy").stat()
    again = prepare("cifar10", [source], tmp_path / "data")
    assert not again.fresh
    assert not prepare("cifar10", [source], tmp_path / "data", size=32).fresh
    with pytest.raises(FileExistsError, match="size 32"):
        prepare("cifar10", [source], tmp_path / "data", size=16)
    other = archives.class_folders(
        tmp_path / "b", splits | {"test": (splits["test"][0][::-1], splits["test"][1])}
    )
    with pytest.raises(FileExistsError, match="source"):
        prepare("cifar10", [other], tmp_path / "data")
    after = (tmp_path / "data/cifar10/train.npy").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def refused(
    tmp_path: Path, words: str, name: str, sources: list[Path], kind=ValueError, **options
) -> None:
    """`prepare` refuses, saying `words`, and shows no data set."""
    with pytest.raises(kind, match=words):
        prepare(name, sources, tmp_path / "data", **options)
    left = list((tmp_path / "data").glob("*")) if (tmp_path / "data").exists() else []
    assert {path.name[0] for path in left} <= {"."}


def test_a_corrupt_image_is_named_and_nothing_is_left(tmp_path, small_data_sets, splits):
    folder = archives.class_folders(tmp_path / "a", splits)
    victim = sorted((folder / "train" / "ship").iterdir())[1]
    victim.write_bytes(victim.read_bytes()[:100])
    refused(tmp_path, f"ship/{victim.name}", "cifar10", [folder])
    archive = archives.zipped(folder, tmp_path / "a.zip")
    refused(tmp_path, f"a.zip!train/ship/{victim.name}", "cifar10", [archive])


def test_missing_images_are_counted(tmp_path, small_data_sets, splits):
    folder = archives.class_folders(tmp_path / "a", splits)
    next((folder / "test" / "dog").iterdir()).unlink()
    refused(tmp_path, "'test': 20.*'test': 19", "cifar10", [folder])


@pytest.mark.parametrize(
    ("source", "words", "kind"),
    [
        ("nothing", "nothing", FileNotFoundError),
        ("empty", "got none", ValueError),
        ("text.zip", "text.zip", ValueError),
    ],
)
def test_missing_and_empty_sources(tmp_path, source, words, kind):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zip").write_text("not an archive")
    refused(tmp_path, words, "cifar10", [tmp_path / source], kind=kind)


@pytest.mark.parametrize("damage", ["truncated", "one batch missing", "half a record"])
def test_damaged_archives_are_refused(tmp_path, small_data_sets, splits, damage):
    path = tmp_path / "cifar.tar.gz"
    if damage == "truncated":
        archives.cifar10_archive(path, "binary", splits)
        path.write_bytes(path.read_bytes()[:-2000])
    else:
        with tarfile.open(path, "w:gz") as archive:
            for name in archives.BATCHES[: 5 if damage == "one batch missing" else 6]:
                data = archives.binary_records(*splits["test"])
                cut = data[:-1] if damage == "half a record" else data
                archives.add(archive, f"{name}.bin", cut)
    refused(tmp_path, "cifar.tar.gz", "cifar10", [path])


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("executed",)


@pytest.mark.parametrize(
    "payload",
    [
        Malicious(),
        {"data": Malicious(), "labels": [1]},
        {"data": np.array([Malicious()], dtype=object), "labels": [1]},
        {"labels": [print]},
    ],
    ids=["whole", "value", "object array", "function"],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_malicious_python_archive_runs_nothing(
    tmp_path, small_data_sets, monkeypatch, payload, protocol
):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in archives.BATCHES:
            archives.add(archive, name, pickle.dumps(payload, protocol=protocol))
    refused(tmp_path, "data_batch_1.*refused without running it", "cifar10", [path])
    assert not (tmp_path / "executed").exists()


def test_the_restricted_reader_reads_what_pickle_writes():
    value = {"a": [1, -2, 300_000, 2**40], "b": (None, True), "c": "text", "d": b"bytes"}
    for protocol in (2, 3):
        read = read_pickle(pickle.dumps(value, protocol=protocol), "here")
        assert read["a"] == value["a"]
        assert read["b"] == value["b"]


def test_a_zip_member_outside_the_archive_is_refused(tmp_path):
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../outside.png", b"")
    refused(tmp_path, r"evil\.zip!\.\./outside\.png", "images", [path], target_name="evil", size=16)


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "", "digits", "cifar10"])
def test_a_name_cannot_lead_out_of_the_data_folder_or_hide_a_known_one(tmp_path, name):
    Image.new("RGB", (8, 8)).save(tmp_path / "one.png")
    refused(tmp_path, "name", "images", [tmp_path / "one.png"], target_name=name)


def test_a_full_disk_says_to_make_room_and_repeat(tmp_path):
    """The limit on file sizes is the kernel's own; the write fails like on a full disk."""
    (tmp_path / "own").mkdir()
    for index in range(40):
        Image.fromarray(archives.pictures(1, seed=index)[0]).save(tmp_path / f"own/{index}.png")
    program = f"""
        import resource
        from pathlib import Path
        from ttur.data.preparing.prepare import prepare
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, {resource.RLIM_INFINITY}))
        root = Path({str(tmp_path)!r})
        try:
            prepare("images", [root / "own"], root / "data", target_name="big")
        except OSError as error:
            print("refused:", error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("refused:"), done
    assert "make room and repeat, or delete" in done.stdout
    with pytest.raises(FileNotFoundError):
        catalogue.load("big", tmp_path / "data")
    prepare("images", [tmp_path / "own"], tmp_path / "data", target_name="big")
    assert len(catalogue.load("big", tmp_path / "data").images) == 40
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == [".prepare.lock", "big"]


def test_a_card_that_was_tampered_with_is_refused(tmp_path, small_data_sets, splits):
    prepare("cifar10", [archives.class_folders(tmp_path / "a", splits)], tmp_path / "data")
    path = tmp_path / "data/cifar10/card.json"
    card = json.loads(path.read_text())
    card["splits"]["train"]["count"] = 41
    path.write_text(json.dumps(card))
    with pytest.raises(
        ValueError, match=r"\(41, 32, 32, 3\).*got uint8 of shape \(40, 32, 32, 3\)"
    ):
        catalogue.load("cifar10", tmp_path / "data")
    path.write_text("{}")
    with pytest.raises(ValueError, match="not a complete data set card"):
        catalogue.load("cifar10", tmp_path / "data")


def test_a_missing_data_set_says_the_command_that_makes_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"ttur prepare cifar10 SOURCE --data"):
        catalogue.load("cifar10", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"ttur prepare images FOLDER --name faces"):
        catalogue.load("faces", tmp_path)


def test_a_split_that_is_not_there_is_refused(tmp_path, small_data_sets, splits):
    prepare("cifar10", [archives.class_folders(tmp_path / "a", splits)], tmp_path / "data")
    with pytest.raises(ValueError, match=r"\['test', 'train'\].*got 'valid'"):
        catalogue.load("cifar10", tmp_path / "data", "valid")


@pytest.mark.parametrize("kind", ["binary", "python"])
def test_labels_beyond_nine_are_refused(tmp_path, small_data_sets, splits, kind):
    images, labels = splits["train"]
    wrong = splits | {"train": (images, np.where(labels == 3, 10, labels))}
    path = archives.cifar10_archive(tmp_path / "cifar.tar.gz", kind, wrong)
    refused(tmp_path, "labels from 0 to 9.*data_batch_1", "cifar10", [path])


def test_a_link_in_a_tar_archive_is_not_followed(tmp_path, small_data_sets, splits):
    (tmp_path / "secret").write_bytes(archives.binary_records(*splits["test"]))
    path = tmp_path / "cifar.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in archives.BATCHES[:5]:
            archives.add(archive, f"{name}.bin", archives.binary_records(*splits["test"]))
        link = tarfile.TarInfo("test_batch.bin")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret")
        archive.addfile(link)
    refused(tmp_path, "test_batch.bin in .*cifar.tar.gz, got none", "cifar10", [path])


def test_an_idx_file_of_other_counts_is_refused(tmp_path, small_data_sets):
    archives.mnist_files(tmp_path / "idx", {"train": 40, "test": 19}, compressed=True)
    refused(tmp_path, "t10k-images.*header 00000803", "mnist", [tmp_path / "idx"])


def test_own_images_of_several_sizes_need_one(tmp_path):
    (tmp_path / "own").mkdir()
    for side in (8, 9):
        Image.new("RGB", (side, side)).save(tmp_path / f"own/{side}.png")
    words = "8x8 .* got 9x9 in .*9.png; .*`size`"
    refused(tmp_path, words, "images", [tmp_path / "own"], target_name="own")


@pytest.mark.parametrize(
    "names", [["a/1.png", "a/2.png"], ["a/1.png", "2.png"], ["a/1.png", "b/c/2.png"]]
)
def test_folders_that_are_no_classes_give_no_labels(tmp_path, names):
    for name in names:
        (tmp_path / "own" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "own" / name)
    card = prepare("images", [tmp_path / "own"], tmp_path / "data", target_name="own")
    assert card.classes is None
    loaded = catalogue.load("own", tmp_path / "data")
    assert loaded.labels is None
    assert sorted(path.name for path in (tmp_path / "data/own").iterdir()) == [
        "card.json",
        "train.npy",
    ]


def test_a_second_process_is_refused_while_the_first_writes(tmp_path):
    (tmp_path / "own").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "own/one.png")

    def second(done: int, total: int) -> None:
        assert (done, total) == (1, 1)
        with pytest.raises(BlockingIOError, match="another `ttur prepare` is writing in"):
            prepare("images", [tmp_path / "own"], tmp_path / "data", target_name="second")

    prepare(
        "images", [tmp_path / "own"], tmp_path / "data", target_name="first", on_progress=second
    )
