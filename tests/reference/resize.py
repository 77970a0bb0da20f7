"""The two bilinear resizes, output coordinate by output coordinate."""

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


def _weights(length: int, size: int) -> list[tuple[int, int, np.float32]]:
    scale = np.float32(length) / np.float32(size)
    weights = []
    for target in range(size):
        source = np.float32(target) * scale
        low = int(np.floor(source))
        weights.append((low, min(low + 1, length - 1), source - np.float32(low)))
    return weights
