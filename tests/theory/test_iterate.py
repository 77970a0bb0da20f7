"""The iteration: its orders, what is recorded, what happens to replicas that diverge."""

import inspect

import numpy as np
import pytest
from scipy import stats

from reference.theory_iterate import iterate
from ttur.theory.iterate import (
    ORDERS,
    TwoTimeScaleProblem,
    centered_exponential_noise,
    gaussian_noise,
    simulate,
)
from ttur.theory.schedule import step_sizes
from ttur.timescales import Constant, Halving, PowerLaw

MIXING = np.array([[1.0, 0.0, 0.0], [0.3, 0.8, 0.0], [0.4, -0.2, 1.0]])


def everything() -> TwoTimeScaleProblem:
    """m = 2, k = 1, with noise, a Markov state that both iterates push, bias and projections."""
    return TwoTimeScaleProblem(
        2,
        1,
        h=lambda theta, w, z: -theta + w * z + np.array([0.3, -0.1]),
        g=lambda theta, w, z: theta[:, :1] - 2 * w + z,
        noise=gaussian_noise(MIXING, m=2),
        markov_init=lambda rng, replicas: rng.random((replicas, 1)),
        markov_step=lambda rng, z, theta, w, n: (
            0.5 * z + rng.random(z.shape) + 0.1 * theta[:, 1:] - 0.2 * w
        ),
        bias=lambda theta, w, n, t: (0.1 * np.tanh(theta) + t, 0.2 / n - w),
        project_theta=lambda theta: np.clip(theta, -1.5, 1.5),
        project_w=lambda w: np.clip(w, -1, 1),
    )


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_is_the_iteration_number_by_number(order):
    problem, a, b = everything(), PowerLaw(0.5, 0.9), PowerLaw(0.7, 0.6)
    path = simulate(problem, a, b, [0.2, -0.4], [1.0], 40, seed=3, order=order)
    expected = iterate(problem, a, b, [0.2, -0.4], [1.0], 40, seed=3, order=order)
    np.testing.assert_allclose(path.theta[1:, 0], [theta for theta, _ in expected], rtol=1e-13)
    np.testing.assert_allclose(path.w[1:, 0], [w for _, w in expected], rtol=1e-13)
    assert (np.abs(path.theta) == 1.5).any()  # the projection was at work


def test_the_orders_differ():
    ends = [
        simulate(everything(), Constant(0.1), Constant(0.2), [0, 0], [1], 9, order=order).w[
            -1, 0, 0
        ]
        for order in ORDERS
    ]
    assert len({round(float(end), 9) for end in ends}) == 3


def linear(h, g, **more) -> TwoTimeScaleProblem:
    return TwoTimeScaleProblem(
        1, 1, lambda theta, w, z: h * theta, lambda theta, w, z: g * w, **more
    )


def test_recorded_are_the_iterates_after_n_updates_and_the_steps_that_led_there():
    problem, a, b = linear(-1, -2), PowerLaw(0.5, 1), Constant(0.1)
    full = simulate(problem, a, b, [1.0], [1.0], 7)
    assert full.n.tolist() == list(range(8))
    assert np.isnan([full.a[0], full.b[0]]).all()
    np.testing.assert_array_equal(full.a[1:], a(np.arange(1, 8)))
    np.testing.assert_allclose(full.t_a, [0, *a.cumsum(7)])
    np.testing.assert_allclose(full.t_b, 0.1 * np.arange(8))
    np.testing.assert_allclose(full.w[:, 0, 0], 0.8 ** np.arange(8))
    np.testing.assert_allclose(full.theta[:, 0, 0], [1, *np.cumprod(1 - a(np.arange(1, 8)))])
    for record, kept in (
        (np.int64(3), [0, 3, 6, 7]),
        (7, [0, 7]),
        ([5, 2, 5], [2, 5]),
        (np.array([0, 7]), [0, 7]),
    ):
        part = simulate(problem, a, b, [1.0], [1.0], 7, record=record)
        assert part.n.tolist() == kept
        np.testing.assert_array_equal(part.theta, full.theta[kept])
        np.testing.assert_array_equal(part.t_a, full.t_a[kept])


def test_a_trajectory_shows_its_shapes_in_one_line():
    problem = TwoTimeScaleProblem(1, 1, lambda theta, w, z: theta**3, lambda theta, w, z: -w)
    path = simulate(problem, Constant(1.0), Constant(0.5), [[0], [10]], [1], 30, replicas=2)
    assert repr(path) == (
        "Trajectory(31 recorded n: 0 … 30, theta (31, 2, 1), w (31, 2, 1), 1 diverged)"
    )
    nothing = simulate(
        problem, Constant(1.0), Constant(0.5), [10], [1], 30, record=[30], stop_nonfinite=True
    )
    assert repr(nothing) == (
        "Trajectory(0 recorded n: none, theta (0, 1, 1), w (0, 1, 1), 1 diverged)"
    )


def test_replicas_start_where_they_are_told_and_callbacks_see_every_update():
    seen = []
    path = simulate(
        linear(-1, -1),
        Constant(0.5),
        Constant(0.5),
        [[1.0], [2.0]],
        [4.0],
        3,
        replicas=2,
        record=[3],
        callbacks=[lambda n, theta, w, z: seen.append((n, theta.copy()))],
    )
    np.testing.assert_array_equal(path.theta[0], [[0.125], [0.25]])
    assert [n for n, _ in seen] == [1, 2, 3]
    np.testing.assert_array_equal(seen[-1][1], path.theta[0])


def test_a_diverged_replica_is_nan_from_its_first_value_that_is_not_finite():
    problem = TwoTimeScaleProblem(1, 1, lambda theta, w, z: theta**3, lambda theta, w, z: -w)
    start = [[0.0], [10.0]]
    path = simulate(problem, Constant(1.0), Constant(0.5), start, [1.0], 30, replicas=2)
    n = path.diverged_at[1]
    assert path.diverged_at[0] == -1
    assert 3 < n < 10
    assert np.isfinite(path.theta[:n]).all()
    assert np.isfinite(path.w[:, 0]).all()
    assert np.isnan(path.theta[n:, 1]).all()
    assert np.isnan(path.w[n:, 1]).all()
    stopped = simulate(
        problem, Constant(1.0), Constant(0.5), start, [1.0], 30, replicas=2, stop_nonfinite=True
    )
    assert stopped.n[-1] == n
    np.testing.assert_array_equal(stopped.theta, path.theta[: n + 1])


@pytest.mark.parametrize(
    ("make", "skewness", "kurtosis"),
    [(gaussian_noise, 0, 0), (centered_exponential_noise, 2, 6)],
)
def test_noise_has_the_covariance_and_the_law_it_is_named_after(make, skewness, kurtosis):
    rng = np.random.default_rng(0)
    theta, w = make(MIXING, m=2)(rng, 200_000, 1)
    assert theta.shape == (200_000, 2)
    np.testing.assert_allclose(np.cov(theta, w, rowvar=False), MIXING @ MIXING.T, atol=0.03)
    np.testing.assert_allclose(theta.mean(0), 0, atol=0.015)
    # The first component is one draw: its own third and fourth moments.
    assert stats.skew(theta[:, 0]) == pytest.approx(skewness, abs=0.1)
    assert stats.kurtosis(theta[:, 0]) == pytest.approx(kurtosis, abs=0.6)


@pytest.mark.parametrize("sequence", [Constant(0.1), PowerLaw(2, 0.7, 1, 0.5), Halving(1, 3)])
def test_step_sizes_begin_at_one_for_our_sequences_and_any_callable(sequence):
    values = step_sizes("a", sequence, 6)
    np.testing.assert_array_equal(values, [sequence(n) for n in range(1, 7)])
    np.testing.assert_array_equal(values, step_sizes("a", lambda n: sequence(n), 6))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"theta0": [1.0, 2.0]}, r"theta0 should have the shape \(1,\) or \(3, 1\), got \(2,\)"),
        ({"theta0": [np.nan]}, "theta0 should be finite, got nan"),
        ({"replicas": 0}, "replicas should be at least 1, got 0"),
        ({"n_steps": 0}, "number of updates should be at least 1, got 0"),
        ({"record": [4, 11]}, r"recorded n should lie in 0 \.\.\. 10, got 4 \.\.\. 11"),
        ({"record": range(100_000)}, r"in 0 \.\.\. 10, got 0 \.\.\. 99999$"),
        ({"record": []}, r"recorded n should lie in 0 \.\.\. 10, got none"),
        ({"record": 0}, "every so many updates >= 1, got 0"),
        ({"a": lambda n: 1.0 - n / 4}, r"a\(n\) should be finite and > 0, got 0.0 at n = 4"),
        ({"problem": TwoTimeScaleProblem(1, 1, lambda *_: np.zeros((3, 2)), lambda *_: 0)},
         r"h should return the shape \(3, 1\), got \(3, 2\)"),
        ({"problem": linear(-1, -1, noise=lambda rng, R, n: (0.0, np.ones(R)))},
         r"noise of w should return the shape \(3, 1\), got \(3,\)"),
        ({"problem": linear(-1, -1, bias=lambda theta, w, n, t: (np.ones(3), 0.0))},
         r"bias of theta should return the shape \(3, 1\), got \(3,\)"),
        ({"problem": linear(-1, -1, project_w=lambda w: w[:, 0])},
         r"project_w should return the shape \(3, 1\), got \(3,\)"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(change, message):
    fine = {
        "problem": linear(-1, -1), "a": Constant(0.1), "b": Constant(0.1), "theta0": [1.0],
        "w0": [1.0], "n_steps": 10, "replicas": 3,
    }  # fmt: skip
    simulate(**fine)
    with pytest.raises(ValueError, match=message):
        simulate(**(fine | change))


def test_a_mixing_matrix_without_rows_for_both_players_is_refused():
    with pytest.raises(ValueError, match=r"m \+ k rows with m = 3 .* got the shape \(3, 3\)"):
        gaussian_noise(MIXING, m=3)
    with pytest.raises(ValueError, match="C should be finite, got nan"):
        gaussian_noise(np.where(MIXING == 1, np.nan, MIXING), m=2)


def test_a_noise_that_the_replicas_would_share_is_refused():
    # (R,) beside (R, m) with R = m: numpy takes the replicas for the components.
    problem = TwoTimeScaleProblem(
        3, 1, lambda theta, w, z: -theta, lambda theta, w, z: -w,
        noise=lambda rng, replicas, n: (rng.standard_normal(replicas), 0.0),
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"noise of theta should return the shape \(3, 3\)"):
        simulate(problem, Constant(0.1), Constant(0.1), [0.0] * 3, [0.0], 5, replicas=3)


def test_trying_the_noise_at_the_start_leaves_the_draws_of_the_run_alone():
    drawn = []

    def noise(rng, replicas, n):
        drawn.append(rng.random())
        return 0.0, 0.0

    simulate(linear(-1, -1, noise=noise), Constant(0.1), Constant(0.1), [1.0], [1.0], 2, seed=5)
    rng = np.random.default_rng(5)
    assert drawn[-2:] == [rng.random(), rng.random()]


def test_what_only_unchecked_types_let_through_is_refused():
    # The shape checks of these tests would stop it first.
    with pytest.raises(ValueError, match=r"such as Constant\(0\.1\), got float; for an array"):
        inspect.unwrap(step_sizes)("a", 0.5, 3)
    with pytest.raises(ValueError, match=r"order should be one of .*, got 'fast'"):
        inspect.unwrap(simulate)(
            linear(-1, -1), Constant(0.1), Constant(0.1), [1.0], [1.0], 3, order="fast"
        )
