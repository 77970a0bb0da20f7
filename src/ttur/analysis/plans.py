"""What was asked by runs, and the call that runs them again. Needs torch: experiments build models.

A call is told only if it leads to the configuration that the runs have.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from ttur.analysis.groups import Group
from ttur.experiments.experiment import Experiment
from ttur.experiments.registry import EXPERIMENTS
from ttur.experiments.running import chosen_experiment
from ttur.training.config import TrainingConfig
from ttur.training.record import RunRecord


@dataclass(frozen=True)
class Call:
    """Arguments of `ttur.run`: a label that the experiment has, or rates that make one."""

    name: str
    seeds: tuple[int, ...]
    settings: dict[str, Any]
    only: str | None = None
    d_lr: float | None = None
    g_lr: float | None = None
    n_critic: int | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """But the seeds and what the settings change."""
        names = ("only", "d_lr", "g_lr", "n_critic")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def experiment_of(group: Group) -> Experiment | None:
    """The experiment that the group is of, None if it has no name that is known."""
    known = EXPERIMENTS.get(group.experiment)
    return known() if known else None


def calls_of(group: Group) -> list[Call]:
    """For the runs of each length the call that starts or continues them; may be empty.

    Runs of a configuration that no call leads to (networks of one's own, another version's
    defaults) have none.
    """

    def length(run: RunRecord) -> int:
        return run.configuration["updates"]

    by_length = groupby(sorted(group.runs, key=length), length)
    found = (_call(list(some)) for _, some in by_length)
    return [call for call in found if call]


def _call(runs: Sequence[RunRecord]) -> Call | None:
    run = runs[0]
    if run.experiment not in EXPERIMENTS:
        return None
    (b, a), critic = run.description.rates, run.configuration.get("n_critic")
    chosen: dict[str, Any] = {"only": run.label}
    if run.label not in EXPERIMENTS[run.experiment]().settings:
        marked = run.label.endswith(f"_critic{critic}")
        chosen = {"d_lr": b, "g_lr": a} | ({"n_critic": critic} if marked else {})
    seeds = tuple(sorted(one.seed for one in runs))
    try:
        (config,) = chosen_experiment(run.experiment, **chosen).settings.values()
    except ValueError:  # a label or rates that this version makes nothing of
        return None
    call = Call(run.experiment, seeds, _changes(config.to_json(), _configuration(run)), **chosen)
    if "n_critic" in call.settings or not _leads_to(call, run):  # as an argument it marks a label
        return None
    for path, value in list(call.settings.items()):
        others = {other: value for other, value in call.settings.items() if other != path}
        kind = value.get("kind") if isinstance(value, dict) else None
        # What follows from the others is not told, nor what a kind has unless it is set.
        for fewer in (others, *([others | {path: kind}] if kind else [])):
            if _leads_to(replace(call, settings=fewer), run):
                call = replace(call, settings=fewer)
                break
    return call


def _leads_to(call: Call, run: RunRecord) -> bool:
    try:
        made = chosen_experiment(call.name, **call.arguments, settings=call.settings).settings
    except (TypeError, ValueError):
        return False
    again = {label: config.with_seed(run.seed).to_json() for label, config in made.items()}
    return again == {run.label: _configuration(run)}


def _configuration(run: RunRecord) -> dict[str, Any]:
    """With the fields that came after it was stored."""
    try:
        return TrainingConfig.completed(run.configuration)
    except ValueError:  # of networks of one's own
        return run.configuration


def _changes(before: Any, now: Any, path: str = "") -> dict[str, Any]:
    """Fields by path; a member of another kind, and a list of another content, as a whole."""
    if before == now or path == "seed":
        return {}
    before = {} if before is None else before  # a member that was not there comes by its fields
    members = isinstance(before, dict) and isinstance(now, dict)
    if not members or before.get("kind") != now.get("kind"):
        return {path: now}
    return {
        place: value
        for name in now
        for place, value in _changes(
            before.get(name), now[name], f"{path}.{name}" if path else name
        ).items()
    }
