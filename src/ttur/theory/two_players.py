"""Two players with known fields: their iterates, and the linear algebra of one iteration.

Fields are of ascent type, h = -grad_theta L_G and g = -grad_w L_D; arrays end with the axis of the
parameters and may have any axes before it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float
from scipy.optimize import root_scalar

from ttur.theory.adam_momentum import corrected_moments
from ttur.theory.checks import (
    Numbers,
    array_of_shape,
    check_at_least,
    check_in_range,
    check_momentum,
)
from ttur.theory.iterate import ORDERS, Order, TwoTimeScaleProblem

Matrix = Float[np.ndarray, "size size"]


class Game(ABC):
    """Two fields, their common zero, and what follows for any pair of learning rates."""

    gamma: float  # the discriminator's weight decay, without which nothing here converges

    @property
    def m(self) -> int:
        """How many parameters theta has."""
        return 1

    @property
    def k(self) -> int:
        """How many parameters w has."""
        return 1

    @abstractmethod
    def h(self, theta: Any, w: Any, batch: Any = None) -> Any:
        """The generator's field; of the population where `batch` is None."""

    @abstractmethod
    def g(self, theta: Any, w: Any, batch: Any = None) -> Any:
        """The discriminator's field; of the population where `batch` is None."""

    @abstractmethod
    def best_response(self, theta: Any) -> Any:
        """lambda(theta), where g(theta, .) = 0."""

    @abstractmethod
    def linearisation(self) -> Matrix:
        """The Jacobian of (h, g) in (theta, w) at their common zero."""

    @no_type_check  # called at every update
    def draw(self, rng: Any, replicas: int) -> Any:
        """The batch of one iteration; None where the game has no samples."""
        return None

    def problem(self) -> TwoTimeScaleProblem:
        """For `simulate`: on batches where the game has samples."""
        return TwoTimeScaleProblem(
            self.m,
            self.k,
            self.h,
            self.g,
            markov_init=self.draw,
            markov_step=lambda rng, batch, theta, w, n: self.draw(rng, len(theta)),
        )

    @no_type_check  # called at every step of a search
    def spectral_radius(
        self, a: float, b: float, beta1: float = 0.0, order: Order = "simultaneous"
    ) -> float:
        """Of one iteration with momentum, linearised: the iterates converge locally iff it is < 1.

        Raises:
            ValueError: if a or b is not > 0, beta1 not in [0, 1), or the order unknown.
        """
        step = momentum_step(self.linearisation(), self.m, a, b, beta1, order)
        return float(np.abs(np.linalg.eigvals(step)).max())

    def largest_stable_rate(
        self, b: float, beta1: float = 0.0, order: Order = "simultaneous"
    ) -> float:
        """The a up to which the spectral radius is below 1, from a = 0 on, for a given b.

        Raises:
            ValueError: as `spectral_radius`, or if the smallest a are not stable at this b.
        """

        @no_type_check
        def excess(a):
            return self.spectral_radius(a, b, beta1, order) - 1

        stable = 1e-6 * self.gamma
        if excess(stable) >= 0:
            raise ValueError(
                f"small generator rates are not stable at b = {b:g}, beta1 = {beta1:g}: at "
                f"a = {stable:g} the spectral radius exceeds 1 by {excess(stable):.3g}"
            )
        unstable = stable
        while excess(unstable) < 0:
            stable, unstable = unstable, 2 * unstable
        return float(root_scalar(excess, bracket=(stable, unstable), xtol=1e-14).root)


@no_type_check  # called at every step of a search
def momentum_step(
    jacobian: Matrix, m: int, a: float, b: float, beta1: float, order: Order
) -> Float[np.ndarray, "2*size 2*size"]:
    """One iteration of m <- beta1 m + (1 - beta1) J x, x <- x + (a, b) m as a matrix on (x, m).

    x = (theta, w), theta the first `m` of it. In the orders other than "simultaneous" the second
    player sees what the first has done.

    Raises:
        ValueError: if a or b is not > 0, beta1 not in [0, 1), or the order unknown.
    """
    check_in_range("a", a, 0.0, np.inf, "a positive step size")
    check_in_range("b", b, 0.0, np.inf, "a positive step size")
    check_momentum("beta1", beta1)
    if order not in ORDERS:
        raise ValueError(f"order should be one of {', '.join(ORDERS)}, got {order!r}")
    is_slow = np.arange(len(jacobian)) < m
    rates, one = np.where(is_slow, a, b), np.eye(len(jacobian))

    @no_type_check
    def move(who):
        player = np.diag(who.astype(float))  # 1 for the parameters that move
        push = (1 - beta1) * player @ jacobian
        S = np.diag(rates) @ player
        return np.block([[one + S @ push, beta1 * S], [push, one - (1 - beta1) * player]])

    if order == "simultaneous":
        return move(np.ones_like(is_slow))
    slow, fast = move(is_slow), move(~is_slow)
    return slow @ fast if order == "fast_first" else fast @ slow


class Iteration(NamedTuple):
    """What iteration n has done; arrays of shape (settings ..., replicas, parameters).

    The preconditioners are Adam's 1 / (root of the corrected second moment + epsilon), else None.
    """

    n: int
    theta: Any
    w: Any
    theta_new: Any
    w_new: Any
    precond_theta: Any = None
    precond_w: Any = None


def play(
    game: Game,
    a: Numbers,
    b: Numbers,
    theta0: Numbers,
    w0: Numbers,
    steps: int,
    *,
    beta1: Numbers = 0.0,
    beta2: float | None = None,
    order: Order = "fast_first",
    replicas: int = 1,
    seed: int = 0,
) -> Iterator[Iteration]:
    """SGD with momentum m <- beta1 m + (1 - beta1) field, many settings side by side.

    With `beta2` it is Adam: bias-corrected, epsilon 1e-8.

    a, b and beta1 are numbers or arrays of one shape, which becomes the first axes of the iterates;
    every setting sees the same batches. An iteration has one batch, as DCGAN is trained.

    Raises:
        ValueError: if a rate is not > 0, beta1 or beta2 not in [0, 1), the order unknown, there are
            no steps or replicas, or a start has not the game's number of parameters.
    """
    if order not in ORDERS:
        raise ValueError(f"order should be one of {', '.join(ORDERS)}, got {order!r}")
    for name, rates in (("a", a), ("b", b)):
        for rate in np.ravel(rates):
            check_in_range(name, float(rate), 0.0, np.inf, "a positive step size")
    for momentum in np.ravel(beta1):
        check_momentum("beta1", float(momentum))
    if beta2 is not None:
        check_momentum("beta2", beta2)
    check_at_least("steps", steps, 1)
    check_at_least("replicas", replicas, 1)
    rate_a, rate_b, beta = (np.asarray(v, dtype=np.float64)[..., None, None] for v in (a, b, beta1))
    axes = (*np.broadcast_shapes(rate_a.shape, rate_b.shape, beta.shape)[:-2], replicas)
    theta = np.broadcast_to(array_of_shape("theta0", theta0, (game.m,)), (*axes, game.m))
    w = np.broadcast_to(array_of_shape("w0", w0, (game.k,)), (*axes, game.k))
    rng = np.random.default_rng(seed)
    of_theta, of_w = _Moments(beta, beta2), _Moments(beta, beta2)
    for n in range(1, steps + 1):
        batch = game.draw(rng, replicas)
        new_theta, new_w = theta, w
        for player in _MOVES[order]:
            seen = (theta, w) if order == "simultaneous" else (new_theta, new_w)
            if player == "theta":
                new_theta = theta + rate_a * of_theta.step(game.h(*seen, batch))
            else:
                new_w = w + rate_b * of_w.step(game.g(*seen, batch))
        yield Iteration(n, theta, w, new_theta, new_w, of_theta.precond, of_w.precond)
        theta, w = new_theta, new_w


class _Moments:
    """The optimizer of one player: momentum, or Adam where there is a beta2."""

    def __init__(self, beta1: Any, beta2: float | None) -> None:
        self.beta1, self.beta2, self.n = beta1, beta2, 0
        self.first: Any = 0.0
        self.second: Any = 0.0
        self.precond: Any = None

    @no_type_check  # called at every update
    def step(self, field: Any) -> Any:
        self.n += 1
        if self.beta2 is None:
            self.first = self.beta1 * self.first + (1 - self.beta1) * field
            return self.first
        self.first, self.second = corrected_moments(
            self.first, self.second, field, self.beta1, self.beta2, self.n
        )
        self.precond = 1 / (np.sqrt(self.second) + 1e-8)
        return self.precond * self.first


_MOVES: dict[str, tuple[str, str]] = {
    "simultaneous": ("theta", "w"),
    "slow_first": ("theta", "w"),
    "fast_first": ("w", "theta"),
}
