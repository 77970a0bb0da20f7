"""Figure 2: which balls leave the sharp minimum."""

import numpy as np
import pytest

from reference.theory_adam import momentum_without_normaliser
from ttur.theory.adam_momentum import adam_path
from ttur.theory.flat_minimum import (
    Potential,
    critical_beta1,
    critical_friction,
    crosses_barrier,
    figure2_potential,
    momentum_crosses_barrier,
)
from ttur.theory.heavy_ball import friction_ode

POTENTIAL = figure2_potential()


def test_the_landscape():
    sharp, barrier = POTENTIAL.sharp, POTENTIAL.barrier
    np.testing.assert_allclose([sharp, barrier], [-2.953518, -2.699743], atol=5e-7)
    assert POTENTIAL.flat == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(
        POTENTIAL([sharp, barrier] * np.ones(2)), [0.586390, 0.688400], atol=1e-6
    )
    np.testing.assert_allclose(
        POTENTIAL.curvature(np.array([sharp, 0.0])), [11.688, 0.2], rtol=1e-5
    )
    x, step = np.linspace(-5, 1, 50), 1e-6
    difference = (POTENTIAL(x + step) - POTENTIAL(x - step)) / (2 * step)
    np.testing.assert_allclose(POTENTIAL.gradient(x), difference, atol=1e-8)


def test_fig2_critical_friction():
    gamma = critical_friction(POTENTIAL)
    assert gamma == pytest.approx(1.50636, abs=1e-5)
    # Against more digits: the ball needs the longer the nearer its friction is.
    assert critical_friction(POTENTIAL, 1e-9) == pytest.approx(1.506362994, abs=3e-9)
    passes = [crosses_barrier(POTENTIAL, gamma) for gamma in (0.01, 1.5, 1.51, 3.0, 100.0)]
    assert passes == [True, True, False, False, False]
    # Momentum's critical friction sqrt((1 - beta1) / a) tends to it, at first order in a.
    assert critical_beta1(POTENTIAL, 0.05) == pytest.approx(0.892609, abs=1e-6)
    golden = {0.05: 0.892609, 0.02: 0.955623, 0.01: 0.977563, 0.005: 0.988718}  # our bisection
    for a, beta1 in golden.items():
        passes = [momentum_crosses_barrier(POTENTIAL, a, beta1 + side) for side in (-1e-6, 1e-6)]
        assert passes == [False, True]
    rates, betas = (np.array(list(values)) for values in (golden.keys(), golden.values()))
    frictions = np.sqrt((1 - betas) / rates)
    np.testing.assert_allclose((gamma - frictions) / rates, 0.83, atol=0.04)
    assert 2 * frictions[3] - frictions[2] == pytest.approx(gamma, abs=2e-4)


def test_a_ball_with_little_friction_comes_back_and_is_caught():
    """At friction 0.115, that of a = 0.02 and beta1 = 0.99974 too (0.114)."""
    motion = friction_ode(POTENTIAL.gradient, 0.115, -6.0, 0.0, np.linspace(0, 40, 401))
    rest = momentum_without_normaliser(POTENTIAL.gradient, -6.0, 0.02, 0.99974, 20_000)
    assert motion.theta.max() > 3
    assert crosses_barrier(POTENTIAL, 0.115)
    assert momentum_crosses_barrier(POTENTIAL, 0.02, 0.99974)
    assert abs(motion.theta[-1, 0] - POTENTIAL.sharp) < 0.1  # the barrier is 0.25 away
    assert abs(rest - POTENTIAL.sharp) < 0.1


def test_crossing_is_where_it_comes_to_rest():
    """Against the loop that runs on until the ball rests, on both sides of the threshold."""
    for a, beta1, passes in (
        (0.05, 0.9, True),
        (0.02, 0.95, False),
        (0.01, 0.9776, True),
        (0.1, 0.0, False),
    ):
        rest = momentum_without_normaliser(POTENTIAL.gradient, POTENTIAL.start, a, beta1, 10_000)
        assert momentum_crosses_barrier(POTENTIAL, a, beta1) == passes
        assert rest == pytest.approx(0 if passes else POTENTIAL.sharp, abs=1e-3)


def test_adam_overshoots():
    """Momentum is what carries Adam past the sharp minimum, and not at every learning rate."""
    settings = [  # lr, beta1, beta2, where
        (0.05, 0.9, 0.999, 0.0),
        (0.05, 0.9, 0.99, 0.0),
        (0.05, 0.5, 0.999, POTENTIAL.sharp),
        (0.05, 0.5, 0.99, POTENTIAL.sharp),
        (0.01, 0.9, 0.999, POTENTIAL.sharp),
        (0.01, 0.99, 0.999, 0.0),
    ]
    lr, beta1, beta2, where = np.transpose(settings)
    rest = adam_path(POTENTIAL.gradient, POTENTIAL.start, lr, beta1, beta2, 5000)[-1]
    assert np.abs(rest - where)[where == 0].max() < 0.01
    assert np.abs(rest - where)[where != 0].max() < 0.05


def test_gradient_descent_is_caught():
    x = np.full(4, POTENTIAL.start)
    for _ in range(5000):
        x = x - np.array([0.01, 0.02, 0.05, 0.1]) * POTENTIAL.gradient(x)
    np.testing.assert_allclose(x, POTENTIAL.sharp, atol=1e-9)


def test_a_dip_that_is_no_minimum_is_refused():
    with pytest.raises(ValueError, match=r"the gradient right of the dip's centre.*deeper"):
        Potential(depth=0.05)
    with pytest.raises(ValueError, match=r"leaves no flat minimum: .* shallower than 1000$"):
        _ = Potential(depth=1000.0, width=1.0).barrier
    with pytest.raises(ValueError, match="a learning rate a > 0 fails"):
        momentum_crosses_barrier(POTENTIAL, -0.1, 0.9)
    with pytest.raises(ValueError, match="is caught at both"):
        critical_friction(Potential(start=-3.05))
