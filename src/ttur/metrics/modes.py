"""Modes covered: how many classes of the real samples a generator also makes."""

from typing import Any

import numpy as np
from jaxtyping import Int, Num

from ttur.metrics.samples import as_array


def modes_covered(
    generated_logits: Num[Any, "generated_samples classes"],
    real_logits: Num[Any, "real_samples _"],
    share: float = 0.1,
) -> int:
    """Classes, by arg-max, that are generated at least `share` times as often as they are real.

    A class without real samples is no mode. As `share` goes to 0, one generated sample covers a
    mode (Metz et al. 2017; Srivastava et al. 2017, on stacked digits); that count rises with
    the number of samples and with every error of the classifier, which `share` keeps out as long as
    they are rarer than it. Every sample has a class, whatever it looks like: this number says
    nothing about quality, so read it beside a distance. Samples count in whole ones: a mode needs
    share · (its real share) · (generated samples), rounded up.

    Raises:
        ValueError: if `share` is not in (0, 1], a side has no samples, the numbers of classes
            differ, or a logit is NaN.
    """
    if not 0 < share <= 1:
        raise ValueError(f"expected a share above 0 and at most 1, got {share}")
    generated, real = as_array(generated_logits), as_array(real_logits)
    if generated.shape[1] != real.shape[1]:
        raise ValueError(
            f"expected logits of the same classes, got {generated.shape[1]} (generated) and "
            f"{real.shape[1]} (real); both sides must come from the same classifier"
        )
    generated_counts, real_counts = _class_counts(generated), _class_counts(real)
    # In binary 0.1 · 3 is a little above 0.3; a boundary written in decimals must be met exactly.
    needed = np.ceil(share * real_counts * len(generated) / len(real) - 1e-9)
    return int(((real_counts > 0) & (generated_counts >= np.maximum(needed, 1))).sum())


def _class_counts(logits: Num[np.ndarray, "samples classes"]) -> Int[np.ndarray, " classes"]:
    """Samples of each class; the first of equal logits has it."""
    if len(logits) == 0:
        raise ValueError("expected at least one sample on each side, got none")
    if np.isnan(logits).any():
        raise ValueError("expected logits, got NaN; look at the images")
    return np.bincount(logits.argmax(axis=1), minlength=logits.shape[1])
