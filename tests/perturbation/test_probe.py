"""The probe against a transcription of its definitions, and where they have closed forms."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.theory_probe import probe as literal_probe
from ttur.perturbation.probe import (
    field_probe,
    reduced_two_mode_stability,
    tracking_gap,
)

RNG = np.random.default_rng(0)
# The generator has parameters of shapes (3,) and (2, 2), the discriminator of (4,) and (2, 3).
MIX = RNG.normal(size=(10, 17))
A, B = 0.02, 0.3


def split(vector, shapes):
    ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
    return [part.reshape(shape) for part, shape in zip(np.split(vector, ends), shapes, strict=True)]


THETA_SHAPES, W_SHAPES = ((3,), (2, 2)), ((4,), (2, 3))
THETA, THETA_NEW = RNG.normal(size=7), RNG.normal(size=7)
W, W_NEW = RNG.normal(size=10), RNG.normal(size=10)
P_THETA, P_W = RNG.uniform(0.5, 3, 7), RNG.uniform(0.5, 3, 10)
SECOND = RNG.normal(size=10) * 0.1


def g(theta, w):
    return np.tanh(MIX @ np.concatenate([theta, w])) - 0.3 * w


def h(theta, w):
    return np.cos(MIX.T @ np.tanh(w))[:7] * theta


def scores(theta, w):
    return np.outer(np.sin(theta), w), np.sin(w)


def flat(parts):
    return np.concatenate([np.asarray(part).ravel() for part in parts])


def structured(array):
    """The probe of the fields above on lists of arrays that `array` makes of numpy arrays."""

    def field(f, shapes):
        return lambda theta, w: [array(x) for x in split(f(flat(theta), flat(w)), shapes)]

    def theta(vector):
        return [array(x) for x in split(vector, THETA_SHAPES)]

    def w(vector):
        return [array(x) for x in split(vector, W_SHAPES)]

    return field_probe(
        field(g, W_SHAPES),
        field(h, THETA_SHAPES),
        *(theta(THETA), w(W), theta(THETA_NEW), w(W_NEW)),
        lr_g=A,
        lr_d=B,
        beta1=0.1,
        precond_g=theta(P_THETA),
        precond_d=w(P_W),
        output_fn=lambda theta, w: tuple(map(array, scores(flat(theta), flat(w)))),
        g_fn_independent=field(lambda theta, w: g(theta, w) + SECOND, W_SHAPES),
    )


def mean_only(a=A, b=B, gamma=0.4, beta1=0.0, g_scale=1.0, h_scale=1.0, start=-0.5):
    """One alternating SGD iteration of h = w, g = -theta - gamma w."""
    theta, w = np.array([1.0]), np.array([start])  # w' is never 0 from -0.5
    new_w = w + b * (-theta - gamma * w)
    new_theta = theta + a * new_w
    return field_probe(
        lambda theta, w: g_scale * (-theta - gamma * w),
        lambda theta, w: h_scale * w,
        *(theta, w, new_theta, new_w),
        lr_g=a / h_scale,
        lr_d=b / g_scale,
        beta1=beta1,
    )


@pytest.mark.parametrize(
    "array", [np.asarray, torch.from_numpy, lambda x: torch.from_numpy(x.copy()).requires_grad_()]
)
def test_every_number_is_its_definition(array):
    expected = literal_probe(
        *(g, h, THETA, W, THETA_NEW, W_NEW, A, B, 0.1, P_THETA, P_W, scores),
        lambda theta, w: g(theta, w) + SECOND,
    )
    with torch.no_grad():
        found = structured(array)
    assert set(found.to_json()) == set(expected)
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value, rel=1e-12), name
    assert found.norms["dtheta"] == pytest.approx(np.linalg.norm(THETA_NEW - THETA), rel=1e-12)
    assert found.norms["g11"] == pytest.approx(np.linalg.norm(g(THETA_NEW, W_NEW)), rel=1e-12)


def test_float32_is_summed_in_float64():
    ones, tiny = torch.ones(1 << 20), torch.full((1,), 1e-25)
    result = field_probe(
        lambda theta, w: [ones, w[1]],
        lambda theta, w: theta,
        *(tiny, [ones, tiny], 2 * tiny, [ones, 3 * tiny]),
        lr_g=A,
        lr_d=B,
    )
    assert result.norms["dw"] == pytest.approx(2e-25, rel=1e-6, abs=0)  # its square is 0 in float32
    assert result.norms["g00"] == pytest.approx(1024, rel=1e-12)


def test_each_field_is_evaluated_once_at_each_point_and_read_once(monkeypatch):
    calls, reads = [], []
    for name in ("tolist", "item", "__float__", "__bool__", "numpy"):
        original = getattr(torch.Tensor, name)
        monkeypatch.setattr(
            torch.Tensor,
            name,
            lambda self, *a, f=original, n=name: (reads.append(n), f(self, *a))[1],
        )

    def field(name):
        def f(theta, w):
            calls.append((name, theta, w))
            return w * 2 if name == "g" else theta * 3

        return f

    theta, w, theta_new, w_new = (torch.full((3,), float(x)) for x in (1, 2, 3, 4))
    field_probe(field("g"), field("h"), theta, w, theta_new, w_new, lr_g=A, lr_d=B)
    for name in "gh":
        points = [(t, v) for n, t, v in calls if n == name]
        assert [(t is theta, v is w) for t, v in points] == [(1, 1), (1, 0), (0, 0)]
    assert reads == ["tolist"]


@pytest.mark.parametrize(("a", "b", "gamma"), [(0.02, 0.3, 0.4), (0.3, 0.01, 0.05), (1e-4, 0.5, 1)])
def test_eps_eff_identity(a, b, gamma):
    result = mean_only(a, b, gamma)
    assert result.time_scale_ratio == pytest.approx(a / (b * gamma**2), rel=1e-10)
    assert result.contraction_of_discriminator == pytest.approx(b * gamma, rel=1e-12)
    assert result.damping_ratio == pytest.approx(gamma * math.sqrt(b / a) / 2, rel=1e-10)
    # For plain SGD made of the perturbations alone: |g| is that of either end of D's step.
    ratio = result.norms["g01"] / result.norms["g00"]
    assert (
        ratio
        * result.perturbation_of_discriminator
        * result.perturbation_of_generator
        / result.own_change_of_discriminator** 2
        == pytest.approx(result.time_scale_ratio, rel=1e-10)
    )


def test_the_scales_of_the_losses_do_not_matter():
    plain, scaled = mean_only(beta1=0.9), mean_only(beta1=0.9, g_scale=50.0, h_scale=1e-3)
    for name, value in plain.to_json().items():
        other = scaled.to_json()[name]
        assert other == (None if value is None else pytest.approx(value, rel=1e-10)), name


def test_what_the_discriminator_undoes_has_cosine_minus_one():
    # w falls and lifts g = -theta - gamma w; theta follows the sign of w'.
    assert mean_only(start=0.5).cosine == pytest.approx(-1, abs=1e-12)  # theta rises: undone
    assert mean_only(start=-0.5).cosine == pytest.approx(1, abs=1e-12)  # theta falls


def test_a_player_that_rests_gives_nan_and_null():
    theta, w = np.ones(2), np.ones(2)
    result = field_probe(lambda t, w: t - w, lambda t, w: w, theta, w, theta, w, lr_g=A, lr_d=B)
    for name in (
        "perturbation_ratio",
        "cosine",
        "contraction_of_discriminator",
        "contraction_of_generator",
        "coupling",
        "time_scale_ratio",
        "damping_ratio",
        "momentum_load",
    ):
        assert math.isnan(getattr(result, name)), name
    document = result.to_json()
    assert document["time_scale_ratio"] is None
    assert document["perturbation_of_generator"] == 0
    assert "norms" not in document
    json.dumps(document, allow_nan=False)


def test_rho_D_corrected_is_free_of_the_sampling_noise_of_the_gradient():
    size, truth = 40_000, 0.01
    rng = np.random.default_rng(1)
    mean, change = np.full(size, 0.1), np.full(size, 0.1 * truth)
    theta, w = np.zeros(1), np.zeros(size)

    def on_a_batch():
        noise = rng.normal(size=size)
        return lambda theta, w: mean + noise + theta * change + w

    result = field_probe(
        on_a_batch(),
        lambda theta, w: theta,
        *(theta, w, theta + 1, w + 1e-9),
        lr_g=A,
        lr_d=B,
        g_fn_independent=on_a_batch(),
    )
    # The noise is 10 times the mean gradient: rho_D is 1 / sqrt(101) of the truth. Two noises have
    # an inner product of 1 / sqrt(size) of their squares: 0.5 of the mean's, a quarter of rho.
    assert result.perturbation_of_discriminator == pytest.approx(truth / math.sqrt(101), rel=0.02)
    assert 0.7 * truth < result.perturbation_of_discriminator_corrected < 1.5 * truth


def call(**changes):
    one = np.ones(2)
    arguments = {
        "g_fn": lambda theta, w: w,
        "h_fn": lambda theta, w: theta,
        "theta": one,
        "w": one,
        "theta_new": 2 * one,
        "w_new": 2 * one,
        "lr_g": A,
        "lr_d": B,
    }
    return field_probe(**(arguments | changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lr_g": 0.0}, "lr_g should be a finite rate > 0, got 0"),
        ({"lr_d": math.inf}, "lr_d"),
        ({"beta1": 1.0}, r"beta1 should lie in \[0, 1\), got 1"),
        ({"w_new": np.ones(3)}, r"dw should have the shapes .* \[\(2,\)\], got \[\(3,\)\]"),
        ({"precond_d": [np.ones(2), np.ones(2)]}, "^g should have the shapes"),
        ({"h_fn": lambda theta, w: np.ones(3)}, "^h should have the shapes"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        call(**changes)


def test_tracking_gap_closed_form():
    def gap(start, v0=0.0, k=5):
        return tracking_gap(lambda w: 1 - w * w, lambda w: w / 2, start, k, v0)

    assert gap(0.8) == pytest.approx((0.64 - 0.64 / 4**5) / (1 - 0.64 / 4**5), rel=1e-12)
    assert gap(1.5) > 1  # worse than the uninformative discriminator
    assert gap(0.8, v0=-2.0) < gap(0.8)
    assert math.isnan(gap(0.8, v0=1.0))  # nothing to be had
    with pytest.raises(ValueError, match="k >= 1 more steps, got 0"):
        gap(0.8, k=0)
    worse = tracking_gap(lambda w: -w, lambda w: w + 1, -10.0, 3)
    assert worse == 0  # the steps made it worse: clipped
    np.testing.assert_allclose(gap(np.array([0.8, 1.5])), [gap(0.8), gap(1.5)], rtol=1e-15)


def test_tracking_gap_of_a_discriminator_that_moves_in_place():
    w = torch.tensor([0.8])
    assert tracking_gap(lambda w: float(1 - w**2), lambda w: w.mul_(0.5), w, 5) == pytest.approx(
        (0.64 - 0.64 / 4**5) / (1 - 0.64 / 4**5), rel=1e-6
    )


@settings(deadline=None)
@given(
    a=st.floats(1e-3, 0.5),
    b=st.floats(1e-3, 0.5),
    gamma=st.floats(0.05, 1),
    beta1=st.floats(0, 0.99),
)
def test_momentum_load_and_damping_say_what_the_two_modes_say(a, b, gamma, beta1):
    result = mean_only(a, b, gamma, beta1)
    modes = reduced_two_mode_stability(
        result.contraction_of_discriminator, 0.0, result.coupling, beta1
    )
    if abs(result.momentum_load - 1) > 1e-6:
        assert modes["stable"] == (result.momentum_load < 1)
    if abs(result.damping_ratio - 1) > 1e-6:
        assert modes["overdamped"] == (result.damping_ratio > 1)


def test_two_modes_where_the_generator_moves_away():
    unstable = reduced_two_mode_stability(0.1, -0.05, 0.06)
    assert unstable["overdamped"]  # 0.15 > 0.12
    assert not unstable["stable"]  # kappa_D kappa_G + chi^2 = -0.0014 < 0
    held = reduced_two_mode_stability(0.1, -0.05, 0.072)
    slowest = 0.025 - math.sqrt(0.075**2 - 0.072**2)
    assert held["stable"]
    assert held["margin"] == pytest.approx(slowest, rel=1e-12)
    assert not reduced_two_mode_stability(math.nan, 0.0, 0.1)["stable"]  # a player rested
    with pytest.raises(ValueError, match="beta1"):
        reduced_two_mode_stability(0.1, 0.0, 0.1, -0.1)


def test_inner_products_below_nothing_count_as_nothing():
    """G moves the two batches' fields in opposite directions: only noise is left."""
    theta, w, theta_new = (np.array([x]) for x in (1.0, 0.0, 1.5))
    probe = field_probe(
        lambda theta, w: 3 - theta,
        lambda theta, w: w,
        theta, w, theta_new, w,
        lr_g=1.0, lr_d=1.0,
        g_fn_independent=lambda theta, w: 3 + theta,
    )  # fmt: skip
    assert probe.perturbation_of_discriminator == pytest.approx(0.5 / 2)
    assert probe.perturbation_of_discriminator_corrected == 0.0
