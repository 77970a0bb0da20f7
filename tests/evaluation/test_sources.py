"""One set of images through every kind of source, and what each kind refuses."""

import gc
import gzip
import json
import os
import tarfile
import threading
import zipfile
from collections.abc import Callable
from concurrent.futures import thread as executors
from pathlib import Path
from typing import Any

import jaxtyping
import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from reference import archives
from ttur.data import catalogue
from ttur.data.images import ahead as reading
from ttur.data.images import archives as data_archives
from ttur.data.images import files as image_files
from ttur.data.preparing.prepare import prepare
from ttur.evaluation.openers import open_images

NAMES = ["b/2.png", "a.PNG", "b/10.png", "c.Png", "Z.png", "d/e/f.png", "g.png"]
IMAGES = archives.pictures(len(NAMES), side=6)[np.argsort(NAMES)]  # in the order they are read


class Pictures(Dataset):
    """Items of any kind, made of the images."""

    def __init__(self, item: Callable[[np.ndarray], Any]):
        self.item = item

    def __len__(self) -> int:
        return len(IMAGES)

    def __getitem__(self, index: int) -> Any:
        return self.item(IMAGES[index])


class Stream(IterableDataset):
    def __iter__(self):
        return iter(IMAGES)


def channels_first(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(images).movedim(-1, -3)


def folder(path: Path) -> Path:
    for name, image in zip(sorted(NAMES), IMAGES, strict=True):
        (path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path / "folder" / name, "PNG")
    return path / "folder"


def tarred(path: Path, suffix: str) -> Path:
    """In an order of its own, as tar stores what a folder lists."""
    target = path / f"images.{suffix}"
    mode = {"tar": "w:", "tgz": "w:gz"}.get(suffix, f"w:{suffix.removeprefix('tar.')}")
    with tarfile.open(target, mode) as archive:  # pyright: ignore[reportCallIssue, reportArgumentType]
        for file in sorted(folder(path).rglob("*.*"), reverse=True):
            archive.add(file, file.relative_to(path / "folder").as_posix())
    return target


def saved(path: Path, suffix: str) -> Path:
    target = path / f"images.{suffix}"
    {"npy": np.save, "npz": np.savez}[suffix](target, IMAGES)
    return target


def prepared(path: Path) -> Path:
    prepare("images", [folder(path)], path / "data", target_name="mine")
    return path / "data" / "mine"


def torch_saved(path: Path, held: Any) -> Path:
    torch.save(held, path / "images.pt")
    return path / "images.pt"


def function(path: Path) -> Callable[[int], np.ndarray]:
    drawn = iter(IMAGES)
    return lambda n: np.stack([next(drawn) for _ in range(n)])


SOURCES: dict[str, Callable[[Path], Any]] = {
    "folder": folder,
    "zip": lambda path: archives.zipped(folder(path), path / "images.zip"),
    "tar": lambda path: tarred(path, "tar"),
    "tar.gz": lambda path: tarred(path, "tar.gz"),
    "tgz": lambda path: tarred(path, "tgz"),
    "tar.bz2": lambda path: tarred(path, "tar.bz2"),
    "tar.xz": lambda path: tarred(path, "tar.xz"),
    "npy": lambda path: saved(path, "npy"),
    "npz": lambda path: saved(path, "npz"),
    "prepared": prepared,
    "array": lambda path: IMAGES,
    "array in column order": lambda path: np.asfortranarray(IMAGES),
    "array of floats": lambda path: IMAGES.astype(np.float32) / 255,
    "tensor": lambda path: channels_first(IMAGES),
    "tensor of floats": lambda path: channels_first(IMAGES).float() / 255,
    "data set of Pillow images": lambda path: Pictures(Image.fromarray),
    "data set of arrays and labels": lambda path: Pictures(lambda image: (image, 3)),
    "data set of tensors": lambda path: Pictures(channels_first),
    "data set of dicts": lambda path: Pictures(lambda image: {"label": 3, "image": image}),
    "data set to iterate": lambda path: Stream(),
    "loader": lambda path: DataLoader(TensorDataset(channels_first(IMAGES)), batch_size=3),
    "loader of lists": lambda path: DataLoader(
        Pictures(Image.fromarray), batch_size=2, collate_fn=list
    ),
    "list": lambda path: list(IMAGES),
    "list of batches": lambda path: np.array_split(IMAGES, 3),
    "tuple of batches": lambda path: channels_first(IMAGES).split(3),
    "list of files": lambda path: [folder(path) / name for name in sorted(NAMES)],
    "pattern": lambda path: f"{folder(path)}/**/*.[pP]*",
    "tensor file": lambda path: torch_saved(path, channels_first(IMAGES)),
    "file of a tuple of tensors": lambda path: torch_saved(path, channels_first(IMAGES).split(3)),
    "iterator of images": lambda path: iter(IMAGES),
    "iterator of batches": lambda path: iter(np.array_split(IMAGES, 3)),
    "generator": lambda path: (channels_first(image) for image in IMAGES),
    "function": function,
}


def opened(kind: str, path: Path, **options):
    if kind == "function":
        options["count"] = len(IMAGES)
    return open_images(SOURCES[kind](path), value_range=(0.0, 1.0), **options)


@pytest.mark.parametrize("kind", SOURCES)
def test_the_same_images_come_out_of_every_source_to_the_bit(kind, tmp_path):
    source = opened(kind, tmp_path)
    reading = source.batches(3)
    batches = list(reading)
    assert [len(batch) for batch in batches] == [3, 3, 1]
    assert all(np.asarray(batch).dtype == np.uint8 for batch in batches)
    assert np.array_equal(np.concatenate(batches), IMAGES)
    expected = open_images(IMAGES).batches(2)
    list(expected)
    assert reading.audit.data_sha256 == expected.audit.data_sha256
    assert reading.audit.read == len(IMAGES)
    assert reading.audit.skipped == 0
    assert source.count in (len(IMAGES), None)


@pytest.mark.parametrize("kind", ["folder", "zip", "npz", "tensor", "data set of tensors", "list"])
def test_a_source_can_be_read_again(kind, tmp_path):
    source = opened(kind, tmp_path)
    for _ in range(2):
        reading = source.batches(4)
        assert np.array_equal(np.concatenate(list(reading)), IMAGES)
        assert reading.audit.read == len(IMAGES)


def test_two_passes_over_one_source_have_audits_of_their_own():
    source = open_images(IMAGES)
    one, other = source.batches(3), source.batches(3)
    next(one)
    next(one)
    next(other)
    assert (one.audit.read, other.audit.read) == (6, 3)


def test_a_pass_without_audit_only_counts():
    reading = open_images(IMAGES).batches(3, audited=False)
    assert np.array_equal(np.concatenate(list(reading)), IMAGES)
    assert reading.audit.read == len(IMAGES)
    assert not reading.audit.sizes
    assert len(reading.audit.image_digests) == 0


@pytest.mark.parametrize("layout", ["N H W", "N H W 1", "N 1 H W", "tensor N H W"])
def test_grey_is_replicated_and_counted(layout):
    grey = IMAGES[..., 0]
    source = {
        "N H W": grey,
        "N H W 1": grey[..., None],
        "N 1 H W": torch.from_numpy(grey)[:, None],
        "tensor N H W": torch.from_numpy(grey),
    }[layout]
    images = open_images(source).batches(99)
    assert np.array_equal(next(images), np.repeat(grey[..., None], 3, axis=3))
    assert images.audit.modes == {"L": len(IMAGES)}


def test_floats_are_rounded_clipped_and_counted():
    """Halves go to even, so that no level gains on another; only what lies outside is clipped."""
    levels = [0, 1, 254, 255, 0.5, 1.5, 0.49, 0.51, -3, 300, 127.5, 10]
    images = open_images(np.array(levels).reshape(1, 2, 2, 3), value_range=(0.0, 255.0)).batches(1)
    (batch,) = images
    assert np.ravel(batch).tolist() == [0, 1, 254, 255, 0, 2, 0, 1, 0, 255, 128, 10]
    assert images.audit.clipped == 2


@pytest.mark.parametrize("value_range", [(-1.0, 1.0), (0.0, 1.0), (0.1, 0.9)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_level_comes_back_from_any_range(value_range, dtype):
    low, high = value_range
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    floats = (levels / 255 * (high - low) + low).astype(dtype)
    images = open_images(floats, value_range=value_range).batches(1)
    (batch,) = images
    assert np.array_equal(np.asarray(batch)[..., :1], levels)
    assert images.audit.clipped == 0


def test_bfloat16_tensors_are_read():
    images = open_images(torch.ones(2, 3, 4, 4, dtype=torch.bfloat16), value_range=(0.0, 1.0))
    assert np.all(np.equal(next(images.batches(2)), 255))


REFUSED = {
    "floats without a range": (
        np.zeros((2, 4, 4, 3)),
        {},
        "say by `value_range` which values are black and white, as 0,1",
    ),
    "not a number": (np.full((2, 4, 4, 3), np.nan), {"value_range": (0.0, 1.0)}, "NaN"),
    "infinite": (np.full((2, 4, 4, 3), np.inf), {"value_range": (0.0, 1.0)}, "infinite"),
    "an empty range": (np.zeros((2, 4, 4, 3)), {"value_range": (1.0, 1.0)}, "black < white"),
    "integers": (np.zeros((2, 4, 4, 3), np.int64), {}, "got int64"),
    "booleans": (torch.zeros(2, 3, 4, 4, dtype=torch.bool), {}, "got bool"),
    "channels first": (np.zeros((2, 3, 4, 4), np.uint8), {}, "move the axes"),
    "channels last": (torch.zeros(2, 4, 4, 3, dtype=torch.uint8), {}, "move the axes"),
    "transparency": (np.zeros((2, 4, 4, 4), np.uint8), {}, "got 4 .* if it is alpha, or drop it"),
    "one image": (np.zeros((4, 4, 3), np.uint8), {}, "may be a single one"),
    "one tensor": (torch.zeros(3, 4, 4, dtype=torch.uint8), {}, "may be a single one"),
    "one pixel": (np.zeros((2, 1, 4, 3), np.uint8), {}, "at least 2x2"),
    "nothing": (np.zeros((0, 4, 4, 3), np.uint8), {}, "got none: it is empty"),
    "an exhausted iterator": (iter([]), {}, "got none: it was empty, or read before"),
    "text": (iter(["a.png"]), {}, "got a str"),
    "a number": (3, {}, "expected images"),
    "a dict": ({"images": 1}, {}, "a dict of images"),
    "a network": (torch.nn.Identity(), {"count": 3}, "lambda n"),
    "a function without a count": (lambda n: IMAGES[:n], {}, "give a count"),
    "a function that gives fewer": (lambda n: IMAGES[: n - 1], {"count": 3}, "expected 3 images"),
    "too few": (iter(IMAGES), {"count": 99}, "expected 99 images from an .*, got 7"),
    "an odd word": (IMAGES, {"on_error": "ignore"}, "fail or skip"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_says_the_remedy(kind, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # of wrong types, too
    source, options, message = REFUSED[kind]
    with pytest.raises(ValueError, match=message):
        list(open_images(source, **options).batches(3))


LABELLED = {
    "folder": (folder, [None, None, "b", "b", None, "d", None]),
    "data set": (lambda path: Pictures(lambda image: (image, 3)), ["3"] * 7),
    "data set of dicts": (
        lambda path: Pictures(lambda i: {"image": i, "label": "cat"}),
        ["cat"] * 7,
    ),
    "batches": (
        lambda path: DataLoader(TensorDataset(channels_first(IMAGES), torch.arange(7)), 3),
        list("0123456"),
    ),
    "beside a path": (lambda path: Pictures(lambda image: (image, "a.png")), [None] * 7),
    "array": (lambda path: IMAGES, [None] * 7),
}


@pytest.mark.parametrize("kind", LABELLED)
def test_a_pass_says_the_class_of_each_image(kind, tmp_path):
    source, labels = LABELLED[kind]
    images = open_images(source(tmp_path)).batches(3)
    list(images)
    assert images.labels == labels


def test_skipped_images_have_no_label(tmp_path):
    (folder(tmp_path) / "b" / "2.png").write_bytes(b"torn")
    images = open_images(tmp_path / "folder", on_error="skip").batches(3)
    list(images)
    assert images.labels == [None, None, "b", None, "d", None]


def test_classes_of_a_prepared_data_set_have_their_names():
    images = open_images(catalogue.load("digits", split="test")).batches(400)
    list(images)
    assert set(images.labels) == set("0123456789")


@pytest.mark.parametrize(
    "held", [{"weight": torch.zeros(3)}, {"a": Path("b")}, [1, 2], []], ids=["dict", "o", "l", "e"]
)
def test_a_file_of_torch_without_images_says_what_is_wanted(held, tmp_path):
    with pytest.raises(ValueError, match=r"expected in .*images\.pt a tensor of images"):
        open_images(torch_saved(tmp_path, held))


def test_a_file_of_torch_runs_nothing(tmp_path):
    class Shout:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "made"),))

    with pytest.raises(ValueError, match="a file that holds objects other than tensors"):
        open_images(torch_saved(tmp_path, Shout()))
    assert not (tmp_path / "made").exists()


def test_lists_of_files_name_what_is_missing(tmp_path):
    place = folder(tmp_path)
    with pytest.raises(ValueError, match=r"gone\.png is not there"):
        open_images([place / "a.PNG", place / "gone.png"])
    with pytest.raises(ValueError, match="folder is a folder"):
        open_images([place / "a.PNG", place])
    with pytest.raises(FileNotFoundError, match=r"no file has a name of that pattern"):
        open_images(f"{place}/*.tif")


def test_a_folder_of_other_files_says_what_it_holds(tmp_path):
    for name in ("a.txt", "b.txt", "c.svg", ".d"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"got none but others: \.txt 2, (\.svg|hidden) 1"):
        open_images(tmp_path)


def test_a_data_set_of_batches_is_told_how_it_is_read():
    batched = Pictures(lambda image: np.stack([image, image]))
    with pytest.raises(ValueError, match=r"2 images where one was expected.*iter"):
        list(open_images(batched).batches(2))


def test_an_endless_iterator_is_cut_at_the_count():
    def endless():
        while True:
            yield IMAGES

    images = open_images(endless(), count=10)
    assert np.array_equal(
        np.concatenate(list(images.batches(4))), np.concatenate([IMAGES, IMAGES[:3]])
    )


def test_several_sizes_come_as_a_list():
    images = open_images([IMAGES[0], IMAGES[1, :4], IMAGES[2, :4], IMAGES[3, :4]]).batches(2)
    mixed, same = images
    assert [image.shape for image in mixed] == [(6, 6, 3), (4, 6, 3)]
    assert isinstance(same, np.ndarray)
    assert images.audit.sizes == {"6x6": 1, "6x4": 3}


def test_a_producer_may_reuse_its_buffer():
    buffer = np.zeros((2, 2, 3), np.uint8)

    def reusing():
        for value in range(4):
            buffer[:] = value
            yield buffer

    (batch,) = open_images(reusing()).batches(4)
    assert np.asarray(batch)[:, 0, 0, 0].tolist() == [0, 1, 2, 3]


def spoiled(path: Path) -> Path:
    """Three good images and one of each kind of bad."""
    place = folder(path)
    for name in ("Z.png", "b/10.png", "g.png", "d/e/f.png"):
        (place / name).unlink()
    (place / "empty.png").touch()
    (place / "text.jpg").write_text("not an image")
    (place / "cut.png").write_bytes((place / "a.PNG").read_bytes()[:80])
    os.symlink("/etc/hostname", place / "outside.png")
    os.symlink("nowhere", place / "broken.png")
    os.symlink("loop.png", place / "loop.png")
    os.symlink(place, place / "self")
    os.mkfifo(place / "pipe.png")
    os.mkfifo(place / "pipe")
    (place / "notes.txt").touch()
    return place


BAD = ["broken", "cut", "empty", "loop", "outside", "pipe", "text"]


def test_skipping_accounts_for_every_file(tmp_path):
    images = open_images(spoiled(tmp_path), on_error="skip").batches(9)
    (batch,) = images
    assert np.array_equal(
        batch, IMAGES[[NAMES_READ.index(n) for n in ("a.PNG", "b/2.png", "c.Png")]]
    )
    named = sorted(Path(each.file).stem for each in images.audit.skipped_files)
    assert named == BAD
    assert images.audit.ignored == {".txt": 1, "no extension": 1}
    assert all(each.reason for each in images.audit.skipped_files)


NAMES_READ = sorted(NAMES)


def test_a_side_that_cannot_be_read_at_all_is_an_error(tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "b.png").touch()
    images = open_images(tmp_path, on_error="skip")
    with pytest.raises(ValueError, match=r"none of the 2 images .*a\.png"):
        list(images.batches(2))


@pytest.mark.parametrize("kind", ["fifo", "device", "text"])
def test_a_path_that_is_neither_folder_nor_archive_is_refused(kind, tmp_path):
    path = tmp_path / "images.zip"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "text":
        path.write_text("PK, but no archive")
    else:
        path = Path("/dev/zero")
    with pytest.raises(ValueError, match="expected a folder, a zip or a tar archive"):
        open_images(path)


def test_a_data_set_that_fails_is_named_or_skipped():
    class Torn(Pictures):
        def __getitem__(self, index: int) -> Any:
            if index == 2:
                raise OSError("truncated")
            return super().__getitem__(index)

    torn = Torn(Image.fromarray)
    with pytest.raises(ValueError, match="item 2 of a Torn: truncated"):
        list(open_images(torn).batches(2))
    images = open_images(torn, on_error="skip").batches(2)
    assert np.array_equal(np.concatenate(list(images)), np.delete(IMAGES, 2, axis=0))
    assert images.audit.skipped_files[0].file == "item 2"


def test_the_key_of_the_content_changes_with_the_content(tmp_path):
    place = folder(tmp_path)
    before = open_images(place).content_sha256()
    (place / "notes.txt").write_text("not an image")
    assert open_images(place).content_sha256() == before
    os.rename(place / "a.PNG", place / "A.PNG")
    renamed = open_images(place).content_sha256()
    data = bytearray((place / "A.PNG").read_bytes())
    data[-1] ^= 1
    (place / "A.PNG").write_bytes(data)
    assert len({before, renamed, open_images(place).content_sha256()}) == 3


@pytest.mark.parametrize("kind", SOURCES)
def test_only_sources_that_stay_have_a_key(kind, tmp_path):
    source = opened(kind, tmp_path)
    computed = ("data set", "loader", "list", "tuple", "iter", "gen", "func")
    known = kind == "list of files" or not any(word in kind for word in computed)
    assert (source.content_sha256() is not None) == known
    assert source.content_sha256() == source.content_sha256()
    assert np.array_equal(np.concatenate(list(source.batches(4))), IMAGES)


def test_a_range_is_part_of_the_key():
    floats = IMAGES / 255
    keys = {open_images(floats, value_range=(low, 1.0)).content_sha256() for low in (0.0, -1.0)}
    assert len(keys) == 2


@pytest.mark.parametrize("in_memory", [2**20, 1])
def test_a_compressed_tar_in_another_order_is_unpacked_once(tmp_path, monkeypatch, in_memory):
    """Stored backwards; in memory, and with room for a single byte there, on disk."""
    images = open_images(tarred(tmp_path, "tar.gz"))
    passes, begin = [], gzip.GzipFile.__init__

    def counting(file, *arguments, **options):
        passes.append(arguments)
        begin(file, *arguments, **options)

    monkeypatch.setattr(gzip.GzipFile, "__init__", counting)
    monkeypatch.setattr(data_archives, "IN_MEMORY", in_memory)
    assert np.array_equal(np.concatenate(list(images.batches(4))), IMAGES)
    assert len(passes) == 1


def test_a_disk_is_not_filled_to_read_a_tar(tmp_path, monkeypatch):
    backwards = open_images(tarred(tmp_path, "tar.gz"))
    with tarfile.open(tmp_path / "sorted.tar.gz", "w:gz") as archive:
        for file in sorted((tmp_path / "folder").rglob("*.*")):
            archive.add(file, file.relative_to(tmp_path / "folder").as_posix())
    monkeypatch.setattr(data_archives, "IN_MEMORY", 1)
    monkeypatch.setattr(data_archives, "LEFT_FREE", 2**60)
    with pytest.raises(OSError, match=r"stored in another order.*unpack it elsewhere"):
        list(backwards.batches(4))
    in_order = open_images(tmp_path / "sorted.tar.gz")
    assert np.array_equal(np.concatenate(list(in_order.batches(4))), IMAGES)


def decoders() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "decode"}


def test_threads_end_when_the_reader_stops(tmp_path):
    others = decoders()  # of readers that earlier tests left to the collector
    batches = open_images(folder(tmp_path)).batches(1)
    next(batches)
    started = decoders() - others
    assert started
    batches.close()
    for thread in started:
        thread.join(timeout=20)
    assert not any(thread.is_alive() for thread in started)


def test_an_abandoned_reader_waits_for_no_lock(tmp_path):
    """The collector may end it in a thread that is just being started, or by an executor's code:
    whatever those hold must not be waited for.
    """
    batches = open_images(folder(tmp_path)).batches(1)
    next(batches)
    cycle: list[Any] = [batches]
    cycle.append(cycle)
    del batches, cycle

    def collect() -> None:
        with threading._shutdown_locks_lock, executors._global_shutdown_lock:  # pyright: ignore
            gc.collect()

    collecting = threading.Thread(target=collect, daemon=True)
    collecting.start()
    collecting.join(timeout=20)
    assert not collecting.is_alive()


def test_only_few_pictures_are_decoded_ahead(tmp_path, monkeypatch):
    """With room for one picture, one more than asked for is decoded, and one is on its way."""
    decoded = []
    decode = image_files.decode
    monkeypatch.setattr(
        image_files, "decode", lambda data, where: decoded.append(where) or decode(data, where)
    )
    monkeypatch.setattr(reading, "DECODING_THREADS", 1)
    monkeypatch.setattr(reading, "GROUP_BYTES", 1)
    monkeypatch.setattr(reading, "AHEAD_BYTES", 1)
    batches = open_images(folder(tmp_path)).batches(1)
    next(batches)
    next(batches)
    assert len(decoded) <= 4
    batches.close()


def bad_zip(path: Path, names: list[str], change: Callable[[bytes], bytes]) -> Path:
    content = (folder(path) / "a.PNG").read_bytes()
    with zipfile.ZipFile(path / "bad.zip", "w") as archive:
        for name in names:
            archive.writestr(name, content)
    (path / "bad.zip").write_bytes(change((path / "bad.zip").read_bytes()))
    return path / "bad.zip"


def encrypted(data: bytes) -> bytes:
    """Bit 0 of the general purpose flags, in the directory (offset 8 of each record)."""
    at = data.index(b"PK\1\2") + 8
    return data[:at] + bytes([data[at] | 1]) + data[at + 1 :]


def test_encrypted_members_are_named(tmp_path):
    path = bad_zip(tmp_path, ["a.png", "b.png"], encrypted)
    with pytest.raises(ValueError, match=r"bad\.zip!a\.png is encrypted"):
        open_images(path)
    images = open_images(path, on_error="skip").batches(2)
    assert sum(len(batch) for batch in images) == images.audit.skipped == 1


def test_a_member_that_claims_to_be_huge_is_named(tmp_path):
    def huge(data: bytes) -> bytes:
        at = data.index(b"PK\1\2") + 24
        return data[:at] + (2**31).to_bytes(4, "little") + data[at + 4 :]

    path = bad_zip(tmp_path, ["a.png", "b.png"], huge)
    with pytest.raises(ValueError, match=r"a\.png has 2147483648 bytes"):
        open_images(path)


@pytest.mark.parametrize("on_error", ["fail", "skip"])
@pytest.mark.parametrize("name", ["../a.png", "/a.png", "b/../../a.png"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_that_reaches_outside_itself_is_refused(kind, name, on_error, tmp_path):
    path = tmp_path / f"bad.{kind}"
    if kind == "zip":
        bad_zip(tmp_path, ["a.png", name], bytes)
    else:
        with tarfile.open(path, "w") as archive:
            archives.add(archive, "a.png", b"")
            archives.add(archive, name, b"")
    with pytest.raises(ValueError, match=rf"bad\.{kind}!.*outside the archive"):
        open_images(path, on_error=on_error)


def test_links_and_devices_in_a_tar_are_named(tmp_path):
    path = tmp_path / "bad.tar"
    with tarfile.open(path, "w") as archive:
        archive.add(folder(tmp_path) / "a.PNG", "a.png")
        for name, kind in (("b.png", tarfile.SYMTYPE), ("c.png", tarfile.CHRTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/hostname"
            archive.addfile(member)
    with pytest.raises(ValueError, match=r"bad\.tar!b\.png is a link"):
        open_images(path)
    images = open_images(path, on_error="skip").batches(2)
    assert sum(len(batch) for batch in images) == 1
    assert images.audit.skipped == 2


@pytest.mark.parametrize("suffix", ["tar", "tar.gz"])
def test_a_cut_tar_says_so_and_gives_what_lies_before(suffix, tmp_path):
    """tarfile would take the cut, or a damaged header, for the end and stay silent."""
    path = tarred(tmp_path, suffix)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match="cannot be read to its end"):
        open_images(path)
    images = open_images(path, on_error="skip").batches(2)
    read = sum(len(batch) for batch in images)
    assert 0 < read < len(IMAGES)
    assert str(path) in images.audit.skipped_files[0].file


def test_a_damaged_header_within_a_tar_is_not_its_end(tmp_path):
    path = tarred(tmp_path, "tar")
    data = bytearray(path.read_bytes())
    second = 512 + 512 * -(-int(data[124:135], 8) // 512)
    data[second + 5] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match="cannot be read to its end"):
        open_images(path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[: len(data) // 2], "expected an array of images"),
        (lambda data: data.replace(b"(7, 6, 6, 3)", b"(7, 6, 6, 4)"), "expected an array of im"),
        (lambda data: data.replace(b"|u1", b"|O8"), "expected an array of images"),
        (lambda data: b"", "expected an array of images"),
    ],
    ids=["cut", "another shape", "objects", "empty"],
)
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_damaged_arrays_are_named(suffix, damage, message, tmp_path):
    path = saved(tmp_path, suffix)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=rf"{message}.*images\.{suffix}"):
        list(open_images(path).batches(3))


def test_an_npz_without_arr_0_says_what_it_holds(tmp_path):
    np.savez(tmp_path / "a.npz", samples=IMAGES)
    with pytest.raises(
        ValueError, match=r"no arr_0 \(images\), nor mu and sigma \(statistics\), but samples"
    ):
        open_images(tmp_path / "a.npz")


def test_an_npz_of_what_was_made_of_images_is_not_asked_for_its_keys(tmp_path):
    np.savez(tmp_path / "s.npz", mu=np.zeros(2), sigma=np.eye(2))
    np.savez(tmp_path / "f.npz", features=np.zeros((3, 2)), logits=np.zeros((3, 2)))
    for name, what in (("s", r"statistics \(mu, sigma\)"), ("f", "features")):
        with pytest.raises(ValueError, match=f"got: {what}, of which no images.*give the images"):
            open_images(tmp_path / f"{name}.npz")


def test_names_that_are_no_text_can_be_printed(tmp_path):
    (tmp_path / os.fsdecode(b"\xff\n.png")).touch()
    Image.fromarray(IMAGES[0]).save(tmp_path / "a.png")
    images = open_images(tmp_path, on_error="skip").batches(1)
    list(images)
    name = images.audit.skipped_files[0].file
    assert name.isprintable()
    name.encode()
    json.dumps(images.audit.to_json())


def test_a_count_is_for_sources_without_a_number_of_their_own(tmp_path):
    for source in (IMAGES, folder(tmp_path)):
        with pytest.raises(ValueError, match="a count is for functions and iterators"):
            open_images(source, count=2)


def test_what_is_no_image_is_said_in_the_same_words_every_time(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image at all")
    said = set()
    for _ in range(2):
        with pytest.raises(ValueError, match=r"a\.png: it is none of AVIF, BMP") as raised:
            list(open_images(tmp_path).batches(1))
        said.add(str(raised.value))
    assert len(said) == 1


def test_a_prepared_array_written_over_has_another_key(tmp_path):
    prepare("images", [folder(tmp_path)], tmp_path / "data", target_name="mine", size=8)
    before = open_images(tmp_path / "data" / "mine").content_sha256()
    assert open_images(tmp_path / "data" / "mine").content_sha256() == before
    file = tmp_path / "data" / "mine" / "train.npy"
    pixels = np.load(file)
    np.save(file, 255 - pixels)
    assert open_images(tmp_path / "data" / "mine").content_sha256() != before
