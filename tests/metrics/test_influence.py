"""How samples move the Fréchet distance: derivatives in closed form."""

import numpy as np
import pytest
import scipy.linalg

from populations import BASIS, D, far, near
from ttur.metrics.debiased import root_slopes, root_trace
from ttur.metrics.frechet import frechet_distance
from ttur.metrics.influence import Debiased, Excess, Halfway, SampledSide, excess_of
from ttur.metrics.moments import Moments
from ttur.metrics.pencil import Pencil

RNG = np.random.default_rng(20)
X, Y = Moments.of(near(60, RNG)), Moments.of(far(50, RNG))
DIRECTION = near(30, RNG).T @ near(30, RNG)
DIRECTION = DIRECTION + DIRECTION.T


def moved(moments: Moments, mean: np.ndarray, covariance: np.ndarray) -> Moments:
    scatter = moments.scatter + (moments.count - 1) * covariance
    return Moments(moments.count, moments.mean + mean, scatter)


@pytest.mark.parametrize("counts", [(np.inf, np.inf), (60.0, 50.0), (np.inf, 50.0)])
@pytest.mark.parametrize("side", ["x", "y"])
def test_the_gradient_is_the_difference_quotient(counts: tuple[float, float], side: str):
    """Central differences, of the plain distance where both sides are exact."""
    excess = (Excess(0.3), Excess(0.7)) if counts[0] < np.inf else (Excess(), Excess())

    def made(step: float) -> Debiased:
        mean, covariance = step * np.arange(D) / D, step * DIRECTION
        x = moved(X, mean, covariance) if side == "x" else X
        y = moved(Y, mean, covariance) if side == "y" else Y
        sides = (SampledSide(x, counts[0]), SampledSide(y, counts[1]))
        return Debiased(*sides, Halfway.of(x.covariance, y.covariance), excess)

    step = 1e-5
    quotient = (made(step).estimate - made(-step).estimate) / (2 * step)
    mean, covariance = made(0.0).gradient(side)
    expected = mean @ np.arange(D) / D + (covariance * DIRECTION).sum()
    assert quotient == pytest.approx(expected, rel=1e-6)


def test_exact_sides_have_the_plain_distance_and_the_transport_map():
    made = Debiased.of(SampledSide(X, np.inf), SampledSide(Y, np.inf))
    plain = frechet_distance(X.mean, X.covariance, Y.mean, Y.covariance)
    assert made.estimate == pytest.approx(plain, rel=1e-10)
    transport = np.eye(D) - made.gradient("x")[1]
    np.testing.assert_allclose(transport @ X.covariance @ transport, Y.covariance, atol=1e-10)
    np.testing.assert_allclose(
        np.linalg.inv(transport), np.eye(D) - made.gradient("y")[1], atol=1e-9
    )


@pytest.mark.parametrize("with_pencil", [True, False])
def test_halfway_both_covariances_are_the_same_diagonal(with_pencil: bool):
    a, b = X.covariance, Y.covariance
    made = Halfway.of(a, b, Pencil.of(a, b) if with_pencil else None)
    tolerance = 1e-5 if with_pencil else 1e-12
    np.testing.assert_allclose(made.x.T @ a @ made.x, np.diag(made.roots), atol=tolerance)
    np.testing.assert_allclose(made.y.T @ b @ made.y, np.diag(made.roots), atol=tolerance)
    np.testing.assert_allclose(made.x.T @ made.y, np.eye(D), atol=tolerance)


def test_a_shift_and_a_scale_have_a_closed_form():
    """y = 2 x + 3: T is 2, its inverse 1/2, and the distance |μ + 3|² + tr C."""
    scaled = Moments(X.count, 2 * X.mean + 3, 4 * X.scatter)
    made = Debiased.of(SampledSide(X, np.inf), SampledSide(scaled, np.inf))
    expected = ((X.mean + 3) ** 2).sum() + np.trace(X.covariance)
    assert made.estimate == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(made.gradient("x")[1], -np.eye(D), atol=1e-10)
    np.testing.assert_allclose(made.gradient("y")[1], np.eye(D) / 2, atol=1e-10)


def test_a_rotation_of_the_features_turns_the_gradient():
    made = Debiased.of(SampledSide(X, 60.0), SampledSide(Y, 50.0)).gradient("x")[1]
    turned = [
        Moments(side.count, BASIS @ side.mean, BASIS @ side.scatter @ BASIS.T) for side in (X, Y)
    ]
    after = Debiased.of(SampledSide(turned[0], 60.0), SampledSide(turned[1], 50.0))
    np.testing.assert_allclose(after.gradient("x")[1], BASIS @ made @ BASIS.T, atol=1e-10)


def test_slopes_are_one_without_noise_and_those_of_the_root_with_it():
    roots, noise = np.geomspace(0.1, 3, 8), (40.0, 30.0, (0.5, 1.0))
    np.testing.assert_allclose(root_slopes(roots**2, np.inf, np.inf), 1, rtol=1e-12)
    step = 1e-5 * np.eye(8)
    quotients = [
        (root_trace((roots + by) ** 2, *noise) - root_trace((roots - by) ** 2, *noise)) / 2e-5
        for by in step
    ]
    np.testing.assert_allclose(root_slopes(roots**2, *noise), quotients, rtol=1e-7)


@pytest.mark.parametrize(("spread", "expected"), [(0.0, 0.0), (0.5, np.e - 1)])
def test_the_excess_is_the_variance_of_squared_norms(spread: float, expected: float):
    """Lognormal sizes: E τ² / (E τ)² - 1 is exp(4 spread²) - 1, of Gaussians 1/d."""
    rng, d, groups = np.random.default_rng(21), 40, []
    for _ in range(2):
        size = np.exp(spread * rng.normal(size=(40_000, 1)))
        groups.append(Moments.of(size * rng.normal(size=(40_000, d))))
    total = groups[0].merge(groups[1])
    made = Halfway.of(total.covariance, total.covariance)
    excess = excess_of(SampledSide(total, float(total.count), groups), made.x, made.roots)
    assert excess.value == pytest.approx(expected, abs=0.15)
    assert 0 < excess.noise**0.5 < 0.15


@pytest.mark.parametrize("d", [2, 3, 31, 64, 130])
def test_the_pencil_has_the_bits_of_the_generalised_problem(d: int):
    rng = np.random.default_rng(d)
    a, b = (np.cov(rng.normal(size=(d, 2 * d + 3))) for _ in range(2))
    pencil = Pencil.of(a, b)
    assert pencil is not None
    expected = scipy.linalg.eigvalsh(b, a, type=2, driver="gv")
    assert (pencil.eigenvalues == expected).all()
    mean = np.zeros(d)
    assert frechet_distance(mean, a, mean, b, pencil) == frechet_distance(mean, a, mean, b)


def test_there_is_no_pencil_without_a_cholesky_factor():
    assert Pencil.of(np.diag([1.0, 0.0, 2.0]), np.eye(3)) is None
