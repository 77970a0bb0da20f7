"""Inception Score: closed forms, splits, extremes."""

import math
import statistics

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ttur.metrics.inception_score import inception_distance, inception_score, inception_scores

LOGITS = np.random.default_rng(0).normal(size=(103, 7)) * 3


def literal_scores(logits: np.ndarray, splits: int) -> list[float]:
    """exp(E KL(p(y|x) || p(y))) of each split, term by term."""
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
    return scores


@pytest.mark.parametrize("splits", [1, 2, 10, 103])
def test_the_definition(splits: int):
    score, literal = inception_scores(LOGITS, splits), literal_scores(LOGITS, splits)
    assert score.mean == pytest.approx(statistics.mean(literal), rel=1e-12)
    # of the population (ddof 0), as torch-fidelity prints it
    assert score.standard_deviation == pytest.approx(statistics.pstdev(literal), rel=1e-9)
    assert score.splits == splits
    assert inception_score(LOGITS, splits) == score.mean


@settings(deadline=None)
@given(
    logits=arrays(
        np.float64, st.tuples(st.integers(4, 12), st.integers(2, 5)), elements=st.floats(-1e3, 1e3)
    ),
    splits=st.integers(1, 4),
)
def test_a_score_lies_between_one_and_classes_and_samples(logits: np.ndarray, splits: int):
    """KL ≥ 0 and mutual information ≤ log of either number."""
    count, classes = logits.shape
    score = inception_scores(logits, splits)
    most = min(classes, -(-count // splits))
    assert 1 - 1e-12 <= score.mean <= most * (1 + 1e-12)
    assert 0 <= score.standard_deviation <= (most - 1) / 2 + 1e-12


def test_order_within_a_split_and_of_classes_changes_nothing():
    shuffled = np.random.default_rng(1).permutation(LOGITS)[:, ::-1]
    assert inception_score(shuffled, 1) == pytest.approx(inception_score(LOGITS, 1), rel=1e-12)


def test_the_inception_distance_in_its_three_readings():
    """Gaussian blur in the paper's table: scores of the four levels, plotted as 2.5 - IS."""
    scores = [2.248, 2.175, 2.032, 2.191]
    plotted = [inception_distance(score, 2.5) for score in scores]
    assert plotted == pytest.approx([0.252, 0.325, 0.468, 0.309], abs=1e-12)
    of_samples = [inception_distance(score, 50_000) for score in scores]
    assert min(of_samples) > 0
    below_best = [inception_distance(score, max(scores)) for score in scores]
    assert below_best[0] == 0
    # whatever the constant, differences between the levels are the same
    for reading in (of_samples, below_best):
        assert np.diff(reading) == pytest.approx(np.diff(plotted), abs=1e-9)


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
