"""Inception Score: closed forms, splits, extremes."""

import math

import numpy as np
import pytest
import torch

from ttur.metrics.inception_score import inception_score

LOGITS = np.random.default_rng(0).normal(size=(103, 7)) * 3


def literal_score(logits: np.ndarray, splits: int) -> float:
    """exp(E KL(p(y|x) || p(y))), term by term."""
    scores, count = [], len(logits)
    for split in range(splits):
        part = logits[split * count // splits : (split + 1) * count // splits]
        conditional = [[math.exp(v) / sum(math.exp(u) for u in row) for v in row] for row in part]
        marginal = [sum(column) / len(part) for column in zip(*conditional, strict=True)]
        divergences = [
            sum(p * (math.log(p) - math.log(q)) for p, q in zip(row, marginal, strict=True))
            for row in conditional
        ]
        scores.append(math.exp(sum(divergences) / len(part)))
    return sum(scores) / splits


@pytest.mark.parametrize("splits", [1, 2, 10, 103])
def test_the_definition(splits: int):
    assert inception_score(LOGITS, splits) == pytest.approx(
        literal_score(LOGITS, splits), rel=1e-12
    )


def test_certain_and_even_predictions_score_the_number_of_classes():
    certain = np.tile(np.eye(5) * 1e4, (20, 1))  # every other probability underflows to 0
    assert inception_score(certain, splits=10) == pytest.approx(5, rel=1e-12)


def test_one_class_or_no_opinion_scores_one():
    assert inception_score(np.tile([1e4, 0, 0], (20, 1))) == pytest.approx(1, rel=1e-12)
    assert inception_score(np.zeros((20, 3))) == pytest.approx(1, rel=1e-12)


def test_a_shift_of_all_logits_changes_nothing():
    assert inception_score(LOGITS + 1e3) == pytest.approx(inception_score(LOGITS), rel=1e-9)


def test_splits_are_consecutive():
    """Five images of each class in turn: within a split of five, nothing varies."""
    sorted_logits = np.repeat(np.eye(4) * 1e3, 5, axis=0)
    assert inception_score(sorted_logits, splits=4) == pytest.approx(1, rel=1e-12)
    assert inception_score(sorted_logits, splits=1) == pytest.approx(4, rel=1e-12)


def test_single_precision_tensors_are_scored_in_double():
    logits = torch.from_numpy(LOGITS).float()
    expected = inception_score(logits.double().numpy())
    assert inception_score(logits) == expected


@pytest.mark.parametrize(("count", "splits"), [(9, 10), (0, 1), (5, 0)])
def test_fewer_samples_than_splits_are_refused(count: int, splits: int):
    with pytest.raises(ValueError, match=f"got {count} for {splits} splits"):
        inception_score(np.zeros((count, 3)), splits)


def test_logits_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="finite logits"):
        inception_score(np.full((20, 3), np.nan))
