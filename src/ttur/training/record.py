"""A run and its directory: what stands there is read back, continued, or refused."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ttur.runtime.run_directory import CONFIG, EVENTS, RunDirectory, is_number, read_events
from ttur.training.config import TrainingConfig
from ttur.training.contracts import Cadence, Evaluator, Monitor, Progress
from ttur.training.game import TwoPlayerGame
from ttur.training.loop import run_loop

# The "model" in the configuration of a run that trained networks of the user's own.
OWN_NETWORKS = "own"
# How a run stands whose process was killed, or still runs.
UNFINISHED = "unfinished"


# A run goes on with other ones of these: the monitor has no effect on what is trained.
_WATCHING = ("monitor_every_updates", "tracking_gap_every_updates")
_DOCUMENT = ("experiment", "label", "seed", "data_sha256", "configuration", "environment")


@dataclass(frozen=True)
class RunRecord:
    """One run. `outcome` is finished, interrupted, diverged@<update>, or unfinished.

    `best` and `final` are {"metric", "value", "update"} or None; `evaluations` has one event per
    evaluated update, in order, `logs` one per log and `probes` one per probe; `floor` has what real
    samples score, where that is known. `vocabulary` has the symbols of a text. `config` is None
    where the networks were the user's own.
    """

    directory: Path
    experiment: str
    label: str
    seed: int
    configuration: dict[str, Any]
    outcome: str
    cause: str | None
    updates: int
    discriminator_updates: int
    best: dict[str, Any] | None
    final: dict[str, Any] | None
    weights_sha256: dict[str, str] | None
    evaluations: tuple[dict[str, Any], ...]
    floor: dict[str, float] = field(default_factory=dict)
    vocabulary: tuple[str, ...] = ()
    logs: tuple[dict[str, Any], ...] = ()
    probes: tuple[dict[str, Any], ...] = ()

    @property
    def config(self) -> TrainingConfig | None:
        if self.configuration.get("model") == OWN_NETWORKS:
            return None
        return TrainingConfig.from_json(self.configuration)

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
        ValueError: if its config.json is damaged; names what is missing.
    """
    document = _document(RunDirectory(path))
    if document is None:
        raise FileNotFoundError(
            f"{path} holds no run (no config.json); expected a folder that "
            "`ttur run` made, such as runs/demo/orig_5e-4/seed-0"
        )
    events = read_events(path)
    evaluations = {e["update"]: e for e in events if e["event"] == "evaluation"}
    end = events[-1] if events and events[-1]["event"] == "outcome" else None
    last = max(events, key=lambda event: event["update"], default={})
    return RunRecord(
        directory=path,
        experiment=document["experiment"],
        label=document["label"],
        seed=document["seed"],
        configuration=document["configuration"],
        outcome=_outcome(end),
        cause=end["cause"] if end else None,
        updates=last.get("update", 0),
        discriminator_updates=last.get("discriminator_updates", 0),
        best=end["best"] if end else None,
        final=end["final"] if end else None,
        weights_sha256=end["weights_sha256"] if end else None,
        evaluations=tuple(evaluations.values()),
        floor=document.get("floor", {}),
        vocabulary=tuple(document.get("vocabulary", ())),
        logs=tuple(event for event in events if event["event"] == "log"),
        probes=tuple({e["update"]: _measured(e) for e in events if e["event"] == "probe"}.values()),
    )


def _measured(probe: dict[str, Any]) -> dict[str, Any]:
    """Its numbers, and None for anything else, which a damaged line may hold."""
    return {n: value if is_number(value) else None for n, value in probe.items() if n != "event"}


def find_runs(path: Path) -> list[RunRecord]:
    """Every run in `path` or below it, sorted by folder. Other programs' config.json is no run.

    Raises:
        FileNotFoundError: if there is none.
    """
    folders = sorted(config.parent for config in Path(path).rglob("config.json"))
    runs = [folder for folder in folders if (folder / EVENTS).exists()]
    if not runs:
        raise FileNotFoundError(f"no runs in {path}; expected folders that `ttur run` made")
    return [read_run(folder) for folder in runs]


def train_in(
    directory: Path,
    document: dict[str, Any],
    build: Callable[[], tuple[TwoPlayerGame, Evaluator, Monitor | None]],
    cadence: Cadence,
    report: Callable[[Progress], None],
    say: Callable[[str], None],
) -> RunRecord:
    """Run, or continue, what `document` describes; a concluded run is read back untouched.

    `document` becomes config.json. Nothing is built before the folder is known to be free or to
    hold this very run, and nothing is written before all is built. Only with more updates, or
    another cadence of the monitor, is it still the same run; another version of what computes is
    said, since the last bits may then differ.

    Raises:
        ValueError: if the folder holds another run; names the fields.
        BlockingIOError: if another process runs here.
    """
    with RunDirectory(directory) as folder:
        stored = _document(folder)
        if stored is not None:
            _check_same(folder, stored, document, say)
            record = read_run(directory)
            same_length = stored["configuration"]["updates"] == cadence.updates
            if record.is_concluded and same_length:
                _say_if_unwatched(folder, stored, document, say)
                return record
        game, evaluator, monitor = build()
        document |= {"scored_by": evaluator.metric}
        if evaluator.floor:
            document |= {"floor": evaluator.floor}
        if stored is not None:
            if stored.get("scored_by", evaluator.metric) != evaluator.metric:
                raise ValueError(
                    f"{directory} was scored by {stored['scored_by']}, this would be "
                    f"{evaluator.metric}; give the same --weights, or another --out"
                )
            # As it began: fields that came later are not in the identity of its checkpoints.
            began = stored["configuration"] | {"updates": cadence.updates}
            document |= {"environment": stored["environment"], "configuration": began}
        folder.write_config(document)
        run_loop(game, folder, cadence, evaluator, _identity(document), report, say, monitor)
    return read_run(directory)


def _document(folder: RunDirectory) -> dict[str, Any] | None:
    document = folder.read_config()
    if document is None:
        return None
    missing = [name for name in _DOCUMENT if name not in document]
    if missing or not isinstance(document["configuration"], dict):
        raise ValueError(
            f"{folder.path / CONFIG} is not of a run of ttur (it lacks {', '.join(missing)}); "
            "remove the folder, or choose another --out"
        )
    return document


def _check_same(
    folder: RunDirectory,
    stored: dict[str, Any],
    document: dict[str, Any],
    say: Callable[[str], None],
) -> None:
    differences = [
        f"{name} was {before!r}, is {now!r}"
        for name, before, now in _compared(stored, document)
        if before != now and name not in _WATCHING and not (name == "updates" and now > before)
    ]
    if differences:
        raise ValueError(
            f"{folder.path} holds a run of another configuration: {'; '.join(differences)}; "
            "use the same words, or another --out"
        )
    for name, now in document["environment"].items():
        if (before := stored["environment"].get(name)) != now:
            say(f"{folder.path}: {name} was {before}, is {now}; the last bits may differ")


def _say_if_unwatched(
    folder: RunDirectory,
    stored: dict[str, Any],
    document: dict[str, Any],
    say: Callable[[str], None],
) -> None:
    if any(
        name in _WATCHING and now != before for name, before, now in _compared(stored, document)
    ):
        say(f"{folder.path} has ended and is not monitored any more; give more updates, or --out")


def _compared(stored: dict[str, Any], document: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """(field, value then, value now) of all that makes a run the same run."""
    outer = [(n, stored[n], document[n]) for n in ("experiment", "label", "data_sha256")]
    then, now = stored["configuration"], document["configuration"]
    if OWN_NETWORKS not in (then.get("model"), now["model"]):
        then = TrainingConfig.from_json(then).to_json()  # a younger field had its default
    names = [*now, *(name for name in then if name not in now)]
    return outer + [(name, then.get(name), now.get(name)) for name in names]


def _identity(document: dict[str, Any]) -> str:
    """A digest of all that makes a run the same run, for its checkpoints."""
    parts = [document[name] for name in ("experiment", "label", "data_sha256")]
    configuration = {k: v for k, v in document["configuration"].items() if k != "updates"}
    return hashlib.sha256(json.dumps([*parts, configuration], sort_keys=True).encode()).hexdigest()


def _outcome(end: dict[str, Any] | None) -> str:
    if end is None:
        return UNFINISHED
    return f"diverged@{end['update']}" if end["kind"] == "diverged" else end["kind"]
