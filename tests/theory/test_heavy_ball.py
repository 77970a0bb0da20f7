"""Theorem 2 = 12: the differential equation, changes of time, energy, noise."""

import numpy as np
import pytest

from ttur.theory.heavy_ball import (
    energy_trajectory,
    friction_ode,
    hbf_ode,
    heavy_ball_path,
    ode_convergence_order,
)
from ttur.theory.memory import (
    BiasCorrectedMemory,
    ConstantMemory,
    PolynomialMemory,
    hbf_time_change,
)
from ttur.theory.momentum_noise import (
    hbf_covariance,
    hbf_exact_covariance,
    second_moment_noise,
)
from ttur.timescales import Constant, PowerLaw

HALVINGS = [Constant(0.1 / 2**i) for i in range(5)]


def f(x):
    return x**4 / 4 - x**2 / 2 + 0.1 * x


def f_grad(x):
    return x**3 - x + 0.1


@pytest.mark.parametrize(
    ("memory", "order", "errors"),
    [  # section 9.2, four or three digits; a = 0.1, 0.05, ...
        (ConstantMemory(0.5), "heavy_ball", [0.4578, 0.2330, 0.1175, 0.0590, 0.0296]),
        (ConstantMemory(0.5), "adam", [0.0759, 0.0371, 0.0184, 0.0091, 0.0046]),
        (ConstantMemory(2.0), "heavy_ball", [2.07, 0.296, 0.1083, 0.0477, 0.0225]),
        (ConstantMemory(2.0), "adam", [0.1488, 0.0706, 0.0346, 0.0171, 0.0085]),
        (BiasCorrectedMemory(2.0), "adam", [0.2118, 0.0904, 0.0420, 0.0203, 0.0100]),
        (PolynomialMemory(2.0), "heavy_ball", [0.8406, 0.4423, 0.2262, 0.1142]),
    ],
)
def test_ode_order(memory, order, errors):
    """E2: theta'' + r theta' + r grad f = 0 is the limit, approached at first order."""
    result = ode_convergence_order(f_grad, memory, 2.0, 10.0, HALVINGS[: len(errors)], order=order)
    np.testing.assert_allclose(result.error, errors, rtol=2e-3, atol=5.1e-5)
    expected = result.order[-2:] if memory != ConstantMemory(2.0) else result.order[-1:]
    assert all(0.9 < order < 1.15 for order in expected)


def test_ode_order_with_falling_steps():
    sequences = [PowerLaw(c0=a, p=0.5) for a in (0.4, 0.2, 0.1, 0.05)]
    result = ode_convergence_order(f_grad, 0.5, 2.0, 10.0, sequences)
    np.testing.assert_allclose(result.error, [1.2495, 0.5492, 0.2061, 0.0697], atol=5.1e-5)
    np.testing.assert_allclose(result.order, [1.19, 1.41, 1.57], atol=0.01)


def test_ode_ends_where_the_specification_says():
    ends = [hbf_ode(f_grad, r, 2.0).theta[-1, 0] for r in (0.5, 2.0, BiasCorrectedMemory(2.0))]
    np.testing.assert_allclose(ends, [-0.997281, 0.945704, 0.945608], atol=1e-6)
    late = PolynomialMemory(2.0, start=20.0)  # later than the T that is not given
    looked = hbf_ode(f_grad, late, 2.0, times=np.array([20.0, 25.0])).theta
    np.testing.assert_allclose(looked[1], hbf_ode(f_grad, late, 2.0, T=25.0).theta[-1], rtol=1e-9)


def test_the_printed_ode_is_not_the_limit():
    """E2: theta'' + a theta' + grad f = 0 with the learning rate as friction is far off."""
    a, r = 0.00625, 0.5
    path = heavy_ball_path(f_grad, ConstantMemory(r), np.full(1600, a), 2.0, "adam")[1:]
    t = a * np.arange(1, 1601)
    printed = friction_ode(f_grad, a, 2.0, 0.0, np.concatenate([[0], t])).theta[1:]
    assert np.abs(path - hbf_ode(f_grad, r, 2.0, times=t).theta).max() < 0.005
    assert np.abs(path - printed).max() > 2


@pytest.mark.parametrize(
    "memory", [ConstantMemory(0.5), PolynomialMemory(2.0), BiasCorrectedMemory(2.0)]
)
def test_time_changes(memory):
    """E2: in the time s the friction is the closed form and gravity is 1."""
    s, t, friction = hbf_time_change(memory)
    times = np.linspace(memory.start + 0.01, 10, 100)
    np.testing.assert_allclose(t(s(times)), times, rtol=1e-12)
    motion = hbf_ode(f_grad, memory, 2.0, T=10.0, times=times)
    in_s = friction_ode(
        f_grad, friction, motion.theta[0], motion.velocity[0] / np.sqrt(memory(times[0])), s(times)
    )
    np.testing.assert_allclose(in_s.theta, motion.theta, atol=1e-9)
    np.testing.assert_allclose(
        in_s.velocity * np.sqrt(memory(times))[:, None], motion.velocity, atol=1e-8
    )


@pytest.mark.parametrize("memory", [PolynomialMemory(3.0), BiasCorrectedMemory(0.7)])
def test_friction_is_the_general_formula(memory):
    """sqrt(r) + r_t / (2 r^1.5) and ds = sqrt(r) dt, by finite differences."""
    change = hbf_time_change(memory)
    t, step = np.linspace(0.5, 8, 40), 1e-5
    slope = (memory(t + step) - memory(t - step)) / (2 * step)
    np.testing.assert_allclose(memory.slope(t), slope, rtol=1e-7)
    expected = np.sqrt(memory(t)) + slope / (2 * memory(t) ** 1.5)
    np.testing.assert_allclose(change.friction(change.s(t)), expected, rtol=1e-7)
    rate = (change.s(t + step) - change.s(t - step)) / (2 * step)
    np.testing.assert_allclose(rate, np.sqrt(memory(t)), rtol=1e-7)


@pytest.mark.parametrize(
    ("friction", "last"), [(0.3, -0.1525155), (lambda t: 3 / (1 + t), -0.1525300)]
)
def test_energy_balance(friction, last):
    result = energy_trajectory(f, f_grad, friction, 2.0, 0.0, np.linspace(0, 30, 3001))
    assert result.energy[0] == pytest.approx(2.2)
    assert result.energy[-1] == pytest.approx(last, abs=5e-8)
    assert np.diff(result.energy).max() <= 1e-12
    assert result.balance_error < 1e-9


def test_energy_balance_where_gravity_is_r():
    """E_r' = -(1 + r_t / (2 r^2)) theta'^2."""
    for memory in (ConstantMemory(2.0), PolynomialMemory(0.7)):
        times = memory.start + np.linspace(0, 30, 301)
        assert energy_trajectory(f, f_grad, memory, 2.0, 0.0, times).balance_error < 1e-9


def test_poly_memory_half():
    """E3: r = 1/2 conserves the energy, r = 1/4 lets it grow, r = 1 and 2 dissipate."""
    expected = {0.25: (1.525, 3.177), 0.5: (0.5, 0.5), 1.0: (0.0529, 0.0120), 2.0: (6e-4, 1e-5)}
    for r, energies in expected.items():
        result = energy_trajectory(
            lambda x: x**2 / 2, lambda x: x, PolynomialMemory(r), 1.0, 0.0, np.array([1, 100, 2e3])
        )
        np.testing.assert_allclose(result.energy[1:], energies, rtol=1e-3, atol=2e-5)
        assert r != 0.5 or np.abs(result.energy - 0.5).max() < 1e-9


def test_friction_with_a_finite_integral_leaves_energy():
    for power, left in ((2, 0.472), (1, 0.0063)):
        result = energy_trajectory(
            lambda x: x**2 / 2,
            lambda x: x,
            lambda t, power=power: (1 + t) ** -power,
            1.0,
            0.0,
            np.array([0.0, 200.0]),
        )
        assert result.energy[-1] / result.energy[0] == pytest.approx(left, abs=5e-4)


def test_covariance_is_that_of_plain_gradients():
    """abar = 0: Var theta = s2 / (2 L) whatever r. abar = 1/2: momentum inflates it (SGD 0.8)."""
    limit = hbf_covariance(1.5, 0.7, 2.0)
    np.testing.assert_allclose(limit, [[2 / 3, 0], [0, 0.7]], atol=1e-12)
    inflated = hbf_covariance(1.5, 0.7, 2.0, abar=0.5)
    np.testing.assert_allclose(inflated, [[2.6133, 0.6533], [0.6533, 2.6133]], atol=1e-4)
    sgd = 2 / (2 * 1.5 - 0.5)  # s2 / (2 L - 1 / a0)
    assert inflated[0, 0] > 3 * sgd


def test_exact_covariance_approaches_the_limit():
    a = PowerLaw(c0=1.0, p=0.75)
    exact = hbf_exact_covariance(1.5, 0.7, 2.0, a(np.arange(1, 10_001))) / a(10_000)
    np.testing.assert_allclose(exact, [[0.7708, 0.0309], [0.0309, 0.7916]], atol=1e-4)
    finite = hbf_covariance(1.5, 0.7, 2.0, a.inverse_rate(10_000))
    np.testing.assert_allclose(finite, [[0.7648, 0.0287], [0.0287, 0.7851]], atol=1e-4)


def test_noise_of_the_second_moment_is_neither_centred_nor_bounded():
    """E5, golden Monte-Carlo values of the specification beside exact moments."""
    assert second_moment_noise(1.0, 1.0, 0.9, 0.99).product == pytest.approx(0.01835, abs=5e-6)
    monte_carlo = {0.1: 0.61, 0.03: 1.72, 0.01: 4.7, 0.003: 15.9}
    for c, square in monte_carlo.items():
        noise = second_moment_noise(1.0, 1.0, 1 - c, 1 - 0.5 * c)
        assert noise.mean_square == pytest.approx(square, rel=0.03)
        assert noise.mean == pytest.approx(-0.118, abs=0.004)
        centred = second_moment_noise(0.0, 1.0, 1 - c, 1 - 0.5 * c)
        assert centred.mean == 0
        assert 0.063 <= centred.mean_square <= 0.087
    # E[(M^v)^2] -> 0.047 / c: alpha c / 2 Var(g^2) mu^2 / (4 v^3 c^2), Var(g^2) = 6, v = 2
    noise = second_moment_noise(1.0, 1.0, 1 - 1e-5, 1 - 5e-6)
    assert noise.mean_square * 1e-5 == pytest.approx(0.5 * 6 / 2 / (4 * 8), rel=1e-3)
    assert noise.spread == pytest.approx((5e-6 / 2 * 6) ** 0.5, rel=1e-3)


def test_noise_of_the_second_moment_is_that_of_simulated_gradients():
    rng = np.random.default_rng(0)
    beta1, beta2, v = 0.9, 0.95, 2.0
    m, second = np.ones(20_000), np.full(20_000, v)
    for _ in range(250):  # 0.95^250 = 3e-6 of the start is left
        gradients = rng.normal(1, 1, size=m.shape)
        m = beta1 * m + (1 - beta1) * gradients
        second = beta2 * second + (1 - beta2) * gradients**2
    exact = second_moment_noise(1.0, 1.0, beta1, beta2)
    samples = -m * (second - v) / (2 * (1 - beta1) * v**1.5)
    for values, expected in ((samples, exact.mean), (samples**2, exact.mean_square)):
        error = values.std() / np.sqrt(len(values))
        assert abs(values.mean() - expected) < 4 * error


def test_a_weight_of_one_forgets_everything():
    """D3 asks for 0 < c <= 1: beta1 = 0 is gradient descent, r/t may start at t = r a(1)."""
    a = np.full(5, 0.1)
    np.testing.assert_array_equal(BiasCorrectedMemory(10.0).weights(a), 1)
    means = PolynomialMemory(1.0, start=0.1).weights(a)
    np.testing.assert_allclose(means, 1 / np.arange(1, 6), rtol=1e-12)
    with pytest.raises(ValueError, match=r"a\(n\) should be > 0, the weight of gradient 2 is -0.1"):
        ConstantMemory(1.0).weights(np.array([0.1, -0.1]))


def test_wrong_arguments_name_what_fails():
    with pytest.raises(ValueError, match="a time after the start fails: T"):
        hbf_ode(f_grad, 0.5, 2.0, T=-1.0)
    with pytest.raises(ValueError, match=r"a finite memory r\(t\) fails"):
        energy_trajectory(f, f_grad, PolynomialMemory(2.0), 2.0, 0.0, np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match=r"beta1 should lie in \[0, 1\), got 1"):
        second_moment_noise(1.0, 1.0, 1.0, 0.9)
    with pytest.raises(ValueError, match=r"beta2 should lie in \[0, 1\), got -0.1"):
        second_moment_noise(1.0, 1.0, 0.9, -0.1)
    with pytest.raises(ValueError, match="gradients with noise fails: sigma"):
        second_moment_noise(1.0, 0.0, 0.9, 0.9)
    with pytest.raises(ValueError, match="s2 should lie in"):
        hbf_covariance(1.5, 0.7, -1.0)
    with pytest.raises(ValueError, match="r > 0 fails: r should lie in"):
        ConstantMemory(-1.0)
    with pytest.raises(ValueError, match=r"0 <= beta1 < 1 fails.*gradient 1 is 1.2, 0.2 above 1"):
        heavy_ball_path(f_grad, ConstantMemory(2.0), np.full(3, 0.6), 2.0)
    with pytest.raises(ValueError, match=r"0 <= beta1 < 1 fails.*start r/t at a larger t"):
        heavy_ball_path(f_grad, PolynomialMemory(2.0, start=0.1), np.full(3, 0.1), 2.0)
    with pytest.raises(ValueError, match=r"times should not be before the start 1, got 0\.5"):
        hbf_ode(f_grad, PolynomialMemory(2.0), 2.0, times=np.array([0.5, 2.0]))
    with pytest.raises(ValueError, match=r"v0 should have the shape \(1,\), got \(2,\)"):
        hbf_ode(f_grad, 0.5, 2.0, [0.0, 1.0])
    with pytest.raises(ValueError, match=r"4194304 steps a\(n\) should reach T = 10, got to 1.64"):
        ode_convergence_order(f_grad, 0.5, 2.0, 10.0, [PowerLaw(1.0, 2.0)])  # pi^2 / 6
    with pytest.raises(ValueError, match=r"T should not be before the first step, got 0\.05"):
        ode_convergence_order(f_grad, 0.5, 2.0, 0.05, HALVINGS)
    with pytest.raises(ValueError, match="v0 should be None"):
        hbf_ode(f_grad, BiasCorrectedMemory(1.0), 2.0, 0.0)
    with pytest.raises(ValueError, match=r"a minimum.*fails.*-B should be Hurwitz"):
        hbf_covariance(-1.0, 0.7, 2.0)
    with pytest.raises(ValueError, match=r"this asks a0 > 1.429"):
        hbf_covariance(1.5, 0.7, 2.0, abar=0.8)
