"""The four resizes, output coordinate by output coordinate."""

from collections.abc import Callable
from typing import Any

import numpy as np


def tf1_bilinear(images: np.ndarray, size: int, dtype: Any = np.float32) -> np.ndarray:
    """TensorFlow 1 `ResizeBilinear(align_corners=False)` of (N, H, W, C).

    core/util/image_resizer_state.h (`CalculateResizeScale`, `LegacyScaler`) and
    core/kernels/resize_bilinear_op.cc (`compute_interpolation_weights`, `compute_lerp`): scale and
    coordinate are float32; first along x in the two source rows, then along y.
    """
    _, height, width, _ = images.shape
    images = images.astype(dtype)
    rows, columns = _weights(height, size), _weights(width, size)
    resized = np.empty((len(images), size, size, images.shape[3]), dtype)
    for y, (top, bottom, y_lerp) in enumerate(rows):
        for x, (left, right, x_lerp) in enumerate(columns):
            above = images[:, top, left]
            above = above + (images[:, top, right] - above) * dtype(x_lerp)
            below = images[:, bottom, left]
            below = below + (images[:, bottom, right] - below) * dtype(x_lerp)
            resized[:, y, x] = above + (below - above) * dtype(y_lerp)
    return resized


def torch_bilinear(images: np.ndarray, size: int) -> np.ndarray:
    """Half-pixel centres, clamped at the left and upper edge, no antialiasing; in float64."""
    _, height, width, _ = images.shape
    images = images.astype(np.float64)
    resized = np.empty((len(images), size, size, images.shape[3]))
    for y in range(size):
        source_y = max((y + 0.5) * height / size - 0.5, 0.0)
        top = int(source_y)
        bottom = min(top + 1, height - 1)
        for x in range(size):
            source_x = max((x + 0.5) * width / size - 0.5, 0.0)
            left = int(source_x)
            right = min(left + 1, width - 1)
            dx, dy = source_x - left, source_y - top
            above = images[:, top, left] * (1 - dx) + images[:, top, right] * dx
            below = images[:, bottom, left] * (1 - dx) + images[:, bottom, right] * dx
            resized[:, y, x] = above * (1 - dy) + below * dy
    return resized


def pillow_bicubic(images: np.ndarray, size: int) -> np.ndarray:
    """Pillow's BICUBIC in mode F, then cut to 0..255: what clean-fid does; in float64.

    Keys' cubic with a = -0.5, four pixels wide, widened by the ratio when it makes smaller.
    """
    return _resampled(images, size, _keys_cubic).clip(0, 255)


def torch_antialiased(images: np.ndarray, size: int) -> np.ndarray:
    """`F.interpolate(mode="bilinear", antialias=True, align_corners=False)`; in float64.

    A triangle two pixels wide, widened by the ratio when it makes smaller.
    """
    return _resampled(images, size, lambda x: max(0.0, 1 - abs(x)))


def _resampled(images: np.ndarray, size: int, kernel: Callable[[float], float]) -> np.ndarray:
    """Along y and along x: the mean of the pixels there are, weighted by distance of centres."""
    _, height, width, _ = images.shape
    rows = np.empty((len(images), size, width, images.shape[3]))
    for y in range(size):
        weights = _centre_weights(height, size, y, kernel)
        rows[:, y] = sum(weights[j] * images[:, j].astype(np.float64) for j in range(height))
    resized = np.empty((len(images), size, size, images.shape[3]))
    for x in range(size):
        weights = _centre_weights(width, size, x, kernel)
        resized[:, :, x] = sum(weights[j] * rows[:, :, j] for j in range(width))
    return resized


def _centre_weights(
    length: int, size: int, target: int, kernel: Callable[[float], float]
) -> np.ndarray:
    ratio = length / size
    widening = max(ratio, 1.0)
    centre = (target + 0.5) * ratio
    weights = np.array([kernel((j + 0.5 - centre) / widening) for j in range(length)])
    return weights / weights.sum()


def _keys_cubic(x: float) -> float:
    a, x = -0.5, abs(x)
    if x < 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    if x < 2:
        return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return 0.0


def _weights(length: int, size: int) -> list[tuple[int, int, np.float32]]:
    scale = np.float32(length) / np.float32(size)
    weights = []
    for target in range(size):
        source = np.float32(target) * scale
        low = int(np.floor(source))
        weights.append((low, min(low + 1, length - 1), source - np.float32(low)))
    return weights
