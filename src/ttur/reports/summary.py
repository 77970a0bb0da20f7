"""Runs grouped by learning-rate setting, as a table: best and final, counted and never mixed."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from rich.table import Table

from ttur.metrics.names import lower_is_better
from ttur.training.record import RunRecord


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
    def title(self) -> str:
        """The label as the paper writes it: `TTUR 1e-4 5e-4`, `orig 5e-4`."""
        return self.label.replace("_", " ").replace("ttur", "TTUR")


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
    varies = {"seed", "updates"}
    fields = {*one.configuration, *other.configuration} - varies
    different = sorted(f for f in fields if one.configuration.get(f) != other.configuration.get(f))
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
    """One row per setting: the best of all runs, as the paper reports it, beside means.

    Only finished runs enter the means; how many did, and how many diverged, stands beside.
    """
    table = Table(box=None)
    for heading in ("experiment", "setting", "metric", "finished", "diverged"):
        table.add_column(heading)
    for heading in ("best of all", "at update", "best, mean ± std", "final, mean ± std"):
        table.add_column(heading, justify="right")
    for group in groups:
        finished = [run for run in group.runs if run.outcome == "finished"]
        scored = [e for run in group.runs for e in run.evaluations]
        sign = 1 if group.metric is None or lower_is_better(group.metric) else -1
        best = min(scored, key=lambda e: sign * e["value"], default=None)
        table.add_row(
            group.experiment,
            group.title,
            group.metric or "–",
            f"{len(finished)}/{len(group.runs)}",
            str(sum(run.outcome.startswith("diverged") for run in group.runs)),
            f"{best['value']:.4g}" if best else "–",
            f"{best['update']:,}" if best else "–",
            _spread([run.best["value"] for run in finished if run.best]),
            _spread([run.final["value"] for run in finished if run.final]),
        )
    return table


def _scored(score: dict | None) -> str:
    return f"{score['metric']} {score['value']:.4g} @ {score['update']:,}" if score else "–"


def _spread(values: list[float]) -> str:
    if not values:
        return "–"
    spread = f" ± {stdev(values):.2g}" if len(values) > 1 else ""
    return f"{mean(values):.4g}{spread} (n={len(values)})"
