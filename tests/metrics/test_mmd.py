"""The Gaussian MMD against a double loop, and where its value is known."""

import math

import numpy as np
import pytest
import torch

from ttur.metrics import mmd
from ttur.metrics.mmd import gaussian_mmd

RNG = np.random.default_rng(0)


def in_loops(x: np.ndarray, y: np.ndarray, bandwidth: float) -> float:
    def mean(a, b):
        kernel = [math.exp(-((p - q) ** 2).sum() / (2 * bandwidth**2)) for p in a for q in b]
        return math.fsum(kernel) / len(kernel)

    return 1000 * (mean(x, x) + mean(y, y) - 2 * mean(x, y))


@pytest.mark.parametrize("bandwidth", [0.5, 10.0])
@pytest.mark.parametrize("rows", [3, 7, 2048])
def test_it_is_the_double_loop_whatever_the_blocks(
    bandwidth: float, rows: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(mmd, "BLOCK_ROWS", rows)
    x, y = RNG.normal(size=(17, 5)), RNG.normal(0.3, 1, size=(12, 5))
    got = gaussian_mmd(x, y, bandwidth=bandwidth)
    assert got == pytest.approx(in_loops(x, y, bandwidth), rel=1e-9)


def test_two_points():
    """2 (1 - exp(-d² / 2σ²)), each the whole of its side."""
    a, b = np.zeros((1, 3)), np.array([[3.0, 0, 4]])
    assert gaussian_mmd(a, b) == pytest.approx(2000 * (1 - math.exp(-25 / 200)), rel=1e-12)


def test_equal_sets_are_at_nothing_and_pairs_with_oneself_count():
    x = RNG.normal(size=(9, 4)).astype(np.float32)
    assert abs(gaussian_mmd(x, x)) < 1e-10
    assert abs(gaussian_mmd(x, x[::-1].repeat(3, axis=0))) < 1e-10  # of the same shares
    # Without the diagonal two draws of one distribution would be at 0 on average.
    draws = [gaussian_mmd(*RNG.normal(size=(2, 5, 4)), bandwidth=1.0) for _ in range(200)]
    assert np.mean(draws) == pytest.approx((1 - 1 / 9) * 1000 * 2 / 5, rel=0.05)


def test_of_unit_vectors_far_apart_no_digit_is_lost():
    """Kernels near 1 in float32 leave 1e-7 of noise, and the factor of 1000 makes 1e-4 of it."""
    x = RNG.normal(size=(40, 768)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    moved = x.astype(np.float64)
    moved[:, 0] += 1e-3
    # Only the mean moves: |Δ|² / σ² in the first order, as all distances within are kept.
    assert gaussian_mmd(x, moved) == pytest.approx(1000 * 1e-6 / 100, rel=2e-2)


def test_order_dtype_and_container_are_no_part_of_it():
    x, y = RNG.normal(size=(8, 3)).astype(np.float32), RNG.normal(size=(6, 3)).astype(np.float32)
    expected = gaussian_mmd(x, y)
    assert gaussian_mmd(y, x) == pytest.approx(expected, rel=1e-12)
    assert gaussian_mmd(x[::-1], y) == pytest.approx(expected, rel=1e-12)
    assert gaussian_mmd(torch.from_numpy(x), torch.from_numpy(y)) == pytest.approx(expected)


def test_the_bandwidth_is_above_nothing():
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="a `bandwidth` above 0"):
            gaussian_mmd(np.zeros((2, 1)), np.zeros((2, 1)), bandwidth=wrong)


def test_sides_of_two_dimensions_are_refused():
    with pytest.raises(ValueError, match=r"got 3 .real. and 2 .generated."):
        gaussian_mmd(np.zeros((4, 3)), np.zeros((4, 2)))
