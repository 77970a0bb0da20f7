"""Theorem 4: Poisson equation, the critic driven by a chain, its covariance, and the wrong sign."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from reference.theory_markov import moments, summed_autocovariance
from ttur.theory.chains import stationary_distribution
from ttur.theory.examples import MC3, mc3_slow_field
from ttur.theory.iterate import simulate
from ttur.theory.markov import MarkovLinearCritic, poisson_solution
from ttur.timescales import PowerLaw

B = PowerLaw(1.0, 0.6)
THETA = 0.15132108090914234  # the root of 0.5 lambda_1(theta) = theta


def at(theta):
    theta = np.array([theta])
    return MC3.P(theta), MC3.g(theta), MC3.G(theta)


def test_poisson_residual():
    P, g, G = at(0.0)
    for f in (g, G):
        fbar, fhat, pi = poisson_solution(P, f)
        moved = np.tensordot(P, fhat, axes=1)
        assert np.abs(fhat - (f - fbar + moved)).max() < 1e-14
        assert np.abs(np.tensordot(pi, fhat, axes=1)).max() < 1e-14


def test_poisson_solution_of_the_example():
    P, g, G = at(0.0)
    fbar, ghat, pi = poisson_solution(P, g)
    assert pi == pytest.approx([0.38, 0.34, 0.28], abs=1e-14)
    assert fbar == pytest.approx([0.1, 0.96], abs=1e-14)
    assert ghat.ravel() == pytest.approx([1.52, -1.288, -0.48, 1.512, -1.48, -0.088], abs=1e-12)
    Gbar, Ghat, _ = poisson_solution(P, G)
    assert Gbar.ravel() == pytest.approx([0.498, -0.066, 0.15, 1.212], abs=1e-14)
    expected = [
        [1.6256, 0.6448, -0.82, -0.5136],
        [-0.7344, -1.2352, 1.18, -0.3536],
        [-1.3144, 0.6248, -0.32, 1.1264],
    ]
    assert Ghat.reshape(3, 4) == pytest.approx(np.array(expected), abs=1e-12)


@given(st.integers(2, 6), st.integers(0, 10_000))
def test_poisson_solution_is_the_sum_of_expected_deviations(states, seed):
    rng = np.random.default_rng(seed)
    P = 0.1 / states + 0.9 * rng.dirichlet(np.ones(states), states)  # forgets 0.9 a step
    f = rng.normal(size=states)
    fbar, fhat, _ = poisson_solution(P, f)
    summed, power = np.zeros(states), np.eye(states)
    for _ in range(300):
        summed, power = summed + power @ (f - fbar), power @ P
    assert fhat == pytest.approx(summed, abs=1e-9)


def test_stationary_distribution_takes_stacks_and_periodic_chains():
    swap = np.array([[0.0, 1.0], [1.0, 0.0]])
    both = stationary_distribution(np.stack([swap, [[0.5, 0.5], [0.25, 0.75]]]))
    assert both == pytest.approx(np.array([[0.5, 0.5], [1 / 3, 2 / 3]]), abs=1e-14)


def test_lambda_of_the_example():
    assert MC3.lam(0.0) == pytest.approx([0.300843, 0.754846], abs=1e-6)
    thetas = np.array([[1.0], [-1.0]])
    expected = np.array([[0.297723, 1.025735], [0.264502, 0.478857]])
    assert MC3.lam(thetas) == pytest.approx(expected, abs=1e-6)
    assert brentq(lambda t: 0.5 * MC3.lam(t)[0] - t, 0, 1) == pytest.approx(THETA, abs=1e-10)
    assert MC3.lam(THETA) == pytest.approx([0.302642, 0.808585], abs=1e-6)


def test_poisson_covariance():
    P, g, G = at(THETA)
    root = MC3.lam(THETA)
    F = g - G @ root
    chain = MC3.noise_covariance(THETA) - 0.09 * (root @ root) * np.eye(2)
    expected = np.array([[0.920482, 0.563309], [0.563309, 1.09343]])
    assert chain == pytest.approx(expected, abs=1e-6)
    pi = stationary_distribution(P)
    assert chain == pytest.approx(summed_autocovariance(P, F, pi, 100), abs=1e-10)
    naive = summed_autocovariance(P, F, pi, 0)
    assert naive == pytest.approx(np.array([[0.5946, 0.4286], [0.4286, 0.7318]]), abs=1e-4)
    S = MC3.asymptotic_covariance(THETA)
    assert pytest.approx(np.array([[1.036577, 0.256252], [0.256252, 0.445255]]), abs=1e-6) == S


def test_exact_moments_approach_the_poisson_covariance():
    # Second moments over b(n) of spec/theory.md 5 (1000, 5000, 20000), entries 11, 12, 22.
    n, _, second = MC3.exact_moments(B, 20000, [1000, 5000, 20000], theta=THETA)
    scaled = second.reshape(3, 4)[:, [0, 1, 3]] / B(n)[:, None]
    expected = [(1.1447, 0.2517, 0.4570), (1.0818, 0.2552, 0.4506), (1.0589, 0.2561, 0.4480)]
    assert scaled == pytest.approx(np.array(expected), rel=1e-3)
    limit = MC3.asymptotic_covariance(THETA)[[0, 0, 1], [0, 1, 1]]
    assert (np.diff(np.abs(scaled - limit).max(axis=1)) < 0).all()


def test_exact_moments_equal_the_literal_recursion():
    P, g, G = at(0.7)
    start = np.array([2.0, -1.0])
    n, mean, second = MC3.exact_moments(B, 40, [1, 40], theta=0.7, w0=start, z0=2)
    for row, steps in enumerate(n):
        rates = [float(B(i)) for i in range(1, steps + 1)]
        expected = moments(P, g, G, 0.3, MC3.lam(0.7), rates, start, z0=2)
        assert mean[row] == pytest.approx(expected[0], rel=1e-11)
        assert second[row] == pytest.approx(expected[1], rel=1e-11)


def test_simulated_moments_are_the_exact_ones():
    theta = 0.7
    run = simulate(MC3.problem(), B, B, [theta], [0.0, 0.0], 300, replicas=4000, record=[300])
    error = run.w[0] - MC3.lam(theta)
    _, mean, second = MC3.exact_moments(B, 300, [300], theta=theta)
    assert (run.theta == theta).all()
    assert np.abs(error.mean(axis=0) - mean[0]).max() < 4 * np.sqrt(second[0].max() / 4000)
    measured = error.T @ error / 4000
    # A variance from 4000 nearly normal values errs by sqrt(2 / 4000) = 2.2 %.
    assert measured == pytest.approx(second[0], rel=0.09, abs=0.09 * second[0].max() / 2)


def test_markov_critic_rate():
    problem = MC3.problem(slow_field=mc3_slow_field, sigma_theta=1.0)
    times = [100, 1000, 5000]
    run = simulate(
        problem, PowerLaw(1, 0.9), B, [0.0], [0.0, 0.0], 5000, replicas=400, record=times
    )
    distance = np.linalg.norm(run.w - MC3.lam(run.theta), axis=-1).mean(axis=1)
    assert (np.diff(distance) < 0).all()
    ratio = distance / np.sqrt(run.b)
    assert ((ratio > 0.9) & (ratio < 1.3)).all()
    # Two runs of 400 differ by sqrt(2) of the error of one.
    for measured, expected, error in zip(
        distance, (0.2826, 0.1336, 0.0876), (0.0085, 0.0039, 0.0025), strict=True
    ):
        assert measured == pytest.approx(expected, abs=4 * error * np.sqrt(2))
    spread = run.theta[-1].std() / np.sqrt(400)
    assert abs(run.theta[-1].mean() - THETA) < 4 * spread + 0.005


def test_the_chain_starts_in_its_first_state_and_theta_has_the_noise_it_is_given():
    problem = MC3.problem(sigma_theta=2.0)
    assert problem.markov_init is not None
    assert problem.noise is not None
    z, M = problem.markov_init(np.random.default_rng(0), 20_000)
    assert not z.any()
    # 80,000 and 100,000 normal draws: a deviation errs by 1 / sqrt(2 draws), 0.25 %.
    assert M.std() == pytest.approx(0.3, rel=0.01)
    push, none = problem.noise(np.random.default_rng(0), 100_000, 1)
    assert push.std() == pytest.approx(2.0, rel=0.01)
    assert not none.any()


def critic(P=None, g=None, G=None):
    """Of two states with k = 1."""
    return MarkovLinearCritic(
        P=lambda theta: np.full((*theta.shape[:-1], 2, 2), 0.5) if P is None else np.array(P),
        g=lambda theta: np.ones((*theta.shape[:-1], *(g or (2, 1)))),
        G=lambda theta: np.ones((*theta.shape[:-1], *(G or (2, 1, 1)))),
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"P": np.eye(2)}, "P should be irreducible, state 0 of 2 never reaches state 1"),
        ({"P": np.full((2, 2), 0.4)}, r"P should have rows that sum to 1, one sums to 0\.8"),
        ({"g": (3, 1)}, r"g\(theta\) should have the shape \(.*2, 1\), got \(.*3, 1\)"),
        ({"G": (2, 2, 2)}, r"G\(theta\) should have the shape \(.*2, 1, 1\), got \(.*2, 2, 2\)"),
    ],
)
def test_critics_that_do_not_fit_together_are_refused_by_what_uses_them(change, message):
    assert critic().lam(0.0) == pytest.approx([1.0])
    critic().problem()
    for use in (lambda wrong: wrong.lam(0.0), lambda wrong: wrong.problem()):
        with pytest.raises(ValueError, match=message):
            use(critic(**change))


def test_a_deviation_below_zero_is_refused():
    with pytest.raises(ValueError, match="sigma_M should be a standard deviation >= 0, got -1"):
        replace(MC3, sigma_M=-1.0)


def test_chains_may_be_lists():
    assert stationary_distribution([[0.5, 0.5], [0.25, 0.75]]) == pytest.approx([1 / 3, 2 / 3])
    assert poisson_solution([[0.5, 0.5], [0.5, 0.5]], [1.0, 3.0]).fhat == pytest.approx([-1.0, 1.0])


def test_wrong_sign_explodes():
    # With the paper's + G w, the error obeys e' = (I + b Gbar) e: it grows with every step.
    wrong = replace(MC3, G=lambda theta: -MC3.G(theta))
    sizes = {}
    for name, critic in (("wrong", wrong), ("right", MC3)):
        run = simulate(
            critic.problem(), B, B, [0.0], [0.0, 0.0], 100, replicas=400, record=[10, 100]
        )
        sizes[name] = np.linalg.norm(run.w, axis=-1).mean(axis=1)
    assert (sizes["wrong"] > (20, 1e5)).all()
    assert sizes["right"].max() < 2
    with pytest.raises(ValueError, match=r"Theorem 4, Eq. 49 fails.*positive definite"):
        wrong.lam(0.0)


def test_reducible_and_improper_chains_are_refused():
    with pytest.raises(ValueError, match="irreducible, state 0 of 2 never reaches state 1"):
        stationary_distribution(np.array([[1.0, 0.0], [0.5, 0.5]]))
    with pytest.raises(ValueError, match=r"sums to 0\.9"):
        stationary_distribution(np.array([[0.4, 0.5], [0.5, 0.5]]))
    with pytest.raises(ValueError, match=r"smallest entry is -0\.5"):
        stationary_distribution(np.array([[1.5, -0.5], [0.5, 0.5]]))
    with pytest.raises(ValueError, match=r"a value for each of 2 states, got \(3,\)"):
        poisson_solution(np.full((2, 2), 0.5), np.zeros(3))
    with pytest.raises(ValueError, match="f should be finite, got nan"):
        poisson_solution(np.full((2, 2), 0.5), np.array([0.0, np.nan]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"record": [11]}, r"recorded n should lie in 1 \.\.\. 10, got 11"),
        ({"b": lambda n: 1 - n / 4}, r"b\(n\) should be finite and > 0, got 0.0 at n = 4"),
        ({"z0": -1}, "got -1"),
        ({"z0": 3}, r"z0 should be one of the states 0 … 2, got 3"),
        ({"w0": [1.0]}, r"w0 should have the shape \(2,\), got \(1,\)"),
    ],
)
def test_moments_of_what_does_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        MC3.exact_moments(**({"b": B, "N": 10, "record": [10]} | change))
