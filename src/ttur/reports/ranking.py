"""Whether what is measured early ranks the settings by the distance they reach later."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from statistics import median
from typing import Any

import numpy as np
from rich.table import Table

from ttur.analysis.groups import Group, by_experiment, curve
from ttur.analysis.rank_correlation import spearman
from ttur.reports.perturbation import QUANTITIES
from ttur.training.record import RunRecord

EARLY = 0.2  # of a run's updates: its first probes
LATE = 0.2  # and its last evaluations
FEWEST_SETTINGS = 6  # fewer have no rank correlation to speak of
# What is known before the first update, and without a monitor: does it add anything to that?
KNOWN = {"a": "generator rate a", "b": "discriminator rate b", "a/b": "ratio a/b"}
KNOWN |= {"early_value": "the metric itself, early"}
PREDICTORS = {name: quantity.label for name, quantity in QUANTITIES.items()} | KNOWN


@dataclass(frozen=True)
class Place:
    """One setting: medians over its finished runs of each early quantity and of the late value.

    A quantity without a value is not in `early`. `late` is None where no run of `runs` finished,
    `late_by_seed` has what it is the median of.
    """

    label: str
    title: str
    early: dict[str, float]
    late: float | None
    late_by_seed: dict[int, float]
    runs: int
    diverged: int


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation over `settings`, with a two-sided permutation p-value.

    `within_a` ranks among settings of one generator rate only: a smaller one perturbs less and
    learns more slowly, so that both effects meet in the other. None where all have one value.
    """

    predictor: str
    settings: int
    spearman: float | None
    p: float | None
    within_a: float | None
    within_a_p: float | None


@dataclass(frozen=True)
class Ranking:
    """The settings of one experiment, and how each early quantity ranks their late `metric`."""

    experiment: str
    metric: str
    places: tuple[Place, ...]
    correlations: tuple[Correlation, ...]

    @property
    def diverged(self) -> int:
        return sum(place.diverged for place in self.places)

    @property
    def agreement(self) -> float | None:
        """Mean Spearman correlation of the late values of two seeds: no predictor of one run can
        be expected to do much better. None with one seed.
        """
        seeds = sorted({seed for place in self.places for seed in place.late_by_seed})
        found = []
        for one, other in combinations(seeds, 2):
            both = [p.late_by_seed for p in self.places if {one, other} <= p.late_by_seed.keys()]
            pair = np.array([(late[one], late[other]) for late in both], dtype=np.float64)
            if len(both) >= FEWEST_SETTINGS and (of_pair := spearman(*pair.T)) is not None:
                found.append(of_pair[0])
        return float(np.mean(found)) if found else None

    @property
    def title(self) -> str:
        settings, runs = len(self.places), sum(place.runs for place in self.places)
        agree = "" if self.agreement is None else f"; two seeds agree to {self.agreement:+.2f}"
        return (
            f"{self.experiment}: the first {EARLY:.0%} of updates against {self.metric} in the "
            f"last {LATE:.0%}; {settings} settings, {runs} runs, {self.diverged} diverged{agree}"
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "experiment": self.experiment,
            "metric": self.metric,
            "diverged": self.diverged,
            "agreement_of_seeds": self.agreement,
            "correlations": [asdict(each) for each in self.correlations],
            "settings": [asdict(place) for place in self.places],
        }


def rankings(groups: Sequence[Group]) -> list[Ranking]:
    """One for each experiment with at least `FEWEST_SETTINGS` that were monitored and scored.

    Early is the median over the probes of the first fifth of a run (of the tracking gap, the first
    if it comes later), late the median over the evaluations of its last fifth. Diverged and
    unfinished runs are in neither.
    """
    found = []
    for name, some in by_experiment(groups).items():
        monitored = [g for g in some if g.metric and any(run.probes for run in g.runs)]
        places = tuple(_place(group) for group in monitored)
        reached = [place for place in places if place.late is not None]
        if len(reached) >= FEWEST_SETTINGS:
            correlations = tuple(_correlation(name, reached) for name in PREDICTORS)
            found.append(Ranking(name, str(monitored[0].metric), places, correlations))
    return found


def ranking_table(ranking: Ranking) -> Table:
    """One row per predictor: its correlation with the late value, and p; both at equal a too."""
    table = Table("predictor", box=None)
    for heading in ("Spearman", "p", "at equal a", "p", "settings"):
        table.add_column(heading, justify="right")
    for each in ranking.correlations:
        found = ((each.spearman, "+.2f"), (each.p, ".2g"))
        found += ((each.within_a, "+.2f"), (each.within_a_p, ".2g"))
        cells = ["–" if number is None else format(number, form) for number, form in found]
        table.add_row(PREDICTORS[each.predictor], *cells, str(each.settings))
    return table


def places_table(ranking: Ranking) -> Table:
    """One row per setting, the best first: its early quantities and its late value."""
    shown = [name for name in QUANTITIES if any(name in place.early for place in ranking.places)]
    table = Table("setting", box=None)
    for heading in (*shown, ranking.metric, "runs", "diverged"):
        table.add_column(heading, justify="right")
    by_late = sorted(ranking.places, key=lambda p: math.inf if p.late is None else p.late)
    for place in by_late:
        numbers = [place.early.get(name) for name in shown] + [place.late]
        cells = ["–" if number is None else f"{number:.3g}" for number in numbers]
        table.add_row(place.title, *cells, str(place.runs), str(place.diverged))
    return table


def _place(group: Group) -> Place:
    late = {id(run): value for run in group.finished if (value := _late(run, group)) is not None}
    runs = [run for run in group.finished if id(run) in late]
    early = {}
    for name in QUANTITIES:
        values = [value for run in runs if (value := _early(run, name)) is not None]
        if values:
            early[name] = median(values)
    values = [value for run in runs if (value := _early_value(run, group)) is not None]
    if values:
        early["early_value"] = median(values)
    b, a = group.first_rates
    early |= {"a": a, "b": b, "a/b": a / b}
    return Place(
        label=group.label,
        title=group.title,
        early=early,
        late=median(late.values()) if late else None,
        late_by_seed={run.seed: late[id(run)] for run in runs},
        runs=len(group.runs),
        diverged=len(group.diverged),
    )


def _early(run: RunRecord, name: str) -> float | None:
    values = [(probe.update, probe.values.get(name)) for probe in run.probes]
    known = [(update, value) for update, value in values if value is not None]
    early = [value for update, value in known if update <= EARLY * run.updates]
    if name == "tracking_gap" and known and not early:
        return known[0][1]
    return median(early) if early else None


def _early_value(run: RunRecord, group: Group) -> float | None:
    """The last that is early; the first evaluation is of one update."""
    points = [p for p in curve(run, str(group.metric)) if p.event.update <= EARLY * run.updates]
    return points[-1].value if len(points) > 1 else None


def _late(run: RunRecord, group: Group) -> float | None:
    points = curve(run, str(group.metric))
    late = [p.value for p in points if p.event.update > (1 - LATE) * run.updates]
    return median(late) if late else None


def _correlation(predictor: str, places: Sequence[Place]) -> Correlation:
    """Of `predictor`, over the settings that have it."""
    here = [place for place in places if predictor in place.early]
    early, late, a = (
        np.array(values, dtype=np.float64)
        for values in (
            [place.early[predictor] for place in here],
            [place.late for place in here],
            [place.early["a"] for place in here],
        )
    )
    found = spearman(early, late) if len(here) > 1 else None
    within = spearman(early, late, strata=a) if len(here) > 1 else None
    return Correlation(predictor, len(here), *(found or (None, None)), *(within or (None, None)))
