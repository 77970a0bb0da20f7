"""Runs as tables. What stands in them was computed by `ttur.analysis`."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ttur.analysis.budget import EqualBudget
from ttur.analysis.groups import Group
from ttur.analysis.probes import QUANTITIES
from ttur.analysis.ranking import EARLY, LATE, PREDICTORS, Ranking
from ttur.analysis.spread import Spread
from ttur.analysis.summary import Summary, summaries
from ttur.reports.table import NONE, Column, Table, number, without_empty
from ttur.training.events import Score
from ttur.training.record import RunRecord


def groups_table(groups: Sequence[Group]) -> Table:
    """Table 1: data, method, rates, the best of all runs and where; means of runs beside it.

    Where runs stood at another number of updates than others, means over unequal lengths show.
    Columns that no row fills are left out.
    """
    columns = [
        Column("experiment", 5),
        Column("data", 5),
        Column("method"),
        Column("b, a"),
        Column("metric", 1),
        number("best of all", bold=True),
        number("at update", 3),
        number("after minutes", 4),
        number("best, mean ± std"),
        number("final, mean ± std", 1),
        number("floor", 2),
        number("published", 2, folds=True),
        number("runs finished", 1),
        number("diverged", 3),
        number("updates", 4),
    ]
    return without_empty(Table(columns, [_summary_cells(row) for row in summaries(groups)]))


def _summary_cells(row: Summary) -> list[str]:
    published = row.published
    return [
        *(row.experiment, row.data, row.method, row.rates, row.metric or NONE),
        _number(row.best_of_all, ".4g"),
        NONE if row.at_update is None else count_text(row.at_update),
        NONE if row.at_seconds is None else minutes_text(row.at_seconds),
        *(_spread_text(row.best, row.finished), _spread_text(row.final, row.finished)),
        _number(row.floor, ".4g"),
        f"{published.value:g} at {published.at}" if published else NONE,
        f"{row.finished}/{row.runs}",
        str(row.diverged),
        range_text(row.updates, count_text),
    ]


def runs_table(runs: Sequence[RunRecord]) -> Table:
    """One row per run: its best and its final value, how it ended."""
    columns = [
        Column("setting"),
        number("seed"),
        Column("metric", 2),
        number("best", bold=True),
        number("final", 1),
        Column("outcome", folds=True, styles=OUTCOMES),
        number("updates", 3),
        Column("directory", 4),
    ]
    return Table(columns, [_run_cells(run) for run in runs])


def _run_cells(run: RunRecord) -> list[str]:
    metric = run.best.metric if run.best else NONE
    values = (_score_text(run.best), _score_text(run.final))
    ended = outcome_text(run)
    return [
        run.label,
        str(run.seed),
        metric,
        *values,
        ended,
        f"{run.updates:,}",
        str(run.directory),
    ]


def outcome_text(run: RunRecord) -> str:
    """How a run ended: `finished`, or `diverged at update 101: dead discriminator`."""
    kind, _, update = run.outcome.partition("@")
    at = f" at update {int(update):,}" if update else ""
    return f"{kind}{at}" + (f": {run.cause}" if run.cause else "")


def budget_table(comparison: EqualBudget) -> Table:
    """One row per setting and metric; counts of several runs as the least and the most."""
    amount = AMOUNTS[comparison.budget](comparison.amount)
    title = (
        f"{comparison.experiment} at equal {comparison.budget}: {amount}, the most that all "
        "finished runs reached"
    )
    columns = [
        Column("setting"),
        Column("metric", 1),
        number("best, mean ± std", bold=True),
        number("last, mean ± std", 1),
        number("runs", 2),
        number("generator updates", 3),
        number("critic updates", 3),
        number("minutes", 3),
    ]
    rows = [
        [
            *(row.title, row.metric),
            *(_spread_text(row.best, row.runs), _spread_text(row.last, row.runs)),
            f"{row.runs}/{row.of}",
            range_text(row.updates, count_text),
            range_text(row.critic_updates, count_text),
            range_text(row.seconds, minutes_text),
        ]
        for row in comparison.rows
    ]
    return Table(columns, rows, title)


def ranking_table(ranking: Ranking) -> Table:
    """One row per predictor: its correlation with the late value, and p; both at equal a too."""
    columns = [
        Column("predictor", folds=True),
        number("Spearman", bold=True),
        number("p"),
        number("at equal a", 1),
        number("p at equal a", 1),
        number("settings", 2),
    ]
    rows = []
    for each in ranking.correlations:
        found = ((each.spearman, "+.2f"), (each.p_value, ".2g"))
        found += ((each.at_equal_rate, "+.2f"), (each.at_equal_rate_p_value, ".2g"))
        cells = [_number(value, form) for value, form in found]
        rows.append([PREDICTORS[each.predictor], *cells, str(each.settings)])
    return Table(columns, rows, ranking_title(ranking))


def places_table(ranking: Ranking) -> Table:
    """One row per setting, the best first: its early quantities and its late value."""
    shown = [name for name in QUANTITIES if any(name in place.early for place in ranking.places)]
    columns = [
        Column("setting"),
        number(ranking.metric, bold=True),
        *(number(QUANTITIES[name].symbol, 1) for name in shown),
        number("runs", 2),
        number("diverged", 2),
    ]
    by_late = sorted(ranking.places, key=lambda p: math.inf if p.late is None else p.late)
    rows = []
    for place in by_late:
        numbers = [place.late] + [place.early.get(name) for name in shown]
        cells = [_number(value, ".3g") for value in numbers]
        rows.append([place.title, *cells, str(place.runs), str(place.diverged)])
    return Table(columns, rows)


def ranking_title(ranking: Ranking) -> str:
    """Which part of which runs is compared with which, and how far two seeds agree."""
    settings, runs = len(ranking.places), sum(place.runs for place in ranking.places)
    agree = "" if ranking.agreement is None else f"; two seeds agree to {ranking.agreement:+.2f}"
    return (
        f"{ranking.experiment}: the first {EARLY:.0%} of updates against {ranking.metric} in the "
        f"last {LATE:.0%}; {settings} settings, {runs} runs, {ranking.diverged} diverged{agree}"
    )


def range_text(values: Iterable[Any], text: Callable[[Any], str]) -> str:
    """The lowest and the highest, `2 to 40`, or the one there is."""
    ordered = sorted(values)
    return " to ".join(dict.fromkeys(map(text, ordered[:1] + ordered[-1:]))) or NONE


def count_text(count: int) -> str:
    return f"{count:,}"


def minutes_text(seconds: float) -> str:
    """Three digits of a few minutes, whole ones from 100 on."""
    return f"{seconds / 60:,.0f}" if seconds >= 6000 else f"{seconds / 60:.3g}"


def _score_text(score: Score | None) -> str:
    return f"{score.value:.4g} @ {score.update:,}" if score else NONE


def _spread_text(spread: Spread, runs: int) -> str:
    """Without the number of values where it is that of the runs, which has a column."""
    is_known = len(spread.values) == runs > 1
    return str(spread).removesuffix(f" (n={runs})") if is_known else str(spread)


def _number(value: float | None, form: str) -> str:
    return NONE if value is None else format(value, form)


# How the amount of each of `BUDGETS` is told.
AMOUNTS: dict[str, Callable[[float], str]] = {
    "training time": lambda seconds: f"{minutes_text(seconds)} minutes",
    "critic updates": lambda updates: f"{updates:,.0f} critic updates",
    "generator updates": lambda updates: f"{updates:,.0f} generator updates",
}

OUTCOMES = {"finished": "green", "diverged": "red", "interrupted": "yellow"}
