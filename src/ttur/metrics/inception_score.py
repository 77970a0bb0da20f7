"""Inception Score of class logits."""

from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Num
from scipy.special import log_softmax

from ttur.metrics.moments import as_array


def inception_score(logits: Num[Any, "samples classes"], splits: int = 10) -> float:
    """exp E_x KL(p(y|x) || p(y)), natural log, mean over consecutive splits (Salimans et al. 2016).

    Split i holds the samples from ⌊iN/splits⌋, in the order given: nothing is shuffled and none is
    dropped. In float64; array or tensor.

    Raises:
        ValueError: if there are fewer samples than splits, or a logit is not finite.
    """
    logits = as_array(logits)
    count = len(logits)
    if not 1 <= splits <= count:
        raise ValueError(
            f"expected at least one sample per split, got {count} for {splits} splits; "
            "add images or ask for fewer splits"
        )
    if not np.isfinite(logits).all():
        raise ValueError("expected finite logits, got NaN or infinity; look at the images")
    log_conditional = log_softmax(logits.astype(np.float64), axis=1)
    boundaries = [i * count // splits for i in range(splits + 1)]
    return float(np.mean([_score(log_conditional[a:b]) for a, b in pairwise(boundaries)]))


def _score(log_conditional: np.ndarray) -> float:
    conditional = np.exp(log_conditional)
    marginal = conditional.mean(axis=0)
    # A class that underflows everywhere has p log p = 0, and log 0 only there.
    log_marginal = np.log(np.where(marginal > 0, marginal, 1))
    divergence = (conditional * (log_conditional - log_marginal)).sum(axis=1)
    return float(np.exp(divergence.mean()))
