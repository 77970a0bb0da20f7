"""Section 3: Adam's first moment and the heavy ball with friction are one recursion."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.theory_adam import adam, as_printed, heavy_ball, kingma_ba
from ttur.theory.adam_momentum import (
    adam_momentum,
    adam_path,
    effective_memory,
    hbf_step,
    rescaled_gradient,
    spectral_radius,
    stability_limit,
)
from ttur.theory.heavy_ball import hbf_ode


def test_paper_recursion_explodes():
    """E1. Constant gradient 1, golden values of the specification."""
    ones = np.ones(1000)
    printed = adam_momentum(ones, 0.9, "paper_literal")
    np.testing.assert_allclose(printed[:3], [1, 5.2632, 17.848], rtol=1e-5)
    np.testing.assert_allclose(printed[3:5], [47.0, 103.54], rtol=1e-4)
    assert np.argmax(printed) == 20
    np.testing.assert_allclose(
        [printed.max(), printed[99], printed[999]], [3945, 3.63, 1.0], rtol=2e-3
    )
    half, slow = (adam_momentum(ones, beta1, "paper_literal") for beta1 in (0.5, 0.99))
    assert half.max() == pytest.approx(4 / 3)
    assert np.argmax(slow) == 457
    assert slow.max() == pytest.approx(1.8e65, rel=0.02)
    second = adam_momentum(ones, 0.999, "paper_literal")
    assert np.isfinite(second[:328]).all()
    assert np.isinf(second[328])
    assert np.abs(adam_momentum(ones, 0.9) - 1).max() < 1e-14


def test_both_conventions_equal_the_printed_algorithms():
    gradients = np.random.default_rng(0).normal(size=200)
    ours, printed = (
        adam_momentum(gradients, 0.8, "kingma_ba"),
        adam_momentum(gradients, 0.8, "paper_literal"),
    )
    np.testing.assert_allclose(ours, kingma_ba(gradients, 0.8), rtol=1e-12)
    np.testing.assert_allclose(printed, as_printed(gradients, 0.8), rtol=1e-12)


@settings(max_examples=40)
@given(st.floats(0, 0.999), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_mhat_is_hbf(beta1, count, seed):
    """E1: mhat_n = (1 - c_n) mhat_{n-1} + c_n g_n with c_n of `effective_memory`, any mhat_0."""
    gradients = np.random.default_rng(seed).normal(size=(count, 2))
    mhat = np.full(2, 1e6)
    weights = effective_memory(beta1, np.arange(1, count + 1))
    for n, (c, corrected) in enumerate(zip(weights, adam_momentum(gradients, beta1), strict=True)):
        mhat = (1 - c) * mhat + c * gradients[n]
        # 1 - beta^n loses up to 1 / (1 - beta) in relative accuracy.
        np.testing.assert_allclose(mhat, corrected, rtol=0, atol=1e-14 / (1 - beta1))


def test_memory_goes_from_the_mean_of_all_gradients_to_exponential():
    n = np.array([1, 2, 10, 10**9])
    c = effective_memory(0.999, n)
    assert c[0] == 1.0
    # c_n = (1 + (n - 1)(1 - beta1) / 2 + ...) / n
    np.testing.assert_allclose(c[:3] * n[:3], [1, 1.0005, 1.0045], rtol=1e-5)
    assert c[3] == pytest.approx(1e-3)


def test_a_beta_for_each_step_divides_by_their_product():
    """D3: with beta1_k = (k - 1) / k the momentum is the plain mean, uncorrected or not."""
    gradients = np.random.default_rng(1).normal(size=30)
    betas = 1 - 1 / np.arange(1, 31)
    means = np.cumsum(gradients) / np.arange(1, 31)
    np.testing.assert_allclose(adam_momentum(gradients, betas), means, rtol=1e-12)
    np.testing.assert_allclose(
        effective_memory(betas, np.arange(1, 31)), 1 / np.arange(1, 31), rtol=1e-12
    )


def test_one_step_moves_with_the_old_or_the_new_momentum():
    """E4, D1: with Y_n = m_{n+1} Adam is a heavy ball whose gradient is taken at theta_{n+1}."""
    theta, m = 1.5, 0.25
    old, new = (hbf_step(theta, m, np.sin, 0.1, 0.3, order=o) for o in ("heavy_ball", "adam"))
    assert old.momentum == new.momentum == 0.7 * m + 0.3 * math.sin(theta)
    assert old.theta == theta - 0.1 * m
    assert new.theta == theta - 0.1 * new.momentum
    path = [theta]
    ball = (theta, 0.0)
    for _ in range(50):
        ball = hbf_step(*ball, np.sin, 0.1, 0.1 * 0.7)
        path.append(ball.theta)
    np.testing.assert_allclose(path, heavy_ball(math.sin, theta, 0.1, 0.7, 50), rtol=1e-13)


def test_stability_of_both_orders():
    """E4 at beta1 = 0.9: spectral radii of the specification, 4 decimals."""
    radii = [spectral_radius(aL, 0.9) for aL in (0.99, 1.01)]
    np.testing.assert_allclose(radii, [0.9995, 1.0005], atol=5e-5)
    radii = [spectral_radius(aL, 0.9, "adam") for aL in (0.99, 1.01, 37.9, 38.1)]
    np.testing.assert_allclose(radii, [0.9487, 0.9487, 0.9487, 1.0647], atol=5e-5)
    assert stability_limit(0.9) == 1.0
    assert stability_limit(0.9, "adam") == pytest.approx(38)


@given(st.floats(0, 0.98), st.sampled_from(["heavy_ball", "adam"]))
def test_stability_limit_is_where_the_spectral_radius_passes_one(beta1, order):
    limit = stability_limit(beta1, order)
    assert spectral_radius(limit * (1 - 1e-3), beta1, order) < 1
    assert spectral_radius(limit * (1 + 1e-3), beta1, order) > 1


def test_adam_equals_the_printed_algorithm():
    settings = [(0.05, 0.9, 0.999), (0.01, 0.5, 0.99)]
    lr, beta1, beta2 = np.transpose(settings)
    paths = adam_path(np.sin, 2.0, lr, beta1, beta2, 300)
    for path, setting in zip(paths.T, settings, strict=True):
        np.testing.assert_allclose(path, adam(math.sin, 2.0, *setting, 1e-8, 300), atol=1e-12)


def test_a_frozen_second_moment_is_a_change_of_coordinates():
    """D4: theta'' + r theta' + r v^(-1/2) grad f = 0 is the heavy ball of F(u) = f(v^(-1/4) u)."""
    v = np.array([4.0, 0.25])
    coupling = np.array([[2.0, 0.5], [0.5, 1.0]])

    def f_grad(theta):
        return coupling @ np.sin(theta)

    theta0 = np.array([1.0, -2.0])
    direct = hbf_ode(lambda theta: f_grad(theta) / np.sqrt(v), 0.8, theta0, T=6.0)
    rescaled = hbf_ode(rescaled_gradient(f_grad, v), 0.8, theta0 * v**0.25, T=6.0)
    np.testing.assert_allclose(rescaled.theta * v**-0.25, direct.theta, atol=1e-9)


def test_wrong_arguments_name_what_fails():
    with pytest.raises(ValueError, match=r"beta1 should lie in \[0, 1\), got 1"):
        adam_momentum(np.ones(3), 1.0)
    with pytest.raises(ValueError, match="5 entries, got 3"):
        adam_momentum(np.ones(5), np.full(3, 0.9))
    with pytest.raises(ValueError, match="5 entries, got 4"):
        adam_momentum(np.ones(5), np.full(4, 0.9))
    with pytest.raises(ValueError, match="from n = 1, got n = 0"):
        effective_memory(0.9, 0)
    with pytest.raises(ValueError, match="should be > 0, got 0"):
        rescaled_gradient(np.sin, [1.0, 0.0])
    with pytest.raises(ValueError, match=r"beta1 should lie in \[0, 1\), got 1"):
        stability_limit(1.0)
    with pytest.raises(ValueError, match="order should be heavy_ball or adam, got 'Adam'"):
        hbf_step(1.0, 0.0, np.sin, 0.1, 0.1, order="Adam")  # pyright: ignore[reportArgumentType]
    for gradients, shape in (([], r"\(0,\)"), (1.0, r"\(\)")):
        with pytest.raises(ValueError, match=f"along its first axis, got the shape {shape}"):
            adam_momentum(gradients, 0.9)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"beta1": 1.0}, r"beta1 should lie in \[0, 1\), got 1"),
        ({"beta1": [0.9, -0.5]}, "beta1 should lie in .* got -0.5"),
        ({"beta2": [1.5, 0.9]}, "beta2 should lie in .* got 1.5"),
        ({"lr": [0.1, 0.0]}, "a learning rate > 0 fails: lr .* got 0"),
        ({"steps": -1}, "steps should be at least 0, got -1"),
    ],
)
def test_adam_refuses_what_it_has_no_meaning_for(wrong, said):
    with pytest.raises(ValueError, match=said):
        adam_path(np.sin, 2.0, **({"lr": 0.1, "beta1": 0.9, "beta2": 0.999, "steps": 3} | wrong))
