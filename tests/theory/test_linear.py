"""Theorems 6 and 7 at three levels: formulae, exact recursion, simulation; and the lag of w."""

import inspect
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from reference import theory_linear as reference
from ttur.theory.clt import second_moment
from ttur.theory.covariances import square_root
from ttur.theory.examples import LINEAR_2_2, LINEAR_3_2
from ttur.theory.iterate import simulate
from ttur.theory.linear import LinearTwoTimeScale
from ttur.theory.linear_system import quasi_static_lag, slow_flow
from ttur.timescales import Constant, PowerLaw

EX22, EX32 = LINEAR_2_2, LINEAR_3_2
BOTH = pytest.mark.parametrize("system", [EX22, EX32], ids=["EX22", "EX32"])
A, B = PowerLaw(2, 1), PowerLaw(1, 0.6)  # abar = 1/2


def matrices(system):
    return system.A11, system.A12, system.A21, system.A22, system.Gamma


def distances(blocks, expected):
    """Relative Frobenius distance of each block."""
    return [
        float(np.linalg.norm(x - y) / np.linalg.norm(y))
        for x, y in zip(blocks, expected, strict=True)
    ]


def at(covariances, i):
    return [block[i] for block in covariances]


def test_kt_closed_forms_ex22():
    # Spec theory 3.2, linear algebra.
    theta, w = EX22.fixed_point
    assert_allclose(theta, [1.019563, -0.053318], atol=1e-6)
    assert_allclose(w, [0.014193, 1.099348], atol=1e-6)
    assert_allclose(EX22.delta, [[1.1625, 0.54375], [-0.415, 1.2075]], atol=1e-12)
    assert_allclose(EX22.gamma_theta, [[0.895781, 0.379062], [0.379062, 0.983125]], atol=1e-6)
    S11, S12, S22 = EX22.limit_covariance()
    assert_allclose(S11, [[0.331282, 0.115449], [0.115449, 0.446769]], atol=2e-6)
    assert_allclose(S12, [[0.104219, 0.053527], [-0.156991, 0.237911]], atol=2e-6)
    assert_allclose(S22, [[0.276071, 0.047857], [0.047857, 0.308571]], atol=2e-6)
    S11 = EX22.limit_covariance(0.5).S11
    assert_allclose(S11, [[0.413950, 0.129033], [0.129033, 0.569307]], atol=2e-6)


def test_kt_closed_forms_ex32():
    # Spec theory 3.3, linear algebra.
    theta, w = EX32.fixed_point
    assert_allclose(theta, [0.275264, 0.649824, -0.642283], atol=1e-6)
    assert_allclose(w, [0.884238, -1.034439], atol=1e-6)
    assert_allclose(
        EX32.delta,
        [[1.37193, 0.382456, -0.185965], [-0.357895, 0.926316, 0.578947],
         [0.135088, -0.32807, 0.982456]],
        atol=1e-6,
    )  # fmt: skip
    S11, S12, S22 = EX32.limit_covariance()
    assert_allclose(S22, [[0.451754, 0.076316], [0.076316, 0.633626]], atol=2e-6)
    assert_allclose(
        S12, [[0.115251, -0.137904], [-0.015420, 0.185365], [0.133349, 0.150231]], atol=2e-6
    )
    upper = np.triu_indices(3)
    assert_allclose(
        S11[upper], [0.230114, 0.069658, -0.014883, 0.491373, 0.058994, 0.394917], atol=2e-6
    )
    S11 = EX32.limit_covariance(0.5).S11
    assert_allclose(
        S11[upper], [0.284296, 0.062714, -0.011632, 0.663935, 0.065301, 0.531934], atol=2e-6
    )


@BOTH
@pytest.mark.parametrize("abar", [0.0, 0.5])
def test_kt_closed_forms_solve_the_equations_as_one_dense_system(system, abar):
    expected = reference.limit(*matrices(system), abar)
    for block, by_vec in zip(system.limit_covariance(abar), expected, strict=True):
        assert_allclose(block, by_vec, atol=1e-13)


@BOTH
@pytest.mark.parametrize("abar", [0.0, 0.5])
def test_kt_equals_single(system, abar):
    single = reference.single_time_scale_limit(*matrices(system), abar)
    assert_allclose(system.limit_covariance(abar).S11, single, atol=1e-13)


def test_kt_eps_order():
    # Spec theory 3.2: Eq. 102 converges with first order.
    limit = EX22.limit_covariance()
    errors = np.array([distances(EX22.covariance_eps(eps), limit) for eps in (0.1, 0.01, 0.001)])
    assert_allclose(errors[0], [0.00717, 0.03986, 0.03494], rtol=0.01)
    assert_allclose(errors[1], [0.00073, 0.00412, 0.00353], rtol=0.01)
    assert_allclose(errors[1:-1] / errors[2:], 10, rtol=0.02)


def test_kt_eps_is_what_a_fixed_ratio_of_steps_converges_to():
    eps = 0.3
    exact = EX22.exact_covariance(PowerLaw(2, 1), PowerLaw(2 / eps, 1, offset=0), 20_000)
    for block, limit in zip(at(exact, 0), EX22.covariance_eps(eps, abar=0.5), strict=True):
        assert_allclose(block, limit, rtol=2e-3, atol=1e-4)


@BOTH
def test_kt_exact_recursion_is_the_loop(system):
    a, b = PowerLaw(0.7, 0.9), PowerLaw(0.5, 0.55)
    exact = system.exact_covariance(a, b, 60, [17, 60])
    for i, n in enumerate([17, 60]):
        expected = reference.exact(*matrices(system), a, b, n)
        for block, by_loop in zip(at(exact, i), expected, strict=True):
            assert_allclose(block, by_loop, rtol=1e-11)


@pytest.mark.parametrize(
    ("system", "rows"),
    [
        (EX22, {1_000: (0.00822, 0.0328, 0.0662), 10_000: (0.00302, 0.0139, 0.0240),
                50_000: (0.00156, 0.0075, 0.0121)}),
        (EX32, {1_000: (0.0406, 0.209, 0.0368), 10_000: (0.0160, 0.0855, 0.0130)}),
    ],
    ids=["EX22", "EX32"],
)  # fmt: skip
def test_kt_exact_recursion_tends_to_the_limit(system, rows):
    # Spec theory 3.4.
    limit = system.limit_covariance(abar=0.5)
    exact = system.exact_covariance(A, B, max(rows), list(rows))
    for i, expected in enumerate(rows.values()):
        assert_allclose(distances(at(exact, i), limit), expected, rtol=0.01)
    single = system.exact_single_time_scale(A, max(rows), list(rows))
    first = 0.00105 if system is EX22 else 0.00107  # and from there on like 1/n
    errors = [distances([S], [limit.S11])[0] for S in single]
    assert_allclose(errors, [first * 1_000 / n for n in rows], rtol=0.02)


def test_kt_exact_recursion_at_the_end_of_the_simulations():
    # Spec theory 3.5.
    S11 = EX22.exact_covariance(A, B, 5_000).S11[0]
    assert_allclose(S11, [[0.416768, 0.128832], [0.128832, 0.570083]], atol=1e-6)


def test_records_may_be_every_so_many_or_in_any_order():
    exact = EX22.exact_covariance(A, B, 12, [12, 5, 10])
    every = EX22.exact_covariance(A, B, 12, 5)
    assert_allclose(every.S12, exact.S12[[1, 2, 0]], rtol=1e-14)
    assert_allclose(EX22.exact_single_time_scale(A, 12, 12), EX22.exact_single_time_scale(A, 12))


def test_kt_finite_n():
    # Spec theory 3.4: below alpha = 1 the limit is far for long, the finite-n prediction is not.
    a, b = PowerLaw(1, 0.8), PowerLaw(0.5, 0.55)
    exact = EX22.exact_covariance(a, b, 10_000, [1_000, 10_000])
    early, late = (distances(EX22.finite_n_covariance(a, b, n), at(exact, i))
                   for i, n in enumerate([1_000, 10_000]))  # fmt: skip
    assert_allclose(early, [0.0021, 0.0026, 0.0002], atol=6e-5)
    assert_allclose(late, [0.0008, 0.0011, 3e-5], atol=5e-5)
    assert distances(EX22.limit_covariance(), at(exact, 1))[0] > 0.05
    exact = EX32.exact_covariance(a, b, 10_000)
    late = distances(EX32.finite_n_covariance(a, b, 10_000), at(exact, 0))
    assert_allclose(late, [0.0019, 0.0050, 0.0002], atol=6e-5)


def test_kt_finite_n_is_exact_where_steps_are_constant():
    a, b = Constant(0.02), Constant(0.2)
    exact = EX32.exact_covariance(a, b, 3_000)
    assert max(distances(EX32.finite_n_covariance(a, b, 3_000), at(exact, 0))) < 1e-9


@pytest.mark.parametrize(
    ("system", "replicas", "steps"), [(EX22, 2_000, 5_000), (EX32, 2_000, 5_000)],
    ids=["EX22", "EX32"],
)  # fmt: skip
def test_kt_monte_carlo(system, replicas, steps):
    # Spec theory 3.5: skewed noise, two against one time scale on the same draws.
    theta, w = system.fixed_point
    ends = []
    for problem, exact in (
        (system.problem(), system.exact_covariance(A, B, steps).S11[0]),
        (system.single_time_scale_problem(), system.exact_single_time_scale(A, steps)[0]),
    ):
        path = simulate(problem, A, B, theta, w, steps, replicas=replicas, record=[steps])
        S, error = second_moment((path.theta[0] - theta) / np.sqrt(A(steps)))
        assert np.abs((S - exact) / error).max() < 4.5
        ends.append(S)
    assert np.linalg.norm(ends[0] - ends[1]) / np.linalg.norm(exact) < 0.05


def test_a_start_away_from_the_equilibrium_is_carried_by_the_recursion():
    # Without noise the second moment is the outer product of the path with itself.
    quiet = LinearTwoTimeScale(
        *(EX22.A11, EX22.A12, EX22.A21, EX22.A22, EX22.a1, EX22.a2), Gamma=np.zeros((4, 4))
    )
    centre, offset = np.hstack(EX22.fixed_point), np.array([1.0, -1.0, 0.5, 2.0])
    start = centre + offset
    path = simulate(EX22.problem("none"), A, B, start[:2], start[2:], 50)
    x = np.hstack([path.theta[-1, 0], path.w[-1, 0]]) - centre
    S = quiet.exact_second_moment(A, B, 50, [50], S0=np.outer(offset, offset))[0]
    assert_allclose(S, np.outer(x, x), rtol=1e-9, atol=1e-14)


def test_jacobians_of_ascent_fields_are_the_negative_matrices():
    theta, w = EX22.fixed_point
    again = LinearTwoTimeScale.from_jacobians(
        *(-EX22.A11, -EX22.A12, -EX22.A21, -EX22.A22), EX22.Gamma, theta, w
    )
    for name in ("A11", "A12", "A21", "A22", "a1", "a2", "Gamma"):
        assert_allclose(getattr(again, name), getattr(EX22, name), atol=1e-14)


@BOTH
def test_lambda_is_where_the_fast_field_vanishes(system):
    theta = np.random.default_rng(0).normal(size=(5, system.m))
    g = system.problem().g(theta, system.lam(theta), None)
    assert_allclose(g, np.zeros((5, 2)), atol=1e-14)
    assert_allclose(system.lam(theta[0]), system.lam(theta)[0], rtol=1e-14)


@pytest.mark.parametrize(("kind", "skewness"), [("exponential", 2), ("gaussian", 0)])
def test_the_noise_is_of_the_kind_that_is_asked_for(kind, skewness):
    # The first component of M^theta is one draw; at 100,000 its skewness errs by 0.03 at most.
    noise = EX22.problem(kind).noise
    assert noise is not None
    theta, w = noise(np.random.default_rng(0), 100_000, 1)
    assert stats.skew(theta[:, 0]) == pytest.approx(skewness, abs=0.12)
    assert_allclose(np.cov(theta, w, rowvar=False), EX22.Gamma, atol=0.03)
    assert EX22.problem("none").noise is None
    assert EX22.single_time_scale_problem("none").noise is None


def test_a_covariance_with_directions_without_noise_has_a_square_root():
    v = np.array([1.0, -2.0, 0.5])
    C = square_root(np.outer(v, v))
    assert_allclose(C @ C.T, np.outer(v, v), atol=1e-12)


def test_tracking_lag_first_order():
    # Spec theory 1.5: start (1, -1), w off by (1, 1), b = 0.1, at slow time 1.5.
    errors, ratios = [], []
    for a in (1e-2, 1e-3, 1e-4):
        theta_hat, w_hat = deviations(a, 0.1, time=1.5, w_offset=1.0)
        lag = quasi_static_lag(EX22, a / 0.1, theta_hat[-1])
        errors.append(np.linalg.norm(w_hat[-1] - lag) / np.linalg.norm(w_hat[-1]))
        ratios.append(np.linalg.norm(w_hat[-1]) / np.linalg.norm(theta_hat[-1]))
    assert_allclose(errors, [0.0946, 0.00936, 0.00094], rtol=0.01)
    assert_allclose(ratios, [0.0198, 0.00190, 0.000190], rtol=0.01)
    for steps in (errors, ratios):
        assert all(8 < big / small < 12 for big, small in pairwise(steps))


def test_tracking_lag_first_order_of_the_slow_equation():
    # Spec theory 1.5: sup over slow time 0 ... 3, w starting at lambda(theta).
    for a, error in ((0.02, 0.01205), (0.002, 0.00119), (0.0002, 0.00012)):
        theta_hat, _ = deviations(a, 0.2, time=3.0, w_offset=0.0)
        flow = slow_flow(EX22, a * np.arange(len(theta_hat)), np.array([1.0, -1.0]))
        assert np.linalg.norm(theta_hat - flow, axis=1).max() == pytest.approx(error, rel=0.02)


def deviations(a, b, time, w_offset):
    """theta - theta* and w - lambda(theta) along a path of EX22 without noise."""
    theta_star, _ = EX22.fixed_point
    theta0 = theta_star + np.array([1.0, -1.0])
    path = simulate(
        EX22.problem("none"), Constant(a), Constant(b), theta0, EX22.lam(theta0) + w_offset,
        round(time / a),
    )  # fmt: skip
    theta = path.theta[:, 0]
    return theta - theta_star, path.w[:, 0] - EX22.lam(theta)


def changed(**matrices):
    fields = ("A11", "A12", "A21", "A22", "a1", "a2", "Gamma")
    return LinearTwoTimeScale(**({name: getattr(EX22, name) for name in fields} | matrices))


def test_wrong_systems_are_refused_at_once():
    with pytest.raises(ValueError, match=r"A12 should have the shape \(2, 2\), got \(2, 3\)"):
        changed(A12=np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"it differs from its transpose by up to 0\.4"):
        changed(Gamma=np.tril(EX22.Gamma - 0.1 * np.eye(4)) + 0.1 * np.eye(4))
    with pytest.raises(ValueError, match="smallest eigenvalue is -1"):
        changed(Gamma=-np.eye(4))
    with pytest.raises(ValueError, match=r"A3 fails: A22 is singular, .* values is [0-9.]+e-1"):
        changed(A22=np.array([[1.0, 1.0], [1.0, 1 + 1e-16 * 3]]))
    with pytest.raises(ValueError, match=r"noise should be one of .*, got 'exponentail'"):
        inspect.unwrap(LinearTwoTimeScale.problem)(EX22, "exponentail")


def test_the_assumption_that_fails_is_named_with_its_margin():
    margins = EX22.check_hurwitz(0.5)
    assert margins["-Delta"] == pytest.approx(-1.185)
    assert margins["-(Delta - abar/2)"] == pytest.approx(-0.935)
    with pytest.raises(ValueError, match=r"A3 fails: -A22 .* largest is 1\.5"):
        changed(A22=-np.diag([1.5, 1.0])).limit_covariance()
    with pytest.raises(ValueError, match=r"A3 fails: -Delta .* largest is 2\.815"):
        changed(A11=EX22.A11 - 4 * np.eye(2)).limit_covariance()
    with pytest.raises(ValueError, match=r"A4\(c\) fails: .* largest is 0\.315"):
        EX22.limit_covariance(abar=3.0)
    for abar in (-1.0, np.inf, np.nan):
        wrong = rf"A4\(a\) fails: abar should be finite and >= 0, got {abar:g}"
        for predicted in (EX22.limit_covariance, lambda abar: EX22.covariance_eps(0.1, abar)):
            with pytest.raises(ValueError, match=wrong):
                predicted(abar)
    with pytest.raises(ValueError, match=r"eps should lie in \(0, inf\), got 0"):
        EX22.covariance_eps(0.0)
    with pytest.raises(ValueError, match=r"eps should lie in \(0, inf\), got -1"):
        EX22.leading_correlation(-1.0)
    with pytest.raises(ValueError, match="n should be at least 1, got 0"):
        EX22.finite_n_covariance(A, B, 0)
    with pytest.raises(ValueError, match="at n = 3 is not stable, spectral radius"):
        EX22.finite_n_covariance(Constant(0.1), Constant(5.0), 3)
    with pytest.raises(ValueError, match=r"recorded n should lie in 1 \.\.\. 10, got 0 \.\.\. 0"):
        EX22.exact_covariance(A, B, 10, [0])
    with pytest.raises(ValueError, match=r"recorded n should lie in 1 \.\.\. 10, got none"):
        EX22.exact_covariance(A, B, 10, [])
    too_large = "matrices of 100000000 updates take .* GiB, expected at most 2"
    with pytest.raises(ValueError, match=too_large):
        EX22.exact_second_moment(A, B, 10**8, [1])
    with pytest.raises(ValueError, match=too_large):
        EX22.exact_single_time_scale(A, 10**8)
