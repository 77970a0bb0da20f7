"""The distance without the bias of its samples: by random matrix theory, at any dimension."""

import numpy as np
import pytest

from populations import D, far, near
from reference.fid import root_trace_by_s_transform
from ttur.metrics.debiased import debiased_distance, root_trace
from ttur.metrics.frechet import frechet_distance
from ttur.metrics.moments import Moments

ROWS = np.random.default_rng(10).normal(size=(30, 3)) + np.array([0, 5, 100])


@pytest.mark.parametrize(("n", "m"), [(30.0, 60.0), (21.0, np.inf)])
def test_the_root_without_noise_is_that_of_the_s_transform(n: float, m: float):
    eigenvalues = np.geomspace(1e-3, 5, 20)
    expected = root_trace_by_s_transform(eigenvalues, n, m)
    assert root_trace(eigenvalues, n, m) == pytest.approx(expected, rel=1e-7)


def test_moments_that_are_exact_stay_as_they_are():
    rng = np.random.default_rng(7)
    x, y = Moments.of(near(50, rng)), Moments.of(far(50, rng))
    plain = frechet_distance(x.mean, x.covariance, y.mean, y.covariance)
    assert debiased_distance(x, y) == pytest.approx(plain, rel=1e-10)


def test_the_bias_that_grows_with_the_dimension_is_gone():
    """Flat and identical, five samples a dimension: at d = 256 the plain distance is d²/2n = 26.

    That of the means alone is 2 d/n = 0.4; the debiased distance has a deviation of 0.1.
    """
    rng, n, d = np.random.default_rng(8), 5 * 256, 256
    debiased = []
    for _ in range(4):
        x, y = (Moments.of(rng.normal(size=(n, d))) for _ in range(2))
        plain = frechet_distance(x.mean, x.covariance, y.mean, y.covariance)
        assert plain == pytest.approx(d**2 / (2 * n), rel=0.2)
        debiased.append(debiased_distance(x, y, float(n), float(n)))
    assert abs(np.mean(debiased)) < 0.2


def test_dimensions_that_do_not_vary_or_repeat_others_change_nothing():
    """A singular covariance: no Cholesky factor."""
    rng = np.random.default_rng(9)
    x, y = near(100, rng), far(100, rng)
    expected = debiased_distance(Moments.of(x), Moments.of(y), 100.0, 100.0)
    constant = [np.c_[side, np.ones((100, 3))] for side in (x, y)]
    turn = np.linalg.qr(rng.normal(size=(D + 3, D + 3)))[0]
    for wide in (constant, [side @ turn for side in constant]):
        a, b = map(Moments.of, wide)
        made = debiased_distance(a, b, 100.0, 100.0)
        # Roots of zeros that are only rounded: √(1e-16 · |C_x| |C_y|), three of them.
        assert made == pytest.approx(expected, abs=3e-7)


def test_a_covariance_of_zeros_has_no_spectrum():
    constant, other = Moments.of(np.ones((30, 3))), Moments.of(ROWS)
    squared = ((other.mean - 1) ** 2).sum()
    expected = squared + np.trace(other.covariance)
    assert debiased_distance(constant, other) == pytest.approx(expected, rel=1e-14)
