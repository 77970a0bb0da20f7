"""Settings as numbers: Table 1's best of all beside means over runs, counted and never mixed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ttur.analysis.groups import Group, Point, curve
from ttur.analysis.spread import Spread
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
