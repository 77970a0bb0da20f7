"""Inception Score of class logits, and the Inception Distance made of it."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Num
from scipy.special import log_softmax

from ttur.metrics.samples import as_array

SPLITS = 10  # what everybody takes


@dataclass(frozen=True)
class InceptionScore:
    """Mean and standard deviation (ddof 0) over the splits.

    The deviation is what papers print behind ±. It is no error of the mean: a score of N/splits
    samples is lower than that of N, and the order of the images moves both.
    """

    mean: float
    standard_deviation: float
    splits: int


def inception_scores(
    logits: Num[Any, "samples classes"], splits: int = SPLITS, *, of: int | None = None
) -> InceptionScore:
    """exp E_x KL(p(y|x) || p(y)), natural log, on consecutive splits (Salimans et al. 2016).

    Split i holds the samples from ⌊iN/splits⌋, in the order given: nothing is shuffled and none is
    dropped. With `of`, splits of so many samples and a last one of the rest, as ADM's evaluator
    takes 5,000, all of one weight. In float64; array or tensor.

    Raises:
        ValueError: if there are fewer samples than splits, or a logit is not finite.
    """
    logits = as_array(logits)
    count = len(logits)
    splits = splits if of is None else 1
    if not 1 <= splits <= count:
        raise ValueError(
            f"expected at least one sample per split, got {count} for {splits} splits; "
            "add images or ask for fewer splits"
        )
    if not np.isfinite(logits).all():
        raise ValueError("expected finite logits, got NaN or infinity; look at the images")
    log_conditional = log_softmax(logits.astype(np.float64), axis=1)
    boundaries = [i * count // splits for i in range(splits + 1)]
    if of is not None:
        boundaries = [*range(0, count, of), count]
    scores = [_score(log_conditional[a:b]) for a, b in pairwise(boundaries)]
    return InceptionScore(float(np.mean(scores)), float(np.std(scores)), len(scores))


def shuffled_scores(
    logits: Num[Any, "samples classes"],
    splits: int = SPLITS,
    *,
    of: int | None = None,
    seed: int = 0,
) -> InceptionScore:
    """The same in random order: the difference is what the order given costs, by class above all.

    Raises:
        ValueError: as `inception_scores`.
    """
    logits = as_array(logits)
    order = np.random.default_rng(seed).permutation(len(logits))
    return inception_scores(logits[order], splits, of=of)


def inception_score(logits: Num[Any, "samples classes"], splits: int = SPLITS) -> float:
    """The mean of `inception_scores` alone."""
    return inception_scores(logits, splits).mean


def inception_distance(score: float, constant: float | int) -> float:
    """IND = constant - IS: falls as samples improve, as a distance should (Heusel et al. 2017).

    The paper has three readings of the constant: its text takes the number of samples m (IS ≤ m),
    its figures one constant per disturbance, its plotting code the largest score over the levels.
    Only under the first is IND never negative for any samples; only differences compare.
    """
    return constant - score


def _score(log_conditional: np.ndarray) -> float:
    conditional = np.exp(log_conditional)
    marginal = conditional.mean(axis=0)
    # A class that underflows everywhere has p log p = 0, and log 0 only there.
    log_marginal = np.log(np.where(marginal > 0, marginal, 1))
    divergence = (conditional * (log_conditional - log_marginal)).sum(axis=1)
    return float(np.exp(divergence.mean()))
