"""Runs as tables. What stands in them was computed by `ttur.analysis`."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich.table import Table

from ttur.analysis.budget import EqualBudget
from ttur.analysis.groups import Group
from ttur.analysis.probes import QUANTITIES
from ttur.analysis.ranking import EARLY, LATE, PREDICTORS, Ranking
from ttur.analysis.summary import summaries
from ttur.training.events import Score
from ttur.training.record import RunRecord


def groups_table(groups: Sequence[Group]) -> Table:
    """Table 1: data, method, rates, the best of all runs and where; means of runs beside it.

    `updates` has the least and the most of the finished runs: means over unequal lengths show.
    Columns that no row fills are left out.
    """
    rows = summaries(groups)
    table = Table(box=None)
    has_published = any(row.published for row in rows)
    has_floor = any(row.floor is not None for row in rows)
    for heading in ("experiment", "data", "method", "b, a", "metric", "finished", "diverged"):
        table.add_column(heading)
    numbers = ["updates", "best of all", "at update", "minutes"]
    numbers += ["published"] * has_published + ["best, mean ± std", "final, mean ± std"]
    for heading in numbers + ["floor"] * has_floor:
        table.add_column(heading, justify="right")
    for row in rows:
        published = row.published
        cells = [
            *(row.experiment, row.data, row.method, row.rates, row.metric or "–"),
            f"{row.finished}/{row.runs}",
            str(row.diverged),
            range_text(row.updates, count_text),
            _number(row.best_of_all, ".4g"),
            "–" if row.at_update is None else count_text(row.at_update),
            "–" if row.at_seconds is None else minutes_text(row.at_seconds),
            *([f"{published.value:g} at {published.at}" if published else "–"] * has_published),
            *(str(row.best), str(row.final)),
            *([_number(row.floor, ".4g")] * has_floor),
        ]
        table.add_row(*cells)
    return table


def runs_table(runs: Sequence[RunRecord]) -> Table:
    """One row per run: how it ended, its best and its final value."""
    table = Table("setting", "seed", "outcome", "updates", "best", "final", "directory", box=None)
    for run in runs:
        table.add_row(
            run.label,
            str(run.seed),
            run.outcome + (f" ({run.cause})" if run.cause else ""),
            f"{run.updates:,}",
            _score_text(run.best),
            _score_text(run.final),
            str(run.directory),
        )
    return table


def budget_table(comparison: EqualBudget) -> Table:
    """One row per setting and metric; counts of several runs as the least and the most."""
    amount = AMOUNTS[comparison.budget](comparison.amount)
    title = (
        f"{comparison.experiment} at equal {comparison.budget}: {amount}, the most that all "
        "finished runs reached"
    )
    table = Table("setting", "metric", "runs", box=None, title=title, title_justify="left")
    for heading in ("generator updates", "critic updates", "minutes"):
        table.add_column(heading, justify="right")
    for heading in ("best, mean ± std", "last, mean ± std"):
        table.add_column(heading, justify="right")
    for row in comparison.rows:
        table.add_row(
            row.title,
            row.metric,
            f"{row.runs}/{row.of}",
            range_text(row.updates, count_text),
            range_text(row.critic_updates, count_text),
            range_text(row.seconds, minutes_text),
            str(row.best),
            str(row.last),
        )
    return table


def ranking_table(ranking: Ranking) -> Table:
    """One row per predictor: its correlation with the late value, and p; both at equal a too."""
    table = Table("predictor", box=None)
    for heading in ("Spearman", "p", "at equal a", "p", "settings"):
        table.add_column(heading, justify="right")
    for each in ranking.correlations:
        found = ((each.spearman, "+.2f"), (each.p_value, ".2g"))
        found += ((each.at_equal_rate, "+.2f"), (each.at_equal_rate_p_value, ".2g"))
        cells = ["–" if number is None else format(number, form) for number, form in found]
        table.add_row(PREDICTORS[each.predictor], *cells, str(each.settings))
    return table


def places_table(ranking: Ranking) -> Table:
    """One row per setting, the best first: its early quantities and its late value."""
    shown = [name for name in QUANTITIES if any(name in place.early for place in ranking.places)]
    table = Table("setting", box=None)
    symbols = (QUANTITIES[name].symbol for name in shown)
    for heading in (*symbols, ranking.metric, "runs", "diverged"):
        table.add_column(heading, justify="right")
    by_late = sorted(ranking.places, key=lambda p: math.inf if p.late is None else p.late)
    for place in by_late:
        numbers = [place.early.get(name) for name in shown] + [place.late]
        cells = ["–" if number is None else f"{number:.3g}" for number in numbers]
        table.add_row(place.title, *cells, str(place.runs), str(place.diverged))
    return table


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
    return " to ".join(dict.fromkeys(map(text, ordered[:1] + ordered[-1:]))) or "–"


def count_text(count: int) -> str:
    return f"{count:,}"


def minutes_text(seconds: float) -> str:
    """Three digits of a few minutes, whole ones from 100 on."""
    return f"{seconds / 60:,.0f}" if seconds >= 6000 else f"{seconds / 60:.3g}"


def _score_text(score: Score | None) -> str:
    return f"{score['metric']} {score['value']:.4g} @ {score['update']:,}" if score else "–"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


# How the amount of each of `BUDGETS` is told.
AMOUNTS: dict[str, Callable[[float], str]] = {
    "training time": lambda seconds: f"{minutes_text(seconds)} minutes",
    "critic updates": lambda updates: f"{updates:,.0f} critic updates",
    "generator updates": lambda updates: f"{updates:,.0f} generator updates",
}
