import numpy as np
import pytest
from scipy.optimize import root

from reference.theory_actor_critic import actor_critic
from theory_rows import rows_of
from ttur.theory.actor_critic import (
    actor_critic_run,
    actor_mean_field,
    approximation_error,
    critic_fixed_point,
    critic_mean_field,
    joint_mean_field,
)
from ttur.theory.mdp import COARSE_FEATURES, EXACT_FEATURES, FiniteMDP, corridor
from ttur.theory.studies.actor_critic import actor_critic as study
from ttur.timescales import PowerLaw

CORRIDOR = corridor()
STEPS = PowerLaw(1, 0.6, offset=100)
THETAS = np.array([[0.0, 0.0], [2.0, -2.0], [0.3, -1.1]])
START = (2.0, -2.0)


def test_corridor_exact_values():
    np.testing.assert_allclose(CORRIDOR.eta(THETAS[:2]), [0.423729, 0.275088], atol=1e-6)
    gradient = CORRIDOR.grad_eta(THETAS[:2])
    np.testing.assert_allclose(gradient[0], -0.025855, atol=1e-6)
    assert np.linalg.norm(gradient[1]) == pytest.approx(0.063913, abs=1e-6)
    best = root(CORRIDOR.grad_eta, np.zeros(2)).x
    np.testing.assert_allclose(best, -0.4357, atol=1e-4)
    assert CORRIDOR.eta(best) == pytest.approx(0.435117, abs=1e-6)
    step = 1e-5 * np.eye(2)
    hessian = (CORRIDOR.grad_eta(best + step) - CORRIDOR.grad_eta(best - step)) / 2e-5
    np.testing.assert_allclose(hessian, -0.0596 * np.eye(2), atol=5e-5)


def test_mdp_gradient_fd():
    step = 1e-5
    for theta, gradient in zip(THETAS, CORRIDOR.grad_eta(THETAS), strict=True):
        around = theta + step * np.array([[[1, 0], [0, 1]], [[-1, 0], [0, -1]]])
        forward, backward = CORRIDOR.eta(around)
        np.testing.assert_allclose((forward - backward) / (2 * step), gradient, atol=1e-6)


def test_score_is_the_gradient_of_the_log_policy_and_has_mean_zero():
    theta, step = THETAS[2], 1e-6 * np.eye(2)
    forward, backward = np.log(CORRIDOR.policy(theta + step)), np.log(CORRIDOR.policy(theta - step))
    numeric = np.moveaxis((forward - backward) / 2e-6, 0, -1)
    np.testing.assert_allclose(CORRIDOR.score(theta), numeric, atol=1e-8)
    mean = np.einsum("xu,xum->xm", CORRIDOR.policy(theta), CORRIDOR.score(theta))
    np.testing.assert_allclose(mean, 0, atol=1e-15)


def test_differential_value_is_the_reward_until_the_reference_state():
    """What Eq. 143 defines, T being the first return to E: a system over the other states."""
    theta = THETAS[2]
    P, eta = CORRIDOR.transition(theta), CORRIDOR.eta(theta)
    until = np.linalg.solve(np.eye(4) - P[:4, :4], CORRIDOR.r[:4] - eta)
    value = CORRIDOR.differential_value(theta, reference=4)
    np.testing.assert_allclose(value, [*until, 0], atol=1e-12)
    centred = CORRIDOR.differential_value(theta)
    assert CORRIDOR.stationary(theta) @ centred == pytest.approx(0, abs=1e-13)
    np.testing.assert_allclose(centred - centred[4], value, atol=1e-12)


@pytest.mark.parametrize("lam", [0.0, 0.7])
def test_critic_mean_field_is_the_average_along_the_chain(lam):
    theta, w = THETAS[2], np.array([0.4, -1.3])
    P, pi, eta = CORRIDOR.transition(theta), CORRIDOR.stationary(theta), CORRIDOR.eta(theta)
    error = CORRIDOR.r - eta + (P - np.eye(5)) @ COARSE_FEATURES @ w
    expected, power = np.zeros(2), np.eye(5)
    for k in range(200):  # e_n is the sum of lam^k phi(x_{n-k})
        expected += lam**k * COARSE_FEATURES.T @ (pi * (power @ error))
        power = power @ P
    A, B = critic_mean_field(CORRIDOR, COARSE_FEATURES, theta, lam)
    np.testing.assert_allclose(B @ (CORRIDOR.r - eta) + A @ w, expected, atol=1e-12)


def test_exact_features_make_the_actor_follow_the_gradient():
    for theta in THETAS:
        field = actor_mean_field(CORRIDOR, EXACT_FEATURES, theta)
        np.testing.assert_allclose(field, CORRIDOR.grad_eta(theta), atol=1e-14)
        assert approximation_error(CORRIDOR, EXACT_FEATURES, theta, reference=4) < 1e-13


def test_ac_floor_of_coarse_features():
    rest = root(lambda theta: actor_mean_field(CORRIDOR, COARSE_FEATURES, theta), np.zeros(2)).x
    np.testing.assert_allclose(rest, [-0.1858, -0.1432], atol=1e-4)
    assert np.linalg.norm(CORRIDOR.grad_eta(rest)) == pytest.approx(0.02318, abs=1e-5)
    error = approximation_error(CORRIDOR, COARSE_FEATURES, rest, reference=4)
    assert error == pytest.approx(0.151, abs=1e-3)
    assert approximation_error(CORRIDOR, COARSE_FEATURES, rest) == pytest.approx(1.03, abs=5e-3)


def test_ac_fixed_point_is_the_same_for_every_speed_of_the_critic():
    rest = root(CORRIDOR.grad_eta, np.zeros(2)).x
    w = critic_fixed_point(CORRIDOR, EXACT_FEATURES, rest)
    z = np.concatenate([[CORRIDOR.eta(rest)], w, rest])
    slowest = []
    for gamma_w in (0.05, 0.5, 5.0):

        def field(z, gamma_w=gamma_w):
            return joint_mean_field(CORRIDOR, EXACT_FEATURES, z, gamma_w)

        np.testing.assert_allclose(field(z), 0, atol=1e-9)
        columns = [(field(z + v) - field(z - v)) / 2e-5 for v in 1e-5 * np.eye(7)]
        slowest.append(np.linalg.eigvals(np.stack(columns, axis=1)).real.max())
    np.testing.assert_allclose(slowest, [-0.0024, -0.0246, -0.0618], atol=6e-5)


def test_ac_multipliers_are_those_of_the_reward_and_the_critic():
    theta, z = THETAS[2], np.array([0.1, 0.4, -1.3, *THETAS[2]])
    plain = joint_mean_field(CORRIDOR, COARSE_FEATURES, z, 1.0)
    assert plain[0] == pytest.approx(CORRIDOR.eta(theta) - 0.1)
    scaled = joint_mean_field(CORRIDOR, COARSE_FEATURES, z, 3.0, gamma_eta=0.7)
    np.testing.assert_allclose(scaled, plain * [0.7, 3, 3, 1, 1], rtol=1e-12)
    for change, says in (
        ({"z": z[:4]}, r"z should have the shape \(5,\), got \(4,\)"),
        ({"gamma_w": -1.0}, r"gamma_w should lie in \(0, inf\), got -1"),
        ({"gamma_eta": 0.0}, r"gamma_eta should lie in"),
    ):
        with pytest.raises(ValueError, match=says):
            joint_mean_field(CORRIDOR, COARSE_FEATURES, **({"z": z, "gamma_w": 1.0} | change))


@pytest.mark.parametrize("lam", [0.0, 0.8])
def test_run_is_the_written_out_one(lam):
    arguments = 0.5, 0.9, STEPS, 400
    path = actor_critic_run(
        CORRIDOR, COARSE_FEATURES, *arguments, lam=lam, seed=2, theta0=START, record=150
    )
    assert path.n.tolist() == [0, 150, 300, 400]
    mdp = CORRIDOR.P.tolist(), CORRIDOR.r.tolist(), CORRIDOR.xi.tolist()
    eta, w, theta = actor_critic(*mdp, COARSE_FEATURES.tolist(), *arguments, lam, START, seed=2)
    assert path.eta[-1, 0] == pytest.approx(eta, rel=1e-10)
    np.testing.assert_allclose(path.w[-1, 0], w, rtol=1e-10)
    np.testing.assert_allclose(path.theta[-1, 0], theta, rtol=1e-10)
    assert path.t[-1] == pytest.approx(sum((n + 100) ** -0.6 for n in range(1, 401)))


def least_gradients(features, speeds):
    """Mean over 60 replicas of the least |grad eta| in the second half, and eta at the end."""
    path = actor_critic_run(
        *(CORRIDOR, features, np.repeat(speeds, 60), 1.0, STEPS, 20_000),
        replicas=60 * len(speeds),
        record=500,
        theta0=START,
    )
    norms = np.linalg.norm(CORRIDOR.grad_eta(path.theta[path.n >= 10_000]), axis=-1)
    least = norms.min(axis=0).reshape(-1, 60).mean(axis=1)
    return least, CORRIDOR.eta(path.theta[-1]).reshape(-1, 60).mean(axis=1)


def test_ac_gamma_effect_and_ac_floor():
    (slow, fast), eta = least_gradients(EXACT_FEATURES, [0.05, 5.0])
    assert slow == pytest.approx(0.0654, abs=0.002)
    assert fast < 0.005
    assert slow > 10 * fast
    np.testing.assert_allclose(eta, [0.2855, 0.4350], atol=0.003)
    (coarse,), _ = least_gradients(COARSE_FEATURES, [5.0])
    assert 0.02 < coarse < 0.05
    assert coarse > 5 * fast


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"Phi": np.ones((5, 1))}, "A5 fails: .* rank is 1 of 2"),
        ({"Phi": np.eye(4)}, "Phi should have the shape"),
        ({"Phi": np.arange(5.0)}, r"Phi should have the shape \(5, k\), got \(5,\)"),
        ({"gamma_w": [1.0, 2.0], "replicas": 3}, r"gamma_w should have the shape \(3,\)"),
        ({"gamma_w": 0.0}, r"gamma_w should lie in \(0, inf\), got 0"),
        ({"lam": 1.0}, "0 <= lam < 1"),
        ({"theta0": np.zeros(3)}, "theta0 should have the shape"),
        ({"record": 0}, "record should keep every so many updates >= 1, got 0"),
        ({"replicas": 0}, "replicas should be at least 1, got 0"),
        ({"start": 5}, "start should be one of 5 states from 0 on, got 5"),
    ],
)
def test_run_refuses(change, says):
    arguments = {"Phi": EXACT_FEATURES, "gamma_w": 1.0, "gamma_eta": 1.0, "a": STEPS, "n_steps": 1}
    with pytest.raises(ValueError, match=says):
        actor_critic_run(CORRIDOR, **(arguments | change))


def test_mdp_refuses_what_is_no_chain_or_falls_apart():
    stays = np.stack([np.eye(2), np.eye(2)])
    with pytest.raises(ValueError, match="rows that sum to 1"):
        FiniteMDP(0.5 * stays, (0, 1), ((1,), (1,)))
    with pytest.raises(ValueError, match="should be irreducible"):
        FiniteMDP(stays, (0, 1), ((1,), (1,))).eta(np.zeros(1))
    with pytest.raises(ValueError, match="P should have the shape"):
        FiniteMDP(stays, (0, 1, 2), ((1,), (1,), (1,)))
    with pytest.raises(ValueError, match=r"xi should have the shape \(2, k\), got \(\)"):
        FiniteMDP(stays, (0, 1), 1.0)
    with pytest.raises(ValueError, match=r"theta should have 2 entries .* got the shape \(3,\)"):
        CORRIDOR.eta(np.zeros(3))
    with pytest.raises(ValueError, match="reference should be one of 5 states from 0 on, got 9"):
        CORRIDOR.differential_value(np.zeros(2), 9)
    with pytest.raises(ValueError, match=r"forward should lie in \(0, 1\), got 1"):
        corridor(1.0)


def test_study_measures_what_the_mean_differential_equation_says():
    result = study(replicas=40, steps=500, speeds=(0.5, 5.0))
    rows = rows_of(result)
    # Steps near .05: the averaged path is off by about as much, relatively.
    for name in ("exact", "coarse"):
        for speed in ("0.5", "5"):
            row = rows[f"{name}: average reward at the end, Γ_w = {speed}"]
            assert row.measured == pytest.approx(row.predicted, rel=0.04)
    assert rows["coarse: |grad eta| where the actor rests"].measured == pytest.approx(0.02318, 1e-3)
    assert "upper bound" not in result.sentence  # so early nobody has come near


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"speeds": (1.0,)}, "at least two, rising"),
        ({"exponent": 0.5}, "Theorem 11 .* exponent should lie in"),
        ({"steps": 10}, "steps should be at least 100, got 10"),
        ({"forward": 1.0}, r"forward should lie in \[1e-06, 1\), got 1"),
        ({"forward": 1e-308}, "forward should lie"),
        ({"speeds": (-1.0, 1.0)}, r"rising, > 0 .*, got \(-1.0, 1.0\)"),
        ({"speeds": (0.5, 100.0)}, r"below 31.9 \(the first step"),
    ],
)
def test_study_refuses(settings, says):
    with pytest.raises(ValueError, match=says):
        study(**settings)
