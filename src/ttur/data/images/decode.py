"""Image files become uint8 RGB arrays: one decoding policy for folders and archives."""

import errno
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
# Named, because Pillow would otherwise hand a renamed EPS file to Ghostscript.
_FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_ORIENTATION = 0x0112  # the EXIF tag; 1 is upright, 2 to 8 are the other seven
_OF_THE_MACHINE = {
    *(errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE),
    *(errno.ESTALE, errno.ETIMEDOUT),
}
_OF_PILLOW = ("ignore", None, Warning, re.compile(r"PIL\."), 0)


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded image and what the policy had to do to it.

    `mode` is that of the file in Pillow's words ("P", "CMYK", ...), "16-bit" beside it where the
    channels have 16 bits. `transparent` images were composited on black, `rotated` ones turned as
    EXIF says; of `several_frames` the first was taken; `clipped` float values were out of range.
    """

    pixels: UInt8[np.ndarray, "height width 3"]
    format: str = "array"
    mode: str = "RGB"
    rotated: bool = False
    transparent: bool = False
    several_frames: bool = False
    clipped: int = 0


def decode(data: bytes, where: str) -> Picture:
    """The bytes of one image file as RGB; `where` names it in errors.

    Grey is replicated, a palette looked up, transparency composited on black, EXIF orientation
    applied, 16-bit channels keep their high byte (what Pillow itself does to 16-bit colour).

    Raises:
        ValueError: if it is damaged, no image, too large (`Image.MAX_IMAGE_PIXELS`) or too small.
        OSError, MemoryError: for other reasons than the file's.
    """
    try:
        with (
            _without_remarks_of_pillow(),
            Image.open(io.BytesIO(data), formats=_FORMATS) as image,
        ):
            picture = picture_of(image)
    except UnidentifiedImageError as error:  # its own words name an address in memory
        raise ValueError(
            f"cannot read the image {where}: it is none of {', '.join(_FORMATS)}, or damaged"
        ) from error
    # Damaged files raise a dozen kinds of exceptions, SyntaxError and struct.error among them.
    except Exception as error:
        if is_of_the_machine(error):
            raise
        raise ValueError(
            f"cannot read the image {where}: {error or type(error).__name__}"
        ) from error
    height, width = picture.pixels.shape[:2]
    if min(height, width) < 2:
        raise ValueError(
            f"expected images of at least 2x2 pixels, got {width}x{height} in {where}; remove it"
        )
    return picture


def is_of_the_machine(error: Exception) -> bool:
    """Whether another try may succeed: the file that is read need not be damaged."""
    if isinstance(error, OSError):
        return error.errno in _OF_THE_MACHINE
    return isinstance(error, MemoryError)


def picture_of(image: Image.Image) -> Picture:
    """An image of Pillow's, by the same policy. It may be decoded and turned in place.

    Raises:
        ValueError: if it has too many pixels, or pixels without an agreed range.
        Exception: whatever Pillow raises on damaged data.
    """
    check_pixels(*image.size)
    mode = image.mode + " 16-bit" * _has_16_bits(image)
    transparent = image.has_transparency_data
    rotated = image.getexif().get(_ORIENTATION, 1) in range(2, 9)
    ImageOps.exif_transpose(image, in_place=True)
    return Picture(
        np.array(_rgb(image)),
        # MPO is what Pillow calls a JPEG with more pictures behind the first.
        format={None: "array", "MPO": "JPEG"}.get(image.format, str(image.format)),
        mode=mode,
        rotated=rotated,
        transparent=transparent,
        several_frames=bool(getattr(image, "is_animated", False)),
    )


def check_pixels(width: int, height: int) -> None:
    """Refuse decompression bombs, from where Pillow starts to warn of them.

    Raises:
        ValueError: above `Image.MAX_IMAGE_PIXELS`.
    """
    if Image.MAX_IMAGE_PIXELS is not None and width * height > Image.MAX_IMAGE_PIXELS:
        raise ValueError(
            f"{width}x{height} exceeds the limit of {Image.MAX_IMAGE_PIXELS} pixels "
            "(decompression bomb?); make it smaller first"
        )


def _has_16_bits(image: Image.Image) -> bool:
    """Colour of 16 bits says so only in the recipe of its tiles: its mode is RGB at once."""
    tiles = getattr(image, "tile", None)
    return image.mode.startswith("I") or bool(tiles and ";16" in str(tiles[0][3]))


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


@contextmanager
def _without_remarks_of_pillow() -> Iterator[None]:
    """Pillow's warnings speak of odd metadata and name no file; here they change nothing.

    Not `catch_warnings`, which swaps the filters of all threads: each call puts one more equal
    entry in front, and takes one away again.
    """
    filters: Any = warnings.filters
    filters.insert(0, _OF_PILLOW)
    try:
        yield
    finally:
        with suppress(ValueError):  # somebody emptied the list meanwhile
            filters.remove(_OF_PILLOW)
