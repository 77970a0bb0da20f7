"""The Fréchet distance: closed forms, invariances, singular covariances, the literal formula."""

import inspect

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reference.frechet import (
    naive_covariance,
    naive_distance,
    naive_distance_of_samples,
    naive_mean,
)
from ttur.metrics import frechet
from ttur.metrics.frechet import frechet_distance, frechet_distance_of_samples

RNG = np.random.default_rng(0)
# Rounding of the sum of d eigenvalues and their roots; all traces here are within 1e4.
ROUNDING = 1e-10


def rotation(dimension: int) -> np.ndarray:
    return np.linalg.qr(RNG.normal(size=(dimension, dimension)))[0]


def covariance(eigenvalues: np.ndarray, basis: np.ndarray) -> np.ndarray:
    return (basis * eigenvalues) @ basis.T


def centred_distance(x: np.ndarray, y: np.ndarray) -> float:
    return frechet_distance(np.zeros(len(x)), x, np.zeros(len(y)), y)


variances = arrays(np.float64, 6, elements=st.floats(0, 100))


@settings(deadline=None)
@given(variances, variances, variances)
@example(np.ones(6), np.array([1e-14, 8, 8, 8, 8, 8]), np.zeros(6))
def test_diagonal_covariances(x: np.ndarray, y: np.ndarray, mean: np.ndarray):
    """Σ (√x - √y)² + |mean|², zeros among the variances included."""
    expected = ((np.sqrt(x) - np.sqrt(y)) ** 2).sum() + (mean**2).sum()
    distance = frechet_distance(mean, np.diag(x), np.zeros(6), np.diag(y))
    # The exact way takes for 0 what is no more than rounding of the largest, 6 ε of it: the roots
    # of these are missing. Else 1e-9 of the traces is what the fast path may err.
    rounding = 6 * frechet.EPSILON
    dropped = (x <= rounding * x.max()) | (y <= rounding * y.max())
    missing = 2 * np.sqrt(x * y)[dropped].sum()
    assert distance == pytest.approx(expected, abs=2e-9 * (x.sum() + y.sum()) + 1e-12 + missing)


def test_commuting_covariances():
    basis, x, y = rotation(30), RNG.uniform(0.5, 4, 30), RNG.uniform(0.5, 4, 30)
    distance = centred_distance(covariance(x, basis), covariance(y, basis))
    assert distance == pytest.approx(((np.sqrt(x) - np.sqrt(y)) ** 2).sum(), abs=ROUNDING)


def test_one_dimension():
    distance = frechet_distance(np.array([1.0]), np.array([[4.0]]), np.zeros(1), np.array([[9.0]]))
    assert distance == pytest.approx(1 + (3 - 2) ** 2, abs=1e-12)


def test_commuting_covariances_without_full_rank():
    """Zero eigenvalues in both, some shared: nothing is added to the diagonal, and nothing lost."""
    basis = rotation(40)
    x, y = RNG.uniform(0.5, 4, 40), RNG.uniform(0.5, 4, 40)
    x[:25], y[15:30] = 0, 0
    distance = centred_distance(covariance(x, basis), covariance(y, basis))
    assert distance == pytest.approx(((np.sqrt(x) - np.sqrt(y)) ** 2).sum(), abs=ROUNDING)


def test_one_covariance_without_full_rank_leaves_the_fast_path():
    """Cholesky of the first succeeds; the zeros of the second would come out as roots of 1e-16."""
    basis = rotation(100)
    x, y = RNG.uniform(0.5, 4, 100), RNG.uniform(0.5, 4, 100)
    y[:60] = 0
    distance = centred_distance(covariance(x, basis), covariance(y, basis))
    expected = ((np.sqrt(x) - np.sqrt(y)) ** 2).sum()
    assert distance == pytest.approx(expected, abs=ROUNDING)
    fast, _ = frechet.fast_root_trace(covariance(x, basis), covariance(y, basis))
    assert abs(fast - np.sqrt(x * y).sum()) > 1e-8


def test_rank_one_covariances():
    """tr (uuᵀ vvᵀ)^½ = |u·v|."""
    u, v = RNG.normal(size=20), RNG.normal(size=20)
    expected = u @ u + v @ v - 2 * abs(u @ v)
    distance = centred_distance(np.outer(u, u), np.outer(v, v))
    assert distance == pytest.approx(expected, abs=ROUNDING)


@pytest.mark.parametrize("which", ["first", "second", "both"])
def test_a_covariance_of_zeros(which: str):
    full = covariance(RNG.uniform(0.5, 4, 10), rotation(10))
    x = np.zeros((10, 10)) if which in ("first", "both") else full
    y = np.zeros((10, 10)) if which in ("second", "both") else full
    assert centred_distance(x, y) == pytest.approx(np.trace(x + y), abs=ROUNDING)


@pytest.mark.parametrize("rank", [3, 200])
def test_identical_inputs_have_no_distance(rank: int):
    samples = RNG.normal(size=(rank + 1, 50)) * np.geomspace(1, 1e-3, 50) + 5
    mean, scatter = naive_mean(samples), naive_covariance(samples)
    assert 0 <= frechet_distance(mean, scatter, mean, scatter) < 1e-12 * np.trace(scatter)


def test_permuting_the_samples_of_a_side_leaves_no_distance():
    samples = RNG.normal(size=(200, 50)) * np.geomspace(1, 1e-3, 50)
    other = RNG.permutation(samples)
    distance = frechet_distance(
        naive_mean(samples), naive_covariance(samples), naive_mean(other), naive_covariance(other)
    )
    assert distance < 1e-11 * np.trace(naive_covariance(samples))


def random_gaussian(seed: int) -> tuple[np.ndarray, np.ndarray]:
    samples = np.random.default_rng(seed).normal(size=(90, 30)) * np.linspace(0.2, 2, 30)
    return naive_mean(samples), naive_covariance(samples)


def test_the_literal_formula():
    x, y = random_gaussian(1), random_gaussian(2)
    assert frechet_distance(*x, *y) == pytest.approx(naive_distance(*x, *y), rel=1e-10)


def test_invariances():
    """Symmetric; unmoved by a rotation or a common shift; quadratic in a common scale."""
    (mean_x, x), (mean_y, y) = random_gaussian(1), random_gaussian(2)
    distance = frechet_distance(mean_x, x, mean_y, y)
    q = rotation(30)
    near = pytest.approx(distance, rel=1e-10)
    assert frechet_distance(mean_y, y, mean_x, x) == near
    assert frechet_distance(q @ mean_x, q @ x @ q.T, q @ mean_y, q @ y @ q.T) == near
    assert frechet_distance(mean_x + 3, x, mean_y + 3, y) == near
    assert frechet_distance(mean_x / 1e3, x / 1e6, mean_y / 1e3, y / 1e6) * 1e6 == near


def test_fewer_samples_than_dimensions():
    """Moments, cross-Gram and the literal small matrix give one number."""
    x, y = RNG.normal(size=(12, 60)), RNG.normal(size=(9, 60)) + 0.5
    moments = naive_mean(x), naive_covariance(x), naive_mean(y), naive_covariance(y)
    expected = pytest.approx(naive_distance_of_samples(x, y), rel=1e-7)  # roots of rounded zeros
    assert frechet_distance(*moments) == expected
    assert frechet_distance_of_samples(x, y) == expected
    assert frechet_distance(*moments) == pytest.approx(frechet_distance_of_samples(x, y), rel=1e-12)


def test_enough_samples_from_the_samples():
    x, y = RNG.normal(size=(80, 20)), RNG.normal(size=(70, 20)) * 2
    moments = naive_mean(x), naive_covariance(x), naive_mean(y), naive_covariance(y)
    assert frechet_distance_of_samples(x, y) == pytest.approx(frechet_distance(*moments), rel=1e-11)


class TestPaths:
    """Which inputs the fast path keeps, and what it would have said of the others."""

    def test_well_conditioned_covariances_stay_on_the_fast_path(self, monkeypatch):
        def unreachable(*_):
            raise AssertionError("left the fast path")

        monkeypatch.setattr(frechet, "exact_root_trace", unreachable)
        frechet_distance(*random_gaussian(1), *random_gaussian(2))

    @pytest.mark.parametrize("singular", ["first", "second"])
    def test_singular_covariances_leave_it(self, singular: str):
        full = covariance(RNG.uniform(0.5, 4, 30), rotation(30))
        low = covariance(np.r_[np.zeros(10), RNG.uniform(0.5, 4, 20)], rotation(30))
        _, error = frechet.fast_root_trace(*((low, full) if singular == "first" else (full, low)))
        assert error > frechet.TOLERANCE * np.trace(low + full)

    @pytest.mark.parametrize("power", [0, 1, 2, 3, 4, 6, 8])
    @pytest.mark.parametrize("dimension", [20, 100])
    def test_the_estimate_is_not_less_than_the_error(self, power: int, dimension: int):
        """Spectra from flat to numerically singular, where the exact value is the sum of them."""
        spectrum = np.arange(1.0, dimension + 1) ** -power
        x = covariance(spectrum, rotation(dimension))
        root, error = frechet.fast_root_trace(x, x)
        # The matrix itself holds its eigenvalues only up to rounding, d of them.
        assert error == np.inf or abs(root - spectrum.sum()) <= error + dimension * frechet.EPSILON

    def test_the_estimate_does_not_send_decaying_spectra_the_slow_way(self):
        """Condition 4e4 stays fast; 1e16 does not."""
        for power, is_fast in ((2, True), (7, False)):
            x = covariance(np.arange(1.0, 201) ** -power, rotation(200))
            assert (frechet.fast_root_trace(x, x)[1] < frechet.TOLERANCE) == is_fast

    @pytest.mark.parametrize("condition", [1e2, 1e5, 1e8])
    def test_both_paths_agree_within_the_tolerance(self, condition: float):
        x = covariance(np.geomspace(1, 1 / condition, 60), rotation(60))
        y = covariance(np.geomspace(1, 1 / condition, 60), rotation(60))
        fast, _ = frechet.fast_root_trace(x, y)
        assert fast == pytest.approx(frechet.exact_root_trace(x, y), rel=1e-9)


# What users call: without the shape checks of the tests, which are stricter.
as_called = inspect.unwrap(frechet_distance)


class TestRefusals:
    def test_different_dimensions(self):
        with pytest.raises(ValueError, match="one dimension, got 2 and 3"):
            as_called(np.zeros(2), np.eye(2), np.zeros(3), np.eye(3))

    def test_a_mean_and_covariance_that_do_not_belong_together(self):
        with pytest.raises(ValueError, match=r"got \(2,\) and \(3, 3\) on the first side"):
            as_called(np.zeros(2), np.eye(3), np.zeros(3), np.eye(3))

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_values_that_are_not_finite(self, bad: float):
        damaged = np.eye(2)
        damaged[0, 0] = bad
        with pytest.raises(ValueError, match="NaN or infinity on the second side"):
            frechet_distance(np.zeros(2), np.eye(2), np.zeros(2), damaged)

    def test_a_matrix_that_is_not_symmetric(self):
        with pytest.raises(
            ValueError, match="equal to its transpose, got another one on the first"
        ):
            frechet_distance(np.zeros(2), np.array([[1.0, 0.5], [0, 1]]), np.zeros(2), np.eye(2))

    def test_a_matrix_that_is_not_a_covariance(self):
        with pytest.raises(ValueError, match="positive semi-definite"):
            centred_distance(np.diag([1.0, -0.5]), np.eye(2))

    def test_one_sample(self):
        with pytest.raises(ValueError, match="at least 2 samples"):
            frechet_distance_of_samples(np.zeros((1, 2)), np.zeros((5, 2)))


def test_a_covariance_rounded_to_single_precision_is_accepted():
    mean, full = random_gaussian(1)
    rounded = full.astype(np.float32)
    # Rounded by 6e-8 relative, and the distance of it is of second order in that.
    assert frechet_distance(mean, full, mean, rounded) < 1e-10 * np.trace(full)


@pytest.mark.parametrize("side", ["first", "second"])
def test_an_indefinite_covariance_is_refused_on_either_side(side: str):
    """Clipped in silence, diag(-0.5, 1, ...) against the identity would give 0.5."""
    dimension = 300
    mean, definite = np.zeros(dimension), np.eye(dimension)
    indefinite = np.diag(np.r_[-0.5, np.ones(dimension - 1)])
    pair = (indefinite, definite) if side == "first" else (definite, indefinite)
    with pytest.raises(ValueError, match="positive semi-definite"):
        frechet_distance(mean, pair[0], mean, pair[1])
