"""Clipped density and coverage: the definitions exactly, the calibration, outliers."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom

from reference import clipped as literal
from ttur.metrics.clipped import clipped_density_coverage, expected_coverage
from ttur.metrics.manifold import density_coverage


@settings(deadline=None, max_examples=12)
@given(
    seed=st.integers(0, 2**32 - 1),
    counts=st.tuples(st.integers(6, 16), st.integers(6, 16)),
    k=st.integers(1, 5),
    digits=st.sampled_from([0, 15]),  # 0: a grid with many ties and duplicates
    offset=st.sampled_from([0.0, 1e4]),
)
def test_every_comparison_is_that_of_the_definition(seed, counts, k, digits, offset):
    rng = np.random.default_rng(seed)
    real, generated = (rng.normal(size=(n, 2)).round(digits) + offset for n in counts)
    made = clipped_density_coverage(real, generated, k)
    assert made.density == literal.clipped_density(real, generated, k)
    assert made.coverage == literal.clipped_coverage(real, generated, k)


@pytest.mark.parametrize(("real", "k"), [(6, 5), (30, 5), (12, 1), (40, 8)])
def test_the_curve_of_the_calibration_is_the_sum_over_a_beta_binomial(real: int, k: int):
    for good in (0, 1, k, 20, 60):
        assert expected_coverage(good, real, k) == literal.expected_coverage(good, real, k)
        law = betabinom(good, k, real - k)
        mean = law.expect(lambda inside: np.minimum(inside, k)) / k
        assert float(expected_coverage(good, real, k)) == pytest.approx(mean, abs=1e-9)
    # One sample lies in a ball with probability k / n; at k = 1 only the empty ball is missed.
    assert expected_coverage(1, real, k) == Fraction(1, real)
    assert expected_coverage(7, real, 1) == Fraction(7, real + 6)


def test_the_curve_is_what_samples_of_one_distribution_cover():
    rng = np.random.default_rng(0)
    n, m, k = 40, 30, 5
    shares = []
    for _ in range(200):
        real, generated = rng.gamma(1, size=(n, 3)), rng.gamma(1, size=(m, 3))
        among = np.sort(((real[:, None] - real) ** 2).sum(axis=2))[:, k]
        inside = ((real[:, None] - generated) ** 2).sum(axis=2) < among[:, None]
        shares.append(np.minimum(inside.sum(axis=1), k).mean() / k)
    error = np.std(shares) / math.sqrt(len(shares))
    assert abs(np.mean(shares) - float(expected_coverage(m, n, k))) < 4 * error  # p = 6e-5
    assert error < 0.01


@pytest.mark.parametrize("k", [1, 3, 5])
def test_identical_and_distant_sets(k: int):
    """An open ball holds its centre and k - 1 others: covered in full."""
    samples = np.random.default_rng(1).normal(size=(50, 6))
    same = clipped_density_coverage(samples, samples, k)
    assert (same.density, same.coverage, same.k) == (1, 1, k)
    far = clipped_density_coverage(samples, samples + 100, k)
    assert (far.density, far.coverage) == (0, 0)


def test_both_fall_with_the_share_of_bad_samples():
    """Plain coverage falls by less than a third of it when half of the samples are bad."""
    rng = np.random.default_rng(2)
    real, generated = rng.normal(size=(600, 8)), rng.normal(size=(600, 8))
    bad = rng.normal(size=(600, 8)) + 50
    for share in (0.0, 0.25, 0.5, 0.75):
        few = int(share * 600)
        mixed = np.concatenate([bad[:few], generated[few:]])
        made = clipped_density_coverage(real, mixed)
        assert made.density == pytest.approx(1 - share, abs=0.06)
        assert made.coverage == pytest.approx(1 - share, abs=0.06)
        if share == 0.5:
            assert density_coverage(real, mixed).coverage > 0.83


def test_an_outlier_whose_ball_holds_all_lifts_density_and_not_this_one():
    """k real outliers have balls across the whole space: density counts them for bad samples."""
    rng = np.random.default_rng(3)
    real = np.concatenate([rng.normal(size=(200, 4)), 100 * rng.normal(size=(20, 4))])
    bad = rng.normal(size=(200, 4)) + 20  # far from the 200, within reach of the outliers' balls
    assert density_coverage(real, bad).density > 1
    assert clipped_density_coverage(real, bad).density < 0.01


def test_a_sample_in_many_balls_counts_once():
    """A quarter of the samples on the hub of the real ones, the others bad: density is above 1."""
    real = np.random.default_rng(4).normal(size=(300, 10))
    squares = ((real[:, None] - real) ** 2).sum(axis=2)
    hub = real[(squares < np.sort(squares, axis=1)[:, 5:6]).sum(axis=0).argmax()]
    generated = np.concatenate([np.tile(hub, (75, 1)), np.full((225, 10), 30.0)])
    assert density_coverage(real, generated).density > 1
    assert clipped_density_coverage(real, generated).density < 0.55


def test_a_line_by_hand():
    """Real 0, 1, 3, 7 have radii 1, 1, 2, 4 to the nearest; the median is 1.5, the clipped ones 1,
    1, 1.5, 1.5. Real samples: 0 and 1 lie in each other's ball, 3 and 7 in none: 1/2."""
    real = np.array([[0.0], [1], [3], [7]])
    generated = np.array([[2.0], [5], [8.5], [8.6]])
    made = clipped_density_coverage(real, generated, k=1)
    # 2 lies in the balls of 1 and 3, 8.5 on the sphere of 7, 5 and 8.6 outside: (1/2) / (1/2).
    assert made.density == 1
    # Whole and open: 3 holds 2, 7 holds 5, 8.5 and 8.6, the others nothing; m / (3 + m) < 1/2 for
    # m = 0, 1, 2 of 0 to 4.
    assert made.coverage == 3 / 5


def test_what_cannot_be_measured_is_refused():
    good = np.random.default_rng(5).normal(size=(10, 3))
    with pytest.raises(ValueError, match="at least 6 samples on each side, got 5 generated"):
        clipped_density_coverage(good, good[:5])
    with pytest.raises(ValueError, match="expected more than k ≥ 1 real samples"):
        expected_coverage(3, real=5, k=5)
