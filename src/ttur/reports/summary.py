"""Runs grouped by learning-rate setting, as a table: best and final, counted and never mixed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, repeat
from statistics import mean, stdev
from typing import Any, NamedTuple

from rich.table import Table

from ttur.experiments.paper import EXPERIMENTS
from ttur.metrics.names import lower_is_better
from ttur.training.record import RunRecord

SENTENCES = "jsd_"  # so begin the names of values of sentences; an evaluation has several


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
        names = {event["metric"]: None for event in events}
        return tuple(names | {n: None for e in events for n in e if n.startswith(SENTENCES)})

    @property
    def surviving(self) -> "Group":
        """Without the runs that diverged."""
        runs = tuple(run for run in self.runs if not run.outcome.startswith("diverged"))
        return replace(self, runs=runs)

    @property
    def floor(self) -> dict[str, float]:
        """What real samples score, by metric."""
        return self.runs[0].floor

    @property
    def published(self) -> dict[str, str]:
        """By metric, the figure in published_curves.csv of the same experiment on its own data."""
        if self.experiment not in EXPERIMENTS:
            return {}
        chosen = EXPERIMENTS[self.experiment]()
        own = {config.data for config in chosen.settings.values()}
        return chosen.published if self.runs[0].configuration.get("data") in own else {}

    @property
    def title(self) -> str:
        """The label as the paper writes it: `TTUR 1e-4 5e-4`, `orig 5e-4`."""
        return self.label.replace("_", " ").replace("ttur", "TTUR")


class Point(NamedTuple):
    """One value of a curve and the event it stands in."""

    value: float
    event: dict[str, Any]


def curve(run: RunRecord, metric: str) -> list[Point]:
    """The values of `metric` in a run, in order; an evaluation need not have all metrics."""
    return [
        Point(event["value"] if event["metric"] == metric else event[metric], event)
        for event in run.evaluations
        if metric in (event["metric"], *event)
    ]


def group_runs(runs: Sequence[RunRecord]) -> list[Group]:
    """One group per (experiment, label): one time-scale first, by rising rate.

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
    return sorted((Group(*key, tuple(group)) for key, group in members.items()), key=_paper_order)


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


def _paper_order(group: Group) -> tuple:
    config = group.runs[0].config
    rates = config.rates.at(1) if config else (0.0, 0.0)
    return group.experiment, group.label.startswith("ttur"), rates, group.label


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


def groups_table(groups: Sequence[Group]) -> Table:
    """One row per setting and metric: the best of all runs, as the paper reports it, beside means.

    Only finished runs enter the means; how many did, and how many diverged, stands beside.
    """
    with_floor = any(group.floor for group in groups)
    table = Table(box=None)
    for heading in ("experiment", "setting", "metric", "finished", "diverged"):
        table.add_column(heading)
    for heading in ("best of all", "at update", "best, mean ± std", "final, mean ± std"):
        table.add_column(heading, justify="right")
    if with_floor:
        table.add_column("floor", justify="right")
    for group in groups:
        finished = [run for run in group.runs if run.outcome == "finished"]
        for metric in group.metrics or ("–",):
            curves = [curve(run, metric) for run in group.runs]
            best = _best(metric, [point for points in curves for point in points])
            ended = [points for points in map(curve, finished, repeat(metric)) if points]
            cells = [
                group.experiment,
                group.title,
                metric,
                f"{len(finished)}/{len(group.runs)}",
                str(sum(run.outcome.startswith("diverged") for run in group.runs)),
                f"{best.value:.4g}" if best else "–",
                f"{best.event['update']:,}" if best else "–",
                _spread([_best(metric, points).value for points in ended]),
                _spread([points[-1].value for points in ended]),
            ]
            floor = group.floor.get(metric)
            table.add_row(*cells, *([f"{floor:.4g}" if floor else "–"] if with_floor else []))
    return table


def equal_time_tables(groups: Sequence[Group]) -> list[Table]:
    """For experiments whose settings differ in what an update costs, that is in n_critic.

    One row per setting and metric, all runs cut at the training time that every one reached.
    Runs that diverged are left out.
    """
    tables = []
    for name, some in groupby(groups, key=lambda group: group.experiment):
        members = [group.surviving for group in some if group.surviving.runs]
        runs = [run for group in members for run in group.runs]
        if not runs:
            continue
        seconds = min(_seconds(run) for run in runs)
        if seconds > 0 and len({run.configuration.get("n_critic") for run in runs}) > 1:
            tables.append(_cut_table(name, members, seconds))
    return tables


def _cut_table(name: str, groups: Sequence[Group], seconds: float) -> Table:
    title = f"{name} after {seconds / 60:.3g} minutes of training, the most that all runs reached"
    table = Table("setting", "metric", box=None, title=title, title_justify="left")
    for heading in ("updates", "critic updates", "best, mean ± std", "last, mean ± std"):
        table.add_column(heading, justify="right")
    for group in groups:
        for metric in group.metrics:
            cut = [
                [p for p in curve(run, metric) if p.event["training_seconds"] <= seconds]
                for run in group.runs
            ]
            until = [points for points in cut if points]
            last = [points[-1].event for points in until]
            table.add_row(
                group.title,
                metric,
                ", ".join(f"{event['update']:,}" for event in last) or "–",
                ", ".join(f"{event['discriminator_updates']:,}" for event in last) or "–",
                _spread([_best(metric, points).value for points in until]),
                _spread([points[-1].value for points in until]),
            )
    return table


def _seconds(run: RunRecord) -> float:
    return max((e.get("training_seconds", 0.0) for e in run.evaluations), default=0.0)


def _best(metric: str, points: Sequence[Point]) -> Any:
    sign = 1 if lower_is_better(metric) else -1
    return min(points, key=lambda point: sign * point.value, default=None)


def _scored(score: dict | None) -> str:
    return f"{score['metric']} {score['value']:.4g} @ {score['update']:,}" if score else "–"


def _spread(values: list[float]) -> str:
    if not values:
        return "–"
    spread = f" ± {stdev(values):.2g}" if len(values) > 1 else ""
    return f"{mean(values):.4g}{spread} (n={len(values)})"
