"""Whether early probes rank late distances, of runs that never ran."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from reports.records import RATES, described, ended, grid, grid_run, probes
from ttur.analysis.groups import group_runs
from ttur.analysis.ranking import rankings, spearman
from ttur.reports.tables import ranking_title
from ttur.training.record import RunRecord


def diverged(run: RunRecord) -> RunRecord:
    run = described(replace(run, directory=run.directory.with_name("seed-2")), seed=2)
    run = replace(run, updates=900, evaluations=run.evaluations[:1], probes=probes(9.0, 9.0)[:9])
    return ended(run, "diverged@900")


def scipy_spearman(x: Any, y: Any) -> float:
    result: Any = spearmanr(x, y)
    return float(result.statistic)


def test_ranks_are_of_early_probes_against_late_distances():
    (ranking,) = rankings(group_runs(grid()))
    assert (ranking.experiment, ranking.metric, ranking.diverged) == ("grid", "fid", 0)
    first = next(place for place in ranking.places if place.label == "ttur_1e-3_1e-4")
    assert first.early["perturbation_ratio"] == pytest.approx(
        0.1
    )  # not the 5.0 of the later probes
    assert first.early["tracking_gap"] == pytest.approx(0.1)  # the first, though it came late
    assert first.early["rate_ratio"] == pytest.approx(0.1)
    assert first.late == 10.5  # of the last fifth, over two seeds; not the 1.0 before
    found = {each.predictor: each for each in ranking.correlations}
    assert found["tracking_gap"].spearman == pytest.approx(1.0)
    assert found["time_scale_ratio"].spearman == pytest.approx(-33 / 35)  # 1 - 6 · 2 / 210
    assert found["perturbation_ratio"].spearman is None
    assert found["perturbation_ratio"].settings == 6
    # Ranks of a: 1.5, 3.5, 5.5 twice; those of the distance 1..6.
    assert found["generator_rate"].spearman == pytest.approx(
        scipy_spearman([1, 2, 3] * 2, range(6))
    )


def test_ranks_at_equal_a_compare_settings_of_one_generator_rate():
    """Each a has two settings here: the gap ranks all three pairs, eps_eff two of them."""
    (ranking,) = rankings(group_runs(grid()))
    found = {each.predictor: each for each in ranking.correlations}
    assert found["tracking_gap"].at_equal_rate == pytest.approx(1.0)
    assert found["time_scale_ratio"].at_equal_rate == pytest.approx(
        -1.0
    )  # 6 > 3, 5 > 1, 4 > 2 by rank 1..6
    assert found["generator_rate"].at_equal_rate is None  # nothing is left of it
    assert found["tracking_gap"].at_equal_rate_p_value == pytest.approx(
        2 / 8, abs=0.02
    )  # 2 of 2³ orders


def test_strata_are_ranked_and_permuted_by_themselves():
    """As the sum over strata of centred ranks, written out; a shift of a stratum is no matter."""
    x = np.array([1.0, 5.0, 3.0, 10.0, 30.0, 20.0])
    y = np.array([2.0, 1.0, 3.0, 7.0, 9.0, 8.0])
    strata = np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])
    a, b = [-1, 1, 0, -1, 1, 0], [0, -1, 1, -1, 1, 0]
    found = spearman(x, y, strata)
    assert found is not None
    assert found[0] == pytest.approx(np.dot(a, b) / 4)
    assert spearman(x + 100 * strata, y - 7 * strata, strata) == found
    assert spearman(x, y, np.zeros(6)) == spearman(x, y)
    assert spearman(x, y, np.arange(6.0)) is None


def test_seeds_agree_as_far_as_their_late_values_rank_alike():
    def ranking_of(runs: list[RunRecord]):
        return rankings(group_runs(runs))[0]

    assert ranking_of(grid()).agreement == pytest.approx(1.0)
    reverse = {0: 1.0, 1: -1.0}
    turned = [
        grid_run(b, a, seed, gap=0.1, eps=1.0, last=10.0 + rank * reverse[seed])
        for rank, (b, a) in enumerate(RATES)
        for seed in (0, 1)
    ]
    assert ranking_of(turned).agreement == pytest.approx(-1.0)
    assert "two seeds agree to -1.00" in ranking_title(ranking_of(turned))
    assert ranking_of([run for run in turned if run.seed == 0]).agreement is None


def test_the_early_value_of_the_metric_is_a_predictor_too():
    """The last evaluation of the first fifth; an evaluation after one update alone says nothing."""
    early = [
        replace(run, evaluations=(replace(run.evaluations[0], update=1), *run.evaluations))
        for run in grid()
    ]
    (ranking,) = rankings(group_runs(early))
    assert {place.early["early_value"] for place in ranking.places} == {1.0}
    (alone,) = rankings(group_runs(grid()))
    assert all("early_value" not in place.early for place in alone.places)


def test_diverged_runs_are_counted_and_change_no_rank():
    runs = grid()
    alone = diverged(grid_run(5e-3, 5e-3, 0, gap=9.0, eps=9.0, last=1.0))
    (ranking,) = rankings(group_runs([*runs, diverged(runs[0]), alone]))
    (without,) = rankings(group_runs(runs))
    assert ranking.correlations == without.correlations
    assert (len(ranking.places), ranking.diverged) == (7, 2)
    assert [place.late for place in ranking.places if place.late is None] == [None]
    assert "7 settings, 14 runs, 2 diverged" in ranking_title(ranking)


def test_five_settings_or_none_monitored_are_no_ranking():
    runs = grid()
    assert rankings(group_runs(runs[:10])) == []
    assert rankings(group_runs([replace(run, probes=()) for run in runs])) == []


@pytest.mark.parametrize("settings", [5, 6])
def test_p_is_the_share_of_all_orders_that_are_as_far(settings):
    """Against all permutations: with 9,999 random ones p is within 4 · sqrt(.25 / 9999) = .02."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, settings))
    found = spearman(x, y)
    assert found is not None
    exact = [scipy_spearman(x, order) for order in itertools.permutations(y)]
    assert found[0] == pytest.approx(scipy_spearman(x, y))
    assert found[1] == pytest.approx(np.mean(np.abs(exact) >= abs(found[0]) - 1e-9), abs=0.02)
    assert spearman(np.arange(20.0), np.arange(20.0)) == (pytest.approx(1.0), 1e-4)
