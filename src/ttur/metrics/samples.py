"""Feature vectors as they come, of arrays or tensors; two sets of them, checked before use."""

from typing import Any

import numpy as np
from jaxtyping import Num

ROWS_AT_ONCE = 4096  # checked together


def as_array(values: Any) -> np.ndarray:
    """Array or tensor → array; by its methods, so that this module does not import torch."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values)


def two_sides(
    real: Num[Any, "_ _"], generated: Num[Any, "_ _"], *, least: int, reason: str
) -> tuple[Num[np.ndarray, "_ _"], Num[np.ndarray, "_ _"]]:
    """Both as arrays of one dimension, finite, with at least `least` rows; `reason` says why.

    Raises:
        ValueError: if they are not.
    """
    sides = as_array(real), as_array(generated)
    if sides[0].shape[1] != sides[1].shape[1]:
        raise ValueError(
            f"expected features of one dimension, got {sides[0].shape[1]} (real) and "
            f"{sides[1].shape[1]} (generated); both sides must come from the same extractor"
        )
    for name, side in zip(("real", "generated"), sides, strict=True):
        if len(side) < least:
            raise ValueError(
                f"expected at least {least} samples on each side, got {len(side)} {name}; {reason}"
            )
        for start in range(0, len(side), ROWS_AT_ONCE):
            if not np.isfinite(side[start : start + ROWS_AT_ONCE]).all():
                raise ValueError(
                    f"expected finite features, got NaN or infinity among the {name}; look for NaN "
                    "pixels, weights of another network, or overflow in half precision"
                )
    return sides
