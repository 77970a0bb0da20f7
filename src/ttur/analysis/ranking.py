"""Whether what is measured early ranks the settings by the distance they reach later.

Ranks are compared by Spearman's correlation, with its distribution under no relation found by
permuting.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from statistics import median
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from ttur.analysis.groups import Group, by_experiment, curve
from ttur.analysis.probes import QUANTITIES
from ttur.runtime.progress import counted
from ttur.training.record import RunRecord

EARLY = 0.2  # of a run's updates: its first probes
LATE = 0.2  # and its last evaluations
FEWEST_SETTINGS = 6  # fewer have no rank correlation to speak of
PERMUTATIONS = 9999
# What is known before the first update, and without a monitor: does it add anything to that?
KNOWN = {"generator_rate": "generator rate a", "discriminator_rate": "discriminator rate b"}
KNOWN |= {"rate_ratio": "ratio a/b", "early_value": "the metric itself, early"}
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

    `at_equal_rate` ranks among settings of one generator rate only: a smaller one perturbs less and
    learns more slowly, so that both effects meet in the other. None where all have one value.
    """

    predictor: str
    settings: int
    spearman: float | None
    p_value: float | None
    at_equal_rate: float | None
    at_equal_rate_p_value: float | None


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
            predictors = counted(PREDICTORS, f"ranking of {name}", "quantities")
            correlations = tuple(_correlation(each, reached) for each in predictors)
            found.append(Ranking(name, str(monitored[0].metric), places, correlations))
    return found


def spearman(
    x: Float[np.ndarray, " settings"],
    y: Float[np.ndarray, " settings"],
    strata: Float[np.ndarray, " settings"] | None = None,
) -> tuple[float, float] | None:
    """Spearman's correlation and the share of permutations of `y` at least as far from 0.

    Ties share their mean rank; the order that was found counts as one permutation, so p > 0. The
    permutations are the same at every call. With `strata` ranks and permutations are within
    settings of one stratum. None if all of `x` or of `y` are equal there.
    """
    parts = [np.full(len(x), True)]
    if strata is not None:
        parts = [strata == stratum for stratum in np.unique(strata)]
    a, b = np.zeros((2, len(x)))
    for part in parts:
        for ranks, values in ((a, x), (b, y)):
            ranks[part] = rankdata(values[part]) - (part.sum() + 1) / 2
    size = math.sqrt((a @ a) * (b @ b))
    if size == 0:
        return None
    noise = np.random.default_rng(0)
    shuffled = np.tile(b, (PERMUTATIONS, 1))
    for part in parts:
        shuffled[:, part] = noise.permuted(shuffled[:, part], axis=1)
    found = float(a @ b) / size
    as_far = np.abs(shuffled @ a) / size >= abs(found) - 1e-12  # but for rounding
    return found, float(1 + as_far.sum()) / (1 + PERMUTATIONS)


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
    early |= {"generator_rate": a, "discriminator_rate": b, "rate_ratio": a / b}
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
            [place.early["generator_rate"] for place in here],
        )
    )
    found = spearman(early, late) if len(here) > 1 else None
    within = spearman(early, late, strata=a) if len(here) > 1 else None
    return Correlation(predictor, len(here), *(found or (None, None)), *(within or (None, None)))
