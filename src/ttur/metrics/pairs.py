"""How near an image is to its original, pixel by pixel: PSNR, SSIM, and their means with bounds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from scipy.ndimage import correlate1d
from scipy.special import stdtrit

DATA_RANGE = 255
WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03


def psnr(
    original: UInt8[np.ndarray, "height width channels"],
    reconstruction: UInt8[np.ndarray, "height width channels"],
) -> float:
    """10 log10(255² / mean squared error), over all pixels and channels; infinite if identical.

    >>> psnr(np.zeros((2, 2, 3), np.uint8), np.ones((2, 2, 3), np.uint8))
    48.1308036086791
    """
    # uint8 differences wrap, and so do their squares; sums of integers are exact.
    difference = original.astype(np.int64) - reconstruction
    total = int(np.square(difference).sum())
    return math.inf if total == 0 else 10 * math.log10(DATA_RANGE**2 * difference.size / total)


def ssim(
    original: UInt8[np.ndarray, "height width channels"],
    reconstruction: UInt8[np.ndarray, "height width channels"],
) -> float:
    """Structural similarity (Wang et al. 2004, Eq. 13), in -1..1 and 1 if identical.

    Windows of 11 × 11 with Gaussian weights, σ = 1.5, wherever one fits into the image whole;
    variances over the weights, not the unbiased ones; C1 = (0.01 · 255)², C2 = (0.03 · 255)². The
    mean over all windows and channels, each channel by itself: `skimage.metrics` with
    gaussian_weights=True, use_sample_covariance=False, data_range=255, channel_axis=-1. No image is
    made smaller first, as the authors' suggestion and some programs have it.

    Raises:
        ValueError: if no window fits.
    """
    height, width = original.shape[:2]
    if min(height, width) < WINDOW:
        raise ValueError(
            f"expected images of at least {WINDOW}x{WINDOW} pixels, the window of SSIM, got "
            f"{width}x{height}"
        )
    x, y = original.astype(np.float64), reconstruction.astype(np.float64)
    mean_x, mean_y, squares, product = _windowed(np.stack([x, y, x * x + y * y, x * y]))
    means = mean_x * mean_x + mean_y * mean_y
    covariance = product - mean_x * mean_y
    c1, c2 = (K1 * DATA_RANGE) ** 2, (K2 * DATA_RANGE) ** 2
    similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    similarity /= (means + c1) * (squares - means + c2)
    return float(similarity.mean())


def _windowed(maps: np.ndarray) -> np.ndarray:
    """Weighted means of (maps, height, width, channels) where the window fits."""
    half = WINDOW // 2
    weights = np.exp(-(np.arange(-half, half + 1) ** 2) / (2 * SIGMA**2))
    weights /= weights.sum()
    maps = correlate1d(maps, weights, axis=1)[:, half:-half]
    return correlate1d(maps, weights, axis=2)[:, :, half:-half]


@dataclass(frozen=True)
class MeanInterval:
    """Bounds of the mean over infinitely many pairs, at `level`."""

    low: float
    high: float
    level: float
    standard_error: float
    covers: tuple[str, ...] = ("pairs",)


def mean_interval(values: Sequence[float], *, level: float = 0.95) -> MeanInterval:
    """Student's interval of the mean of independent values.

    Raises:
        ValueError: if there are fewer than two.
    """
    if len(values) < 2:
        raise ValueError(f"expected at least 2 values for an interval, got {len(values)}")
    mean, error = np.mean(values), np.std(values, ddof=1) / math.sqrt(len(values))
    margin = stdtrit(len(values) - 1, (1 + level) / 2) * error
    return MeanInterval(float(mean - margin), float(mean + margin), level, float(error))
