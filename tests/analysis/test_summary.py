import json
from dataclasses import replace
from pathlib import Path

import pytest

from reports.records import (
    RUNS,
    configured,
    described,
    labelled,
    own_networks,
    record,
    with_values,
)
from ttur.analysis.groups import curve, group_runs
from ttur.analysis.spread import Spread
from ttur.analysis.summary import summaries


def test_settings_come_in_the_papers_order():
    groups = group_runs(RUNS)
    assert [group.title for group in groups] == ["orig 1e-4", "orig 5e-4", "TTUR 1e-4 5e-4"]
    assert [(g.method, g.rates) for g in groups[1:]] == [("orig", "5e-4"), ("TTUR", "1e-4, 5e-4")]


def test_methods_stay_together_and_one_time_scale_comes_first():
    sgd, adam = ("sgd_orig_2e-2", "sgd_orig_4e-3"), ("adam_orig_5e-3", "adam_orig_2e-4")
    runs = [record(label, 0, {}, name="mode_collapse_digits") for label in (*sgd, *adam)]
    two = labelled(runs[0], "adam_ttur_1e-4_2e-4")
    assert [group.label for group in group_runs([two, *runs])] == [
        "adam_orig_2e-4",
        "adam_orig_5e-3",
        "sgd_orig_4e-3",
        "sgd_orig_2e-2",
        "adam_ttur_1e-4_2e-4",
    ]


def test_networks_of_ones_own_come_by_their_rates_too():
    """By name 1e-4 would come before 5e-5."""
    labels = ("ttur_1e-4_5e-4", "ttur_1e-4_2e-5", "orig_1e-4", "orig_5e-5", "mine")
    groups = group_runs([own_networks(RUNS[0], label) for label in labels])
    assert [group.label for group in groups] == [
        "mine",
        "orig_5e-5",
        "orig_1e-4",
        "ttur_1e-4_2e-5",
        "ttur_1e-4_5e-4",
    ]


def test_the_method_is_what_a_label_says_beside_the_rates():
    """A label of one's own need not name them."""
    labels = ("ttur_3e-4_1e-4_critic5", "sgd_orig_4e-3", "mine")
    groups = group_runs([labelled(RUNS[3], label) for label in labels])
    assert {(g.title, g.method, g.rates) for g in groups} == {
        ("TTUR 3e-4 1e-4 critic5", "TTUR critic5", "3e-4, 1e-4"),
        ("sgd orig 4e-3", "sgd orig", "4e-3"),
        ("mine", "mine", "5e-4"),
    }


def test_two_sequences_of_one_first_rate_are_two_time_scales():
    """Whatever the label says."""
    runs = [labelled(RUNS[0], label) for label in ("net1", "net2")]
    two = described(runs[0], is_single_timescale=False)
    assert [(g.label, g.rates) for g in group_runs([two, runs[1]])] == [
        ("net2", "5e-4"),
        ("net1", "5e-4, 5e-4"),
    ]


def test_runs_are_counted_by_how_they_ended():
    running = record("orig_5e-4", 2, {5000: 60.0}, outcome="unfinished")
    group, diverged = group_runs([*RUNS[:2], running, RUNS[4]])
    assert group.tally == "3 runs, 1 unfinished"
    assert diverged.tally == "1 run, 1 diverged"


def test_a_rising_score_is_best_where_it_is_highest():
    run = record("orig_1e-4", 0, {1: 1.0, 10: 6.0, 20: 5.0}, metric="is_digits")
    (row,) = summaries(group_runs([run]))
    assert (row.best_of_all, row.at_update) == (6.0, 10)
    assert (row.best.mean, row.final.mean) == (6.0, 5.0)


def test_whether_a_score_rises_is_what_the_record_says_and_nothing_is_guessed():
    run = record("orig_1e-4", 0, {1: 1.0, 10: 6.0, 20: 5.0}, metric="sharpness_mine")
    with pytest.raises(ValueError, match="does not say whether a lower sharpness_mine is better"):
        summaries(group_runs([run]))
    rising = described(run, lower_is_better={"sharpness_mine": False})
    assert summaries(group_runs([rising]))[0].best_of_all == 6.0


def test_values_beside_the_metric_have_rows_of_their_own():
    run = with_values(record("orig_1e-4", 0, {5: 7.0}, metric="modes_digits"), fd_digits=2.5)
    group = group_runs([run])[0]
    assert group.metrics == ("modes_digits", "fd_digits")
    assert [(row.metric, row.best_of_all) for row in summaries([group])] == [
        ("modes_digits", 7.0),
        ("fd_digits", 2.5),
    ]


def test_seconds_of_evaluation_add_up_also_where_a_value_is_missing():
    first, second, third = record("orig_1e-4", 0, {1: 5.0, 2: 4.0, 3: 3.0}).evaluations
    third = replace(third, values=third.values | {"fine": 1.0})
    run = replace(RUNS[2], evaluations=(first, second, third))
    assert [point.evaluation_seconds for point in curve(run, "fid")] == [30, 60, 90]
    assert [(p.value, p.evaluation_seconds) for p in curve(run, "fine")] == [(1.0, 90)]


def test_a_summary_is_json_with_unrounded_numbers():
    rows = [row.to_json() for row in summaries(group_runs(RUNS))]
    rows += [row.to_json() for row in summaries(group_runs([record("orig_1e-4", 0, {})]))]
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert rows[1]["final"] == {"mean": 65.0, "std": pytest.approx(450**0.5), "n": 2}
    assert rows[2]["best"] == {"mean": 45.0, "std": None, "n": 1}


def test_a_mean_is_never_without_the_number_of_its_runs():
    texts = [str(Spread.of(values)) for values in ([], [3.0], [3.0, 5.0])]
    assert texts == ["–", "3 (n=1)", "4 ± 1.4 (n=2)"]


def test_runs_that_are_no_repetitions_are_not_averaged():
    """A width or a metric of its own makes another experiment; the same seed twice is one run."""
    model = RUNS[1].configuration["model"]
    wide = configured(RUNS[1], model=model | {"width": 32})
    with pytest.raises(ValueError, match=r"differ in model\.width; they"):
        group_runs([RUNS[0], wide])
    scored = configured(wide, scoring={"metric": "is"}, monitor={"every_updates": 5})
    with pytest.raises(
        ValueError, match=r"differ in model\.width, monitor\.every_updates, scoring\.metric; they"
    ):
        group_runs([RUNS[0], scored])
    with pytest.raises(ValueError, match="the same seed"):
        group_runs([RUNS[0], replace(RUNS[0], directory=Path("elsewhere"))])
    longer = configured(RUNS[1], updates=7)
    assert len(group_runs([RUNS[0], RUNS[0], longer])[0].runs) == 2
