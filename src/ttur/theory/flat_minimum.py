"""Figure 2: a heavy ball rolls through a sharp minimum and settles in a flat one (part iv)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, no_type_check

import numpy as np
from scipy.integrate import LSODA
from scipy.optimize import root_scalar

from ttur.theory.adam_momentum import hbf_step
from ttur.theory.checks import check_in_range, check_momentum


@dataclass(frozen=True)
class Potential:
    """f(x) = 0.1 x^2 - depth exp(-(x - centre)^2 / (2 width^2)), and the ball's start.

    Raises:
        ValueError: if the dip is too shallow to be a minimum on the slope.
    """

    depth: float = 0.3
    width: float = 0.15
    centre: float = -3.0
    start: float = -6.0

    def __post_init__(self) -> None:
        if not 0 < self.width < np.inf:
            raise ValueError(f"width should be > 0, got {self.width:g}")
        steepest = self.centre + self.width
        if not (self.start < self.centre and steepest < 0 < self.gradient(steepest)):
            raise ValueError(
                "there should be a sharp minimum between the start and 0: the gradient right of "
                f"the dip's centre should exceed 0, it reaches {self.gradient(steepest):.3g}; "
                "take start < centre < 0 and a deeper or narrower dip"
            )

    @no_type_check  # called at every update, like the three below
    def __call__(self, x: Any) -> Any:
        return 0.1 * x**2 - self._dip(x)

    @no_type_check
    def gradient(self, x: Any) -> Any:
        return 0.2 * x + self._dip(x) * (x - self.centre) / self.width**2

    @no_type_check
    def curvature(self, x: Any) -> Any:
        return 0.2 + self._dip(x) * (1 - (x - self.centre) ** 2 / self.width**2) / self.width**2

    @no_type_check
    def _dip(self, x: Any) -> Any:
        return self.depth * np.exp(-0.5 * ((x - self.centre) / self.width) ** 2)

    @cached_property
    def sharp(self) -> float:
        """The sharp minimum."""
        return self._root(self.centre, self.centre + self.width)

    @cached_property
    def barrier(self) -> float:
        """The maximum behind it."""
        return self._root(self.centre + self.width, min(self.centre + 8 * self.width, 0.0))

    @cached_property
    def flat(self) -> float:
        """The flat minimum, 0 up to the dip's tail."""
        return self._root(self.barrier / 2, -self.barrier)

    def _root(self, low: float, high: float) -> float:
        if self.gradient(low) * self.gradient(high) > 0:
            raise ValueError(
                f"no minimum or barrier between {low:.3g} and {high:.3g}, so that the dip leaves "
                f"no flat minimum: take one shallower than {self.depth:g}"
            )
        return float(root_scalar(self.gradient, bracket=(low, high), xtol=1e-14).root)


def figure2_potential() -> Potential:
    """A potential with what the paper's Figure 2 shows; its formula is not printed there.

    A ball that starts at -6 meets a sharp minimum at -2.9535 (f'' = 11.69), behind it a barrier of
    height 0.102 at -2.6997, and a flat minimum at 0 (f'' = 0.2).
    """
    return Potential()


def crosses_barrier(potential: Potential, gamma: float) -> bool:
    """Whether the ball with friction gamma, x'' + gamma x' + f' = 0, gets past the barrier.

    The first time, that is: with little friction it rolls far up behind the flat minimum, comes
    back over the barrier, and may be caught then (in `figure2_potential` at 0.1135 to 0.116).
    """
    check_in_range("gamma", gamma, 0.0, np.inf, "a friction gamma > 0")
    top = potential(potential.barrier)

    @no_type_check
    def field(t, state):
        return state[1], -gamma * state[1] - potential.gradient(state[0])

    ball = LSODA(field, 0.0, [potential.start, 0.0], np.inf, rtol=1e-9, atol=1e-11)
    # With less energy than at rest on the barrier it will never get there.
    while ball.y[0] <= potential.barrier and potential(ball.y[0]) + ball.y[1] ** 2 / 2 > top:
        ball.step()
    return bool(ball.y[0] > potential.barrier)


def momentum_crosses_barrier(potential: Potential, a: float, beta1: float) -> bool:
    """The same for Adam's momentum with learning rate a, no normaliser and no bias correction."""
    check_in_range("a", a, 0.0, np.inf, "a learning rate a > 0")
    check_momentum("beta1", beta1)
    before, x, m = -np.inf, potential.start, 0.0
    while before < x <= potential.barrier:  # neither there, nor turned back or at rest
        before = x
        x, m = hbf_step(x, m, potential.gradient, a, 1 - beta1, order="adam")
    return bool(x > potential.barrier)


def critical_friction(potential: Potential, tolerance: float = 1e-6) -> float:
    """The friction below which the ball gets past the barrier (the first time)."""
    return _threshold(lambda gamma: crosses_barrier(potential, gamma), tolerance)


def critical_beta1(potential: Potential, a: float, tolerance: float = 1e-6) -> float:
    """The beta1 above which momentum with learning rate a gets past the barrier (the first time).

    As a -> 0, sqrt((1 - beta1) / a) tends to `critical_friction`: the dictionary of E2.
    """

    def passes(gamma: float) -> bool:
        return momentum_crosses_barrier(potential, a, 1 - a * gamma**2)

    return 1 - a * _threshold(passes, tolerance) ** 2


def _threshold(passes: Callable[[float], bool], tolerance: float) -> float:
    """The friction where `passes` turns from true to false."""
    low, high = 0.5, 3.0
    if not (first := passes(low)) or passes(high):
        raise ValueError(
            f"no critical friction between {low:g} and {high:g}: the ball "
            f"{'passes' if first else 'is caught'} at both; change the dip's depth or width"
        )
    while high - low > tolerance:
        middle = (low + high) / 2
        low, high = (middle, high) if passes(middle) else (low, middle)
    return (low + high) / 2
