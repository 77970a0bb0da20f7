"""Many small images as one picture: enlarged pixel by pixel, with gaps between them."""

import numpy as np
from jaxtyping import UInt8

SIDE = 128  # pixels that an image is shown at, at least: 16 px eight times as large, 32 px four
MOST_GAP = 8  # pixels, and a sixteenth of what an image is shown at
BETWEEN = 255  # white


def image_grid(pixels: UInt8[np.ndarray, "n h w 3"]) -> UInt8[np.ndarray, "height width 3"]:
    """Images row by row, about as many rows as columns, and a margin around all.

    Those smaller than `SIDE` are enlarged by a whole factor, every pixel a square.

        >>> image_grid(np.zeros((4, 32, 32, 3), np.uint8)).shape
        (280, 280, 3)
    """
    count, height, width = pixels.shape[:3]
    columns = int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    scale = max(1, -(-SIDE // max(height, width)))
    gap = min(MOST_GAP, max(height, width) * scale // 16)
    large = pixels.repeat(scale, axis=1).repeat(scale, axis=2)
    high, wide = large.shape[1:3]
    size = (rows * (high + gap) + gap, columns * (wide + gap) + gap, 3)
    canvas = np.full(size, BETWEEN, np.uint8)
    for index, image in enumerate(large):
        row, column = divmod(index, columns)
        top, left = gap + row * (high + gap), gap + column * (wide + gap)
        canvas[top : top + high, left : left + wide] = image
    return canvas
