"""Theorem 5: Markov noise that both iterates steer, and the averaged fields it leaves behind."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float
from scipy.special import expit

from ttur.theory.chains import draw, stationary_distribution
from ttur.theory.checks import Numbers
from ttur.theory.iterate import TwoTimeScaleProblem

Iterate = Float[np.ndarray, "... dimension"]  # theta or w, with leading axes for replicas
Occupation = Float[np.ndarray, "... states actions"]
# (theta, w, z, action) -> (..., dimension); z and action broadcast to (...)
Field = Callable[..., Any]


@dataclass(frozen=True)
class ControlledChain:
    """A finite chain whose kernel depends on both iterates and on an action drawn each step.

    Attributes:
        kernel: (theta, w) -> p(z' | z, action) as (..., S, A, S), or (..., S, 1, S) where the
            action does not matter. It is to be continuous in (theta, w) (assumption A1).
        policy: probabilities (A,) of the actions; independent of state and iterates.
    """

    kernel: Callable[..., Any]
    policy: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if not (min(self.policy) >= 0 and abs(sum(self.policy) - 1) <= 1e-9):
            raise ValueError(f"policy should hold probabilities of sum 1, got {self.policy}")

    def occupation(self, theta: Iterate, w: Iterate) -> Occupation:
        """nu(z) policy(action): the one member of D(theta, w), as Theorem 5 asks for.

        Raises:
            ValueError: if the chain at a frozen (theta, w) is reducible or no chain.
        """
        policy = np.array(self.policy)
        P = np.einsum("...zay,a->...zy", self._kernel(theta, w), policy)
        return stationary_distribution(P)[..., None] * policy

    @no_type_check  # this and the next two are called at every update
    def draw_actions(self, rng, replicas):
        """An action per replica."""
        return draw(rng, np.broadcast_to(self.policy, (replicas, len(self.policy))))

    @no_type_check
    def next_state(self, rng, z, action, theta, w):
        """One step of each replica's chain."""
        return draw(rng, self._kernel(theta, w)[np.arange(len(z)), z, action])

    @no_type_check
    def _kernel(self, theta, w):
        P = self.kernel(theta, w)
        return np.broadcast_to(P, (*P.shape[:-2], len(self.policy), P.shape[-1]))


def averaged_field(field: Field, chain: ControlledChain, theta: Numbers, w: Numbers) -> Iterate:
    """sum over z and action of D(theta, w) field(theta, w, z, action).

    This is ghat with the fast chain, and hhat at w = lambda(theta) with the slow one: D^(theta),
    not D^(w) as the paper has it (E16). theta is (..., m) and w (..., k), or numbers.
    """
    theta, w = (np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in (theta, w))
    return _weighted(field, chain.occupation(theta, w), theta, w)


def _weighted(field: Field, weights: Occupation, theta: Iterate, w: Iterate) -> Iterate:
    states, actions = weights.shape[-2:]
    pairs = [(z, action) for z in range(states) for action in range(actions)]
    return np.sum([weights[..., [z], a] * field(theta, w, z, a) for z, a in pairs], axis=0)


class Limit(NamedTuple):
    """Where the averaged equation rests, and the occupation of the fast chain's states there."""

    theta: Float[np.ndarray, " m"]
    w: Float[np.ndarray, " k"]
    pi: Float[np.ndarray, " states"]


@dataclass(frozen=True)
class ControlledProblem:
    """theta and w driven by a chain each, which both steer; plus noise sigma N(0, I) on each field.

    h(theta, w, z, action) sees `slow_chain`, g(theta, w, z, action) sees `fast_chain`.
    """

    m: int
    k: int
    h: Field
    g: Field
    slow_chain: ControlledChain
    fast_chain: ControlledChain
    sigma: float = 0.0

    def lam(self, theta: Numbers, near: Numbers = 0.0) -> Iterate:
        """lambda(theta), the root of ghat(theta, .) that Newton's method finds from `near`.

        theta is (..., m) or a number, the root (..., k). That it is the only one is for Theorem
        5's A5 to say.
        """
        theta = np.atleast_1d(np.asarray(theta, dtype=np.float64))
        start = np.broadcast_to(np.asarray(near, dtype=float), (*theta.shape[:-1], self.k))
        return _newton(lambda w: averaged_field(self.g, self.fast_chain, theta, w), start)

    @no_type_check  # what it makes is called at every update
    def problem(self) -> TwoTimeScaleProblem:
        """To simulate; all chains start in state 0, the state is (z, action) of both chains."""
        m, k, h, g = self.m, self.k, self.h, self.g
        slow, fast = self.slow_chain, self.fast_chain

        def init(rng, replicas):
            z = np.zeros(replicas, dtype=int)
            return z, slow.draw_actions(rng, replicas), z, fast.draw_actions(rng, replicas)

        def step(rng, state, theta, w, n):
            z, action, zw, action_w = state
            z = slow.next_state(rng, z, action, theta, w)
            zw = fast.next_state(rng, zw, action_w, theta, w)
            return z, slow.draw_actions(rng, len(z)), zw, fast.draw_actions(rng, len(z))

        def noise(rng, replicas, n):
            return tuple(self.sigma * rng.standard_normal((replicas, size)) for size in (m, k))

        return TwoTimeScaleProblem(
            m=m,
            k=k,
            h=lambda theta, w, state: h(theta, w, state[0], state[1]),
            g=lambda theta, w, state: g(theta, w, state[2], state[3]),
            noise=noise if self.sigma else None,
            markov_init=init,
            markov_step=step,
        )


def solve_limit(
    problem: ControlledProblem,
    near: tuple[Numbers, Numbers] = (0.0, 0.0),
    frozen_at: tuple[Numbers, Numbers] | None = None,
) -> Limit:
    """theta* with hhat(theta*, lambda(theta*)) = 0, w* = lambda(theta*) and the occupation pi*.

    `frozen_at` keeps both occupation measures at those of another (theta, w): the limit that one
    would predict who forgets that the iterates steer the noise.

    Raises:
        ValueError: if a chain is reducible, or Newton's method does not converge from `near` (also
            where a field is flat and its roots are not isolated).
    """
    m, k = problem.m, problem.k
    pairs = ((problem.h, problem.slow_chain), (problem.g, problem.fast_chain))

    def point(theta: Numbers, w: Numbers) -> tuple[Iterate, Iterate]:
        whole = np.concatenate([np.broadcast_to(theta, m), np.broadcast_to(w, k)]).astype(float)
        return whole[:m], whole[m:]

    start = point(*near)
    frozen = point(*frozen_at) if frozen_at else None

    def field(x: Iterate) -> Iterate:
        theta, w = x[..., :m], x[..., m:]
        means = [
            _weighted(part, chain.occupation(*(frozen or (theta, w))), theta, w)
            for part, chain in pairs
        ]
        return np.concatenate(means, axis=-1)

    x = _newton(field, np.concatenate(start))
    theta, w = x[:m], x[m:]
    occupation = problem.fast_chain.occupation(*(frozen or (theta, w)))
    return Limit(theta, w, occupation.sum(axis=-1))


def _newton(field: Callable[[Iterate], Iterate], start: Iterate) -> Iterate:
    """A root of `field` (..., d) -> (..., d) from each start, Jacobians by central differences."""
    x = start.astype(float)
    shifts = 1e-6 * np.eye(x.shape[-1])
    for _ in range(50):
        columns = [(field(x + shift) - field(x - shift)) / 2e-6 for shift in shifts]
        try:
            move = np.linalg.solve(np.stack(columns, axis=-1), field(x)[..., None])[..., 0]
        except np.linalg.LinAlgError:  # flat
            break
        x = x - move
        if np.abs(move).max() < 1e-10:
            return x
    raise ValueError(
        "Theorem 5 fails: the averaged field should have a root that is isolated, Newton's method "
        f"found none from {np.array2string(start, threshold=8)}; where it stopped the field is "
        f"{np.abs(field(x)).max():.3g}"
    )


@no_type_check
def _cmn_kernel(theta, w):
    up, down = 0.1 + 0.6 * expit(2 * w[..., 0]), 0.2 + 0.4 * expit(theta[..., 0])
    P = np.stack([np.stack([1 - up, up], axis=-1), np.stack([down, 1 - down], axis=-1)], axis=-2)
    return P[..., :, None, :]


_DROPOUT = np.array([0.0, 2.0])  # the mask, by action
_FLIP = np.array([[0.7, 0.3], [0.3, 0.7]])[:, None, :]

CMN = ControlledProblem(
    m=1,
    k=1,
    h=lambda theta, w, z, _: (
        1 - theta - 0.8 * w + np.expand_dims(2 * z - 1, -1) * 0.5 * (1 + 0.3 * np.sin(theta))
    ),
    g=lambda theta, w, z, action: (
        theta + 0.5 - np.expand_dims(1 + z, -1) * w * np.expand_dims(_DROPOUT[action], -1)
    ),
    slow_chain=ControlledChain(
        lambda theta, w: np.broadcast_to(_FLIP, (*theta.shape[:-1], 2, 1, 2))
    ),
    fast_chain=ControlledChain(_cmn_kernel, policy=(0.5, 0.5)),
    sigma=0.5,
)
"""A two-state chain steered by both iterates, and dropout as the action."""
