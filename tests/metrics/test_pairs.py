"""PSNR and SSIM: the definitions, closed forms, scikit-image; the interval of a mean."""

import math

import numpy as np
import pytest
from scipy import stats

from reference import pairs as literal
from ttur.metrics.pairs import mean_interval, psnr, ssim


def pair(height: int, width: int, channels: int = 3, noise: int = 20, seed: int = 0):
    rng = np.random.default_rng(seed)
    original = rng.integers(0, 256, (height, width, channels), np.uint8)
    moved = original.astype(int) + rng.integers(-noise, noise + 1, original.shape)
    return original, moved.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(("size", "noise"), [((11, 11), 3), ((14, 19), 60), ((13, 12), 255)])
def test_the_definitions(size, noise):
    original, other = pair(*size, noise=noise)
    assert psnr(original, other) == pytest.approx(literal.psnr(original, other), rel=1e-13)
    assert ssim(original, other) == pytest.approx(literal.ssim(original, other), rel=1e-10)
    assert psnr(other, original) == psnr(original, other)
    assert ssim(other, original) == pytest.approx(ssim(original, other), rel=1e-13)


def test_closed_forms():
    black, white = (np.full((12, 12, 3), value, np.uint8) for value in (0, 255))
    assert psnr(black, white) == 0
    c1 = (0.01 * 255) ** 2  # nothing varies: the means alone are left, and one of them is 0
    assert ssim(black, white) == pytest.approx(c1 / (255**2 + c1), rel=1e-12)
    one = black.copy()
    one[3, 4, 1] = 255  # one value of 432 is wrong
    assert psnr(black, one) == pytest.approx(10 * math.log10(432), rel=1e-13)
    assert psnr(white, white) == math.inf
    noise = pair(20, 20)[0]
    assert ssim(noise, noise) == pytest.approx(1, abs=1e-12)


def test_each_channel_counts_by_itself():
    original, other = pair(13, 15)
    each = [ssim(original[..., c : c + 1], other[..., c : c + 1]) for c in range(3)]
    assert ssim(original, other) == pytest.approx(np.mean(each), rel=1e-12)


def test_windows_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="at least 11x11 pixels, the window of SSIM, got 10x40"):
        ssim(*pair(40, 10))


@pytest.mark.extras
def test_scikit_image_agrees():
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is the oracle")
    for seed, size in enumerate([(11, 11), (64, 48), (256, 256)]):
        original, other = pair(*size, seed=seed)
        options = {"data_range": 255, "channel_axis": -1}
        expected = metrics.structural_similarity(
            original, other, gaussian_weights=True, use_sample_covariance=False, **options
        )
        assert ssim(original, other) == pytest.approx(expected, rel=1e-9)
        expected = metrics.peak_signal_noise_ratio(original, other, data_range=255)
        assert psnr(original, other) == pytest.approx(expected, rel=1e-12)


def test_the_interval_is_students():
    values = [1.0, 2.0, 4.0, 8.0]
    made = mean_interval(values, level=0.9)
    low, high = stats.t.interval(0.9, 3, np.mean(values), stats.sem(values))
    assert (made.low, made.high) == pytest.approx((low, high), rel=1e-12)
    assert made.standard_error == pytest.approx(stats.sem(values))
    with pytest.raises(ValueError, match="at least 2 values for an interval, got 1"):
        mean_interval([1.0])
