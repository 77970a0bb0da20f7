"""How a step-size sequence falls in the end; None answers what an estimate leaves open."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ttur.timescales.step_sizes import Constant, Cosine, Halving, Linear, PowerLaw, StepSize, WarmUp

StepFunction = StepSize | Callable[[int], float]


@dataclass(frozen=True)
class Tail:
    """How s(n) falls: like c0 2^(-rate n) (n + offset)^-p log(n)^-q with low <= p <= high. A rate
    of infinity is a sequence that ends.

    c0 and q are None where p was estimated.
    """

    low: float
    high: float
    rate: float = 0.0
    c0: float | None = None
    q: float | None = None
    offset: float = 0.0
    never_increases: bool = True


def with_floor(sequence: StepSize, floor: float) -> StepSize:
    """What max(s(n), floor) is from some n on."""
    tail = tail_of(sequence)
    if not floor or tail.c0 is None:
        return sequence
    if vanishes(tail):
        return Constant(floor)
    return Constant(max(tail.c0, floor)) if tail.low == tail.q == 0 else sequence


def tail_of(sequence: StepFunction) -> Tail:
    if isinstance(sequence, Constant):
        return Tail(0.0, 0.0, c0=sequence.value, q=0.0)
    if isinstance(sequence, Halving):
        return Tail(0.0, 0.0, rate=1 / sequence.every, c0=sequence.initial, q=0.0)
    if isinstance(sequence, Linear | Cosine):
        falls = sequence.initial >= sequence.final
        if sequence.final == 0:
            return Tail(0.0, 0.0, rate=math.inf, c0=sequence.initial, q=0.0)
        return Tail(0.0, 0.0, c0=sequence.final, q=0.0, never_increases=falls)
    if isinstance(sequence, WarmUp):
        return replace(tail_of(sequence.of), never_increases=sequence.updates == 1)
    if isinstance(sequence, PowerLaw):
        p, q, offset = sequence.p, sequence.q, sequence.offset
        # With p > 0 > q it rises to one maximum and then falls, so its first step tells.
        first = max(1, math.floor(1 - offset) + 1) if q else 1
        falls = p >= 0 and (q >= 0 or (p > 0 and sequence(first) >= sequence(first + 1)))
        return Tail(p, p, c0=sequence.c0, q=q, offset=offset, never_increases=bool(falls))
    return _estimate(sequence)


def _estimate(sequence: Callable[[int], float]) -> Tail:
    n = np.unique(np.geomspace(1e3, 1e5, 64).astype(int))
    values = np.array([float(sequence(int(update))) for update in n])
    if not np.all(np.isfinite(values) & (values > 0)):
        bad = n[~(np.isfinite(values) & (values > 0))][0]
        raise ValueError(
            f"step sizes must be finite and > 0, got {sequence(int(bad))} at n = {bad}"
        )
    log_n = np.log(n)
    # Fitted without and with a log factor: 1 / (n log n) looks like n^-1.1 to the first alone.
    designs = (
        np.stack([np.ones_like(log_n), log_n], axis=1),
        np.stack([np.ones_like(log_n), log_n, np.log(log_n)], axis=1),
    )
    exponents = [-float(np.linalg.lstsq(design, np.log(values))[0][1]) for design in designs]
    return Tail(
        low=min(exponents) - 0.02,
        high=max(exponents) + 0.02,
        never_increases=bool(np.all(np.diff(values) <= 0)),
    )


def sum_is_infinite(tail: Tail, power: int) -> bool | None:
    """Whether sum s(n)^power = inf: exponent < 1, or = 1 and the log's at most 1."""
    if tail.rate > 0 or power * tail.low > 1:
        return False
    if power * tail.high < 1:
        return True
    return None if tail.q is None else power * tail.q <= 1


def is_o(a: Tail, b: Tail, by_a_power: bool = False) -> bool | None:
    """Whether a = o(b); `by_a_power` asks for a power of n (or more) between them, not a log."""
    if a.rate != b.rate:
        return a.rate > b.rate
    if a.low > b.high or a.high < b.low:
        return a.low > b.high
    if a.q is None or b.q is None:
        return None
    return a.q > b.q and not by_a_power


def vanishes(tail: Tail) -> bool | None:
    if tail.rate > 0 or tail.low > 0:
        return True
    if tail.high < 0:
        return False
    return None if tail.q is None else tail.q > 0


def inverse_rate(tail: Tail) -> float | None:
    """lim 1/s(n+1) - 1/s(n); inf also for halving, where it is unbounded without a limit."""
    if tail.rate > 0 or tail.low > 1:
        return math.inf
    if tail.high < 1:
        return 0.0
    if tail.q is None or tail.c0 is None:
        return None
    return 1 / tail.c0 if tail.q == 0 else math.inf if tail.q > 0 else 0.0


def ratio(a: Tail, b: Tail) -> float | None:
    """lim a/b."""
    if is_o(a, b):
        return 0.0
    if is_o(b, a):
        return math.inf
    return None if a.c0 is None or b.c0 is None else a.c0 / b.c0
