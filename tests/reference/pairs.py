"""PSNR and SSIM, pixel by pixel and window by window as the definitions stand."""

import math

import numpy as np


def psnr(original: np.ndarray, reconstruction: np.ndarray) -> float:
    errors = [
        (int(a) - int(b)) ** 2
        for a, b in zip(original.ravel(), reconstruction.ravel(), strict=True)
    ]
    return 20 * math.log10(255) - 10 * math.log10(sum(errors) / len(errors))


def ssim(original: np.ndarray, reconstruction: np.ndarray) -> float:
    """Wang et al. 2004, Eq. 13 to 16: each window by itself, weights of two dimensions at once."""
    offsets = range(-5, 6)
    weights = np.array(
        [[math.exp(-(r * r + c * c) / (2 * 1.5**2)) for c in offsets] for r in offsets]
    )
    weights /= weights.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    height, width, channels = original.shape
    values = []
    for channel in range(channels):
        for row in range(height - 10):
            for column in range(width - 10):
                window = np.s_[row : row + 11, column : column + 11, channel]
                x, y = original[window].astype(float), reconstruction[window].astype(float)
                mx, my = (weights * x).sum(), (weights * y).sum()
                vx, vy = (weights * (x - mx) ** 2).sum(), (weights * (y - my) ** 2).sum()
                cov = (weights * (x - mx) * (y - my)).sum()
                values.append(
                    (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
                )
    return float(np.mean(values))
