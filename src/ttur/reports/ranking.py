"""Whether what is measured early ranks the settings by the distance they reach later."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib import pyplot as plt
from rich.table import Table
from scipy.stats import rankdata

from ttur.reports.figures import save
from ttur.reports.groups import Group, by_experiment, curve
from ttur.reports.perturbation import PANEL, QUANTITIES, plain_ticks, setting_colours
from ttur.training.record import RunRecord

EARLY = 0.2  # of a run's updates: its first probes
LATE = 0.2  # and its last evaluations
FEWEST_SETTINGS = 6  # fewer have no rank correlation to speak of
PERMUTATIONS = 9999
# What is known before the first update, to compare with what the monitor adds.
RATES = {"a": "generator rate a", "b": "discriminator rate b", "a/b": "ratio a/b"}
PREDICTORS = {name: quantity.label for name, quantity in QUANTITIES.items()} | RATES
COLUMNS = 5


@dataclass(frozen=True)
class Place:
    """One setting: medians over its finished runs of each early quantity and of the late value.

    A quantity without a value is not in `early`. `late` is None where no run of `runs` finished.
    """

    label: str
    title: str
    early: dict[str, float]
    late: float | None
    runs: int
    diverged: int


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation over `settings`, with a two-sided permutation p-value.

    Both are None where all settings have one value.
    """

    predictor: str
    settings: int
    spearman: float | None
    p: float | None


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
    def title(self) -> str:
        settings, runs = len(self.places), sum(place.runs for place in self.places)
        return (
            f"{self.experiment}: the first {EARLY:.0%} of updates against {self.metric} in the "
            f"last {LATE:.0%}; {settings} settings, {runs} runs, {self.diverged} diverged"
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "experiment": self.experiment,
            "metric": self.metric,
            "diverged": self.diverged,
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


def spearman(
    x: Float[np.ndarray, " settings"], y: Float[np.ndarray, " settings"]
) -> tuple[float, float] | None:
    """Spearman's correlation and the share of permutations of `y` at least as far from 0.

    Ties share their mean rank; the order that was found counts as one permutation, so p > 0. The
    permutations are the same at every call. None if all of `x` or of `y` are equal.
    """
    a, b = rankdata(x), rankdata(y)
    a, b = a - a.mean(), b - b.mean()
    size = math.sqrt((a @ a) * (b @ b))
    if size == 0:
        return None
    shuffled = np.random.default_rng(0).permuted(np.tile(b, (PERMUTATIONS, 1)), axis=1)
    found = float(a @ b) / size
    as_far = np.abs(shuffled @ a) / size >= abs(found) - 1e-12  # but for rounding
    return found, float(1 + as_far.sum()) / (1 + PERMUTATIONS)


def ranking_table(ranking: Ranking) -> Table:
    """One row per predictor: its correlation with the late value, and p."""
    table = Table("predictor", box=None)
    for heading in ("Spearman", "p", "settings"):
        table.add_column(heading, justify="right")
    for each in ranking.correlations:
        table.add_row(
            PREDICTORS[each.predictor],
            "–" if each.spearman is None else f"{each.spearman:+.2f}",
            "–" if each.p is None else f"{each.p:.2g}",
            str(each.settings),
        )
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


def draw_ranking(ranking: Ranking, path: Path) -> Path:
    """A panel for each predictor: the late value over it, one point per setting."""
    reached = [place for place in ranking.places if place.late is not None]
    colours = dict(zip((p.label for p in reached), setting_colours(len(reached)), strict=True))
    shown = [each for each in ranking.correlations if each.settings]
    width, height = PANEL
    rows = -(-len(shown) // COLUMNS)
    figure, panels = plt.subplots(
        rows,
        COLUMNS,
        figsize=(width * COLUMNS, height * rows + 1.2),
        squeeze=False,
        sharey=True,
        layout="constrained",
    )
    for axes, each in zip(panels.flat, shown, strict=False):
        here = [place for place in reached if each.predictor in place.early]
        for place in here:
            at = place.early[each.predictor]
            axes.plot(at, place.late, "o", color=colours[place.label], label=place.title)
        values = [place.early[each.predictor] for place in here]
        if min(values) > 0:
            axes.set_xscale("log")
            plain_ticks(axes.xaxis)
        elif min(values) == 0:
            axes.set_xscale("symlog", linthresh=0.1)
            axes.set_xlim(-0.02, max(1.0, 2 * max(values)))
            axes.xaxis.set_major_formatter("{x:g}")
        if all(place.late and place.late > 0 for place in reached):
            axes.set_yscale("log")
            plain_ticks(axes.yaxis)
        found = "all equal"
        if each.spearman is not None:
            found = f"Spearman {each.spearman:+.2f}, p {each.p:.2g}"
        axes.set(xlabel=PREDICTORS[each.predictor], title=f"{found}, {each.settings} settings")
        axes.grid(alpha=0.4)
    for axes in panels[:, 0]:
        axes.set_ylabel(f"{ranking.metric}, last {LATE:.0%}")
    for axes in panels.flat[len(shown) :]:
        axes.axis("off")
    figure.suptitle(ranking.title)
    handles = panels[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=8, frameon=False)
    return save(figure, path)


def _place(group: Group) -> Place:
    late = {id(run): value for run in group.finished if (value := _late(run, group)) is not None}
    runs = [run for run in group.finished if id(run) in late]
    early = {}
    for name in QUANTITIES:
        values = [value for run in runs if (value := _early(run, name)) is not None]
        if values:
            early[name] = median(values)
    config = group.runs[0].config
    if config is not None:
        b, a = config.rates.at(1)
        early |= {"a": a, "b": b, "a/b": a / b}
    return Place(
        label=group.label,
        title=group.title,
        early=early,
        late=median(late.values()) if late else None,
        runs=len(group.runs),
        diverged=len(group.diverged),
    )


def _early(run: RunRecord, name: str) -> float | None:
    values = [(p["update"], float(p[name])) for p in run.probes if p.get(name) is not None]
    early = [value for update, value in values if update <= EARLY * run.updates]
    if name == "tracking_gap" and values and not early:
        return values[0][1]
    return median(early) if early else None


def _late(run: RunRecord, group: Group) -> float | None:
    points = curve(run, str(group.metric))
    late = [p.value for p in points if p.event["update"] > (1 - LATE) * run.updates]
    return median(late) if late else None


def _correlation(predictor: str, places: Sequence[Place]) -> Correlation:
    pairs = [(p.early[predictor], p.late) for p in places if predictor in p.early]
    found = spearman(*np.array(pairs, dtype=np.float64).T) if len(pairs) > 1 else None
    return Correlation(predictor, len(pairs), *(found or (None, None)))
