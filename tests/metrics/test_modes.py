"""Modes covered: counts by hand, boundaries, invariances."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ttur.metrics.modes import modes_covered

REAL = [10] * 10  # samples of each class


def logits(counts: list[int]) -> np.ndarray:
    """`counts[c]` samples whose largest logit is that of class c."""
    return np.repeat(np.eye(len(counts)), counts, axis=0)


@pytest.mark.parametrize(
    ("generated", "modes"),
    [
        (REAL, 10),
        ([100] + [0] * 9, 1),
        ([91] + [1] * 9, 10),  # one in a hundred is a tenth of the real tenth: reached
        ([910, 9, 9, 9, 10, 10, 10, 11, 11, 11], 7),  # of 1,000, a mode needs 10
        ([9] + [0] * 8 + [1], 2),
    ],
)
def test_a_mode_is_covered_from_a_tenth_of_its_real_share(generated: list[int], modes: int):
    assert modes_covered(logits(generated), logits(REAL)) == modes


@pytest.mark.parametrize("real_count", range(1, 100))
def test_a_boundary_in_decimals_is_met_exactly(real_count: int):
    """Whole numbers decide: a class of n in 100 needs n in 1,000, though 0.1 · 3 > 0.3."""
    real = logits([real_count, 100 - real_count])
    assert modes_covered(logits([real_count, 1000 - real_count]), real) == 2
    assert modes_covered(logits([real_count - 1, 1001 - real_count]), real) == 1


def test_modes_have_the_weights_of_the_real_samples():
    real = logits([960, 30, 10, 0])
    assert modes_covered(logits([986, 13, 1, 0]), real) == 3
    assert modes_covered(logits([0, 500, 500, 0]), real) == 2
    assert modes_covered(logits([0, 0, 0, 1000]), real) == 0  # its class is not real


def test_any_one_sample_covers_a_mode_as_the_share_goes_to_zero():
    assert modes_covered(logits([999, 1, 0]), logits([1, 1, 1]), share=1e-12) == 2
    assert modes_covered(logits([999, 1, 0]), logits([1, 1, 1])) == 1


@given(st.lists(st.integers(0, 40), min_size=2, max_size=6).filter(any), st.floats(0.01, 1))
def test_real_samples_cover_their_own_modes_and_order_does_not_matter(
    counts: list[int], share: float
):
    real = logits(counts)
    modes = sum(count > 0 for count in counts)
    assert modes_covered(real[::-1], real, share) == modes
    assert modes_covered(np.tile(real, (3, 1)), real, share) == modes
    # one class by another name on both sides
    assert modes_covered(real[:, ::-1], real[:, ::-1], share) == modes


@given(st.lists(st.integers(0, 40), min_size=5, max_size=5).filter(any), st.floats(0.01, 0.99))
def test_a_larger_share_never_covers_more(counts: list[int], share: float):
    generated, real = logits(counts), logits([8] * 5)
    assert modes_covered(generated, real, share) >= modes_covered(generated, real, share + 0.01)


def test_only_the_largest_logit_counts_and_tensors_are_arrays():
    noise = np.random.default_rng(0)
    real = noise.normal(size=(500, 7))
    generated = noise.normal(size=(300, 7))
    expected = modes_covered(generated, real)
    assert modes_covered(generated * 3 + 5, np.exp(real)) == expected
    assert modes_covered(torch.from_numpy(generated), torch.from_numpy(real)) == expected


@pytest.mark.parametrize("share", [0.0, -0.1, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(share: float):
    with pytest.raises(ValueError, match="expected a share above 0"):
        modes_covered(logits(REAL), logits(REAL), share)


def test_sides_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match=r"same classes, got 3 .* and 10 "):
        modes_covered(logits([1, 1, 1]), logits(REAL))
    with pytest.raises(ValueError, match="at least one sample"):
        modes_covered(np.zeros((0, 10)), logits(REAL))
    with pytest.raises(ValueError, match="got NaN"):
        modes_covered(np.full((5, 10), np.nan), logits(REAL))
