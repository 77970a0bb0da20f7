"""Momentum in games (E7): r u > v^2, and what separated time scales repair."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttur.theory.iterate import TwoTimeScaleProblem, simulate
from ttur.theory.momentum import (
    augment_with_momentum,
    critical_time_scale,
    growth_rate,
    momentum_matrix,
    momentum_stable,
    momentum_threshold,
    zero_sum_game,
)
from ttur.theory.network import four_node_line
from ttur.timescales import Constant

GAME = np.array([[1.0, 2.0], [-2.0, 1.0]])


def test_momentum_game_threshold():
    np.testing.assert_allclose(np.sort_complex(np.linalg.eigvals(-GAME)), [-1 - 2j, -1 + 2j])
    assert momentum_threshold(GAME) == pytest.approx(4)
    rates = [growth_rate(momentum_matrix(GAME, r, r)) for r in (1.0, 3.9, 4.1)]
    np.testing.assert_allclose(rates, [0.3325, 0.0125, -0.0125], atol=5e-5)
    # Per unit of the slow time, hence / eps.
    ratios = np.array([0.5, 0.3, 0.2, 0.1])
    rates = [growth_rate(momentum_matrix(GAME, 1.0, 1.0, float(eps))) for eps in ratios] / ratios
    np.testing.assert_allclose(rates, [0.3668, 0.2084, -0.0243, -0.2895], atol=5e-5)
    assert critical_time_scale(GAME, 1.0, 1.0) == pytest.approx((5 - 21**0.5) / 2, rel=1e-9)
    assert critical_time_scale(np.diag([1.0, 2.0]), 1.0, 1.0) == 1.0


def test_each_player_has_its_own_dimension_and_memory():
    """z' = E p, p' = E R (-A z - p), written out for theta of one component and w of two."""
    A = np.array([[1.0, 2.0, 0.5], [-2.0, 1.0, 0.3], [-0.4, 0.2, 1.5]])

    def written_out(eps):
        return np.array(
            [
                [0, 0, 0, eps, 0, 0],
                [0, 0, 0, 0, 1, 0],
                [0, 0, 0, 0, 0, 1],
                [-0.7 * eps, -1.4 * eps, -0.35 * eps, -0.7 * eps, 0, 0],
                [6, -3, -0.9, 0, -3, 0],
                [1.2, -0.6, -4.5, 0, 0, -3],
            ]
        )

    np.testing.assert_allclose(momentum_matrix(A, 0.7, 3.0, 0.2, m=1), written_out(0.2), rtol=1e-14)
    critical = critical_time_scale(A, 0.7, 3.0, m=1)
    assert critical == pytest.approx(0.273720, abs=1e-6)
    below, above = (growth_rate(written_out(critical * (1 + side))) for side in (-1e-9, 1e-9))
    assert below < 0 < above


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 20))
def test_the_criterion_is_the_spectrum(seed, r):
    matrix = np.random.default_rng(seed).normal(size=(4, 4)) + 2 * np.eye(4)
    rate = growth_rate(momentum_matrix(matrix, r, r))
    if abs(rate) > 1e-9:
        assert momentum_stable(matrix, r) == (rate < 0)


def test_separated_zero_sum_games_are_stable_with_any_memory():
    """A22 and A11 + A21' A22^-1 A21 symmetric positive: each player is a gradient system again."""
    rng = np.random.default_rng(2)
    for _ in range(10):
        coupling = 3 * rng.normal(size=(2, 2))
        slow, fast = (m @ m.T + 0.3 * np.eye(2) for m in rng.normal(size=(2, 2, 2)))
        matrix = np.block([[slow, coupling], [-coupling.T, fast]])
        assert growth_rate(momentum_matrix(matrix, 0.5, 0.5, eps=1e-4)) < 0


@pytest.mark.parametrize(("a", "end"), [(1e-3, 0.0073), (5e-4, 0.0415)])
def test_momentum_game_converges_where_it_is_separated(a, end):
    """Specification: Adam's order; the explicit order measured here differs by O(b), 1 to 5 %."""
    step = np.eye(4) + 0.01 * momentum_matrix(GAME, 1.0, 1.0, a / 0.01)
    start = np.array([1.0, 1.0, 0.0, 0.0])  # theta, w, their velocities
    theta, w, _, _ = np.linalg.matrix_power(step, 20_000) @ start
    assert np.hypot(theta, w) == pytest.approx(end, rel=0.06)
    game = augment_with_momentum(zero_sum_game(), 1.0, 1.0)
    run = simulate(game, Constant(a), Constant(0.01), [1.0, 0], [1.0, 0], 1000, record=1000)
    iterated = np.ravel([run.theta[-1, 0], run.w[-1, 0]])[[0, 2, 1, 3]]
    np.testing.assert_allclose(iterated, np.linalg.matrix_power(step, 1000) @ start, rtol=1e-10)


def test_momentum_game_diverges_at_one_rate_where_gradients_converge():
    rate = Constant(0.01)
    plain = simulate(zero_sum_game(), rate, rate, [1.0], [1.0], 3000, record=3000)
    assert abs(plain.theta[-1, 0, 0]) < 1e-12
    game = augment_with_momentum(zero_sum_game(), 1.0, 1.0)
    run = simulate(game, rate, rate, [1.0, 0], [1.0, 0], 3000, record=[2000, 3000])
    growth = np.log(np.hypot(run.theta[:, 0, 0], run.w[:, 0, 0]))
    # Eigenvalue 1/2 + i ... : the explicit step is faster than e^(0.3325 t) by O(a).
    step = np.abs(np.linalg.eigvals(np.eye(4) + 0.01 * momentum_matrix(GAME, 1.0, 1.0))).max()
    assert growth[1] - growth[0] == pytest.approx(1000 * np.log(step), abs=0.3)
    assert growth[1] > np.log(1e3)


def test_noise_bias_projection_and_markov_state_reach_the_gradients():
    """Averaged over time a momentum of constant pushes is the push; states pass unchanged."""
    seen = []

    def step(rng, z, theta, w, n):
        seen.append((theta.shape, w.shape))
        return z + 1

    problem = TwoTimeScaleProblem(
        m=2,
        k=1,
        h=lambda theta, w, z: -theta,
        g=lambda theta, w, z: -w + 0 * z,
        noise=lambda rng, replicas, n: (np.ones((replicas, 2)), np.full((replicas, 1), 3.0)),
        markov_init=lambda rng, replicas: np.zeros((replicas, 1)),
        markov_step=step,
        bias=lambda theta, w, n, t: (np.full_like(theta, 1.0), np.zeros_like(w)),
        project_theta=lambda theta: np.minimum(theta, 1.5),
    )
    game = augment_with_momentum(problem, 2.0, 4.0)
    assert (game.m, game.k) == (4, 2)
    run = simulate(
        game, Constant(0.05), Constant(0.05), np.zeros(4), np.zeros(2), 1000, record=1000
    )
    np.testing.assert_allclose(run.w[-1, 0], [3, 0], atol=1e-6)
    np.testing.assert_allclose(run.theta[-1, 0, :2], 1.5)
    assert seen[0] == ((1, 2), (1, 1))


def test_wrong_arguments_name_what_fails():
    with pytest.raises(ValueError, match="shape"):
        momentum_threshold(np.ones((2, 3)))
    with pytest.raises(ValueError, match="r > 0 fails"):
        momentum_stable(GAME, 0.0)
    with pytest.raises(ValueError, match="step sizes > 0 fails: eps"):
        momentum_matrix(GAME, 1.0, 1.0, eps=0.0)
    with pytest.raises(ValueError, match="m should be given, the size 3 of A has no half"):
        momentum_matrix(np.eye(3), 1.0, 1.0)
    for m in (0, 2):
        with pytest.raises(ValueError, match=f"m should lie in 1 ... 1, got {m}"):
            momentum_matrix(GAME, 1.0, 1.0, m=m)
    with pytest.raises(ValueError, match=r"time-scale separation fails: .* growth rate"):
        critical_time_scale(np.array([[1.0, 2.0], [1.0, 1.0]]), 1.0, 1.0)
    assert momentum_threshold([[-1.0, 0], [0, 1]]) == np.inf


def test_momentum_takes_whatever_a_problem_may_add_to_its_gradients():
    """Noise that is 0 for a player, bounds that are numbers."""
    network = augment_with_momentum(four_node_line().problem(0.1, 0.5, 0.1), 1.0, 1.0)
    steps = Constant(0.01)
    start = np.concatenate([np.ones(3), np.zeros(3)]), np.concatenate([np.ones(4), np.zeros(4)])
    assert np.isfinite(simulate(network, steps, steps, *start, 20, replicas=2).theta).all()
    one_sided = replace(
        zero_sum_game(), noise=lambda rng, replicas, n: (np.ones((replicas, 1)), 0.0)
    )
    path = simulate(
        augment_with_momentum(one_sided, 2.0, 2.0),
        steps,
        steps,
        [0.0, 0.0],
        [0.0, 0.0],
        1,
        replicas=3,
    )
    np.testing.assert_allclose(path.theta[-1, :, 1], 0.01 * 2.0)  # a r times the noise
    assert not path.w[-1].any()
