"""Settings at equal cost: the same runs cut at equal time, critic updates, generator updates."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ttur.analysis.groups import Group, Moment, by_experiment, curve, differ_in_cost
from ttur.analysis.spread import Spread

# What is made equal: its amount at an evaluation.
BUDGETS: dict[str, Callable[[Moment], float]] = {
    "training time": lambda event: event.training_seconds,
    "critic updates": lambda event: event.discriminator_updates,
    "generator updates": lambda event: event.update,
}


@dataclass(frozen=True)
class AtBudget:
    """One setting and metric, its runs cut at the budget.

    `runs` of `of` reached it and are compared; `updates`, `critic_updates` and `seconds` (of
    training) are those of each run's last evaluation within the budget, `best` and `last` its
    values until there.
    """

    label: str
    title: str
    metric: str
    runs: int
    of: int
    updates: tuple[int, ...]
    critic_updates: tuple[int, ...]
    seconds: tuple[float, ...]
    best: Spread
    last: Spread

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"best": self.best.to_json(), "last": self.last.to_json()}


@dataclass(frozen=True)
class EqualBudget:
    """The settings of one experiment at the most of `budget` that every finished run reached."""

    experiment: str
    budget: str
    amount: float
    rows: tuple[AtBudget, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "experiment": self.experiment,
            "budget": self.budget,
            "amount": self.amount,
            "settings": [row.to_json() for row in self.rows],
        }


def equal_budgets(groups: Sequence[Group]) -> list[EqualBudget]:
    """For each experiment whose settings differ in n_critic, one for each of `BUDGETS`.

    Time is that of training; evaluation is left out. Finished runs set the budget. Others join if
    they have reached it, but none that diverged: it would be compared at its best moment.
    """
    comparisons = []
    for name, some in by_experiment(groups).items():
        runs = [run for group in some for run in group.finished if run.evaluations]
        if not (runs and differ_in_cost(some)):
            continue
        for budget, spent in BUDGETS.items():
            amount = float(min(spent(run.evaluations[-1]) for run in runs))
            rows = [_at(g, metric, spent, amount) for g in some for metric in g.metrics]
            comparisons.append(EqualBudget(name, budget, amount, tuple(rows)))
    return comparisons


def _at(group: Group, metric: str, spent: Callable[[Moment], float], amount: float) -> AtBudget:
    reached = [r for r in group.surviving if any(spent(e) >= amount for e in r.evaluations)]
    cut = [[p for p in curve(run, metric) if spent(p.event) <= amount] for run in reached]
    within = [points for points in cut if points]
    last = [points[-1] for points in within]
    return AtBudget(
        label=group.label,
        title=group.title,
        metric=metric,
        runs=len(within),
        of=len(group.runs),
        updates=tuple(point.event.update for point in last),
        critic_updates=tuple(point.event.discriminator_updates for point in last),
        seconds=tuple(point.event.training_seconds for point in last),
        best=Spread.of(p.value for points in within if (p := group.best(metric, points))),
        last=Spread.of(point.value for point in last),
    )
