"""What a run is told before it starts: its step sizes, which n to keep, how much memory."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ttur.theory.checks import check_at_least
from ttur.timescales.step_sizes import StepSequence

StepSizes = Callable[..., Any]  # n -> s(n) > 0, with n from 1
Record = Sequence[int] | Int[np.ndarray, " recorded"] | int | np.integer
MOST_GIB = 2  # of iterates or matrices kept, and of step sizes


def step_sizes(name: str, sequence: StepSizes, count: int) -> Float[np.ndarray, " {count}"]:
    """s(1), ..., s(count).

    Raises:
        ValueError: if count < 1, it is no sequence, or a step is not finite and > 0.
    """
    check_at_least("the number of updates", count, 1)
    if not callable(sequence):
        raise ValueError(
            f"{name} should be a function n -> {name}(n) such as Constant(0.1), got "
            f"{type(sequence).__name__}; for an array s take lambda n: s[n - 1]"
        )
    if isinstance(sequence, StepSequence):
        values = sequence(np.arange(1, count + 1))
    else:
        values = np.array([float(sequence(n)) for n in range(1, count + 1)])
    wrong = ~(np.isfinite(values) & (values > 0))
    if wrong.any():
        n = int(np.argmax(wrong)) + 1
        raise ValueError(f"{name}(n) should be finite and > 0, got {values[n - 1]} at n = {n}")
    return values


def recorded(record: Record, first: int, last: int) -> Int[np.ndarray, " kept"]:
    """The n to keep, as given; a number means every so many, and `last`.

    Raises:
        ValueError: if there is none, or one is not among first ... last.
    """
    if isinstance(record, int | np.integer):
        if record < 1:
            raise ValueError(f"record should keep every so many updates >= 1, got {record}")
        every = np.append(np.arange(0, last, record), last)
        return every[every >= first]
    kept = np.asarray(record, dtype=np.int64)
    if not kept.size or kept.min() < first or kept.max() > last:
        span = f"{kept.min()} ... {kept.max()}" if kept.size else "none"
        raise ValueError(f"recorded n should lie in {first} ... {last}, got {span}")
    return kept


def check_memory(what: str, count: int, size: int, which: str) -> None:
    """`count` times `size` float64 numbers fit into MOST_GIB.

    Raises:
        ValueError: if they do not.
    """
    gib = count * size * 8 / 2**30
    if gib > MOST_GIB:
        raise ValueError(
            f"the {what} of {which} take {gib:.3g} GiB, expected at most {MOST_GIB}; take fewer "
            "updates or replicas, or record fewer n"
        )
