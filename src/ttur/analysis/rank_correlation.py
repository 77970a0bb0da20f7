"""Spearman's rank correlation, with its distribution under no relation found by permuting."""

import math

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

PERMUTATIONS = 9999


def spearman(
    x: Float[np.ndarray, " settings"],
    y: Float[np.ndarray, " settings"],
    strata: Float[np.ndarray, " settings"] | None = None,
) -> tuple[float, float] | None:
    """Spearman's correlation and the share of permutations of `y` at least as far from 0.

    Ties share their mean rank; the order that was found counts as one permutation, so p > 0. The
    permutations are the same at every call. With `strata` ranks and permutations are within
    settings of one stratum. None if all of `x` or of `y` are equal there.
    """
    parts = [np.full(len(x), True)]
    if strata is not None:
        parts = [strata == stratum for stratum in np.unique(strata)]
    a, b = np.zeros((2, len(x)))
    for part in parts:
        for ranks, values in ((a, x), (b, y)):
            ranks[part] = rankdata(values[part]) - (part.sum() + 1) / 2
    size = math.sqrt((a @ a) * (b @ b))
    if size == 0:
        return None
    noise = np.random.default_rng(0)
    shuffled = np.tile(b, (PERMUTATIONS, 1))
    for part in parts:
        shuffled[:, part] = noise.permuted(shuffled[:, part], axis=1)
    found = float(a @ b) / size
    as_far = np.abs(shuffled @ a) / size >= abs(found) - 1e-12  # but for rounding
    return found, float(1 + as_far.sum()) / (1 + PERMUTATIONS)
