"""Runs of one setting over its seeds, and their curves: what all else is computed from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ttur.timescales.step_sizes import rate_text
from ttur.training.events import Evaluation, Log, Probe
from ttur.training.record import Published, RunRecord

# An event that says when: after which updates of both players, and seconds of training.
Moment = Evaluation | Log | Probe


@dataclass(frozen=True)
class Group:
    """The runs of one setting of one experiment, over its seeds."""

    experiment: str
    label: str
    runs: tuple[RunRecord, ...]

    @property
    def metric(self) -> str | None:
        """What their evaluations measured, None if there are none."""
        return next((e.metric for run in self.runs for e in run.evaluations), None)

    @property
    def metrics(self) -> tuple[str, ...]:
        """All that their evaluations measured: the metric, and the values beside it."""
        events = [event for run in self.runs for event in run.evaluations]
        beside = (name for event in events for name in event.values)
        return tuple(dict.fromkeys([*(event.metric for event in events), *beside]))

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
    def published(self) -> Published:
        """What the paper shows in the place of this setting."""
        return self.runs[0].description.published

    @property
    def band(self) -> str:
        """How the paper shows the spread over runs, one of `bands.BANDS`."""
        return self.published.band

    @property
    def data(self) -> str:
        """The name of the data set; networks of the user's own need not have one."""
        return self.runs[0].configuration.get("data", {}).get("name", "–")

    @property
    def is_single_timescale(self) -> bool:
        return self.runs[0].description.is_single_timescale

    @property
    def first_rates(self) -> tuple[float, float]:
        """b and a of the first update."""
        return self.runs[0].description.rates

    @property
    def rates(self) -> str:
        """`b, a` of two time-scales, or the one rate."""
        return ", ".join(self._rate_texts)

    @property
    def title(self) -> str:
        """The label as the paper writes it: `TTUR 1e-4 5e-4`, `orig 5e-4`."""
        return self.label.replace("ttur", "TTUR").replace("_", " ")

    @property
    def method(self) -> str:
        """The title without its rates: `TTUR`, `sgd orig`."""
        return self.title.replace(f" {' '.join(self._rate_texts)}", "")

    @property
    def tally(self) -> str:
        """How many runs there are, and how many of them came to no end of their own."""
        runs, diverged = len(self.runs), len(self.diverged)
        unfinished = runs - diverged - len(self.finished)
        parts = [f"{runs} run{'s' * (runs != 1)}"]
        parts += [f"{diverged} diverged"] * bool(diverged)
        return ", ".join(parts + [f"{unfinished} unfinished"] * bool(unfinished))

    @property
    def order(self) -> tuple[Any, ...]:
        """Sorts as the paper does."""
        two = not self.is_single_timescale
        return self.experiment, two, self.method, self.first_rates, self.label

    def lower_is_better(self, metric: str) -> bool:
        """Whether the lowest value is the best, as of a distance.

        Raises:
            ValueError: if no run of the group says so.
        """
        said = [run.description.lower_is_better for run in self.runs]
        found = next((each[metric] for each in said if metric in each), None)
        if found is None:
            raise ValueError(
                f"{self.runs[0].directory} does not say whether a lower {metric} is better; "
                "expected it in `lower_is_better` of config.json"
            )
        return found

    def best(self, metric: str, points: Sequence["Point"]) -> "Point | None":
        """The lowest of a distance, the highest of a score; None of none."""
        if not points:
            return None
        sign = 1 if self.lower_is_better(metric) else -1
        return min(points, key=lambda point: sign * point.value)

    @property
    def _rate_texts(self) -> list[str]:
        b, a = map(rate_text, self.first_rates)
        return [a] if self.is_single_timescale else [b, a]


class Point(NamedTuple):
    """One value of a curve, the event it stands in, and the seconds spent evaluating until then."""

    value: float
    event: Moment
    evaluation_seconds: float = 0.0


def curve(run: RunRecord, metric: str) -> list[Point]:
    """The values of `metric` in a run, in order; an evaluation need not have all metrics."""
    points, seconds = [], 0.0
    for event in run.evaluations:
        seconds += event.evaluation_seconds
        if metric in event.values:
            points.append(Point(event.values[metric], event, seconds))
    return points


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


def differ_in_cost(groups: Sequence[Group]) -> bool:
    """Whether settings of one experiment differ in what an update costs, that is in n_critic."""
    costs = {(g.experiment, run.configuration.get("n_critic")) for g in groups for run in g.runs}
    return len(costs) > len({experiment for experiment, _ in costs})


def _check_repetition(one: RunRecord, other: RunRecord) -> None:
    a, b = (dict(_leaves(run.configuration)) for run in (one, other))
    paths = {*a, *b} - {"seed", "updates"}
    different = sorted(path for path in paths if a.get(path, ...) != b.get(path, ...))
    if different:
        raise ValueError(
            f"{one.directory} and {other.directory} differ in {', '.join(different)}; they are "
            "not repetitions of one setting: report them apart"
        )


def _leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The plain values of a configuration by their paths, `model.width`."""
    if not isinstance(tree, dict) or not tree:
        yield path, tree
        return
    for name, part in tree.items():
        yield from _leaves(part, f"{path}.{name}" if path else name)
