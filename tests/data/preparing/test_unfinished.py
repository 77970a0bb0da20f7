"""A killed or interrupted `ttur prepare` goes on where it was, and the same bytes come out."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onlooking import prepare
from reference import archives
from ttur.data import catalogue
from ttur.data.images import ahead as reading
from ttur.data.preparing import prepare as preparation
from ttur.data.preparing import unfinished
from ttur.data.preparing.unfinished import GrowingArray
from ttur.data.published import files as published_files
from ttur.data.published import lsun


def labelled_images(folder: Path) -> tuple[str, list[Path], dict]:
    images = archives.pictures(40)
    archives.class_folders(folder / "in", {"train": (images, np.arange(40) % 10)})
    return "images", [folder / "in/train"], {"target_name": "own", "size": 24}


def unlabelled_images(folder: Path) -> tuple[str, list[Path], dict]:
    archives.celeba_folder(folder / "in", 12)
    return "celeba", [folder / "in"], {}


def cifar10(folder: Path) -> tuple[str, list[Path], dict]:
    splits = {
        n: (archives.pictures(c), np.arange(c) % 10) for n, c in (("train", 40), ("test", 20))
    }
    return "cifar10", [archives.cifar10_archive(folder / "cifar.tar.gz", "binary", splits)], {}


def mnist(folder: Path) -> tuple[str, list[Path], dict]:
    archives.mnist_files(folder / "in", {"train": 40, "test": 20}, compressed=True)
    return "mnist", [folder / "in"], {}


def svhn(folder: Path) -> tuple[str, list[Path], dict]:
    for split, count in (("train", 40), ("test", 20)):
        file = folder / f"in/{split}_32x32.mat"
        archives.svhn_file(file, archives.pictures(count), np.arange(count) % 10)
    return "svhn", [folder / "in"], {}


def lsun_bedroom(folder: Path) -> tuple[str, list[Path], dict]:
    for split, count in (("train", 30), ("val", 5)):
        images = [archives.bedroom(count + index) for index in range(count)]
        archives.lsun_database(folder / f"in/bedroom_{split}_lmdb", images)
    return "lsun_bedroom", [folder / "in"], {}


def text(folder: Path) -> tuple[str, list[Path], dict]:
    (folder / "a.txt").write_text("".join(f"line {n}\n" for n in range(50)))
    (folder / "b.txt").write_text("".join(f"other {n}\n" for n in range(50)))
    return "text", [folder / "a.txt", folder / "b.txt"], {"target_name": "own"}


SOURCES = [labelled_images, unlabelled_images, cifar10, mnist, svhn, lsun_bedroom, text]


@pytest.fixture
def small_blocks(monkeypatch, small_data_sets):
    monkeypatch.setattr(reading, "BLOCK_IMAGES", 4)
    monkeypatch.setattr(published_files, "BLOCK_IMAGES", 7)


class Interrupted(BaseException):
    """As KeyboardInterrupt, which would end the tests."""


class Impatience:
    """Interrupts as soon as more is done than ever before."""

    def __init__(self) -> None:
        self.most, self.interrupts = 0, 0

    def __call__(self, done: int, total: int) -> None:
        if total and done > self.most:
            self.most = done
            self.interrupts += 1
            raise Interrupted


def interrupted(times: int, *words, **options) -> Impatience:
    """`prepare`, interrupted after every block, that many times at most."""
    impatience = Impatience()
    while impatience.interrupts < times:
        try:
            prepare(*words, on_progress=impatience, **options)
        except Interrupted:
            continue
        break
    return impatience


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("source", SOURCES)
def test_interrupted_after_every_block_it_gives_the_same_bytes(tmp_path, small_blocks, source):
    name, sources, options = source(tmp_path)
    prepare(name, sources, tmp_path / "at-once", **options)
    impatience = interrupted(100, name, sources, tmp_path / "bit-by-bit", **options)
    assert impatience.interrupts >= 3
    assert files(tmp_path / "at-once") == files(tmp_path / "bit-by-bit")


def test_an_interrupt_shows_no_half_data_set(tmp_path, small_blocks):
    name, sources, options = labelled_images(tmp_path)
    interrupted(3, name, sources, tmp_path / "data", **options)
    assert {p.name for p in (tmp_path / "data").iterdir()} == {".own.unfinished", ".prepare.lock"}
    with pytest.raises(FileNotFoundError):
        catalogue.load("own", tmp_path / "data")


KILLED = """if True:
    import os, signal, sys
    from dataclasses import replace
    from pathlib import Path
    from ttur.data import catalogue
    from ttur.data.images import ahead as reading
    from ttur.data.preparing import unfinished
    from onlooking import prepare

    data, name, source, options = sys.argv[1:]
    known = catalogue.KNOWN["lsun_bedroom"]
    catalogue.KNOWN["lsun_bedroom"] = replace(known, counts={"train": 30, "val": 5})
    reading.BLOCK_IMAGES, unfinished.FLUSH_BYTES = 4, 1
    reports = []

    def progress(done, total):
        reports.append(done)
        print(done, flush=True)
        if len(reports) == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    prepare(name, [Path(source)], data, on_progress=progress, **eval(options))
"""


@pytest.mark.parametrize("source", [labelled_images, lsun_bedroom])
def test_killed_twice_it_gives_the_same_bytes(tmp_path, small_data_sets, source):
    """SIGKILL from the process itself: nothing of ours tidies up."""
    name, sources, options = source(tmp_path)
    words = [str(tmp_path / "killed"), name, str(sources[0]), repr(options)]
    seen = []
    for _ in range(2):
        command = [sys.executable, "-c", KILLED, *words]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == -signal.SIGKILL, done.stderr
        seen.append([int(line) for line in done.stdout.split()])
    assert seen == [[4, 8, 12], [12, 16, 20]], "the second goes on where the first was killed"
    prepare(name, sources, tmp_path / "killed", **options)
    prepare(name, sources, tmp_path / "at-once", **options)
    assert files(tmp_path / "killed") == files(tmp_path / "at-once")


def test_what_is_there_is_not_decoded_again(tmp_path, small_blocks, monkeypatch):
    name, sources, options = lsun_bedroom(tmp_path)
    interrupted(6, name, sources, tmp_path / "data", **options)
    names, decode = [], lsun.decode
    monkeypatch.setattr(
        lsun, "decode", lambda data, where: names.append(where) or decode(data, where)
    )
    prepare(name, sources, tmp_path / "data", **options)
    assert len(set(names)) == 35 - 6 * 4


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *(("train.npy", damage) for damage in (flip, cut, Path.unlink)),
        *(("train.labels.npy", damage) for damage in (cut, Path.unlink)),
        *(("card.json", damage) for damage in (cut, Path.unlink)),
    ],
)
def test_what_is_left_damaged_is_made_again(tmp_path, small_blocks, name, damage):
    """As after a power failure: the files need not be what was written last."""
    words = labelled_images(tmp_path)
    interrupted(5, *words[:2], tmp_path / "data", **words[2])
    damage(tmp_path / "data/.own.unfinished" / name)
    prepare(*words[:2], tmp_path / "data", **words[2])
    prepare(*words[:2], tmp_path / "at-once", **words[2])
    assert files(tmp_path / "data") == files(tmp_path / "at-once")


@pytest.mark.parametrize("change", ["options", "source", "pillow"])
def test_what_is_left_of_another_call_is_not_gone_on_with(
    tmp_path, small_blocks, monkeypatch, change
):
    name, sources, options = labelled_images(tmp_path)
    interrupted(5, name, sources, tmp_path / "data", **options)
    if change == "options":
        options |= {"size": 16}
    elif change == "source":
        Image.new("RGB", (32, 32)).save(next(sources[0].rglob("*.png")))
    else:
        monkeypatch.setattr(preparation, "version", lambda package: "another")
    seen = []
    prepare(
        *(name, sources, tmp_path / "data"),
        **options,
        on_progress=lambda done, total: seen.append(done),
    )
    assert seen == list(range(4, 41, 4))
    prepare(name, sources, tmp_path / "at-once", **options)
    assert files(tmp_path / "data") == files(tmp_path / "at-once")


def test_progress_counts_what_is_there_already(tmp_path, small_blocks):
    name, sources, options = lsun_bedroom(tmp_path)
    interrupted(9, name, sources, tmp_path / "data", **options)
    seen = []
    prepare(
        *(name, sources, tmp_path / "data"),
        **options,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(30, 35), (34, 35), (35, 35)]


def test_a_growing_array_is_the_file_that_numpy_saves(tmp_path):
    rows = np.random.default_rng(0).integers(0, 256, (10, 3, 5), dtype=np.uint8)
    for there in (0, 4, 10):
        growing = GrowingArray(tmp_path / "a.npy", 10)
        if there:
            sha256 = hashlib.sha256(rows[:there].tobytes()).hexdigest()
            assert growing.take_up(there, rows.dtype, (3, 5), sha256)
        else:
            growing.begin()
        growing.append(rows[there:7])
        growing.append(rows[max(there, 7) :])
        assert growing.rows == 10
        growing.close()
        saved = io.BytesIO()
        np.save(saved, rows)
        assert (tmp_path / "a.npy").read_bytes() == saved.getvalue()
    growing = GrowingArray(tmp_path / "a.npy", 11)
    sha256 = hashlib.sha256(rows[:4].tobytes()).hexdigest()
    assert not growing.take_up(4, rows.dtype, (3, 5), sha256), "of another length"
    growing.close()


def test_the_card_of_an_unfinished_data_set_says_what_is_safely_on_disk(tmp_path, small_blocks):
    name, sources, options = labelled_images(tmp_path)
    interrupted(3, name, sources, tmp_path / "data", **options)
    folder = tmp_path / "data/.own.unfinished"
    card = json.loads((folder / "card.json").read_text())
    assert card["splits"]["train"]["count"] == 12
    assert (folder / "train.npy").stat().st_size == 128 + 12 * 24 * 24 * 3


def test_flushes_come_at_most_every_so_many_bytes(tmp_path, small_blocks, monkeypatch):
    """As the card says after each block of four; without it nothing is safely on disk."""
    name, sources, options = labelled_images(tmp_path)
    monkeypatch.setattr(unfinished, "FLUSH_BYTES", 12 * 24 * 24 * 3)
    card, on_disk = tmp_path / "data/.own.unfinished/card.json", []

    def look(done: int, total: int) -> None:
        said = json.loads(card.read_text())["splits"]["train"]["count"] if card.exists() else 0
        on_disk.append((done, said))

    prepare(name, sources, tmp_path / "data", on_progress=look, **options)
    assert on_disk == [(done, done // 12 * 12) for done in range(4, 41, 4)]
