"""Theorem 11: an actor and a critic with one step sequence, beside what a finite MDP has exactly.

Reward is maximised: d = r(x_n) - eta_n + v(x_{n+1}) - v(x_n), as in Eq. 144 and 152-157.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.special import expit

from ttur.theory.chains import draw, stationary_distribution
from ttur.theory.checks import Numbers, array_of_shape, check_at_least, check_in_range
from ttur.theory.mdp import FiniteMDP, features_of
from ttur.theory.schedule import Record, StepSizes, recorded, step_sizes

Array = Float[np.ndarray, "..."]


def critic_mean_field(
    mdp: FiniteMDP, Phi: Float[np.ndarray, "S k"], theta: Float[np.ndarray, " m"], lam: float = 0.0
) -> tuple[Float[np.ndarray, "k k"], Float[np.ndarray, "k S"]]:
    """(A, B) with E[d e] = B (r - eta 1) + A w: B = Phi^T Pi (I - lam P)^-1, A = B (P - I) Phi."""
    return _critic(mdp.transition(theta), mdp.stationary(theta), Phi, lam)


def _critic(
    P: Float[np.ndarray, "S S"],
    pi: Float[np.ndarray, " S"],
    Phi: Float[np.ndarray, "S k"],
    lam: float,
) -> tuple[Float[np.ndarray, "k k"], Float[np.ndarray, "k S"]]:
    B = np.linalg.solve((np.eye(len(P)) - lam * P).T, pi[:, None] * Phi).T
    return B @ (P - np.eye(len(P))) @ Phi, B


def critic_fixed_point(
    mdp: FiniteMDP, Phi: Numbers, theta: Numbers, lam: float = 0.0
) -> Float[np.ndarray, " k"]:
    """w*(theta) = -A^-1 b, b = B (r - eta 1): where the critic comes to rest if the actor waits.

    Raises:
        ValueError: if the features do not fit, depend on each other, or span the constants.
    """
    theta = array_of_shape("theta", theta, (mdp.xi.shape[1],))
    A, B = critic_mean_field(mdp, _features(mdp, Phi), theta, _decay(lam))
    return -np.linalg.solve(A, B @ (mdp.r - mdp.eta(theta)))


def actor_mean_field(
    mdp: FiniteMDP, Phi: Numbers, theta: Numbers, lam: float = 0.0
) -> Float[np.ndarray, " m"]:
    """E[Psi d] with the critic at its fixed point; grad eta where the features are exact."""
    theta, Phi = array_of_shape("theta", theta, (mdp.xi.shape[1],)), _features(mdp, Phi)
    return mdp.policy_gradient(theta, Phi @ critic_fixed_point(mdp, Phi, theta, lam))


def joint_mean_field(
    mdp: FiniteMDP,
    Phi: Numbers,
    z: Numbers,
    gamma_w: float,
    gamma_eta: float = 1.0,
    lam: float = 0.0,
) -> Float[np.ndarray, " size"]:
    """dz/dt of z = (eta, w, theta) moving together, time being the sum of a(n).

    Its fixed points do not depend on gamma_w > 0, only the speed towards them does.

    Raises:
        ValueError: if features, z or lam do not fit, or a multiplier is not > 0.
    """
    _check_speeds(gamma_w, gamma_eta)
    Phi = _features(mdp, Phi)
    k, m = Phi.shape[1], mdp.xi.shape[1]
    z = array_of_shape("z", z, (1 + k + m,))
    eta, w, theta = z[0], z[1 : 1 + k], z[1 + k :]
    P = mdp.transition(theta)
    pi = stationary_distribution(P)
    A, B = _critic(P, pi, Phi, _decay(lam))
    return np.concatenate(
        [
            [gamma_eta * (pi @ mdp.r - eta)],
            gamma_w * (B @ (mdp.r - eta) + A @ w),
            mdp.policy_gradient(theta, Phi @ w, pi),
        ]
    )


def approximation_error(
    mdp: FiniteMDP, Phi: Numbers, theta: Numbers, reference: int | None = None
) -> float:
    """min_w ||h - Phi w||_pi, h the differential value with h(reference) = 0 (None: pi . h = 0).

    Theorem 11 has its supremum over theta, which is infinite if the values are unbounded.
    """
    theta, Phi = array_of_shape("theta", theta, (mdp.xi.shape[1],)), _features(mdp, Phi)
    root = np.sqrt(mdp.stationary(theta))
    value = root * mdp.differential_value(theta, reference)
    weighted = root[:, None] * Phi
    return float(np.linalg.norm(value - weighted @ np.linalg.lstsq(weighted, value)[0]))


@dataclass(frozen=True, eq=False)
class ActorCriticRun:
    """The recorded iterates after n updates, n = 0 being the start; t is the sum of a up to n."""

    n: Int[np.ndarray, " recorded"]
    t: Float[np.ndarray, " recorded"]
    eta: Float[np.ndarray, "recorded replicas"]
    w: Float[np.ndarray, "recorded replicas k"]
    theta: Float[np.ndarray, "recorded replicas m"]


def actor_critic_run(
    mdp: FiniteMDP,
    Phi: Numbers,
    gamma_w: Numbers,
    gamma_eta: float,
    a: StepSizes,
    n_steps: int,
    lam: float = 0.0,
    replicas: int = 1,
    seed: int = 0,
    record: Record = 1,
    theta0: Numbers | None = None,
    start: int = 0,
) -> ActorCriticRun:
    """Updates of Di Castro and Meir (Eq. 152-157), every right-hand side from the values before.

        d = r(x) - eta + phi(y) . w - phi(x) . w,   e = lam e + phi(x),   x -> y by the policy,
        eta += a gamma_eta (r(x) - eta),   w += a gamma_w d e,   theta += a Psi(x, u) d

    `gamma_w` is a number or one per replica. Starts in state `start` from eta = 0, w = 0 and
    theta0 (m,), zeros if None. `record` as in `simulate`.

    Raises:
        ValueError: if features, step sizes, multipliers or lam do not fit, `start` is no state, or
            there are no replicas.
    """
    check_at_least("replicas", replicas, 1)
    mdp.check_state("start", start)
    Phi, lam = _features(mdp, Phi), _decay(lam)
    speed = np.broadcast_to(gamma_w, np.shape(gamma_w) or replicas)
    speed = array_of_shape("gamma_w", speed, (replicas,))[:, None]
    _check_speeds(speed.min(), gamma_eta)
    steps = step_sizes("a", a, n_steps)
    wanted = set(recorded(record, 0, n_steps).tolist())
    m = mdp.xi.shape[1]
    first = np.zeros(m) if theta0 is None else array_of_shape("theta0", theta0, (m,))

    rng = np.random.default_rng(seed)
    x = np.full(replicas, start)
    eta, w = np.zeros(replicas), np.zeros((replicas, Phi.shape[1]))
    theta, trace = np.tile(first, (replicas, 1)), np.zeros_like(w)
    rows = [(0, eta, w, theta)] if 0 in wanted else []
    for n, step in enumerate(steps, start=1):
        xi, phi, reward = mdp.xi[x], Phi[x], mdp.r[x]
        one = expit((xi * theta).sum(1))
        u = (rng.random(replicas) < one).astype(int)
        x = draw(rng, mdp.P[u, x])
        d = (reward - eta + ((Phi[x] - phi) * w).sum(1))[:, None]
        trace = lam * trace + phi
        eta = eta + step * gamma_eta * (reward - eta)
        w = w + step * speed * d * trace
        theta = theta + step * (u - one)[:, None] * xi * d
        if n in wanted:
            rows.append((n, eta, w, theta))
    kept, etas, ws, thetas = (np.stack(column) for column in zip(*rows, strict=True))
    t = np.concatenate([[0.0], np.cumsum(steps)])[kept]
    return ActorCriticRun(n=kept, t=t, eta=etas, w=ws, theta=thetas)


def _features(mdp: FiniteMDP, Phi: Numbers) -> Float[np.ndarray, "S k"]:
    """Phi, its columns and the constant vector linearly independent."""
    features = features_of("Phi", Phi, len(mdp.r))
    with_constant = np.column_stack([features, np.ones(len(features))])
    if (rank := np.linalg.matrix_rank(with_constant)) < with_constant.shape[1]:
        raise ValueError(
            "Theorem 11 A5 fails: the columns of Phi and the constant vector should be linearly "
            f"independent, their rank is {rank} of {with_constant.shape[1]}"
        )
    return features


def _check_speeds(gamma_w: float, gamma_eta: float) -> None:
    for name, speed in (("gamma_w", gamma_w), ("gamma_eta", gamma_eta)):
        check_in_range(name, speed, 0.0, np.inf, "Theorem 11 (step multipliers)")


def _decay(lam: float) -> float:
    if not 0 <= lam < 1:
        raise ValueError(f"the trace's decay should satisfy 0 <= lam < 1, got {lam:g}")
    return lam
