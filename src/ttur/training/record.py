"""What a run directory says about its run: read back, never recomputed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ttur.runtime.run_directory import RunDirectory, read_events
from ttur.training.config import TrainingConfig

# The "model" in the configuration of a run that trained networks of the user's own.
OWN_NETWORKS = "own"
# How a run stands whose process was killed, or still runs.
UNFINISHED = "unfinished"


@dataclass(frozen=True)
class RunRecord:
    """One run. `outcome` is finished, interrupted, diverged@<update>, or unfinished.

    `best` and `final` are {"metric", "value", "update"} or None; `evaluations` has one event per
    evaluated update, in order.
    """

    directory: Path
    experiment: str
    label: str
    seed: int
    config: TrainingConfig | None
    outcome: str
    cause: str | None
    updates: int
    discriminator_updates: int
    best: dict[str, Any] | None
    final: dict[str, Any] | None
    weights_sha256: dict[str, str] | None
    evaluations: tuple[dict[str, Any], ...]
    logs: tuple[dict[str, Any], ...]

    @property
    def is_concluded(self) -> bool:
        """Finished or diverged: the same command has nothing left to do."""
        return self.outcome == "finished" or self.outcome.startswith("diverged")

    def to_json(self) -> dict[str, Any]:
        """What `ttur run --json` prints of it."""
        return {
            "label": self.label,
            "seed": self.seed,
            "outcome": self.outcome,
            "cause": self.cause,
            "updates": self.updates,
            "discriminator_updates": self.discriminator_updates,
            "directory": str(self.directory),
            "best": self.best,
            "final": self.final,
            "weights_sha256": self.weights_sha256,
        }


def read_run(path: Path) -> RunRecord:
    """The record of the run in `path`.

    Raises:
        FileNotFoundError: if `path` holds no run.
        ValueError: if its config.json is damaged.
    """
    document = RunDirectory(path).read_config()
    if document is None:
        raise FileNotFoundError(
            f"{path} holds no run (no config.json); expected a folder that "
            "`ttur run` made, such as runs/demo/orig_2e-4/seed-0"
        )
    events = read_events(path)
    by_kind: dict[str, dict[int, dict[str, Any]]] = {"evaluation": {}, "log": {}}
    for event in events:
        if event["event"] in by_kind:
            by_kind[event["event"]][event["update"]] = event
    end = events[-1] if events and events[-1]["event"] == "outcome" else None
    configuration = document["configuration"]
    is_ours = configuration["model"] != OWN_NETWORKS
    return RunRecord(
        directory=path,
        experiment=document["experiment"],
        label=document["label"],
        seed=document["seed"],
        config=TrainingConfig.from_json(configuration) if is_ours else None,
        outcome=_outcome(end),
        cause=end["cause"] if end else None,
        updates=end["update"] if end else max((e["update"] for e in events), default=0),
        discriminator_updates=end["discriminator_updates"] if end else 0,
        best=end["best"] if end else None,
        final=end["final"] if end else None,
        weights_sha256=end["weights_sha256"] if end else None,
        evaluations=tuple(by_kind["evaluation"].values()),
        logs=tuple(by_kind["log"].values()),
    )


def find_runs(path: Path) -> list[RunRecord]:
    """Every run in `path` or below it, sorted by folder.

    Raises:
        FileNotFoundError: if there is none.
    """
    found = sorted(config.parent for config in Path(path).rglob("config.json"))
    if not found:
        raise FileNotFoundError(f"no runs in {path}; expected folders that `ttur run` made")
    return [read_run(folder) for folder in found]


def concluded_run(
    folder: RunDirectory, document: dict[str, Any], say: Callable[[str], None]
) -> RunRecord | None:
    """The record of the run in `folder` if nothing is left to do there; None if there is.

    `document` is the config.json this call would write. Only more updates are still the same run;
    another version of what computes is said, since the last bits may then differ.

    Raises:
        ValueError: if the folder holds another run; names the fields.
    """
    stored = folder.read_config()
    if stored is None:
        return None
    differences = [
        f"{name} was {before!r}, is {now!r}"
        for name, before, now in _compared(stored, document)
        if before != now and not (name == "updates" and now > before)
    ]
    if differences:
        raise ValueError(
            f"{folder.path} holds a run of another configuration: {'; '.join(differences)}; "
            "use the same words, or another --out"
        )
    for name, now in document["environment"].items():
        if (before := stored["environment"].get(name)) != now:
            say(f"{folder.path}: {name} was {before}, is {now}; the last bits may differ")
    record = read_run(folder.path)
    same_length = stored["configuration"]["updates"] == document["configuration"]["updates"]
    return record if record.is_concluded and same_length else None


def _compared(stored: dict[str, Any], document: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """(field, value then, value now) of all that makes a run the same run."""
    outer = [(n, stored[n], document[n]) for n in ("experiment", "label", "data_sha256")]
    then, now = stored["configuration"], document["configuration"]
    if then["model"] != OWN_NETWORKS:  # a field that is younger than the run had its default
        then = TrainingConfig.from_json(then).to_json()
    names = [*now, *(name for name in then if name not in now)]
    return outer + [(name, then.get(name), now.get(name)) for name in names]


def _outcome(end: dict[str, Any] | None) -> str:
    if end is None:
        return UNFINISHED
    return f"diverged@{end['update']}" if end["kind"] == "diverged" else end["kind"]
