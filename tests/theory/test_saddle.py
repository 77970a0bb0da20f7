import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttur.theory.iterate import TwoTimeScaleProblem, gaussian_noise, simulate
from ttur.theory.saddle import (
    LinearQuadraticSaddle,
    in_contraction_region,
    recurrence_stats,
    tanh_game,
)
from ttur.timescales import PowerLaw

SADDLE = LinearQuadraticSaddle(0.5, [[1, 0.5], [-0.3, 0.8]])
FIRST = np.array([1.0, 0.0])


def test_region_asks_one_of_the_two_bounds_with_equality():
    h, g = np.array([[3.0, 4.0], [3.0, 4.0], [0.3, 0.4]]), np.array([[1.0], [2.0], [2.0]])
    inside = in_contraction_region(h, g, alpha=0.25, beta=0.5, eta=0.5)
    assert inside.tolist() == [True, False, True]  # by g with equality, by none, by h


def test_without_bias_only_the_saddle_point_is_in_the_region():
    z = np.array([[0.0], [1e-9]])
    assert in_contraction_region(z, z, 0.0, 0.0, 0.9).tolist() == [True, False]


@pytest.mark.parametrize(
    ("alpha", "beta", "eta", "says"),
    [
        (0.1, 0.1, 1.0, "0 < eta < 1"),
        (-0.1, 0.1, 0.5, ">= 0"),
        (0.1, -0.1, 0.5, ">= 0"),
        (np.nan, 0.1, 0.5, ">= 0, got alpha = nan"),
    ],
)
def test_region_refuses(alpha, beta, eta, says):
    with pytest.raises(ValueError, match=says):
        in_contraction_region(np.ones((1, 1)), np.ones((1, 1)), alpha, beta, eta)


def test_region_is_never_visited_where_theta_and_w_circle_at_a_right_angle():
    """L = theta . w is monotone, but the norms of h = -w and g = theta are never small."""
    steps = PowerLaw(0.3, 0.6, offset=9)
    circles = TwoTimeScaleProblem(
        m=2,
        k=2,
        h=lambda theta, w, z: -w,
        g=lambda theta, w, z: theta,
        noise=gaussian_noise(0.02 * np.eye(4), 2),
    )
    path = simulate(circles, steps, steps, FIRST, FIRST[::-1].copy(), 2000, replicas=10)
    assert path.t_a[-1] > 4 * np.pi  # two turns
    assert not in_contraction_region(-path.w, path.theta, 0.4, 0.4, 0.5).any()
    # Each update lengthens both by sqrt(1 + a^2), whose product is 1.10; noise deviates by .01.
    length = np.linalg.norm([path.theta, path.w], axis=-1)
    assert length.min() > 0.95
    assert length.max() < 1.15


@given(
    st.lists(st.lists(st.booleans(), min_size=2, max_size=2), min_size=1, max_size=12), st.data()
)
def test_num_recurrence_counts_as_a_loop_does(inside, data):
    from_n = data.draw(st.integers(0, len(inside) - 1))
    stats = recurrence_stats(np.where(inside, 0.5, 1.5), 1.0, from_n)
    for replica in range(2):
        entries, visits, last = 0, 0, -1
        for n in range(from_n, len(inside)):
            visits += inside[n][replica]
            last = n if inside[n][replica] else last
            entries += n > from_n and inside[n][replica] and not inside[n - 1][replica]
        assert stats.entries[replica] == entries
        assert stats.fraction_inside[replica] == pytest.approx(visits / (len(inside) - from_n))
        assert stats.last_visit[replica] == last


def test_recurrence_refuses_an_empty_range():
    with pytest.raises(ValueError, match="from_n should lie in"):
        recurrence_stats(np.ones((3, 1)), 1.0, 3)
    with pytest.raises(ValueError, match="radius should lie in"):
        recurrence_stats(np.ones((3, 1)), 0.0)


@pytest.mark.parametrize(
    ("bias", "norm", "bound"), [((0.1, 0.1), 0.120501, 0.282843), ((0.3, 0.2), 0.302727, 0.721110)]
)
def test_monotone_saddle_keeps_within_bias_over_mu(bias, norm, bound):
    push = bias[0] * FIRST, bias[1] * FIRST
    assert SADDLE.biased_equilibrium(*push).norm == pytest.approx(norm, abs=1e-6)
    assert SADDLE.bound(*push) == pytest.approx(bound, abs=1e-6)
    steps = PowerLaw(0.3, 0.6, offset=9)
    path = simulate(
        SADDLE.problem(*push, noise=0.1), steps, steps, FIRST, FIRST, 2500, replicas=40, record=2500
    )
    mean = np.concatenate([path.theta[-1], path.w[-1]], axis=1).mean(axis=0)
    # One component's deviation is about noise sqrt(a / (2 mu)) = .0045, of the mean .0007.
    assert np.linalg.norm(mean) == pytest.approx(norm, abs=0.003)
    assert np.linalg.norm(mean) < bound


def test_a_number_is_the_bias_of_every_component():
    both = np.full(2, 0.1)
    assert SADDLE.bound(0.1, 0.0) == SADDLE.bound(both, [0.0, 0.0]) == pytest.approx(0.2 * 2**0.5)
    assert SADDLE.biased_equilibrium(0.1, 0.0).norm == SADDLE.biased_equilibrium(both, 0.0).norm
    with pytest.raises(ValueError, match=r"bias_w should have the shape \(2,\), got \(3,\)"):
        SADDLE.problem(0.1, np.ones(3))


def test_jacobian_of_the_saddle_is_that_of_its_fields():
    problem = SADDLE.problem()
    z = np.eye(4)
    rows = [problem.h(z[:, :2], z[:, 2:], None), problem.g(z[:, :2], z[:, 2:], None)]
    np.testing.assert_allclose(SADDLE.jacobian, np.concatenate(rows, axis=1).T)
    symmetric = (SADDLE.jacobian + SADDLE.jacobian.T) / 2
    np.testing.assert_allclose(symmetric, -0.5 * np.eye(4))


def test_saddle_refuses_what_is_not_strongly_monotone():
    with pytest.raises(ValueError, match="strong monotonicity fails: mu should be > 0, got 0"):
        LinearQuadraticSaddle(0.0, [[1.0]])


def tanh_run(theta_from_w, n_steps=3000):
    steps = PowerLaw(1, 0.7)
    game = tanh_game(theta_from_w, 2.0, bias=0.05, noise=0.1)
    path = simulate(game, steps, steps, [1.0], [1.0], n_steps, replicas=20)
    h = game.h(path.theta, path.w, None)
    return path, in_contraction_region(h, game.g(path.theta, path.w, None), 0.05, 0.05, 0.5)


def test_tanh_counterexample_runs_away_with_couplings_of_one_sign():
    path, inside = tanh_run(theta_from_w=2.0)
    assert not inside.any()
    # Both fields saturate at 1 and the bias adds .05, after a start where tanh(1) = .76.
    np.testing.assert_allclose(path.theta[-1], 1 + 1.05 * path.t_a[-1], atol=0.8)
    np.testing.assert_allclose(path.w[-1], 1 + 1.05 * path.t_a[-1], atol=0.8)


def test_tanh_game_with_antisymmetric_couplings_returns():
    path, inside = tanh_run(theta_from_w=-2.0)
    assert inside[-100:].any(axis=0).all()
    assert np.hypot(path.theta, path.w)[-1].max() < 0.1


def test_tanh_game_with_antisymmetric_couplings_is_monotone_near_0_only():
    game = tanh_game(-2.0, 2.0)

    def largest_of_the_symmetric_part(theta, w):
        z = np.array([theta, w]) + 1e-6 * np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
        fields = np.hstack([field(z[:, :1], z[:, 1:], None) for field in (game.h, game.g)])
        jacobian = (fields[:2] - fields[2:]) / 2e-6
        return np.linalg.eigvalsh(jacobian + jacobian.T).max() / 2

    assert largest_of_the_symmetric_part(0.0, 0.0) == pytest.approx(-1, abs=1e-6)
    # h saturates and g does not: the symmetric part of ((0, 0), (2, -1)) has (sqrt 5 - 1) / 2.
    assert largest_of_the_symmetric_part(3.0, 6.0) == pytest.approx(0.618034, abs=1e-5)
