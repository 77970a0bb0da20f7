"""By hand: TTUR takes 60 s for an update of each player, orig 150 s for one and ten critic's."""

import json
from dataclasses import replace

from reports.records import RUNS, ended, record, with_events
from ttur.analysis.budget import BUDGETS, EqualBudget, equal_budgets
from ttur.analysis.groups import group_runs


def language(label: str, seed: int, values: dict[int, float], seconds: float):
    return record(
        label,
        seed,
        values,
        name="language_billion_word",
        metric="jsd_4",
        seconds_per_update=seconds,
    )


TTUR = language("ttur_3e-4_1e-4", 0, {100: 0.6, 200: 0.3, 300: 0.4}, 60.0)
SLOW = language("ttur_3e-4_1e-4", 1, {100: 0.5, 200: 0.45, 300: 0.35}, 120.0)
ORIG = language("orig_1e-4", 0, {20: 0.9, 100: 0.7, 120: 0.5}, 150.0)


def compared(*runs) -> dict[str, EqualBudget]:
    return {comparison.budget: comparison for comparison in equal_budgets(group_runs(runs))}


def test_one_set_of_runs_gives_three_comparisons():
    """Time: all reached 18,000 s; there TTUR's seeds stand at 300 and 100 updates, orig at 120.
    Critic updates: all reached 300, orig's last before is 200, at update 20. Generator updates:
    all reached 120, TTUR's last before are at 100."""
    assert list(compared(TTUR, SLOW, ORIG)) == list(BUDGETS)
    told = {
        budget: (
            comparison.amount,
            {row.title: (row.updates, row.critic_updates) for row in comparison.rows},
        )
        for budget, comparison in compared(TTUR, SLOW, ORIG).items()
    }
    assert told == {
        "training time": (
            18_000,
            {"orig 1e-4": ((120,), (1200,)), "TTUR 3e-4 1e-4": ((300, 100), (300, 100))},
        ),
        "critic updates": (
            300,
            {"orig 1e-4": ((20,), (200,)), "TTUR 3e-4 1e-4": ((300, 300), (300, 300))},
        ),
        "generator updates": (
            120,
            {"orig 1e-4": ((120,), (1200,)), "TTUR 3e-4 1e-4": ((100, 100), (100, 100))},
        ),
    }


def test_time_is_that_of_training():
    """Evaluations that take an hour each change nothing."""
    slow = with_events(ORIG, *[{"evaluation_seconds": 3600.0}] * 3)
    assert compared(TTUR, slow) == compared(TTUR, ORIG)


def test_a_run_that_diverged_sets_no_budget_and_is_counted():
    early = language("orig_1e-4", 1, {1: 0.99}, 150.0)
    with_diverged = compared(TTUR, SLOW, ORIG, ended(early, "diverged@12"))
    for budget, comparison in compared(TTUR, SLOW, ORIG).items():
        assert with_diverged[budget].amount == comparison.amount
        assert with_diverged[budget].rows[0] == replace(comparison.rows[0], of=2)
    unscored = language("orig_1e-4", 1, {}, 150.0)
    assert compared(TTUR, ORIG, unscored)["training time"].amount == 18_000
    running = ended(early, "unfinished")
    comparison = compared(TTUR, ORIG, running)["training time"]
    assert comparison.amount == 18_000
    assert (comparison.rows[0].runs, comparison.rows[0].of) == (1, 2)
    ahead = ended(SLOW, "unfinished")
    assert compared(TTUR, ahead, ORIG)["training time"].rows[1].runs == 2


def test_settings_whose_updates_cost_the_same_are_not_compared():
    assert equal_budgets(group_runs(RUNS)) == []
    assert equal_budgets(group_runs([*RUNS, TTUR])) == []  # n_critic differs, but not within one


def test_a_comparison_is_json():
    """All reached 300 critic updates, TTUR in 18,000 s; orig stood at 200 after 3,000 s."""
    document = compared(TTUR, ORIG)["critic updates"].to_json()
    assert json.loads(json.dumps(document, allow_nan=False)) == {
        "experiment": "language_billion_word",
        "budget": "critic updates",
        "amount": 300.0,
        "settings": [
            {
                "label": "orig_1e-4",
                "title": "orig 1e-4",
                "metric": "jsd_4",
                "runs": 1,
                "of": 1,
                "updates": [20],
                "critic_updates": [200],
                "seconds": [3000.0],
                "best": {"mean": 0.9, "std": None, "n": 1},
                "last": {"mean": 0.9, "std": None, "n": 1},
            },
            {
                "label": "ttur_3e-4_1e-4",
                "title": "TTUR 3e-4 1e-4",
                "metric": "jsd_4",
                "runs": 1,
                "of": 1,
                "updates": [300],
                "critic_updates": [300],
                "seconds": [18000.0],
                "best": {"mean": 0.3, "std": None, "n": 1},
                "last": {"mean": 0.4, "std": None, "n": 1},
            },
        ],
    }
