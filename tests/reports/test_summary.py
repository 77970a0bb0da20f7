import json
from dataclasses import replace
from pathlib import Path

import pytest

from reports.records import RUNS, cells_of, own_networks, record, text_of, with_values
from ttur.experiments.registry import experiment
from ttur.reports.groups import curve, group_runs
from ttur.reports.spread import Spread
from ttur.reports.summary import groups_table, runs_table, summaries


def test_settings_come_in_the_papers_order():
    groups = group_runs(RUNS)
    assert [group.title for group in groups] == ["orig 1e-4", "orig 5e-4", "TTUR 1e-4 5e-4"]
    assert [(g.method, g.rates) for g in groups[1:]] == [("orig", "5e-4"), ("TTUR", "1e-4, 5e-4")]


def test_methods_stay_together_and_one_time_scale_comes_first():
    sgd, adam = ("sgd_orig_2e-2", "sgd_orig_4e-3"), ("adam_orig_5e-3", "adam_orig_2e-4")
    runs = [record(label, 0, {}, name="mode_collapse_digits") for label in (*sgd, *adam)]
    two = replace(runs[0], label="adam_ttur_1e-4_2e-4", directory=Path("two"))
    assert [group.label for group in group_runs([two, *runs])] == [
        "adam_orig_2e-4",
        "adam_orig_5e-3",
        "sgd_orig_4e-3",
        "sgd_orig_2e-2",
        "adam_ttur_1e-4_2e-4",
    ]


def test_networks_of_ones_own_come_by_the_rates_of_their_labels():
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


def test_words_of_a_label_are_the_method_and_its_numbers_the_rates():
    labels = ("ttur_3e-4_1e-4_critic5", "mine")
    groups = group_runs([replace(RUNS[3], label=s, directory=Path(s)) for s in labels])
    assert {(g.method, g.rates) for g in groups} == {("TTUR critic5", "3e-4, 1e-4"), ("mine", "–")}


def test_runs_are_counted_by_how_they_ended():
    running = replace(RUNS[0], seed=2, directory=Path("third"), outcome="unfinished")
    group, diverged = group_runs([*RUNS[:2], running, RUNS[4]])
    assert group.counted == "3 runs, 1 unfinished"
    assert diverged.counted == "1 run, 1 diverged"


def test_best_of_all_stands_beside_means_of_finished_runs_only():
    """By hand: orig 5e-4 best 50 @ 10,000; bests 50, 70: 60 ± 14; finals 50, 80: 65 ± 21.
    The diverged TTUR run has the best value of all, and enters no mean."""
    _, orig, ttur = cells_of(groups_table(group_runs(RUNS)))
    published = orig.pop("published")
    assert orig == {
        "experiment": "dcgan_cifar10",
        "data": "cifar10",
        "method": "orig",
        "b, a": "5e-4",
        "metric": "fid",
        "finished": "2/2",
        "diverged": "0",
        "updates": "10,000",
        "best of all": "50",
        "at update": "10,000",
        "minutes": "10",
        "best, mean ± std": "60 ± 14 (n=2)",
        "final, mean ± std": "65 ± 21 (n=2)",
    }
    assert (ttur["finished"], ttur["diverged"]) == ("1/2", "1")
    assert (ttur["best of all"], ttur["at update"]) == ("30", "5,000")
    assert (ttur["best, mean ± std"], ttur["final, mean ± std"]) == ("45 (n=1)", "47 (n=1)")
    best = experiment("dcgan_cifar10").published_best["ttur_1e-4_5e-4"]["fid"]
    assert ttur["published"] == f"{best.value:g} at {best.at}"
    assert published != ttur["published"]


def test_a_mean_over_runs_of_unequal_length_shows():
    """A diverged run and one that still goes on are in no mean."""
    runs = [record("orig_1e-4", seed, {2: 5.0, last: 4.0}) for seed, last in enumerate((40, 2))]
    runs.append(record("orig_1e-4", 2, {3000: 1.0}, outcome="diverged@3000"))
    runs.append(record("orig_1e-4", 3, {4000: 1.0}, outcome="unfinished"))
    groups = group_runs(runs)
    assert cells_of(groups_table(groups))[0]["updates"] == "2 to 40"
    assert summaries(groups)[0].to_json()["updates"] == [40, 2]
    ongoing = group_runs(runs[2:])
    assert cells_of(groups_table(ongoing))[0]["updates"] == "–"
    assert summaries(ongoing)[0].to_json()["updates"] == []


def test_published_values_stand_beside_their_own_metric_and_data_only():
    run = RUNS[3]
    other_data = replace(run, configuration={**run.configuration, "data": "faces"})
    other_metric = record("ttur_1e-4_5e-4", 0, {5000: 3.0}, metric="fd_cifar10")
    for other in (other_data, other_metric):
        assert summaries(group_runs([other]))[0].published is None
        assert "published" not in cells_of(groups_table(group_runs([other])))[0]
    assert summaries(group_runs([run]))[0].published is not None


def test_a_rising_score_is_best_where_it_is_highest():
    run = record("orig_1e-4", 0, {1: 1.0, 10: 6.0, 20: 5.0}, metric="is_digits")
    (row,) = summaries(group_runs([run]))
    assert (row.best_of_all, row.at_update) == (6.0, 10)
    assert (row.best.mean, row.final.mean) == (6.0, 5.0)


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
    run = replace(RUNS[2], evaluations=(first, second, {**third, "fine": 1.0}))
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


def test_a_run_that_was_not_scored_is_still_counted():
    (row,) = cells_of(groups_table(group_runs([record("orig_1e-4", 0, {})])))
    assert (row["finished"], row["metric"], row["best of all"]) == ("1/1", "–", "–")


def test_runs_that_are_no_repetitions_are_not_averaged():
    """A width or a metric of its own makes another experiment; the same seed twice is one run."""
    wide = replace(RUNS[1], configuration={**RUNS[1].configuration, "width": 32})
    with pytest.raises(ValueError, match="differ in width"):
        group_runs([RUNS[0], wide])
    scored = replace(RUNS[1], configuration={**RUNS[1].configuration, "metric": "is"})
    with pytest.raises(ValueError, match="differ in metric"):
        group_runs([RUNS[0], scored])
    with pytest.raises(ValueError, match="the same seed"):
        group_runs([RUNS[0], replace(RUNS[0], directory=Path("elsewhere"))])
    longer = replace(RUNS[1], configuration={**RUNS[1].configuration, "updates": 7})
    assert len(group_runs([RUNS[0], RUNS[0], longer])[0].runs) == 2


def test_seeds_from_before_and_after_a_field_came_are_repetitions():
    before = {k: v for k, v in RUNS[0].configuration.items() if not k.startswith("fine")}
    assert before.keys() != RUNS[0].configuration.keys()
    assert len(group_runs([replace(RUNS[0], configuration=before), RUNS[1]])[0].runs) == 2


def test_runs_are_listed_with_their_outcome_and_cause():
    text = text_of(runs_table(RUNS))
    assert "diverged@7000 (non-finite generator loss)" in text
    assert "fid 30 @ 5,000" in text
