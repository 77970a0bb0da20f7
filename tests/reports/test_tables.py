"""Tables of runs that never ran."""

from reports.records import RUNS, described, grid, record
from ttur.analysis.budget import equal_budgets
from ttur.analysis.groups import group_runs
from ttur.analysis.ranking import PREDICTORS, rankings
from ttur.analysis.summary import summaries
from ttur.reports.tables import (
    budget_table,
    groups_table,
    minutes_text,
    ranking_table,
    runs_table,
)
from ttur.training.record import Published


def test_a_table_has_best_and_last_until_the_cut_and_the_extent_of_what_was_spent():
    """TTUR's seeds stand at 300 and 100 updates after 18,000 s, orig at 120."""
    jsd = {"name": "language_billion_word", "metric": "jsd_4"}
    values = {100: 0.6, 200: 0.3, 300: 0.4}, {100: 0.5, 200: 0.45}, {20: 0.9, 100: 0.7, 120: 0.5}
    runs = [
        record("ttur_3e-4_1e-4", 0, values[0], seconds_per_update=60.0, **jsd),
        record("ttur_3e-4_1e-4", 1, values[1], seconds_per_update=120.0, **jsd),
        record("orig_1e-4", 0, values[2], seconds_per_update=150.0, **jsd),
    ]
    comparison, *_ = equal_budgets(group_runs(runs))
    orig, ttur = budget_table(comparison).cells()
    assert "equal training time: 300 minutes" in budget_table(comparison).title
    assert ttur == {
        "setting": "TTUR 3e-4 1e-4",
        "metric": "jsd_4",
        "runs": "2/2",
        "generator updates": "100 to 300",
        "critic updates": "100 to 300",
        "minutes": "200 to 300",
        "best, mean ± std": "0.4 ± 0.14",  # 0.3 and 0.5
        "last, mean ± std": "0.45 ± 0.071",  # 0.4 and 0.5
    }
    assert (orig["generator updates"], orig["critic updates"]) == ("120", "1,200")


def test_best_of_all_stands_beside_means_of_finished_runs_only():
    """By hand: orig 5e-4 best 50 @ 10,000; bests 50, 70: 60 ± 14; finals 50, 80: 65 ± 21.
    The diverged TTUR run has the best value of all, and enters no mean."""
    _, orig, ttur = groups_table(group_runs(RUNS)).cells()
    published = orig.pop("published")
    assert orig == {
        "experiment": "dcgan_cifar10",
        "data": "cifar10",
        "method": "orig",
        "b, a": "5e-4",
        "metric": "fid",
        "runs finished": "2/2",
        "diverged": "0",
        "updates": "10,000",
        "best of all": "50",
        "at update": "10,000",
        "after minutes": "10",
        "best, mean ± std": "60 ± 14",
        "final, mean ± std": "65 ± 21",
    }
    assert (ttur["runs finished"], ttur["diverged"]) == ("1/2", "1")
    assert (ttur["best of all"], ttur["at update"]) == ("30", "5,000")
    assert (ttur["best, mean ± std"], ttur["final, mean ± std"]) == ("45 (n=1)", "47 (n=1)")
    assert ttur["published"] == "36.9 at 85,000 updates (the table: 75,000)"
    assert published == "41.3 at 80,000 updates (not in the table)"


def test_a_mean_over_runs_of_unequal_length_shows():
    """A diverged run and one that still goes on are in no mean."""
    runs = [record("orig_1e-4", seed, {2: 5.0, last: 4.0}) for seed, last in enumerate((40, 2))]
    runs.append(record("orig_1e-4", 2, {3000: 1.0}, outcome="diverged@3000"))
    runs.append(record("orig_1e-4", 3, {4000: 1.0}, outcome="unfinished"))
    groups = group_runs(runs)
    assert groups_table(groups).cells()[0]["updates"] == "2 to 40"
    assert summaries(groups)[0].to_json()["updates"] == [40, 2]
    ongoing = group_runs(runs[2:])
    assert "updates" not in groups_table(ongoing).cells()[0]
    assert summaries(ongoing)[0].to_json()["updates"] == []


def test_published_values_stand_beside_their_own_metric_and_the_papers_runs_only():
    run = RUNS[3]
    not_the_papers = described(run, published=Published())
    other_metric = record("ttur_1e-4_5e-4", 0, {5000: 3.0}, metric="fd_cifar10")
    for other in (not_the_papers, other_metric):
        assert summaries(group_runs([other]))[0].published is None
        assert "published" not in groups_table(group_runs([other])).cells()[0]
    assert summaries(group_runs([run]))[0].published is not None


def test_a_run_that_was_not_scored_is_still_counted():
    (row,) = groups_table(group_runs([record("orig_1e-4", 0, {})])).cells()
    assert (row["runs finished"], row["best of all"]) == ("1/1", "–")
    assert "metric" not in row


def test_runs_are_listed_with_their_outcome_and_cause():
    text = str(runs_table(RUNS))
    assert "diverged at update 7,000: non-finite generator loss" in text
    assert "  fid      30 @ 5,000  " in text


def test_the_table_has_a_row_for_every_predictor():
    (ranking,) = rankings(group_runs(grid()))
    rows = ranking_table(ranking).cells()
    assert len(rows) == len(PREDICTORS)
    assert [row["predictor"] for row in rows] == list(PREDICTORS.values())


def test_minutes_have_three_digits_and_no_fraction_from_a_hundred_on():
    said = {seconds: minutes_text(seconds) for seconds in (3.0, 95.0, 5990.0, 6000.0, 4e6)}
    assert said == {3.0: "0.05", 95.0: "1.58", 5990.0: "99.8", 6000.0: "100", 4e6: "66,667"}
