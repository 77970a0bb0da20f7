"""A run as its directory tells it. Reading needs no torch."""

import dataclasses
from collections.abc import Mapping
from dataclasses import field, fields
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from ttur.runtime.progress import counted
from ttur.runtime.run_directory import CONFIG, EVENTS, RunDirectory, read_lines
from ttur.runtime.settings import reasons
from ttur.training.events import Ended, Evaluation, Event, Log, Probe, Score, events_of

# What config.json looks like: another edition's is refused, not guessed at.
LAYOUT = 2
# How a run stands whose process was killed, or still runs.
UNFINISHED = "unfinished"
MOST_NAMED = 6  # runs, where another was meant
_FINITE = ConfigDict(allow_inf_nan=False)


@dataclass(frozen=True, config=_FINITE)
class PublishedBest:
    """The best of all runs and evaluations that was published, the convention of Table 1.

    `at` is where the published curve has it; where the table says otherwise, so does `at`.
    """

    value: float
    at: str


@dataclass(frozen=True, config=_FINITE)
class Published:
    """What the paper shows in the place of a setting.

    `best` has by metric the best value of all runs and where it was; `curves` by metric the figure
    in published_curves.csv; `band` is what the paper draws around the mean, `zoom` by metric the
    updates that it enlarges in a second panel.
    """

    best: dict[str, PublishedBest] = field(default_factory=dict)
    curves: dict[str, str] = field(default_factory=dict)
    band: str = "min-max"
    zoom: dict[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, config=_FINITE)
class RunDescription:
    """What config.json says of a run: all that makes it this run, and what is known beside.

    `configuration` is a tree of plain values. `rates` are b and a of the first update; a single
    time-scale has one sequence for both.
    `not_compared` names what a user passed and could not be described. `environment` decides the
    last bits. Checkpoints carry `identity`. The rest is known once a run was assembled:
    `lower_is_better` by name of all that its evaluations measure, what real samples score
    (`floor`), the symbols of a text (`vocabulary`), and the places in networks and functions whose
    values training changes (`changing`).
    """

    experiment: str
    label: str
    seed: int
    data_sha256: str
    rates: tuple[float, float]
    is_single_timescale: bool
    configuration: dict[str, Any]
    environment: dict[str, Any]
    layout: int = LAYOUT
    identity: str = ""
    not_compared: tuple[str, ...] = ()
    lower_is_better: dict[str, bool] = field(default_factory=dict)
    floor: dict[str, float] = field(default_factory=dict)
    vocabulary: tuple[str, ...] = ()
    changing: tuple[str, ...] = ()
    published: Published = Published()

    def to_json(self) -> dict[str, Any]:
        return _DESCRIPTION.dump_python(self, mode="json")

    @classmethod
    def from_json(cls, document: Mapping[str, Any], path: Path) -> "RunDescription":
        """What stands in the file `path`.

        Raises:
            ValueError: if it is of another layout, or damaged; names the fields.
        """
        missing = [f.name for f in fields(cls) if f.name in _NEEDED and f.name not in document]
        if len(missing) == len(_NEEDED):
            raise ValueError(
                f"{path} is not of a run of ttur (it lacks {', '.join(missing)}); remove the "
                "folder, or name another"
            )
        if (layout := document.get("layout", 1)) != LAYOUT:
            raise ValueError(
                f"{path} has the layout {layout} of another version of ttur, expected {LAYOUT}; "
                "read it with that version, or name another folder"
            )
        try:
            described = _DESCRIPTION.validate_python(document)
        except ValidationError as error:
            raise ValueError(f"{path} is damaged ({reasons(error)})") from error
        updates = described.configuration.get("updates")
        if not isinstance(updates, int | float):
            raise ValueError(
                f"{path} is damaged (configuration.updates: expected a number, got {updates!r})"
            )
        return described


_DESCRIPTION = TypeAdapter(RunDescription)
_NEEDED = ("experiment", "label", "seed", "data_sha256", "configuration")


@dataclasses.dataclass(frozen=True, repr=False)
class RunRecord:
    """One run. `outcome` is finished, interrupted, diverged@<update>, or unfinished.

    `evaluations` has one event per evaluated update, in order, `logs` one per log and `probes` one
    per probe.
    """

    directory: Path
    description: RunDescription
    end: Ended | None
    updates: int
    discriminator_updates: int
    evaluations: tuple[Evaluation, ...] = ()
    logs: tuple[Log, ...] = ()
    probes: tuple[Probe, ...] = ()

    @property
    def experiment(self) -> str:
        return self.description.experiment

    @property
    def label(self) -> str:
        return self.description.label

    @property
    def seed(self) -> int:
        return self.description.seed

    @property
    def configuration(self) -> dict[str, Any]:
        return self.description.configuration

    @property
    def floor(self) -> dict[str, float]:
        """What real samples score, where that is known."""
        return self.description.floor

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The symbols of a text; empty of images."""
        return self.description.vocabulary

    @property
    def outcome(self) -> str:
        if self.end is None:
            return UNFINISHED
        diverged = self.end.kind == "diverged"
        return f"diverged@{self.end.update}" if diverged else self.end.kind

    @property
    def cause(self) -> str | None:
        return self.end.cause if self.end else None

    @property
    def best(self) -> Score | None:
        return self.end.best if self.end else None

    @property
    def final(self) -> Score | None:
        return self.end.final if self.end else None

    @property
    def weights_sha256(self) -> dict[str, str] | None:
        return self.end.weights_sha256 if self.end else None

    @property
    def is_concluded(self) -> bool:
        """Finished or diverged: the same command has nothing left to do."""
        return self.end is not None and self.end.kind != "interrupted"

    def __repr__(self) -> str:
        best = f", best {self.best.metric} {self.best.value:.6g}" if self.best else ""
        return f"RunRecord({str(self.directory)!r}, {self.outcome} at {self.updates:,}{best})"

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
            "best": self.best and dataclasses.asdict(self.best),
            "final": self.final and dataclasses.asdict(self.final),
            "weights_sha256": self.weights_sha256,
        }


def read_run(path: Path | str) -> RunRecord:
    """The record of the run in `path`.

    Raises:
        FileNotFoundError: if `path` holds no run.
        ValueError: if its config.json is damaged or of another version; says what is wrong.
    """
    path = Path(path)
    description = read_description(path)
    if description is None:
        raise FileNotFoundError(f"expected the folder of one run, got {path}; {_runs_near(path)}")
    events = read_events(path)
    end = events[-1] if events and isinstance(events[-1], Ended) else None
    return RunRecord(
        directory=path,
        description=description,
        end=end,
        updates=max((event.update for event in events), default=0),
        discriminator_updates=max(
            (getattr(event, "discriminator_updates", 0) for event in events), default=0
        ),
        evaluations=tuple({e.update: e for e in events if isinstance(e, Evaluation)}.values()),
        logs=tuple(event for event in events if isinstance(event, Log)),
        probes=tuple({e.update: e for e in events if isinstance(e, Probe)}.values()),
    )


def _runs_near(path: Path) -> str:
    """Where there are runs: in the folder `path`, or nowhere near."""
    there = [config.parent for config in sorted(path.rglob(CONFIG))]
    if not there:
        return "it holds none; `ttur run` makes them, as runs/demo/orig_5e-4/seed-0"
    more = ", ..." if len(there) > MOST_NAMED else ""
    return f"it holds {', '.join(map(str, there[:MOST_NAMED]))}{more}"


def read_runs(path: Path | str) -> list[RunRecord]:
    """Every run in `path` or below it, sorted by folder. Other programs' config.json is no run.

        >>> import tempfile
        >>> few = {"updates": 2, "width": 2, "metric": "none"}
        >>> folder = tempfile.mkdtemp()
        >>> runs = list(ttur.run("demo", seeds=[0], settings=few, out=folder, device="cpu"))
        >>> [(run.label, run.updates) for run in ttur.read_runs(folder)]
        [('orig_5e-4', 2), ('ttur_1e-3_5e-4', 2)]

    Raises:
        FileNotFoundError: if there is none.
    """
    folders = sorted(config.parent for config in Path(path).rglob(CONFIG))
    runs = [folder for folder in folders if (folder / EVENTS).exists()]
    if not runs:
        raise FileNotFoundError(f"no runs in {path}; expected folders that `ttur run` made")
    return [read_run(folder) for folder in counted(runs, "reading", "runs")]


def read_description(path: Path) -> RunDescription | None:
    """What config.json in the folder `path` says, None if there is none.

    Raises:
        ValueError: if it is damaged or of another version.
    """
    document = RunDirectory(path).read_config()
    return None if document is None else RunDescription.from_json(document, path / CONFIG)


def read_events(path: Path) -> list[Event]:
    """The events of the run in the folder `path`, without what a resume took back."""
    return events_of(read_lines(path))
