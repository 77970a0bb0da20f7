"""Swirl and Gaussian blur of one (H, W, 3) image, pixel by pixel, in float64."""

import math

import numpy as np


def swirl(image: np.ndarray, strength: float, radius: float, first: int, last: int) -> np.ndarray:
    """Each pixel looks up its source by angle; `first` and `last` rows and columns are kept.

    At distance r from the centre (S/2, S/2) the angle of the source is larger by
    strength · exp(-5 r / (ln 2 · radius)); x runs to the right and y down.
    """
    side = len(image)
    swirled = image.astype(np.float64)
    for row in range(first, side - last):
        for column in range(first, side - last):
            x, y = column - side / 2, row - side / 2
            r = math.sqrt(x * x + y * y)
            theta = math.atan2(y, x) + strength * math.exp(-5 * r / (math.log(2) * radius))
            source_x, source_y = side / 2 + r * math.cos(theta), side / 2 + r * math.sin(theta)
            assert min(source_x, source_y) >= -1e-9, "the source lies outside the image"
            assert max(source_x, source_y) <= side - 1 + 1e-9, "the source lies outside the image"
            swirled[row, column] = bilinear(image, source_y, source_x)
    return swirled


def bilinear(image: np.ndarray, y: float, x: float) -> np.ndarray:
    """The mean of the four pixels around (y, x), weighted by the areas opposite of them."""
    top, left = math.floor(y), math.floor(x)
    total = np.zeros(image.shape[2])
    for row, height in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, width in ((left, 1 - (x - left)), (left + 1, x - left)):
            if height * width > 0:
                total += height * width * image[row, column].astype(np.float64)
    return total


def gaussian_blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """A sum over the square window of radius round(4σ), outside repeated from the nearest edge."""
    height, width, _ = image.shape
    radius = int(4 * sigma + 0.5)
    offsets = range(-radius, radius + 1)
    window = {
        (dy, dx): math.exp(-(dy * dy + dx * dx) / (2 * sigma * sigma))
        for dy in offsets
        for dx in offsets
    }
    total = sum(window.values())
    blurred = np.zeros(image.shape)
    for row in range(height):
        for column in range(width):
            for (dy, dx), weight in window.items():
                y, x = min(max(row + dy, 0), height - 1), min(max(column + dx, 0), width - 1)
                blurred[row, column] += weight / total * image[y, x]
    return blurred
