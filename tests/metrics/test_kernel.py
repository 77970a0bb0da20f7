"""Kernel Inception Distance: the definition, the population's value, an honest error."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.kernel import gaussian_squared_discrepancy, unbiased_squared_discrepancy
from ttur.metrics import kernel
from ttur.metrics.kernel import KernelDistance, kernel_distance

RNG = np.random.default_rng(0)
REAL, GENERATED = RNG.normal(size=(24, 5)), RNG.normal(size=(24, 5)) * 1.2 + 0.3


def full(real, generated) -> KernelDistance:
    """With all samples in the one subset, the estimator itself."""
    return kernel_distance(real, generated, subsets=1, subset_size=len(real))


def test_the_definition_on_all_samples():
    expected = unbiased_squared_discrepancy(REAL, GENERATED)
    assert full(REAL, GENERATED).mean == pytest.approx(expected, rel=1e-12)


def test_subsets_are_drawn_without_replacement_and_averaged():
    """Repeated samples would enter the sum off the diagonal with the kernel of their diagonal."""
    whole = full(REAL, GENERATED)
    many = kernel_distance(REAL, GENERATED, subsets=5, subset_size=24)
    assert many.mean == pytest.approx(whole.mean, rel=1e-12)
    assert many.standard_deviation == pytest.approx(0, abs=1e-12)
    assert many.standard_error == pytest.approx(whole.standard_error, rel=1e-9)
    # The mean over subsets estimates the value of all samples without bias.
    few = kernel_distance(REAL, GENERATED, subsets=1000, subset_size=8)
    assert abs(few.mean - whole.mean) < 4 * few.standard_deviation / math.sqrt(1000)  # p = 6e-5
    assert few.standard_deviation > 0.1 * whole.mean


def test_equal_seeds_give_equal_numbers_and_others_do_not():
    first, again, other = (
        kernel_distance(REAL, GENERATED, subsets=4, subset_size=8, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first.mean != other.mean


def test_the_subsets_of_the_two_sides_are_drawn_independently():
    """Common indices would pair each sample with itself and pull a set's own distance down."""
    values = [
        kernel_distance(REAL, REAL, subsets=30, subset_size=12, seed=seed).mean
        for seed in range(10)
    ]
    error = np.std(values, ddof=1) / math.sqrt(10)
    assert abs(np.mean(values) - unbiased_squared_discrepancy(REAL, REAL)) < 5 * error


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(4, 30), shift=st.floats(-3, 3))
def test_neither_order_nor_side_matters(seed: int, count: int, shift: float):
    rng = np.random.default_rng(seed)
    real, generated = rng.normal(size=(count, 3)), rng.normal(size=(count, 3)) + shift
    one = full(real, generated)
    for other in (
        full(generated, real),
        full(rng.permutation(real), rng.permutation(generated)),
        full(-real, -generated),
        full(real[:, ::-1], generated[:, ::-1]),
    ):
        assert other.mean == pytest.approx(one.mean, rel=1e-9, abs=1e-11)
        # the variances are differences of sums, and a root halves the digits left of them
        assert other.standard_error == pytest.approx(one.standard_error, rel=1e-6, abs=1e-5)
    assert one.standard_error >= 0


@pytest.mark.parametrize("block", [1, 7, 23])
def test_blocks_of_any_size_change_nothing(monkeypatch, block: int):
    whole = full(REAL, GENERATED)
    monkeypatch.setattr(kernel, "KERNEL_ROWS", block)
    parts = full(REAL, GENERATED)
    assert parts.mean == pytest.approx(whole.mean, rel=1e-12)
    assert parts.standard_error == pytest.approx(whole.standard_error, rel=1e-9)


@pytest.mark.parametrize(
    ("n", "m", "size", "subsets", "shift"),
    [
        (50, 50, 50, 1, 0.0),  # everything in one subset, equal distributions
        (50, 50, 50, 1, 0.5),
        (50, 150, 40, 6, 0.0),  # overlapping subsets of unequal sides
        (50, 150, 40, 6, 0.5),
        (200, 200, 20, 3, 0.5),  # subsets that hardly overlap
    ],
)
def test_the_mean_is_unbiased_and_its_error_honest(n, m, size, subsets, shift):
    """250 draws of all samples: their spread is known to √(2/250)/2 = 4.5 % and more, for the
    values have long tails; the estimate is up to 25 % conservative where it is clipped."""
    draws, dimension = 250, 8
    rng = np.random.default_rng(n + size + subsets)
    results = [
        kernel_distance(
            rng.normal(size=(n, dimension)),
            rng.normal(size=(m, dimension)) + shift * np.eye(dimension)[0],
            subsets=subsets,
            subset_size=size,
            seed=draw,
        )
        for draw in range(draws)
    ]
    values = [result.mean for result in results]
    spread = np.std(values, ddof=1)
    expected = expected_discrepancy(shift, dimension)
    assert abs(np.mean(values) - expected) < 4 * spread / math.sqrt(draws)  # p = 6e-5
    reported = math.sqrt(np.mean([result.standard_error**2 for result in results]))
    assert 0.9 < reported / spread < 1.25
    if m == 150:  # what the subsets alone suggest is far too small where they overlap
        naive = np.mean([result.standard_deviation for result in results]) / math.sqrt(subsets)
        assert naive < 0.6 * spread


def expected_discrepancy(shift: float, dimension: int) -> float:
    """(xᵀy/d + 1)³ of standard normals, the second moved by `shift` along one axis.

    MMD² = 3/d |Δ_1|² + 3/d² |Δ_2|² + 1/d³ |Δ_3|², Δ_p the difference of the tensors of the p-th
    moments E x⊗…⊗x. In one dimension these are numbers; along the other axes E x_i² = 1 also
    multiplies the first moment, three index positions and d - 1 axes in the third tensor.
    """
    third = (shift**3 + 3 * shift) ** 2 + 3 * (dimension - 1) * shift**2
    return 3 / dimension * shift**2 + 3 / dimension**2 * shift**4 + third / dimension**3


def test_the_expectation_above_agrees_with_one_dimension():
    assert expected_discrepancy(0.5, 1) == pytest.approx(gaussian_squared_discrepancy(0, 0.5))


def test_common_draws_of_single_precision_agree_with_double():
    floats = REAL.astype(np.float32), GENERATED.astype(np.float32)
    expected = kernel_distance(*(side.astype(np.float64) for side in floats), subset_size=10)
    assert kernel_distance(*floats, subset_size=10) == expected
    tensors = [torch.from_numpy(side).requires_grad_() for side in floats]
    assert kernel_distance(*tensors, subset_size=10) == expected


def test_features_of_no_spread_have_no_error():
    """1² against 3²: (9 + 1)³ + (1 + 1)³ - 2 (3 + 1)³ = 880."""
    one, three = np.ones((10, 4)), np.full((10, 4), 3.0)
    distance = kernel_distance(one, three, subsets=3, subset_size=5)
    assert distance == KernelDistance(880.0, 0.0, 0.0, subsets=3, subset_size=5)


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ValueError, match="at least 1000 samples on each side, got 24 real; add im"):
        kernel_distance(REAL, GENERATED)
    with pytest.raises(ValueError, match="at least 24 samples on each side, got 23 generated"):
        kernel_distance(REAL, GENERATED[:23], subset_size=24)
    with pytest.raises(ValueError, match=r"one dimension, got 5 \(real\) and 4 \(generated\)"):
        kernel_distance(REAL, GENERATED[:, :4], subset_size=10)
    with pytest.raises(ValueError, match="finite features, got NaN or infinity among the real"):
        kernel_distance(np.where(REAL > 1, np.nan, REAL), GENERATED, subset_size=10)
    for subsets, size in ((0, 10), (10, 3)):
        with pytest.raises(ValueError, match=f"got {subsets} of {size}"):
            kernel_distance(REAL, GENERATED, subsets=subsets, subset_size=size)
