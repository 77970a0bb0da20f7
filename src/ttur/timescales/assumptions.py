"""Which assumptions of the convergence theorems two step-size sequences satisfy."""

import math
from dataclasses import dataclass
from typing import Literal

from ttur.timescales.step_sizes import LearningRatePair
from ttur.timescales.tails import (
    StepFunction,
    Tail,
    inverse_rate,
    is_o,
    ratio,
    sum_is_infinite,
    tail_of,
    vanishes,
    with_floor,
)


@dataclass(frozen=True)
class StepReport:
    """What two step-size sequences satisfy; None where it could not be decided.

    `a` is the slow sequence (generator), `b` the fast one (discriminator). `a2` is what Theorems 1,
    3 and 5 ask; the others are named after theorem and assumption. What Theorems 4 to 11 ask of
    the fields (Hurwitz conditions, noise moments) is not judged here.
    """

    regime: Literal["constant", "power_law", "halving", "ending", "estimated"]
    sum_a_infinite: bool | None
    sum_b_infinite: bool | None
    sum_a_squared_finite: bool | None
    sum_b_squared_finite: bool | None
    a_is_o_of_b: bool | None
    a2: bool | None
    theorem_4: bool | None  # Eq. 32: sum (a/b)^d < inf for some d
    theorem_5_a4: bool | None  # A2, and neither ever increases
    theorem_6_a2: bool | None  # never increasing, to zero, infinite sums, a/b -> eps < inf
    theorem_6_a4: bool | None  # abar < inf (and bbar = 0 if eps = 0, which follows)
    theorem_8_a3: bool | None  # 1/2 < beta < alpha <= 1, and a0 > 1 / (2 e_min) if alpha = 1
    theorem_10: bool | None  # one sequence (b = c a), infinite sum, finite sum of squares
    abar: float | None  # lim 1/a(n+1) - 1/a(n)
    bbar: float | None
    eps_limit: float | None  # lim a/b
    reasons: list[str]


def check_step_sizes(
    a: StepFunction | LearningRatePair, b: StepFunction | None = None, *, e_min: float | None = None
) -> StepReport:
    """Assumption A2 and its relatives, exact for our sequences (`timescales.step_sizes`).

        >>> pair = ttur.LearningRatePair(ttur.PowerLaw(1e-2, p=0.6), ttur.PowerLaw(1e-2, p=0.9))
        >>> ttur.check_step_sizes(pair).a2
        True

    Takes the slow and the fast sequence, or a pair, whose floor turns what falls into a constant.
    Any other callable has its exponent estimated on n = 1e3 … 1e5, and nothing is claimed within
    0.02 of a boundary. `e_min`, the smallest |Re eigenvalue| of the slow linearisation, decides
    Theorem 8 where a falls like 1/n.

    Raises:
        ValueError: if b is missing, or a callable's values are not finite and > 0.
    """
    if isinstance(a, LearningRatePair):
        a, b = (with_floor(sequence, a.floor) for sequence in (a.generator, a.discriminator))
    if b is None:
        raise ValueError("check_step_sizes needs two sequences, got one; pass (a, b) or a pair")
    slow, fast = tail_of(a), tail_of(b)
    sums = {
        "sum_a_infinite": sum_is_infinite(slow, 1),
        "sum_b_infinite": sum_is_infinite(fast, 1),
        "sum_a_squared_finite": _not(sum_is_infinite(slow, 2)),
        "sum_b_squared_finite": _not(sum_is_infinite(fast, 2)),
        "a_is_o_of_b": is_o(slow, fast),
    }
    abar, bbar, eps_limit = inverse_rate(slow), inverse_rate(fast), ratio(slow, fast)
    a2 = _all(*sums.values())
    decided = sums | {
        "a2": a2,
        "theorem_4": is_o(slow, fast, by_a_power=True),
        "theorem_5_a4": _all(a2, slow.never_increases, fast.never_increases),
        "theorem_6_a2": _all(
            slow.never_increases,
            fast.never_increases,
            vanishes(fast),  # and with it a, where a/b has a finite limit
            sums["sum_a_infinite"],
            sums["sum_b_infinite"],
            None if eps_limit is None else eps_limit < math.inf,
        ),
        # That bbar = 0 where eps = 0 need not be asked: 1/b = o(1/a), and 1/a is at most linear.
        "theorem_6_a4": None if abar is None else abar < math.inf,
        "theorem_8_a3": _theorem_8(slow, fast, e_min),
        "theorem_10": _all(
            None if eps_limit is None else 0 < eps_limit < math.inf and slow.offset == fast.offset,
            sums["sum_a_infinite"],
            sums["sum_a_squared_finite"],
        ),
    }
    reasons = [_WHY_NOT[name] for name, holds in decided.items() if holds is False]
    reasons += [
        f"{name} is undetermined: a ~ n^-p with p estimated in [{slow.low:.3g}, {slow.high:.3g}], "
        f"b in [{fast.low:.3g}, {fast.high:.3g}]"
        + ("; Theorem 8 needs e_min at alpha = 1" if name == "theorem_8_a3" else "")
        for name, holds in decided.items()
        if holds is None
    ]
    regime = _regime(slow, fast)
    if regime == "constant":
        reasons.append(
            f"constant rates, eps = a/b = {eps_limit:g}: what is left of the theorems is a "
            "stationary error of order sqrt(b) and the ODE followed within O(eps + b)"
        )
    return StepReport(
        regime=regime, **decided, abar=abar, bbar=bbar, eps_limit=eps_limit, reasons=reasons
    )


_WHY_NOT = {
    "sum_a_infinite": "sum a(n) is finite, the generator may stop short: a power needs alpha <= 1, "
    "and halving every k updates sums to 2 k a(1)",
    "sum_b_infinite": "sum b(n) is finite, the discriminator may stop short: a power needs "
    "beta <= 1, and halving every k updates sums to 2 k b(1)",
    "sum_a_squared_finite": "sum a(n)^2 is infinite, noise is not averaged out: alpha > 1/2",
    "sum_b_squared_finite": "sum b(n)^2 is infinite, noise is not averaged out: beta > 1/2",
    "a_is_o_of_b": "a is not o(b): the generator's rate must fall faster than the discriminator's",
    "a2": "assumption A2 fails",
    "theorem_4": "Theorem 4 (Eq. 32) fails: a/b must fall like a power of n, a log is not enough",
    "theorem_5_a4": "Theorem 5 A4 fails: it needs A2 and rates that never increase",
    "theorem_6_a2": "Theorem 6 A2 fails: it needs rates that fall to zero and never increase, "
    "infinite sums, a/b with a finite limit",
    "theorem_6_a4": "Theorem 6 A4 fails: lim 1/a(n+1) - 1/a(n) must be finite",
    "theorem_8_a3": "Theorems 8 and 9 fail: 1/2 < beta < alpha <= 1 without logs, and "
    "a0 > 1 / (2 e_min) if alpha = 1",
    "theorem_10": "Theorems 10 and 11 fail: b = c a, sum a infinite, sum a^2 finite",
}


def _regime(a: Tail, b: Tail) -> Literal["constant", "power_law", "halving", "ending", "estimated"]:
    if a.q is None or b.q is None:
        return "estimated"
    if math.inf in (a.rate, b.rate):
        return "ending"
    if a.rate > 0 or b.rate > 0:
        return "halving"
    return "constant" if a.low == b.low == a.q == b.q == 0 else "power_law"


def _all(*values: bool | None) -> bool | None:
    """Three-valued and: one False decides, otherwise one None leaves it open."""
    return False if False in values else None if None in values else True


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def _theorem_8(a: Tail, b: Tail, e_min: float | None) -> bool | None:
    pure = _all(*(None if tail.q is None else tail.q == 0 and not tail.rate for tail in (a, b)))
    half = _not(sum_is_infinite(b, 2))
    ordered = is_o(a, b, by_a_power=True)
    if a.high < 1 or a.low > 1:
        strong = a.high < 1
    else:
        strong = None if a.c0 is None or e_min is None else a.c0 > 1 / (2 * e_min)
    return _all(pure, half, ordered, strong)
