"""Theorems 8 and 9: limits in both sign conventions, normality, decorrelation, almost sure rate."""

import inspect
from typing import Literal

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ttur.theory.clt import (
    as_rate_statistic,
    clt_report,
    cross_correlation,
    mp_limits,
    second_moment,
)
from ttur.theory.examples import (
    LINEAR_2_2,
    LINEAR_3_2,
    NONLINEAR_1_1,
    NONLINEAR_1_1_LINEARISED,
)
from ttur.theory.iterate import simulate
from ttur.timescales import PowerLaw

A, B = PowerLaw(2, 1), PowerLaw(1, 0.6)
J, GAMMA = ((-1, 0.5), (0.8, -2)), np.array([[1, 0.3], [0.3, 0.5]])


def test_the_nonlinear_example_is_nonlinear():
    # Spec theory 4, fields written out at (1, -1); its linearisation has -1.5 and 2.8 there.
    theta, w = np.array([[1.0]]), np.array([[-1.0]])
    h, g = NONLINEAR_1_1.h(theta, w, None), NONLINEAR_1_1.g(theta, w, None)
    assert h[0, 0] == pytest.approx(-1.5 + 0.3 * (1 - np.cos(1)), rel=1e-14)
    assert g[0, 0] == pytest.approx(2.8 + 0.4 * np.sin(1) ** 2, rel=1e-14)


def test_standard_errors_of_second_moments_are_those_of_normal_variables():
    # sqrt((S_ii S_jj + S_ij^2) / R): S_ii sqrt(2 / R) on the diagonal, more than S_ii / sqrt(R).
    S, error = second_moment(np.array([[1.0, 2.0], [3.0, 0.0], [1.0, 1.0], [0.0, -1.0]]))
    assert_allclose(S, np.array([[11, 3], [3, 6]]) / 4, rtol=1e-14)
    assert_allclose(np.diag(error), np.diag(S) * np.sqrt(2 / 4), rtol=1e-14)
    assert_allclose(error[0, 1], np.sqrt((66 + 9) / 16 / 4), rtol=1e-14)


def test_correlations_have_theta_along_the_rows():
    theta = np.random.default_rng(0).standard_normal((50, 2))
    correlation = cross_correlation(theta, -3 * theta[:, 1:])
    assert correlation.shape == (2, 1)
    assert_allclose(correlation[1, 0], -1, rtol=1e-12)
    assert abs(correlation[0, 0]) < 4 / np.sqrt(50)


def jacobian(system):
    return (-system.A11, -system.A12), (-system.A21, -system.A22)


@pytest.mark.parametrize("system", [LINEAR_2_2, LINEAR_3_2, NONLINEAR_1_1_LINEARISED])
@pytest.mark.parametrize("alpha", [0.8, 1.0])
def test_mp_kt_equivalence(system, alpha):
    S_theta, S_w, e_min = mp_limits(jacobian(system), system.Gamma, alpha, a0=2.0)
    S11, _, S22 = system.limit_covariance(abar=0.5 if alpha == 1 else 0.0)
    assert_allclose(S_theta, S11, atol=1e-12)
    assert_allclose(S_w, S22, atol=1e-12)
    assert e_min == pytest.approx(-system.check_hurwitz()["-Delta"], rel=1e-12)


def test_mp_kt_equivalence_of_the_scalar_example_in_closed_form():
    # K = -1/4, G_theta = 1.18125, Delta = -0.8: G_theta / (2 0.8 - 1/a0) and G22 / (2 2).
    for alpha, a0, expected in ((1.0, 2.0, 1.18125 / 1.1), (0.9, 2.0, 1.18125 / 1.6)):
        S_theta, S_w, e_min = mp_limits(J, GAMMA, alpha, a0)
        assert_allclose([S_theta[0, 0], S_w[0, 0], e_min], [expected, 0.125, 0.8], rtol=1e-12)


@pytest.fixture(scope="module")
def nonlinear():
    """1,000 replicas at n = 1,000 and 5,000, from (1, -1)."""
    return simulate(
        NONLINEAR_1_1, A, B, [1.0], [-1.0], 5_000, replicas=1_000, record=[1_000, 5_000]
    )


@pytest.fixture(scope="module")
def long():
    """500 replicas up to n = 20,000, every fourth recorded from n = 200 on."""
    return simulate(
        NONLINEAR_1_1, A, B, [1.0], [-1.0], 20_000, replicas=500, record=range(200, 20_001, 4)
    )


def test_mp_nonlinear_clt(nonlinear):
    S_theta, S_w, _ = mp_limits(J, GAMMA, 1.0, 2.0)
    # Against the exact recursion of the linearisation, so that the O(a/b) bias of w is in it.
    exact = NONLINEAR_1_1_LINEARISED.exact_covariance(A, B, 5_000, nonlinear.n)
    response = 0.4  # lambda(theta) = 0.4 theta + ...
    report = None
    for i, n in enumerate(nonlinear.n):
        a, b = nonlinear.a[i], nonlinear.b[i]
        report = clt_report(nonlinear.theta[i], nonlinear.w[i], a, b, S_theta, S_w)
        assert report.ks_theta.min() > 1e-3
        assert report.ks_w.min() > 1e-3
        assert np.abs(report.skewness).max() < 0.35
        assert np.abs(report.excess_kurtosis).max() < 0.6
        assert abs(report.cov_theta - S_theta)[0, 0] < 4 * report.cov_theta_error[0, 0]
        S11, S12, S22 = (float(block[i, 0, 0]) for block in exact)
        var_w = S22 + a / b * (2 * response * S12 + response**2 * S11)
        assert abs(report.cov_w[0, 0] - var_w) < 4 * report.cov_w_error[0, 0], n
    assert report is not None
    assert report.ks_chi2 > 1e-3


def test_mp_nonlinear_clt_below_alpha_one_needs_abar_at_n():
    # Erratum E26: G_theta / (2 0.8 - abar_n), a quarter above its limit at n = 5,000.
    a = PowerLaw(1, 0.9)
    path = simulate(NONLINEAR_1_1, a, B, [1.0], [-1.0], 5_000, replicas=1_000, record=[5_000])
    S, error = second_moment(path.theta[0] / np.sqrt(path.a[0]))
    at_n = 1.18125 / (1.6 - a.inverse_rate(5_000))
    assert abs(S - at_n)[0, 0] < 4 * error[0, 0]
    assert abs(S - 1.18125 / 1.6)[0, 0] > 4 * error[0, 0]


def test_mp_normality_is_refused_for_the_noise_itself(nonlinear):
    # One step of the skewed noise is not normal, and half a variance is not the predicted one.
    rng = np.random.default_rng(0)
    assert NONLINEAR_1_1.noise is not None
    theta, w = NONLINEAR_1_1.noise(rng, 1_000, 1)
    report = clt_report(theta, w, 1.0, 1.0, [[1.0]], [[0.5]])
    assert report.ks_theta.max() < 1e-6
    report = clt_report(
        nonlinear.theta[1], nonlinear.w[1], nonlinear.a[1], nonlinear.b[1], [[0.5]], [[0.06]]
    )
    assert report.ks_chi2 < 1e-6


def test_mp_decorrelation():
    # Spec section 4: sqrt(a/b) law, exact recursion and simulation.
    n = [1_000, 5_000, 10_000, 20_000]
    moments = LINEAR_2_2.exact_second_moment(A, B, 20_000, n)
    spread = np.sqrt(np.einsum("nii->ni", moments))
    exact = (moments / spread[:, :, None] / spread[:, None, :])[:, :2, 2:]
    assert_allclose(exact[1], [[0.185, -0.021], [-0.040, -0.022]], atol=5e-4)
    assert_allclose(np.abs(exact).max((1, 2))[[0, 2, 3]], [0.2472, 0.1619, 0.1418], atol=1e-4)
    assert np.abs(exact[3]).max() < 0.65 * np.abs(exact[0]).max()
    leading = LINEAR_2_2.leading_correlation(A(5_000) / B(5_000), abar=0.5)
    assert_allclose(leading, [[0.190, -0.021], [-0.042, -0.024]], atol=1e-3)
    theta, w = LINEAR_2_2.fixed_point
    path = simulate(LINEAR_2_2.problem(), A, B, theta, w, 1_000, replicas=2_000, record=[1_000])
    sampled = cross_correlation(path.theta[0], path.w[0])
    assert np.abs(sampled - exact[0]).max() < 4 / np.sqrt(2_000)


def test_mp_as_rate(long):
    # Spec section 4: bounded over windows that grow; every fourth n is dense enough for a sup.
    path = long
    cases: list[tuple[Literal["theta", "w"], float, float]] = [("theta", 0.8, 1.8), ("w", 0.4, 0.9)]
    for of, low, high in cases:
        early, late = (as_rate_statistic(path, w, of) for w in ((200, 2_000), (2_000, 20_000)))
        assert low < np.median(late) < high
        assert max(early.max(), late.max()) < 4.5
        assert 0.75 < np.median(late) / np.median(early) < 1.3


def test_mp_variances_and_correlation_at_20000(long):
    # Spec section 4. The exact recursion of the linearisation is the limit up to O(1/n), and 0.125
    # with the lag of w: a/b (2 0.4 S12 + 0.16 S11) with S12 = 0.18125, up to its square.
    S = NONLINEAR_1_1_LINEARISED.exact_second_moment(A, B, 20_000, [20_000])[0]
    theta, w, a, b = long.theta[-1], long.w[-1], long.a[-1], long.b[-1]
    with_lag = 0.125 + a / b * (0.8 * 0.18125 + 0.16 * 1.0739)
    assert_allclose([S[0, 0] / a, S[1, 1] / b], [1.0739, with_lag], rtol=0.02)
    for x, variance in ((theta, S[0, 0]), (w, S[1, 1])):
        measured, error = second_moment(x)
        assert abs(measured[0, 0] - variance) < 4 * error[0, 0]
    correlation = S[0, 1] / np.sqrt(S[0, 0] * S[1, 1])
    # sqrt(a/b) (S12 + 0.4 S11) / sqrt(S11 S22) to first order.
    first = np.sqrt(a / b) * (0.18125 + 0.4 * 1.0739) / np.sqrt(1.0739 * 0.125)
    assert correlation == pytest.approx(first, rel=0.06)
    error = (1 - correlation**2) / np.sqrt(500)
    assert abs(cross_correlation(theta, w)[0, 0] - correlation) < 4 * error


def test_as_rate_statistic_is_its_formula():
    path = simulate(NONLINEAR_1_1, A, B, [1.0], [-1.0], 30, replicas=2)
    expected = max(
        abs(path.theta[n, 1, 0] - 0.1) / np.sqrt(A(n) * np.log(sum(A(i) for i in range(1, n + 1))))
        for n in range(10, 21)
    )
    assert as_rate_statistic(path, (10, 20), centre=[0.1])[1] == pytest.approx(expected, rel=1e-12)
    expected = max(
        abs(path.w[n, 1, 0]) / np.sqrt(B(n) * np.log(sum(B(i) for i in range(1, n + 1))))
        for n in range(10, 21)
    )
    assert as_rate_statistic(path, (10, 20), of="w")[1] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a0": 0.6}, r"at alpha = 1, a0 should exceed 1 / \(2 e_min\) = 0\.625, got 0\.6"),
        ({"a0": -1.0}, r"Theorem 8 A3 fails: a0 should lie in \(0, inf\), got -1, 1 outside"),
        ({"a0": np.nan}, r"a0 should lie in \(0, inf\), got nan"),
        ({"J": ((-1, [[0.5, 1]]), ([[0.8]] * 2, [[-2, 0, 0]] * 2))}, r"A22 should have the shape"),
        ({"alpha": 0.5}, r"Theorem 8 A3 fails: alpha should lie in \(0\.5, 1\], got 0\.5"),
        ({"alpha": 1.2}, r"got 1\.2, 0\.2 outside"),
        ({"J": ((-1, 0.5), (0.8, 2))}, "Theorem 8 A2 fails: A22 should be Hurwitz .* largest is 2"),
        ({"J": ((1, 0.5), (0.8, -2))}, r"A2 fails: Delta should be Hurwitz .* largest is 1\.2"),
        ({"J": ((-1, [[0.5, 1]]), (0.8, -2))}, r"A12 should have the shape \(1, 1\)"),
        ({"J": ((-1, 0.5), (0.8,))}, r"J should be \(\(A11, A12\), \(A21, A22\)\), got \[2, 1\]"),
        ({"Gamma": np.eye(3)}, r"Gamma should have the shape \(2, 2\), got \(3, 3\)"),
    ],
)
def test_limits_that_do_not_exist_are_refused(change, message):
    fine = {"J": J, "Gamma": GAMMA, "alpha": 1.0, "a0": 2.0}
    with pytest.raises(ValueError, match=message):
        mp_limits(**(fine | change))


def test_statistics_of_what_was_not_recorded_are_refused(nonlinear):
    with pytest.raises(ValueError, match="should hold recorded n"):
        as_rate_statistic(nonlinear, (2_000, 3_000))
    slow = simulate(NONLINEAR_1_1, PowerLaw(0.1, 1), B, [1.0], [0.0], 9)
    with pytest.raises(ValueError, match="steps sum to more than 1"):
        as_rate_statistic(slow, (1, 9))
    with pytest.raises(ValueError, match="theta_hat should be finite, got nan"):
        clt_report(np.array([[np.nan]]), np.ones((1, 1)), 1.0, 1.0, [[1.0]], [[1.0]])
    with pytest.raises(ValueError, match=r"b should lie in .*, got -1"):
        clt_report(np.ones((1, 1)), np.ones((1, 1)), 1.0, -1.0, [[1.0]], [[1.0]])
    for S in ([[0.0]], [[-1.0]]):
        with pytest.raises(ValueError, match="S_theta should be positive definite"):
            clt_report(np.ones((2, 1)), np.ones((2, 1)), 1.0, 1.0, S, [[1.0]])
    with pytest.raises(ValueError, match=r"w_hat should have the shape \(3, 1\), got \(2, 1\)"):
        clt_report(np.ones((3, 2)), np.ones((2, 1)), 1.0, 1.0, np.eye(2), [[1.0]])
    with pytest.raises(ValueError, match="of should be theta or w, got 'z'"):
        inspect.unwrap(as_rate_statistic)(nonlinear, (1_000, 5_000), of="z")


def test_the_ellipse_of_a_report_has_the_axes_of_the_whole_covariance():
    """Two correlated components: by their variances alone the KS p-value is 3e-12."""
    spread = np.array([[1, 0], [0.9, 0.44]])
    rng = np.random.default_rng(0)
    theta, w = rng.standard_normal((2000, 2)) @ spread.T, rng.standard_normal((2000, 1))
    assert clt_report(theta, w, 1.0, 1.0, spread @ spread.T, [[1.0]]).ks_chi2 > 1e-3
