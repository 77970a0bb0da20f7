"""What Adam's momentum remembers: r(t), its discrete weights, and the time in which it is friction.

Corrected: a(n) is the step of time, friction and gravity are both r (E2); r/t needs r > 1/2 (E3).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float

from ttur.theory.checks import check_in_range

Steps = Float[np.ndarray, " steps"]


@dataclass(frozen=True)
class ConstantMemory:
    """r(t) = r: c = a r, gradients are forgotten exponentially, beta1 = 1 - a r."""

    r: float
    start = 0.0

    def __post_init__(self) -> None:
        check_in_range("r", float(self.r), 0.0, np.inf, "a memory rate r > 0")

    @no_type_check  # called at every step of a solver, as in the memories below
    def __call__(self, t: Any) -> Any:
        return self.r + 0 * t

    @no_type_check
    def slope(self, t: Any) -> Any:
        """r'(t)."""
        return 0 * t

    def weights(self, a: Steps) -> Steps:
        """c_n, the weight of gradient n, for the steps a(1) ... a(N)."""
        return _weights(self.r * a)


@dataclass(frozen=True)
class PolynomialMemory:
    """r(t) = r/t from t = `start` on: c_{n+1} = r a(n+1) / (start + a(1) + ... + a(n)).

    r = 1 is the mean of all gradients, r = 2 Nesterov's friction 3/s. It dissipates energy only if
    r > 1/2 (E3: the paper asks for r > 0).
    """

    r: float
    start: float = 1.0

    def __post_init__(self) -> None:
        check_in_range("r", float(self.r), 0.0, np.inf, "a memory rate r > 0")
        check_in_range("start", float(self.start), 0.0, np.inf, "r/t at t > 0")

    @no_type_check
    def __call__(self, t: Any) -> Any:
        return self.r / t

    @no_type_check
    def slope(self, t: Any) -> Any:
        return -self.r / t**2

    def weights(self, a: Steps) -> Steps:
        return _weights(self.r * a / (self.start + np.cumsum(a) - a))


@dataclass(frozen=True)
class BiasCorrectedMemory:
    """r(t) = r / (1 - e^(-r t)): Adam with bias correction, beta1 = 1 - a r (E1).

    From 1/t, the mean of all gradients, to r. It starts as gradient flow: theta'(0) = -grad f.
    """

    r: float
    start = 0.0

    def __post_init__(self) -> None:
        check_in_range("r", float(self.r), 0.0, np.inf, "a memory rate r > 0")

    @no_type_check
    def __call__(self, t: Any) -> Any:
        return -self.r / np.expm1(-self.r * t)

    @no_type_check
    def slope(self, t: Any) -> Any:
        return -(self(t) ** 2) * np.exp(-self.r * t)

    def weights(self, a: Steps) -> Steps:
        c = _weights(self.r * a)
        with np.errstate(divide="ignore"):  # c = 1, where beta1 = 0 and nothing is to be corrected
            return c / -np.expm1(np.cumsum(np.log1p(-c)))


Memory = ConstantMemory | PolynomialMemory | BiasCorrectedMemory


def _weights(c: Steps) -> Steps:
    if not (c > 0).all():
        n = int(np.argmax(~(c > 0))) + 1
        raise ValueError(f"steps a(n) should be > 0, the weight of gradient {n} is {c[n - 1]:.4g}")
    if (c > 1).any():
        n = int(np.argmax(c > 1)) + 1
        raise ValueError(
            f"0 <= beta1 < 1 fails: the weight c = 1 - beta1 of gradient {n} is {c[n - 1]:.4g}, "
            f"{c[n - 1] - 1:.3g} above 1; take smaller steps, or start r/t at a larger t"
        )
    return c


class TimeChange(NamedTuple):
    """Memory time t against ball time s, and the friction in s."""

    s: Callable[..., Any]
    t: Callable[..., Any]
    friction: Callable[..., Any]


def hbf_time_change(r: float | Memory) -> TimeChange:
    """The time s, ds = sqrt(r(t)) dt, in which gravity is 1 (corrected Eq. 5 and 164, E2).

    theta'' + r theta' + r grad f = 0 becomes d2/ds2 theta + friction(s) d/ds theta + grad f = 0
    with friction = sqrt(r) + r_t / (2 r^(3/2)), and d/ds theta = theta' / sqrt(r):

        r constant:               s = sqrt(r) t,       friction sqrt(r) = sqrt((1 - beta1) / a)
        r/t:                      s = 2 sqrt(r t),     friction (2 r - 1) / s
        r / (1 - e^(-r t)), Adam: t = 2 log(cosh(sqrt(r) s / 2)) / r,
                                                       friction sqrt(r) coth(sqrt(r) s)
    """
    memory = as_memory(r)
    rate = memory.r
    root = np.sqrt(rate)
    if isinstance(memory, ConstantMemory):
        return TimeChange(lambda t: root * t, lambda s: s / root, lambda s: root + 0 * s)
    if isinstance(memory, PolynomialMemory):
        return TimeChange(
            lambda t: 2 * np.sqrt(rate * t),
            lambda s: s**2 / (4 * rate),
            lambda s: (2 * rate - 1) / s,
        )
    return TimeChange(
        lambda t: 2 / root * np.arccosh(np.exp(rate * t / 2)),
        lambda s: 2 / rate * np.log(np.cosh(root * s / 2)),
        lambda s: root / np.tanh(root * s),
    )


def as_memory(r: float | Memory) -> Memory:
    """A number is constant memory."""
    return r if isinstance(r, Memory) else ConstantMemory(float(r))
