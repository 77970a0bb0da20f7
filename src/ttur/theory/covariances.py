"""Second moments of linear iterations: normalised as Theorem 6 has them, propagated exactly."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ttur.theory.checks import array_of_shape
from ttur.theory.schedule import Record, recorded


class Covariances(NamedTuple):
    """Sigma11 = E[th th^T] / a(n), Sigma12 = E[th wh^T] / a(n), Sigma22 = E[wh wh^T] / b(n).

    th = theta - theta*, wh = w - lambda(theta) with lambda the root of the fast field (Eq. 93-95,
    corrected: E19). Shapes (m, m), (m, k), (k, k); behind an axis of recorded n where there is one.
    """

    S11: Float[np.ndarray, "*n m m"]
    S12: Float[np.ndarray, "*n m k"]
    S22: Float[np.ndarray, "*n k k"]


def propagate(
    T: Float[np.ndarray, "N size size"],
    Q: Float[np.ndarray, "N size size"],
    record: Record,
    S0: ArrayLike | None = None,
) -> Float[np.ndarray, "recorded size size"]:
    """E[x x^T] of x <- T_n x + noise of covariance Q_n, after updates 1 ... n for each recorded n.

    Raises:
        ValueError: if a recorded n is not among 1 ... N, or S0 (default 0) has another shape.
    """
    kept = recorded(record, 1, len(T)).tolist()
    S = np.zeros(T.shape[1:]) if S0 is None else array_of_shape("S0", S0, T.shape[1:])
    history = {}
    wanted = set(kept)
    for n, (T_n, Q_n) in enumerate(zip(T, Q, strict=True), start=1):
        S = T_n @ S @ T_n.T + Q_n
        if n in wanted:
            history[n] = S
    return np.stack([history[n] for n in kept])


def square_root(Gamma: Float[np.ndarray, "size size"]) -> Float[np.ndarray, "size size"]:
    """C with C C^T = Gamma: lower triangular, unless Gamma has a direction without noise."""
    try:
        return np.linalg.cholesky(Gamma)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(Gamma)
        return vectors * np.sqrt(np.maximum(values, 0))
