"""A finite Markov decision process, its average reward and gradient without error (Theorem 11)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.special import expit

from ttur.theory.chains import stationary_distribution
from ttur.theory.checks import Numbers, array_of_shape, check_stochastic


@dataclass(frozen=True, eq=False)
class FiniteMDP:
    """S states, two actions, and the policy mu(1 | x, theta) = logistic(xi_x . theta).

    P (2, S, S) has P[u, x, y] = p(y | x, u), r (S,) the reward of being in x, xi (S, m) the
    features of the policy. Methods take theta of shape (..., m) and answer for all at once.

    Raises:
        ValueError: if shapes do not fit or a row of P is no distribution.
    """

    P: Any
    r: Any
    xi: Any

    def __post_init__(self) -> None:
        states = len(np.atleast_1d(self.r))
        object.__setattr__(self, "P", array_of_shape("P", self.P, (2, states, states)))
        object.__setattr__(self, "r", array_of_shape("r", self.r, (states,)))
        object.__setattr__(self, "xi", features_of("xi", self.xi, states))
        check_stochastic("P", self.P)

    def policy(self, theta: Numbers) -> Float[np.ndarray, "*batch S 2"]:
        """mu(u | x, theta), for theta of shape (..., m)."""
        theta = np.asarray(theta, dtype=np.float64)
        if theta.shape[-1:] != self.xi.shape[1:]:
            raise ValueError(
                f"theta should have {self.xi.shape[1]} entries along its last axis, got the shape "
                f"{theta.shape}"
            )
        one = expit(theta @ self.xi.T)
        return np.stack([1 - one, one], axis=-1)

    def score(self, theta: Float[np.ndarray, "*batch m"]) -> Float[np.ndarray, "*batch S 2 m"]:
        """Psi(x, u) = grad_theta log mu(u | x, theta) = (u - mu(1 | x)) xi_x."""
        mu = self.policy(theta)
        return (np.arange(2) - mu[..., 1:])[..., None] * self.xi[:, None, :]

    def transition(self, theta: Float[np.ndarray, "*batch m"]) -> Float[np.ndarray, "*batch S S"]:
        """p(y | x) under the policy."""
        return np.einsum("...xu,uxy->...xy", self.policy(theta), self.P)

    def stationary(self, theta: Float[np.ndarray, "*batch m"]) -> Float[np.ndarray, "*batch S"]:
        """pi with pi P = pi: what Eq. 150 calls pi(theta) is this distribution (E30).

        Raises:
            ValueError: if the chain of a policy is reducible.
        """
        return stationary_distribution(self.transition(theta))

    def eta(self, theta: Float[np.ndarray, "*batch m"]) -> Float[np.ndarray, "*batch"]:
        """Average reward per step, pi . r."""
        return np.asarray(self.stationary(theta) @ self.r)

    def differential_value(
        self, theta: Float[np.ndarray, "*batch m"], reference: int | None = None
    ) -> Float[np.ndarray, "*batch S"]:
        """h = (I - P + 1 pi^T)^-1 (r - eta), so that r - eta + P h - h = 0 (Poisson equation).

        Unique up to a constant: pi . h = 0, or h(reference) = 0 as in the paper, whose T in
        Eq. 143 is the first return time to that state (E30).

        Raises:
            ValueError: if `reference` is no state.
        """
        if reference is not None:
            self.check_state("reference", reference)
        P, pi = self.transition(theta), self.stationary(theta)
        centred = self.r - (pi @ self.r)[..., None]
        value = np.linalg.solve(np.eye(len(self.r)) - P + pi[..., None, :], centred[..., None])
        value = value[..., 0]
        return value if reference is None else value - value[..., reference, None]

    def policy_gradient(
        self,
        theta: Float[np.ndarray, "*batch m"],
        value: Float[np.ndarray, "*batch S"],
        pi: Float[np.ndarray, "*batch S"] | None = None,
    ) -> Float[np.ndarray, "*batch m"]:
        """E[Psi d] if the critic held the values `value`; `pi` is the stationary law, if known.

        sum_x pi(x) sum_u mu(u|x) Psi(x,u) [r(x) - eta + sum_y p(y|x,u) v(y) - v(x)], of which
        r(x) - eta - v(x) drops out, as sum_u mu Psi = 0.
        """
        ahead = np.einsum("uxy,...y->...xu", self.P, value)
        pi = self.stationary(theta) if pi is None else pi
        weight = pi[..., None] * self.policy(theta) * ahead
        return np.einsum("...xu,...xum->...m", weight, self.score(theta))

    def grad_eta(self, theta: Float[np.ndarray, "*batch m"]) -> Float[np.ndarray, "*batch m"]:
        """Gradient of the average reward."""
        return self.policy_gradient(theta, self.differential_value(theta))

    def check_state(self, name: str, state: int) -> None:
        """`state` is one of the S.

        Raises:
            ValueError: if it is not; `name` is what the message calls it.
        """
        if not 0 <= state < len(self.r):
            raise ValueError(f"{name} should be one of {len(self.r)} states from 0 on, got {state}")


def features_of(name: str, values: Numbers, states: int) -> Float[np.ndarray, "S features"]:
    """A row of features for each state.

    Raises:
        ValueError: if the shape is another, or an entry is not finite.
    """
    if np.ndim(values) != 2:
        raise ValueError(f"{name} should have the shape ({states}, k), got {np.shape(values)}")
    return array_of_shape(name, values, (states, np.shape(values)[1]))


def corridor(forward: float = 0.9) -> FiniteMDP:
    """Five states A ... E; only E pays, 5 per step, and the way there asks for both actions.

    `forward` is the probability that the right action leads on. A and B share one parameter of
    the policy, C and D the other, though their right actions differ: the optimum is inside.

    Raises:
        ValueError: if `forward` is not within (0, 1).
    """
    if not 0 < forward < 1:
        raise ValueError(f"forward should lie in (0, 1), got {forward:g}")
    A, B, C, D, E = range(5)
    p, e = forward, 1 - forward
    P = np.zeros((2, 5, 5))
    for state, action, likely, other in (
        (A, 1, B, A),
        (A, 0, A, B),
        (B, 0, C, A),
        (B, 1, A, C),
        (C, 1, D, C),
        (C, 0, C, D),
        (D, 0, E, C),
        (D, 1, C, E),
        (E, 0, A, E),
        (E, 1, A, E),
    ):
        P[action, state, likely] += p
        P[action, state, other] += e
    return FiniteMDP(P, (0, 0, 0, 0, 5), ((1, 0), (1, 0), (0, 1), (0, 1), (0, 0)))


EXACT_FEATURES = np.eye(5)[:, :4]  # indicators of A ... D: every h with h(E) = 0
COARSE_FEATURES = np.stack(
    [np.array([4, 3, 2, 1, 0]) / 30**0.5, np.array([16, 9, 4, 1, 0]) / 354**0.5], axis=1
)
