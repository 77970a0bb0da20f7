"""Pictures as text: PNG in a data URI, no larger than a page needs."""

import base64
import io
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

MOST_SIDE = 256  # pixels of a grid of samples; of larger ones the upper left images are shown
GRID_SIDE = 8  # images in a row of such a grid
_SIGNATURE = b"\x89PNG"


def data_uri(png: bytes) -> str:
    """The bytes of a PNG as the address of a picture."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def of_pixels(pixels: UInt8[np.ndarray, "height width 3"]) -> str:
    """An image as the address of a picture."""
    return data_uri(_png(Image.fromarray(pixels)))


def of_grid(file: Path) -> str:
    """A grid of samples; of a large one as many whole images as fit. Empty if it is no picture."""
    try:
        content = file.read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
            if max(width, height) <= MOST_SIDE and content.startswith(_SIGNATURE):
                return data_uri(content)
            tile = max(width // GRID_SIDE, 1)
            side = max(MOST_SIDE // tile, 1) * tile
            return data_uri(_png(image.convert("RGB").crop((0, 0, side, min(side, height)))))
    except (OSError, ValueError, Image.DecompressionBombError):
        return ""


def tiled(images: UInt8[np.ndarray, "count height width 3"]) -> UInt8[np.ndarray, "_ _ 3"]:
    """A square number of images as one, row by row."""
    side = int(np.sqrt(len(images)))
    rows = [
        np.concatenate(list(row), axis=1)
        for row in images[: side * side].reshape(side, side, *images.shape[1:])
    ]
    return np.concatenate(rows)


def beside(
    left: UInt8[np.ndarray, "_ _ 3"], right: UInt8[np.ndarray, "_ _ 3"]
) -> UInt8[np.ndarray, "_ _ 3"]:
    """Two images with a white gap between them, the lower one on white."""
    height = max(len(left), len(right))
    gap = np.full((height, max(1, height // 16), 3), 255, np.uint8)
    padded = [
        np.pad(one, ((0, height - len(one)), (0, 0), (0, 0)), constant_values=255)
        for one in (left, right)
    ]
    return np.concatenate([padded[0], gap, padded[1]], axis=1)


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, format="PNG", optimize=True)
    return file.getvalue()
