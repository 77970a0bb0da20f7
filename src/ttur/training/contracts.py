"""What the loop is given, and what it gives back."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ttur.training.game import TwoPlayerGame


class Interrupted(Exception):
    """Raised inside an evaluation that should stop; the loop saves and ends."""


@dataclass(frozen=True)
class Cadence:
    """When to do what, all in outer iterations (generator updates)."""

    updates: int
    log_every_updates: int
    evaluate_every_updates: int
    checkpoint_every_updates: int
    patience: int | None = None  # evaluations without a new best, after which the run ends

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")

    def logs(self, update: int) -> bool:
        return update > 0 and update % self.log_every_updates == 0

    def evaluates(self, update: int) -> bool:
        """The first update, every multiple, and the last (spec A.6)."""
        multiple = update > 0 and update % self.evaluate_every_updates == 0
        return multiple or update in (1, self.updates)

    def saves(self, update: int) -> bool:
        return update > 0 and update % self.checkpoint_every_updates == 0

    def pauses(self, update: int) -> bool:
        """Whether anything is due after this update."""
        return self.logs(update) or self.evaluates(update) or self.saves(update)


@dataclass(frozen=True)
class Score:
    """One evaluation: the metric's name, its value, and the update it belongs to."""

    metric: str
    value: float
    update: int


@dataclass(frozen=True)
class Evaluator:
    """How the loop looks at a generator. `score` measures, `write_samples` shows.

    Both get the game and must leave it as it is. `score` gives values by name, that of `metric`
    and any others, which are logged beside it; it may call `poll`, which raises Interrupted.
    `write_samples` adds the suffix to its path. `lower_is_better` says which score is the best.
    `floor` has what real samples would score, where that is known.
    """

    metric: str
    score: Callable[[TwoPlayerGame, Callable[[], None]], dict[str, float]] | None
    write_samples: Callable[[TwoPlayerGame, Path], None] | None
    lower_is_better: bool = True
    floor: dict[str, float] = field(default_factory=dict)


@runtime_checkable
class Monitor(Protocol):
    """Who looks at the game from before an update to after it, where that is due."""

    def is_due(self, update: int) -> bool: ...

    def before_step(self) -> None: ...

    def after_step(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Progress:
    """What a terminal shows: counts, speed, losses, the last and the best score."""

    update: int
    updates: int
    updates_per_second: float
    losses: dict[str, float | None]
    last: Score | None
    best: Score | None


@dataclass(frozen=True)
class Outcome:
    """How a run ended: "finished", "interrupted" or "diverged".

    A diverged run has a cause, the first bad update, and no weights that mean anything. One that
    finished before its last update has a cause too.
    """

    kind: str
    update: int
    discriminator_updates: int
    cause: str | None
    best: Score | None
    final: Score | None
    weights_sha256: dict[str, str] | None
