"""Damaged files in folders, zips and tars: each is read or named, and none is a traceback."""

import io
import struct
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reference import archives
from ttur.evaluation.openers import open_images

SECONDS = 5.0  # the most any one file may take, by the issue; they take milliseconds
Damage = Callable[[bytes, np.random.Generator], bytes]


def encoded(kind: str, **options) -> bytes:
    """A smooth picture of 24x20, so that compression has something to compress."""
    y, x = np.mgrid[:20, :24]
    pixels = np.stack([x * 10, y * 12, (x * y) % 256], axis=-1).astype(np.uint8)
    image = Image.fromarray(pixels)
    if options.pop("grey", False):
        image = image.convert("L")
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def with_exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "description"
    return encoded("JPEG", exif=exif.tobytes())


FORMATS: dict[str, bytes] = {
    ".png": encoded("PNG"),
    ".jpg": with_exif(),
    ".bmp": encoded("BMP"),
    ".tif": encoded("TIFF"),
    ".tiff": encoded("TIFF", compression="tiff_lzw"),
    ".webp": encoded("WEBP"),
    ".ppm": encoded("PPM"),
    ".pgm": encoded("PPM", grey=True),
    ".jpeg": encoded("JPEG", progressive=True, grey=True),
}


def at(data: bytes, place: int, new: bytes) -> bytes:
    return data[:place] + new + data[place + len(new) :]


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: rng.integers(1, len(data))]


def cut_at_the_end(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: -int(rng.integers(1, 12))]


def flipped_bits(data: bytes, rng: np.random.Generator) -> bytes:
    noise = np.frombuffer(data, np.uint8).copy()
    places = rng.integers(0, len(noise), 8)
    noise[places] ^= (1 << rng.integers(0, 8, 8)).astype(np.uint8)
    return noise.tobytes()


def flipped_header(data: bytes, rng: np.random.Generator) -> bytes:
    place = int(rng.integers(0, min(64, len(data))))
    return at(data, place, bytes([data[place] ^ (1 << int(rng.integers(0, 8)))]))


def zeroed(data: bytes, rng: np.random.Generator) -> bytes:
    place = int(rng.integers(0, len(data)))
    return at(data, place, bytes(min(64, len(data) - place)))


def maximal(data: bytes, rng: np.random.Generator) -> bytes:
    """Lengths, offsets and counts become as large as they can be."""
    place = int(rng.integers(0, min(80, len(data) - 4)))
    return at(data, place, b"\xff\xff\xff\x7f")


def doubled(data: bytes, rng: np.random.Generator) -> bytes:
    start, end = sorted(rng.integers(0, len(data), 2))
    return data[:end] + data[start:end] + data[end:]


def removed(data: bytes, rng: np.random.Generator) -> bytes:
    start = int(rng.integers(0, len(data)))
    return data[:start] + data[start + int(rng.integers(1, 40)) :]


def appended(data: bytes, rng: np.random.Generator) -> bytes:
    return data + rng.bytes(100)


def another_header(data: bytes, rng: np.random.Generator) -> bytes:
    others = sorted(other[:16] for other in FORMATS.values() if other[:2] != data[:2])
    return at(data, 0, others[int(rng.integers(len(others)))])


def another_format(data: bytes, rng: np.random.Generator) -> bytes:
    """Under the wrong extension: that is no damage, the content decides."""
    others = sorted(other for other in FORMATS.values() if other[:2] != data[:2])
    return others[int(rng.integers(len(others)))]


def noise(data: bytes, rng: np.random.Generator) -> bytes:
    return rng.bytes(len(data))


def noise_behind_the_header(data: bytes, rng: np.random.Generator) -> bytes:
    return data[:32] + rng.bytes(len(data) - 32)


def nothing(data: bytes, rng: np.random.Generator) -> bytes:
    return b""


def an_archive(data: bytes, rng: np.random.Generator) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.png", data)
    return stream.getvalue()


DAMAGES: list[Damage] = [
    *(cut, cut_at_the_end, flipped_bits, flipped_header, zeroed, maximal, doubled, removed),
    *(appended, another_header, another_format, noise, noise_behind_the_header, nothing),
    an_archive,
]


# Well-formed, and an attack: sizes that nobody can decode, or that grow from nothing.
BOMBS = {
    "wide.png": archives.png(2**31 - 1, 2**31 - 1, b""),
    "long.png": archives.png(20_000, 20_000, b""),
    "grows.png": archives.png(4, 4, bytes(50_000_000)),
    "wide.ppm": b"P6 99999999 99999999 255\n",
    "deep.pgm": b"P5 4 4 99999999999999999999\n" + bytes(16),
    "tall.bmp": at(FORMATS[".bmp"], 22, struct.pack("<i", -(2**31))),
    "wide.bmp": at(FORMATS[".bmp"], 18, struct.pack("<i", 2**30)),
}


def damaged_files() -> dict[str, bytes]:
    rng = np.random.default_rng(2017)
    files = {
        f"{damage.__name__}{turn}{suffix}": damage(data, rng)
        for turn in range(5)
        for damage in DAMAGES
        for suffix, data in FORMATS.items()
    }
    return files | BOMBS


FILES = damaged_files()
GOOD = {f"good{suffix}": data for suffix, data in FORMATS.items()}


def in_a_folder(path: Path) -> Path:
    for name, data in (FILES | GOOD).items():
        (path / name).write_bytes(data)
    return path


def in_a_zip(path: Path) -> Path:
    with zipfile.ZipFile(path / "images.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (FILES | GOOD).items():
            archive.writestr(name, data)
    return path / "images.zip"


def in_a_tar(path: Path) -> Path:
    with tarfile.open(path / "images.tar.gz", "w:gz", compresslevel=1) as archive:
        for name, data in (FILES | GOOD).items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path / "images.tar.gz"


def test_there_is_enough_damage():
    assert len(FILES) >= 500
    assert len(FORMATS) >= 8
    assert len(DAMAGES) >= 10


@pytest.fixture(scope="module")
def digests() -> set[tuple[str, int]]:
    return set()


@pytest.mark.parametrize("placed", [in_a_folder, in_a_zip, in_a_tar])
def test_every_damaged_file_is_read_or_named(placed, tmp_path, capfd, digests):
    images = open_images(placed(tmp_path), on_error="skip").batches(1)
    started, longest = time.perf_counter(), 0.0
    for (image,) in images:
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert image.shape[2] == 3
        longest = max(longest, time.perf_counter() - started)
        started = time.perf_counter()
    assert longest <= SECONDS
    audit = images.audit
    assert audit.read + audit.skipped == len(FILES) + len(GOOD)
    assert audit.ignored.total() == 0
    assert audit.read >= len(GOOD) + len(FORMATS)  # those of another format, at the least
    assert audit.skipped >= len(FILES) / 2
    assert all(skipped.reason for skipped in audit.skipped_files)
    digests.add((audit.data_sha256, audit.skipped))
    assert len(digests) == 1  # folder, zip and tar agree on what can be read of it
    output = capfd.readouterr()
    assert output.out == ""
    # Not empty: libtiff, a C library, has lines of its own to say on damaged LZW.
    assert "Traceback" not in output.err
    assert "Warning" not in output.err


def failure(path: Path, **options) -> str | None:
    """What reading it says, or None if it can be read."""
    try:
        for batch in open_images(path, **options).batches(4):
            assert all(image.dtype == np.uint8 and image.ndim == 3 for image in batch)
    except ValueError as error:
        return str(error)
    return None


def test_a_damaged_file_is_named_where_skipping_was_not_asked_for(tmp_path):
    for number, (name, data) in enumerate([*FILES.items()][::4]):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / name).write_bytes(data)
        said = failure(folder)
        assert said is None or str(folder / name) in said


@pytest.mark.parametrize("suffix", ["zip", "tar", "tgz", "npy", "npz"])
@pytest.mark.parametrize("turn", range(4))
def test_a_damaged_container_is_read_or_refused_by_name(suffix, turn, tmp_path):
    stream, images = io.BytesIO(), np.full((9, 8, 8, 3), 7, np.uint8)
    if suffix == "npy":
        np.save(stream, images)
    elif suffix == "npz":
        np.savez_compressed(stream, images)
    elif suffix == "zip":
        with zipfile.ZipFile(stream, "w") as archive:
            for name, data in GOOD.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(fileobj=stream, mode="w:gz" if suffix == "tgz" else "w") as archive:
            for name, data in GOOD.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    for damage in DAMAGES:
        rng = np.random.default_rng([turn, DAMAGES.index(damage)])
        path = tmp_path / f"{damage.__name__}.{suffix}"
        path.write_bytes(damage(stream.getvalue(), rng))
        said = failure(path, on_error="skip")
        assert said is None or str(path) in said
