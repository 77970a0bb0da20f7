"""Runs as tables: Table 1's best of all beside means over runs, counted and never mixed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from ttur.analysis.groups import Group, Point, curve
from ttur.analysis.spread import Spread, counted, extent, minutes
from ttur.training.events import Score
from ttur.training.record import PublishedBest, RunRecord


@dataclass(frozen=True)
class Summary:
    """One setting and metric. Only finished runs enter `best` and `final`; `updates` are theirs.

    `best_of_all` is over all evaluations of all runs, as Table 1 has it; `at_update` and
    `at_seconds` (of training) say where. `published` is what the paper has in its place.
    """

    experiment: str
    data: str
    method: str
    rates: str
    metric: str | None
    runs: int
    finished: int
    diverged: int
    updates: tuple[int, ...]
    best_of_all: float | None
    at_update: int | None
    at_seconds: float | None
    published: PublishedBest | None
    best: Spread
    final: Spread
    floor: float | None

    def to_json(self) -> dict[str, Any]:
        spreads = {"best": self.best.to_json(), "final": self.final.to_json()}
        return asdict(self) | {"updates": list(self.updates)} | spreads


def summaries(groups: Sequence[Group]) -> list[Summary]:
    """One for each setting and metric, in the order of `groups`."""
    return [_summary(group, metric) for group in groups for metric in group.metrics or (None,)]


def _summary(group: Group, metric: str | None) -> Summary:
    def curves(runs: Sequence[RunRecord]) -> list[list[Point]]:
        return [points for run in runs if (points := curve(run, name))]

    name = metric or ""
    best = group.best(name, [point for points in curves(group.runs) for point in points])
    ended = curves(group.finished)
    return Summary(
        experiment=group.experiment,
        data=group.data,
        method=group.method,
        rates=group.rates,
        metric=metric,
        runs=len(group.runs),
        finished=len(group.finished),
        diverged=len(group.diverged),
        updates=tuple(run.updates for run in group.finished),
        best_of_all=best.value if best else None,
        at_update=best.event.update if best else None,
        at_seconds=best.event.training_seconds if best else None,
        published=group.published.best.get(name),
        best=Spread.of(p.value for points in ended if (p := group.best(name, points))),
        final=Spread.of(points[-1].value for points in ended),
        floor=group.floor.get(name),
    )


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
            extent(row.updates, counted),
            _number(row.best_of_all, ".4g"),
            "–" if row.at_update is None else counted(row.at_update),
            "–" if row.at_seconds is None else minutes(row.at_seconds),
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
            _scored(run.best),
            _scored(run.final),
            str(run.directory),
        )
    return table


def _scored(score: Score | None) -> str:
    return f"{score['metric']} {score['value']:.4g} @ {score['update']:,}" if score else "–"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
