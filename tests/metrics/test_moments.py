"""Moments: merging equals one batch, in any order and through any offset."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.frechet import naive_covariance, naive_mean, uncentred_covariance
from ttur.metrics.moments import VECTORS_AT_ONCE, Moments

FEATURES = np.random.default_rng(0).normal(size=(40, 5)) * [1, 2, 3, 0.1, 10] + [0, 5, -5, 1, 100]


def assert_close(a: Moments, b: Moments, relative: float = 1e-12) -> None:
    assert a.count == b.count
    np.testing.assert_allclose(a.mean, b.mean, rtol=relative)
    size = np.sqrt(np.outer(np.diag(b.scatter), np.diag(b.scatter)))
    np.testing.assert_allclose(a.scatter / size, b.scatter / size, atol=relative, rtol=0)


def test_moments_are_the_sums_of_the_definition():
    moments = Moments.of(FEATURES)
    np.testing.assert_allclose(moments.mean, naive_mean(FEATURES), rtol=1e-14)
    np.testing.assert_allclose(moments.covariance, naive_covariance(FEATURES), rtol=1e-12)


@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, len(FEATURES)), max_size=6))
def test_merging_batches_of_any_sizes_equals_one_batch(cuts: list[int]):
    merged = Moments.empty(5)
    for batch in np.split(FEATURES, sorted(cuts)):
        merged = merged.merge(Moments.of(batch))
    assert_close(merged, Moments.of(FEATURES))


def test_merge_is_symmetric_and_associative_up_to_rounding():
    a, b, c = (Moments.of(part) for part in np.split(FEATURES, [3, 17]))
    assert_close(a.merge(b), b.merge(a))
    assert_close(a.merge(b).merge(c), a.merge(b.merge(c)))


def test_batch_boundaries_do_not_change_a_bit():
    features = np.random.default_rng(1).normal(size=(2 * VECTORS_AT_ONCE + 100, 3))
    once = Moments.of(features)
    for size in (50, 999, VECTORS_AT_ONCE, VECTORS_AT_ONCE + 1):
        batches = [features[start : start + size] for start in range(0, len(features), size)]
        streamed = Moments.of_batches(batches, 3)
        assert streamed.count == once.count
        assert (streamed.mean == once.mean).all()
        assert (streamed.scatter == once.scatter).all()


def test_merge_survives_an_offset_that_defeats_the_naive_sum():
    unit = np.random.default_rng(2).normal(size=(1000, 2))
    shifted = unit + 1e8
    truth = naive_covariance(unit)
    merged = Moments.empty(2)
    for batch in np.split(shifted, 20):
        merged = merged.merge(Moments.of(batch))
    # Adding 1e8 itself rounds the samples to 1.5e-8; squares of 1e16 keep no digit of a variance.
    np.testing.assert_allclose(merged.covariance, truth, atol=1e-7, rtol=0)
    assert np.abs(uncentred_covariance(shifted) - truth).max() > 0.1


def test_scatter_is_symmetric_to_the_bit():
    features = np.random.default_rng(3).normal(size=(3 * VECTORS_AT_ONCE, 7))
    scatter = Moments.of(features).scatter
    assert (scatter == scatter.T).all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_tensors_give_the_moments_of_their_values(dtype: torch.dtype):
    tensor = torch.from_numpy(FEATURES).to(dtype).requires_grad_()
    assert_close(Moments.of(tensor), Moments.of(tensor.detach().double().numpy()), relative=0)


def test_the_result_does_not_alias_its_input():
    features = FEATURES.copy()
    moments = Moments.of(features)
    before = moments.mean.copy()
    features += 1
    assert (moments.mean == before).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_features_that_are_not_finite_are_refused(bad: float):
    features = FEATURES.copy()
    features[7, 2] = bad
    with pytest.raises(ValueError, match="NaN or infinity in 1 of 40"):
        Moments.of(features)


def test_one_sample_has_no_covariance():
    with pytest.raises(ValueError, match="at least 2 samples, got 1"):
        _ = Moments.of(FEATURES[:1]).covariance


def test_moments_of_different_dimensions_do_not_merge():
    with pytest.raises(ValueError, match="got 5 and 4"):
        Moments.of(FEATURES).merge(Moments.of(FEATURES[:, :4]))
