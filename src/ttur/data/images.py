"""Image files become uint8 RGB arrays: one decoding policy for folders and zip archives."""

import io
import os
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
# Named, because Pillow would otherwise hand a renamed EPS file to Ghostscript.
_FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_LARGEST_FILE = 256 * 2**20  # bytes of one zip member once unpacked


@dataclass(frozen=True)
class ImageEntry:
    """One image of a folder or archive: its POSIX path inside, its name in messages, its bytes."""

    path: str
    where: str
    read: Callable[[], bytes]

    def pixels(self) -> UInt8[np.ndarray, "height width 3"]:
        return decode(self.read(), self.where)


def read_pixels(path: Path | str) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """Every image of a folder or a zip archive, in a fixed order.

    Files come by relative POSIX path, so that a folder and its zip give the same arrays.
    """
    with image_entries(path) as entries:
        for entry in entries:
            yield entry.pixels()


@contextmanager
def image_entries(path: Path | str) -> Iterator[list[ImageEntry]]:
    """The image files of a folder or zip archive, sorted by path; nothing is decoded or unpacked.

    An image is a file whose extension, in any case, is one of SUFFIXES; other files, hidden files
    and the `__MACOSX` folder are passed over.

    Raises:
        FileNotFoundError: if the path does not exist.
        ValueError: if it holds no image, links to the outside or has a member such as `../a.png`.
    """
    path = Path(path)
    if path.is_dir():
        yield _nonempty(_folder_entries(path), path)
    elif not path.exists():
        raise FileNotFoundError(f"no images at {path}: no such folder or .zip archive")
    elif not zipfile.is_zipfile(path):
        raise ValueError(f"expected a folder or a .zip archive of images, got {path}")
    else:
        with zipfile.ZipFile(path) as archive:
            yield _nonempty(_zip_entries(archive, path), path)


def decode(data: bytes, where: str) -> UInt8[np.ndarray, "height width 3"]:
    """The bytes of one image file as RGB; `where` names it in errors.

    Grey is replicated, a palette looked up, transparency composited on black, EXIF orientation
    applied, 16-bit channels keep their high byte (what Pillow itself does to 16-bit colour).
    """
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            width, height = image.size
            # Between this limit and twice this limit Pillow only warns.
            if Image.MAX_IMAGE_PIXELS is not None and width * height > Image.MAX_IMAGE_PIXELS:
                raise ValueError(
                    f"{width}x{height} exceeds the limit of {Image.MAX_IMAGE_PIXELS} pixels "
                    "(decompression bomb?); make it smaller first"
                )
            ImageOps.exif_transpose(image, in_place=True)
            pixels = np.array(_rgb(image))
    # Damaged files raise a dozen kinds of exceptions, SyntaxError and struct.error among them.
    except Exception as error:
        raise ValueError(f"cannot read the image {where}: {error}") from error
    if min(pixels.shape[:2]) < 2:
        raise ValueError(
            f"expected images of at least 2x2 pixels, got {width}x{height} in {where}; remove it"
        )
    return pixels


def centre_crop_and_resize(
    pixels: UInt8[np.ndarray, "height width 3"], crop: int | None, size: int | None
) -> UInt8[np.ndarray, "side side 3"]:
    """The centre square of side `crop` (None: the short side), brought to `size` (None: as it is).

    Pillow's bilinear filter on uint8, which averages when it shrinks. Crop 108, size 64 on aligned
    CelebA is the picture of the DCGAN experiments. An odd margin leaves its extra row or column
    below or on the right.
    """
    height, width = pixels.shape[:2]
    side = min(height, width) if crop is None else crop
    if side > min(height, width):
        raise ValueError(f"a crop of {side} pixels does not fit into an image of {width}x{height}")
    top, left = (height - side) // 2, (width - side) // 2
    square = pixels[top : top + side, left : left + side]
    if size is None or size == side:
        return square
    return np.array(Image.fromarray(square).resize((size, size), Image.Resampling.BILINEAR))


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "I" or image.mode.startswith("I;16"):
        grey = np.asarray(image)
        if grey.min() < 0 or grey.max() > 65535:
            raise ValueError("32-bit pixels have no agreed range; expected 8 or 16 bits")
        return Image.fromarray((grey >> 8).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise ValueError("floating-point pixels have no agreed range; expected 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return image.convert("RGB")


def _is_image(path: PurePosixPath) -> bool:
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return path.suffix.lower() in SUFFIXES and not hidden


def _folder_entries(folder: Path) -> Iterator[ImageEntry]:
    root = folder.resolve()
    for parent, folders, files in os.walk(folder, onerror=_raise):
        for name in folders:
            if Path(parent, name).is_symlink():
                raise ValueError(
                    f"{Path(parent, name)} links to another folder; links between folders are not "
                    "followed: name that folder itself, or copy it"
                )
        for name in files:
            file = Path(parent, name)
            relative = PurePosixPath(file.relative_to(folder).as_posix())
            if not _is_image(relative):
                continue
            if file.is_symlink() and not file.resolve().is_relative_to(root):
                raise ValueError(f"{file} links to a file outside {folder}; copy it there instead")
            yield ImageEntry(str(relative), str(file), file.read_bytes)


def _zip_entries(archive: zipfile.ZipFile, path: Path) -> Iterator[ImageEntry]:
    seen = set[str]()
    for member in archive.infolist():
        where = f"{path}!{member.filename}"
        name = PurePosixPath(member.filename)
        if name.is_absolute() or ".." in name.parts or "\\" in member.filename:
            raise ValueError(f"{where} names a file outside the archive; refused")
        if member.is_dir() or not _is_image(name):
            continue
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ValueError(f"{where} is a link, not an image; refused")
        if str(name) in seen:
            raise ValueError(f"{where} occurs twice in the archive; which one is meant?")
        if member.file_size > _LARGEST_FILE:
            raise ValueError(
                f"{where} unpacks to {member.file_size} bytes; "
                f"expected an image file of at most {_LARGEST_FILE}"
            )
        seen.add(str(name))
        yield ImageEntry(
            str(name), where, lambda member=member, where=where: _member(archive, member, where)
        )


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, where: str) -> bytes:
    try:
        return archive.read(member)
    # A wrong checksum, a damaged stream, a password, an unknown compression: each its own kind.
    except Exception as error:
        raise ValueError(f"cannot read the image {where}: {error}") from error


def _nonempty(entries: Iterator[ImageEntry], path: Path) -> list[ImageEntry]:
    found = sorted(entries, key=lambda entry: entry.path)
    if not found:
        raise ValueError(
            f"expected image files ({', '.join(sorted(SUFFIXES))}) in {path}, got none"
        )
    return found


def _raise(error: OSError) -> None:
    raise error
