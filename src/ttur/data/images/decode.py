"""Image files become uint8 RGB arrays: one decoding policy for folders and archives."""

import errno
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from ttur.data.images.formats import image_formats

POLICY = 2
"""Counts the changes of what becomes of a file's bytes: part of the key of what is kept by them."""
_ORIENTATION = 0x0112  # the EXIF tag; 1 is upright, 2 to 8 are the other seven
# Of TIFF: what 0 means, how many bits, and whether they are unsigned (1, 4: nobody says).
_PHOTOMETRIC, _BITS, _SAMPLE_FORMAT, _UNSIGNED = 262, 258, 339, {1, 4}
_WHITE_IS_ZERO = 0
# Where Pillow's mode I, of 32 bits, holds what has at most 16 and is brought to 0..65535.
_16_BITS_IN_32 = ("PNG", "PPM")
_STRAIGHT = {"RGBa": "RGBA", "La": "LA"}  # what was multiplied by its alpha
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
    EXIF says; of `several_frames` the first was taken. Of `floats` float values `clipped` were out
    of range. `label` is its class, where the source says it.
    """

    pixels: UInt8[np.ndarray, "height width 3"]
    format: str = "array"
    mode: str = "RGB"
    rotated: bool = False
    transparent: bool = False
    several_frames: bool = False
    clipped: int = 0
    floats: int = 0
    label: str | None = None


def decode(data: bytes, where: str) -> Picture:
    """The bytes of one image file as RGB; `where` names it in errors.

    Grey is replicated, a palette looked up, transparency composited on black, EXIF orientation
    applied, 16-bit channels keep their high byte (what Pillow itself does to 16-bit colour).

    Raises:
        ValueError: if it is damaged, no image, too large (`Image.MAX_IMAGE_PIXELS`) or too small.
        OSError, MemoryError: for other reasons than the file's.
    """
    formats = image_formats().of(PurePath(where).suffix)
    try:
        with (
            _without_remarks_of_pillow(),
            Image.open(io.BytesIO(data), formats=formats) as image,
        ):
            picture = picture_of(image)
    except UnidentifiedImageError as error:  # its own words name an address in memory
        raise ValueError(
            f"cannot read the image {where}: it is none of {', '.join(formats)}, or damaged"
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
    _check_range(image)
    _mend_colour_key(image)  # now: a decoded image no longer says how its file was
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
    return image.mode.startswith("I") or ";16" in _raw_mode(image)


def _raw_mode(image: Image.Image) -> str:
    """How the pixels lie in the file, in Pillow's words; empty if it does not say."""
    tiles = getattr(image, "tile", None)
    return str(tiles[0][3]) if tiles else ""


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        return _grey_of_16_bits(image).convert("RGB")
    if image.has_transparency_data:
        image = image.convert(_STRAIGHT.get(image.mode, "RGBA")).convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return image.convert("RGB")


def _check_range(image: Image.Image) -> None:
    """Refuse pixels of which nobody can say what is black and white, whatever their values."""
    stated = set(np.atleast_1d(_tag(image, _SAMPLE_FORMAT, 1)).tolist())
    wide = image.mode == "I" and image.format not in _16_BITS_IN_32
    if image.mode == "F" or wide or not stated <= _UNSIGNED:
        raise ValueError(
            f"signed, 32-bit or floating-point pixels (Pillow's mode {image.mode}) have no agreed "
            "range; expected 8 or 16 bits without a sign"
        )


def _grey_of_16_bits(image: Image.Image) -> Image.Image:
    """The high byte of each pixel; of TIFF with fewer bits, the highest eight that it has."""
    grey = np.asarray(image).astype(np.uint16)
    bits = int(np.max(_tag(image, _BITS, 16)))
    key = image.info.get("transparency")
    if _tag(image, _PHOTOMETRIC, None) == _WHITE_IS_ZERO:  # Pillow minds it up to 8 bits
        grey = (1 << bits) - 1 - grey
    if key is not None:
        grey = np.where(grey == key, 0, grey)
    return Image.fromarray((grey >> (bits - 8)).astype(np.uint8))


def _mend_colour_key(image: Image.Image) -> None:
    """The colour that stands for transparency, in the levels of the pixels. A PNG states it in
    those of the file; Pillow brings only the pixels to 0..255.

    Raises:
        ValueError: of colour with 16 bits, of which Pillow decodes the high bytes alone.
    """
    key, raw = image.info.get("transparency"), _raw_mode(image)
    if isinstance(key, tuple) and ";16" in raw:
        raise ValueError("its transparent colour has 16 bits; expected an alpha channel, or 8 bits")
    if isinstance(key, int) and raw in ("L;2", "L;4"):
        image.info["transparency"] = key * 255 // (2 ** int(raw[2:]) - 1)


def _tag(image: Image.Image, tag: int, otherwise: Any) -> Any:
    """Of a TIFF file; `otherwise` where there is none."""
    tags = getattr(image, "tag_v2", None)
    return otherwise if tags is None else tags.get(tag, otherwise)


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
