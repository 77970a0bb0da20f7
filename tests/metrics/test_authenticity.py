"""Authenticity: the definition exactly, ties, copies, what equal distributions score."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import clipped as literal
from ttur.metrics import neighbours
from ttur.metrics.authenticity import authenticity


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    counts=st.tuples(st.integers(2, 20), st.integers(2, 20)),
    digits=st.sampled_from([0, 1, 15]),  # 0: a grid with many ties and duplicates
    offset=st.sampled_from([0.0, 1e4]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_every_comparison_is_that_of_the_definition(seed, counts, digits, offset, dtype):
    rng = np.random.default_rng(seed)
    training, generated = (
        (rng.normal(size=(n, 3)).round(digits) + offset).astype(dtype) for n in counts
    )
    made = authenticity(training, generated)
    assert made.share == np.mean(literal.authentic(training, generated))
    expected = [literal.nearest(sample, list(training)) for sample in generated]
    assert made.nearest.tolist() == [index for _, index in expected]
    np.testing.assert_allclose(made.distances**2, [square for square, _ in expected], rtol=1e-12)


def test_equal_distances_are_not_authentic():
    """Training 0, 2, 10: 4 is as far from 2 as 0 is; the next float is farther."""
    training = np.array([[0.0], [2], [10]])
    generated = np.array([[4.0], [np.nextafter(4.0, 5)], [2], [5.9]])
    made = authenticity(training, generated)
    assert (made.distances > made.training_distances).tolist() == [False, True, False, True]
    assert made.share == 0.5
    assert made.training_distances.tolist() == [2, 2, 2, 2]


def test_of_equally_near_training_samples_the_first_is_taken():
    """1 lies between 0 and 2; 0 has a twin, so its own nearest is at 0 and 1 is authentic by it."""
    made = authenticity(np.array([[0.0], [2], [0]]), np.array([[1.0], [1]]))
    assert made.nearest.tolist() == [0, 0]
    assert made.share == 1
    other = authenticity(np.array([[2.0], [0], [0]]), np.array([[1.0], [1]]))
    assert other.nearest.tolist() == [0, 0]
    assert other.share == 0  # 2 is at 2 from 0


def test_copies_are_found_and_noise_is_authentic():
    rng = np.random.default_rng(0)
    training = rng.normal(size=(100, 16))
    copies = rng.permutation(100)
    made = authenticity(training, training[copies])
    assert made.share == 0
    assert made.nearest.tolist() == copies.tolist()
    assert not made.distances.any()
    near = authenticity(training, training + 1e-3 * rng.normal(size=training.shape))
    assert near.share == 0
    assert near.nearest.tolist() == list(range(100))
    assert authenticity(training, 50 * rng.normal(size=(100, 16))).share == 1


def test_what_new_samples_score_depends_on_the_dimension():
    """Where a point has a neighbour in many dimensions, that is a sample near the middle, which is
    nearer to its own: only the score of held-out real samples says what to expect."""
    rng = np.random.default_rng(1)
    few, many = (
        authenticity(rng.normal(size=(400, d)), rng.normal(size=(400, d))).share for d in (1, 64)
    )
    assert few == pytest.approx(1 / 3, abs=0.1)
    assert many == pytest.approx(0.8, abs=0.1)


@pytest.mark.parametrize("block", [1, 37])
def test_blocks_of_any_size_change_nothing(monkeypatch, block: int):
    rng = np.random.default_rng(2)
    training, generated = rng.normal(size=(30, 4)).round(1), rng.normal(size=(25, 4)).round(1)
    whole = authenticity(training, generated)
    monkeypatch.setattr(neighbours, "DISTANCES_AT_ONCE", block)
    monkeypatch.setattr(neighbours, "NUMBERS_AT_ONCE", block)
    parts = authenticity(training, generated)
    assert parts.share == whole.share
    assert parts.nearest.tolist() == whole.nearest.tolist()
    assert parts.distances.tolist() == whole.distances.tolist()


def test_what_cannot_be_measured_is_refused():
    good = np.random.default_rng(3).normal(size=(10, 3))
    with pytest.raises(ValueError, match="at least 2 samples on each side, got 1 real"):
        authenticity(good[:1], good)
    with pytest.raises(ValueError, match="one dimension"):
        authenticity(good, good[:, :2])
