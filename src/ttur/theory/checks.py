"""Assumptions of the theorems as checks: an error says which one fails, and by how much."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

# What np.asarray takes; run-time checks are stricter than it.
Numbers = ArrayLike | float | int | Sequence[Any]


def array_of_shape(name: str, values: Numbers, shape: Sequence[int]) -> Float[np.ndarray, "..."]:
    """`values` as a float64 array of that shape, every entry finite.

    Raises:
        ValueError: if the shape is another, or an entry is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.shape != tuple(shape):
        raise ValueError(f"{name} should have the shape {tuple(shape)}, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} should be finite, got {array[~np.isfinite(array)][0]}")
    return array


def check_hurwitz(name: str, matrix: Float[np.ndarray, "size size"], assumption: str) -> float:
    """The largest real part of the eigenvalues of `matrix`, below 0 as `assumption` asks.

    Raises:
        ValueError: if one has not; names the assumption and the largest real part.
    """
    largest = float(np.linalg.eigvals(matrix).real.max())
    if not largest < 0:
        raise ValueError(
            f"{assumption} fails: {name} should be Hurwitz (all real parts of its eigenvalues "
            f"below 0), its largest is {largest:.6g}"
        )
    return largest


def check_covariance(name: str, matrix: Float[np.ndarray, "size size"]) -> None:
    """`matrix` is symmetric and has no negative eigenvalue, up to rounding.

    Raises:
        ValueError: if not; gives the largest asymmetry or the smallest eigenvalue.
    """
    rounding = 1e-12 * max(1.0, float(np.abs(matrix).max()))
    if (asymmetry := float(np.abs(matrix - matrix.T).max())) > rounding:
        raise ValueError(
            f"{name} should be a covariance, it differs from its transpose by up to {asymmetry:.3g}"
        )
    if (smallest := float(np.linalg.eigvalsh(matrix)[0])) < -rounding:
        raise ValueError(
            f"{name} should be a covariance, its smallest eigenvalue is {smallest:.6g}"
        )


def check_in_range(
    name: str, value: float, low: float, high: float, assumption: str = "", *, why: str = ""
) -> None:
    """low < value <= high and value finite, as `assumption` asks; `why` is for what is none.

    Raises:
        ValueError: if not; names the assumption and the distance to the range.
    """
    if not low < value <= high or not np.isfinite(value):
        beyond = low - value if value <= low else value - high
        distance = f", {beyond:.3g} outside" if 0 < beyond < np.inf else ""
        close = "]" if np.isfinite(high) else ")"
        raise ValueError(
            (f"{assumption} fails: " if assumption else "")
            + f"{name} should lie in ({low:g}, {high:g}{close}, got {value:g}{distance}"
            + (f": {why}" if why else "")
        )


def check_at_least(name: str, value: int, least: int) -> None:
    """A count that is large enough.

    Raises:
        ValueError: if it is below `least`.
    """
    if value < least:
        raise ValueError(f"{name} should be at least {least}, got {value}")


def check_momentum(name: str, value: float) -> None:
    """The coefficient of a moving average, in [0, 1).

    Raises:
        ValueError: if it is not; names it.
    """
    if not 0 <= value < 1:
        raise ValueError(f"{name} should lie in [0, 1), got {value:g}")


def check_positive_definite(
    name: str, matrices: Float[np.ndarray, "... size size"], assumption: str
) -> None:
    """x^T matrix x > 0 for every x != 0 and every one of `matrices`, as `assumption` asks.

    Raises:
        ValueError: if not; names the assumption and the smallest eigenvalue of a symmetric part.
    """
    smallest = float(np.linalg.eigvalsh((matrices + np.swapaxes(matrices, -1, -2)) / 2).min())
    if not smallest > 0:
        raise ValueError(
            f"{assumption} fails: {name} should be positive definite, the smallest eigenvalue of "
            f"its symmetric part is {smallest:.6g}"
        )


def check_stochastic(name: str, chains: Float[np.ndarray, "... states states"]) -> None:
    """Square matrices whose entries are probabilities and whose rows sum to 1.

    Raises:
        ValueError: if not; names the shape, the worst entry or the worst sum.
    """
    if chains.ndim < 2 or chains.shape[-1] != chains.shape[-2]:
        raise ValueError(f"{name} should be (states, states), got the shape {chains.shape}")
    if not chains.min() >= 0:
        raise ValueError(f"{name} should hold probabilities, its smallest entry is {chains.min()}")
    sums = chains.sum(axis=-1)
    worst = sums.flat[np.abs(sums - 1).argmax()]
    if abs(worst - 1) > 1e-9:
        raise ValueError(f"{name} should have rows that sum to 1, one sums to {worst:.9g}")


def check_irreducible(
    name: str, chains: Float[np.ndarray, "... states states"], assumption: str
) -> None:
    """Every state of the Markov chain reaches every other, as `assumption` asks.

    Raises:
        ValueError: if not; names the assumption and a pair of states.
    """
    states = chains.shape[-1]
    reached = (chains > 0) | np.eye(states, dtype=bool)
    for _ in range((states - 1).bit_length()):  # paths of twice the length
        reached = reached @ reached
    if not reached.all():
        *_, start, end = np.argwhere(~reached)[0]
        raise ValueError(
            f"{assumption} fails: {name} should be irreducible, state {start} of {states} never "
            f"reaches state {end}"
        )
