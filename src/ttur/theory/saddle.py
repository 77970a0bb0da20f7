"""Theorem 10 with a = b: one step sequence, gradients with a bias that does not vanish.

Claimed for monotone games: the iterates return to A_eta (`in_contraction_region`) for ever. With
norms and several coordinates that can fail: under L = theta . w in R^2, theta and w of one length
at a right angle circle, and neither ||h|| nor ||g|| ever shrinks. What holds: where (-h, -g) is
Lipschitz and mu-strongly monotone and the norm of the bias at most B in the limit, the limiting
distance to the saddle point is at most B / mu (`LinearQuadraticSaddle`).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ttur.theory.checks import Numbers, array_of_shape, check_in_range
from ttur.theory.iterate import TwoTimeScaleProblem, gaussian_noise

Array = Float[np.ndarray, "..."]


def in_contraction_region(
    h: Float[np.ndarray, "*replicas m"],
    g: Float[np.ndarray, "*replicas k"],
    alpha: Numbers,
    beta: Numbers,
    eta: float,
) -> Bool[np.ndarray, "*replicas"]:
    """Whether the point lies in A_eta: alpha >= eta ||h|| or beta >= eta ||g|| (Eq. 141).

    `alpha` bounds the norm of the bias on h (slow player), `beta` of that on g. The paper has ">",
    with which A_eta is empty without bias; read ">=" and alpha, beta > 0, as noise keeps the
    iterates off the saddle point (E28).

    Raises:
        ValueError: if a bound is negative, or eta outside (0, 1).
    """
    if not 0 < eta < 1:
        raise ValueError(f"Theorem 10 asks for 0 < eta < 1, got {eta:g}")
    if not (np.min(alpha) >= 0 and np.min(beta) >= 0):
        raise ValueError(f"bounds of a bias should be >= 0, got alpha = {alpha}, beta = {beta}")
    by_h = alpha >= eta * np.linalg.norm(h, axis=-1)
    return by_h | (beta >= eta * np.linalg.norm(g, axis=-1))


@dataclass(frozen=True, eq=False)
class Recurrence:
    """How often each replica came back into a ball."""

    entries: Int[np.ndarray, " replicas"]
    fraction_inside: Float[np.ndarray, " replicas"]
    last_visit: Int[np.ndarray, " replicas"]  # index into the distances given, -1 = never


def recurrence_stats(
    dist: Float[np.ndarray, "times replicas"], radius: float, from_n: int = 0
) -> Recurrence:
    """Entries into the ball of `radius` at index `from_n` or later; starting inside is none.

    Raises:
        ValueError: if nothing is left from `from_n` on, or the radius is not > 0.
    """
    check_in_range("radius", radius, 0.0, np.inf, "A ball")
    if not 0 <= from_n < len(dist):
        raise ValueError(
            f"from_n should lie in [0, {len(dist)}), the number of times, got {from_n}"
        )
    inside = dist[from_n:] < radius
    last = len(dist) - 1 - inside[::-1].argmax(axis=0)
    return Recurrence(
        entries=(inside[1:] & ~inside[:-1]).sum(axis=0),
        fraction_inside=inside.mean(axis=0),
        last_visit=np.where(inside.any(axis=0), last, -1),
    )


class SaddlePoint(NamedTuple):
    """theta and w where both biased fields vanish."""

    theta: Float[np.ndarray, " m"]
    w: Float[np.ndarray, " k"]

    @property
    def norm(self) -> float:
        return float(np.linalg.norm(np.concatenate(self)))


@dataclass(frozen=True, eq=False)
class LinearQuadraticSaddle:
    """h = -mu theta - K w, g = K^T theta - mu w: (-h, -g) is mu-strongly monotone.

    With a = b and a bias of norm at most B in the limit, the limiting distance to the saddle point
    0 is at most B / mu.

    Raises:
        ValueError: if mu <= 0, or the coupling K is no matrix.
    """

    mu: float
    coupling: Any  # (m, k)

    def __post_init__(self) -> None:
        coupling = np.atleast_2d(np.asarray(self.coupling, dtype=np.float64))
        object.__setattr__(self, "coupling", array_of_shape("K", coupling, coupling.shape[-2:]))
        if not self.mu > 0:
            raise ValueError(f"strong monotonicity fails: mu should be > 0, got {self.mu:g}")

    @property
    def jacobian(self) -> Float[np.ndarray, "size size"]:
        """Of (h, g); its symmetric part is -mu I."""
        m, k = self.coupling.shape
        damping = -self.mu * np.eye(m + k)
        damping[:m, m:] -= self.coupling
        damping[m:, :m] += self.coupling.T
        return damping

    def biased_equilibrium(self, bias_theta: Numbers, bias_w: Numbers) -> SaddlePoint:
        """Where h + bias_theta = 0 and g + bias_w = 0."""
        m = len(self.coupling)
        bias = np.concatenate(self._biases(bias_theta, bias_w))
        point = np.linalg.solve(-self.jacobian, bias)
        return SaddlePoint(point[:m], point[m:])

    def bound(self, bias_theta: Numbers, bias_w: Numbers) -> float:
        """||(bias_theta, bias_w)|| / mu."""
        return float(np.linalg.norm(np.concatenate(self._biases(bias_theta, bias_w)))) / self.mu

    def problem(
        self, bias_theta: Numbers = 0.0, bias_w: Numbers = 0.0, noise: float = 0.0
    ) -> TwoTimeScaleProblem:
        """The biased iterate; `noise` is the deviation of every component."""
        bias = self._biases(bias_theta, bias_w)
        m, k = self.coupling.shape
        return TwoTimeScaleProblem(
            m=m,
            k=k,
            h=lambda theta, w, z: -self.mu * theta - w @ self.coupling.T,
            g=lambda theta, w, z: theta @ self.coupling - self.mu * w,
            noise=gaussian_noise(noise * np.eye(m + k), m),
            bias=lambda theta, w, n, t: bias,
        )

    def _biases(self, bias_theta: Numbers, bias_w: Numbers) -> tuple[Array, Array]:
        """Of shapes (m,) and (k,); a number is that in every component."""
        (m, k), on_theta, on_w = self.coupling.shape, np.shape(bias_theta), np.shape(bias_w)
        return (
            array_of_shape("bias_theta", np.broadcast_to(bias_theta, on_theta or (m,)), (m,)),
            array_of_shape("bias_w", np.broadcast_to(bias_w, on_w or (k,)), (k,)),
        )


def tanh_game(
    theta_from_w: float, w_from_theta: float, bias: float = 0.0, noise: float = 0.0
) -> TwoTimeScaleProblem:
    """h = tanh(-theta + theta_from_w w), g = tanh(w_from_theta theta - w), both biased alike.

    Both are smooth and bounded, each player's own derivative is negative: all that assumption A1
    of Theorem 10 asks. With couplings (2, 2) the iterates still run away and never see A_eta
    again, so comment C1 ("the proof does not use the saddle point condition") is refuted (E29).
    With couplings of opposite signs, (-2, 2), they return for ever; that game is monotone near 0
    only.
    """
    return TwoTimeScaleProblem(
        m=1,
        k=1,
        h=lambda theta, w, z: np.tanh(-theta + theta_from_w * w),
        g=lambda theta, w, z: np.tanh(w_from_theta * theta - w),
        noise=gaussian_noise(noise * np.eye(2), 1),
        bias=lambda theta, w, n, t: (np.full(1, bias), np.full(1, bias)),
    )
