"""Runs of one setting over its seeds, and their curves: what figures and tables are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ttur.evaluation.measures import lower_is_better
from ttur.experiments.experiment import Experiment
from ttur.experiments.registry import EXPERIMENTS
from ttur.training.record import RunRecord

CROWD = 10  # settings; more in one panel are a tangle

# What an evaluation's event has beside the values it measured.
_COUNTS = {"event", "update", "discriminator_updates", "training_seconds", "evaluation_seconds"}


@dataclass(frozen=True)
class Group:
    """The runs of one setting of one experiment, over its seeds."""

    experiment: str
    label: str
    runs: tuple[RunRecord, ...]

    @property
    def metric(self) -> str | None:
        """What their evaluations measured, None if there are none."""
        return next((e["metric"] for run in self.runs for e in run.evaluations), None)

    @property
    def metrics(self) -> tuple[str, ...]:
        """All that their evaluations measured: the metric, and what the events have beside it."""
        events = [event for run in self.runs for event in run.evaluations]
        others = (name for event in events for name in event if name not in _COUNTS)
        names = dict.fromkeys([event["metric"] for event in events] + list(others))
        return tuple(name for name in names if name not in ("metric", "value"))

    @property
    def finished(self) -> tuple[RunRecord, ...]:
        return tuple(run for run in self.runs if run.outcome == "finished")

    @property
    def diverged(self) -> tuple[RunRecord, ...]:
        return tuple(run for run in self.runs if run.outcome.startswith("diverged"))

    @property
    def surviving(self) -> tuple[RunRecord, ...]:
        return tuple(run for run in self.runs if not run.outcome.startswith("diverged"))

    @property
    def floor(self) -> dict[str, float]:
        """What real samples score, by metric."""
        return self.runs[0].floor

    @property
    def of_the_paper(self) -> Experiment | None:
        """The experiment of that name, None if there is none or it has other data."""
        if self.experiment not in EXPERIMENTS:
            return None
        chosen = EXPERIMENTS[self.experiment]()
        own = {config.data for config in chosen.settings.values()}
        return chosen if self.data in own else None

    @property
    def data(self) -> str:
        return self.runs[0].configuration.get("data", "–")

    @property
    def method(self) -> str:
        """The words of the label, as the paper writes them: `TTUR`, `orig`."""
        return " ".join(word for word in self._words if not _is_number(word))

    @property
    def rates(self) -> str:
        """The numbers of the label: `b, a` of two time-scales, or the one rate."""
        return ", ".join(self._numbers) or "–"

    @property
    def title(self) -> str:
        """The label as the paper writes it: `TTUR 1e-4 5e-4`, `orig 5e-4`."""
        return " ".join(self._words)

    @property
    def counted(self) -> str:
        """How many runs there are, and how many of them came to no end of their own."""
        runs, diverged = len(self.runs), len(self.diverged)
        unfinished = runs - diverged - len(self.finished)
        parts = [f"{runs} run{'s' * (runs != 1)}"]
        parts += [f"{diverged} diverged"] * bool(diverged)
        return ", ".join(parts + [f"{unfinished} unfinished"] * bool(unfinished))

    @property
    def band(self) -> str:
        """How the experiment shows the spread over its runs, one of `bands.BANDS`."""
        chosen = EXPERIMENTS.get(self.experiment)
        return chosen().band if chosen else "min-max"

    @property
    def first_rates(self) -> tuple[float, float] | None:
        """b and a of the first update; None of networks of the user's own."""
        config = self.runs[0].config
        return config.rates.at(1) if config else None

    @property
    def order(self) -> tuple[Any, ...]:
        """Sorts as the paper does. Networks of the user's own have rates in the label only."""
        rates = self.first_rates or tuple(map(float, self._numbers))
        return self.experiment, "TTUR" in self._words, self.method, rates, self.label

    @property
    def _numbers(self) -> list[str]:
        return list(filter(_is_number, self._words))

    @property
    def _words(self) -> list[str]:
        return self.label.replace("ttur", "TTUR").split("_")


class Point(NamedTuple):
    """One value of a curve, the event it stands in, and the seconds spent evaluating until then."""

    value: float
    event: dict[str, Any]
    evaluation_seconds: float = 0.0


def curve(run: RunRecord, metric: str) -> list[Point]:
    """The values of `metric` in a run, in order; an evaluation need not have all metrics."""
    points, seconds = [], 0.0
    for event in run.evaluations:
        seconds += event.get("evaluation_seconds", 0.0)
        name = "value" if event["metric"] == metric else metric
        if name in event:
            points.append(Point(float(event[name]), event, seconds))
    return points


def best_point(metric: str, points: Sequence[Point]) -> Point | None:
    """The lowest of a distance, the highest of a score; None of none."""
    sign = 1 if lower_is_better(metric) else -1
    return min(points, key=lambda point: sign * point.value, default=None)


def group_runs(runs: Sequence[RunRecord]) -> list[Group]:
    """One group per (experiment, label): one time-scale first, by method and rising rate.

    Raises:
        ValueError: if two runs of a group differ in more than seed and length, or have one seed:
            they are no repetitions of each other.
    """
    unique = {run.directory.resolve(): run for run in runs}.values()
    members: dict[tuple[str, str], list[RunRecord]] = {}
    for run in unique:
        members.setdefault((run.experiment, run.label), []).append(run)
    for group in members.values():
        for run in group[1:]:
            _check_repetition(group[0], run)
        if len({run.seed for run in group}) < len(group):
            raise ValueError(
                f"two runs of {group[0].label} have the same seed; report them apart: "
                + ", ".join(str(run.directory) for run in group)
            )
    groups = (Group(*key, tuple(group)) for key, group in members.items())
    return sorted(groups, key=lambda group: group.order)


def by_experiment(groups: Sequence[Group]) -> dict[str, list[Group]]:
    """The groups of each experiment, in their order."""
    members: dict[str, list[Group]] = {}
    for group in groups:
        members.setdefault(group.experiment, []).append(group)
    return members


def in_rows(groups: Sequence[Group], columns: int) -> list[list[Group]]:
    """The groups of each experiment, at most `columns` beside each other."""
    return [
        some[start : start + columns]
        for some in by_experiment(groups).values()
        for start in range(0, len(some), columns)
    ]


def shares(groups: Sequence[Group]) -> dict[str, list[Group]]:
    """What stands in one panel, by its heading: all, or of a crowd those of one experiment; of a
    crowd of one experiment those of one generator rate.
    """
    if len(groups) <= CROWD:
        return {"": list(groups)}
    experiments = by_experiment(groups)
    if len(experiments) > 1:
        return experiments
    of_rate: dict[float, list[Group]] = {}
    for group in groups:
        if group.first_rates is not None:
            of_rate.setdefault(group.first_rates[1], []).append(group)
    if not of_rate or len(of_rate) > CROWD or sum(map(len, of_rate.values())) < len(groups):
        return {"": list(groups)}
    return {f"a = {a:g}": of_rate[a] for a in sorted(of_rate)}


def differ_in_cost(groups: Sequence[Group]) -> bool:
    """Whether settings of one experiment differ in what an update costs, that is in n_critic."""
    costs = {(g.experiment, run.configuration.get("n_critic")) for g in groups for run in g.runs}
    return len(costs) > len({experiment for experiment, _ in costs})


def _check_repetition(one: RunRecord, other: RunRecord) -> None:
    # Fields that came after a run have their defaults.
    a, b = (run.config.to_json() if run.config else run.configuration for run in (one, other))
    fields = {*a, *b} - {"seed", "updates"}
    different = sorted(field for field in fields if a.get(field) != b.get(field))
    if different:
        raise ValueError(
            f"{one.directory} and {other.directory} differ in {', '.join(different)}; they are "
            "not repetitions of one setting: report them apart"
        )


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
