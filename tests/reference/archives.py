"""Small archives in the true on-disk formats, written byte by byte."""

import gzip
import hashlib
import io
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import lmdb
import numpy as np
from PIL import Image
from scipy.io import savemat

CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
BATCHES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
IDX = {
    ("train", "images"): "train-images-idx3-ubyte",
    ("train", "labels"): "train-labels-idx1-ubyte",
    ("test", "images"): "t10k-images-idx3-ubyte",
    ("test", "labels"): "t10k-labels-idx1-ubyte",
}


def pictures(count: int, side: int = 32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def binary_records(images: np.ndarray, labels: np.ndarray) -> bytes:
    """3,073 bytes an image: the label, then 1,024 red, 1,024 green, 1,024 blue."""
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    return np.concatenate([labels[:, None].astype(np.uint8), planes], axis=1).tobytes()


def python_batch(images: np.ndarray, labels: np.ndarray) -> bytes:
    """The opcodes of an official batch, which Python 2 wrote: its `str` are BINSTRING, and Python 3
    could not write them.
    """

    def text(value: str) -> bytes:
        return b"U" + bytes([len(value)]) + value.encode()  # SHORT_BINSTRING

    def listed(items: list[bytes]) -> bytes:
        return b"](" + b"".join(items) + b"e"  # EMPTY_LIST, MARK, APPENDS

    planes = images.transpose(0, 3, 1, 2).tobytes()
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        + b"(K\x01"
        + b"".join(b"M" + n.to_bytes(2, "little") for n in (len(images), 3072))  # BININT2
        + b"\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xff"
        + b"J\xff\xff\xff\xffK\x00tb\x89"
        + b"T"
        + len(planes).to_bytes(4, "little")  # BINSTRING
        + planes
        + b"tb"
    )
    entries = {
        "batch_label": text("training batch 1 of 5"),
        "labels": listed([b"K" + bytes([label]) for label in labels]),
        "data": array,
        "filenames": listed([text(f"{i}.png") for i in range(len(labels))]),
    }
    items = b"".join(text(key) + value for key, value in entries.items())
    return b"\x80\x02}q\x01(" + items + b"u."  # PROTO 2, EMPTY_DICT, MARK, SETITEMS, STOP


def cifar10_archive(path: Path, kind: str, splits: dict[str, tuple]) -> Path:
    """The official archive of that kind; the training images spread over five batches."""
    encode, suffix, folder = {
        "binary": (binary_records, ".bin", "cifar-10-batches-bin"),
        "python": (python_batch, "", "cifar-10-batches-py"),
    }[kind]
    images, labels = splits["train"]
    parts = [*zip(np.array_split(images, 5), np.array_split(labels, 5), strict=True)]
    with tarfile.open(path, "w:gz") as archive:
        for name, (part, part_labels) in zip(BATCHES, [*parts, splits["test"]], strict=True):
            add(archive, f"{folder}/{name}{suffix}", encode(part, part_labels))
    return path


def class_folders(path: Path, splits: dict[str, tuple]) -> Path:
    for split, (images, labels) in splits.items():
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            folder = path / split / CLASSES[label]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / f"{index:04d}.png")
    return path


def png(
    width: int, height: int, rows: bytes, bits: int = 8, colour: int = 2, key: bytes = b""
) -> bytes:
    """An image of that size by its header, RGB unless `colour` is 0 for grey; `rows` begin with
    their filter byte; `key` is the content of its tRNS chunk.
    """

    def chunk(kind: bytes, data: bytes) -> bytes:
        sum_of = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", sum_of)

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    header += chunk(b"tRNS", key) if key else b""
    body = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IEND", b"")


def tiff(bits: int, data: bytes, *, photometric: int = 1, sample_format: int = 1) -> bytes:
    """A grey image of 2x2 pixels, uncompressed; photometric 0 is WhiteIsZero."""
    tags = {
        256: 2,
        257: 2,
        258: bits,
        259: 1,
        262: photometric,
        273: 134,
        277: 1,
        278: 2,
        279: len(data),
        339: sample_format,
    }
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*"), reverse=True):  # not in the order of the names
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    return path


def idx_bytes(values: np.ndarray) -> bytes:
    lengths = np.array(values.shape, ">u4").tobytes()
    return bytes([0, 0, 8, values.ndim]) + lengths + values.tobytes()


def mnist_files(folder: Path, counts: dict[str, int], compressed: bool) -> dict[str, tuple]:
    folder.mkdir()
    splits = {}
    for split, count in counts.items():
        rng = np.random.default_rng(count)
        grey = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = rng.integers(0, 10, count).astype(np.uint8)
        splits[split] = grey, labels
        for what, values in (("images", grey), ("labels", labels)):
            data = idx_bytes(values)
            name = IDX[split, what] + (".gz" if compressed else "")
            (folder / name).write_bytes(gzip.compress(data) if compressed else data)
    return splits


def svhn_file(path: Path, images: np.ndarray, digits: np.ndarray, compressed: bool = True) -> Path:
    """X of shape (32, 32, 3, n) and y of shape (n, 1), in which 10 stands for the digit 0."""
    labels = np.where(digits == 0, 10, digits).astype(np.uint8)[:, None]
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"X": images.transpose(1, 2, 3, 0), "y": labels}
    savemat(path, content, do_compression=compressed)
    return path


def celeba_folder(folder: Path, count: int) -> np.ndarray:
    """img_align_celeba: JPEG files of 178x218 from 000001.jpg on; the pixels they decode to."""
    folder.mkdir(parents=True)
    for index in range(count):
        coarse = np.random.default_rng(index).integers(0, 256, (7, 6, 3), dtype=np.uint8)
        path = folder / f"{index + 1:06d}.jpg"
        Image.fromarray(coarse).resize((178, 218), Image.Resampling.BICUBIC).save(path)
    return np.stack([np.array(Image.open(path)) for path in sorted(folder.iterdir())])


def lsun_database(folder: Path, values: list[bytes]) -> list[bytes]:
    """An LMDB, key → file, as the authors made it: keys are hexadecimal SHA-1 digests. It is made
    out of order, in several transactions; the values in the order of their keys.
    """
    keyed = {hashlib.sha1(value).hexdigest().encode(): value for value in values}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with lmdb.open(str(folder), map_size=2**30, sync=False) as database:
        for key, value in keyed.items():
            with database.begin(write=True) as transaction:
                transaction.put(key, value)
    (folder / "lock.mdb").unlink()
    return [value for _, value in sorted(keyed.items())]


def bedroom(seed: int, kind: str = "WEBP", width: int = 40, height: int = 30) -> bytes:
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(data, kind)
    return data.getvalue()
