"""Pictures as text: PNG in a data URI, no larger than a page needs."""

import base64
import io
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ttur.data.images.grid import image_grid

MOST_SIDE = 560  # pixels of a grid of samples
GRID_SIDE = 8  # images in a row of such a grid
_SIGNATURE = b"\x89PNG"


def data_uri(png: bytes) -> str:
    """The bytes of a PNG as the address of a picture."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def of_pixels(pixels: UInt8[np.ndarray, "height width 3"]) -> str:
    """An image as the address of a picture."""
    return data_uri(_png(Image.fromarray(pixels)))


def of_grid(file: Path) -> str:
    """A grid of samples, smaller by a whole factor if it is large. Empty if it is no picture."""
    try:
        content = file.read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            if max(image.size) <= MOST_SIDE and content.startswith(_SIGNATURE):
                return data_uri(content)
            return data_uri(_png(_fitted(image.convert("RGB"))))
    except (OSError, ValueError, Image.DecompressionBombError):
        return ""


def of_images(images: UInt8[np.ndarray, "count height width 3"]) -> str:
    """Images as a grid of samples has them."""
    return data_uri(_png(_fitted(Image.fromarray(image_grid(images)))))


def _fitted(grid: Image.Image) -> Image.Image:
    factor = -(-max(grid.size) // MOST_SIDE)
    return grid.reduce(factor) if factor > 1 else grid


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
