"""How far a run is, made of its events: one value for whoever wants no more."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ttur.training.events import Ended, Evaluation, Event, Log, Resumed, Score, Started


@dataclass(frozen=True)
class Progress:
    """Counts, speed, losses, the last and the best score; how it ended, once it has."""

    update: int = 0
    updates: int = 0
    updates_per_second: float = 0.0
    losses: dict[str, float | None] = field(default_factory=dict)
    last: Score | None = None
    best: Score | None = None
    outcome: str | None = None


class ProgressListener:
    """Knows where a run stands; tells `report` after every log and evaluation, and at the end."""

    def __init__(self, report: Callable[[Progress], None] = lambda progress: None) -> None:
        self.report, self.progress = report, Progress()
        self._logged: Log | None = None

    def __call__(self, event: Event) -> None:
        self.progress = replace(self.progress, update=event.update)
        match event:
            case Started():
                self.progress = replace(self.progress, updates=event.updates)
                return
            case Resumed():
                scores = {"last": event.last, "best": event.best}
                self.progress = replace(self.progress, updates=event.updates, **scores)
                return
            case Log():
                speed = self._speed(event)
                self.progress = replace(
                    self.progress, losses=event.values, updates_per_second=speed
                )
            case Evaluation():
                self.progress = replace(self.progress, last=event.score, best=event.best)
            case Ended():
                self.progress = replace(
                    self.progress, outcome=event.kind, last=event.final, best=event.best
                )
            case _:
                return
        self.report(self.progress)

    def _speed(self, event: Log) -> float:
        """Updates per second of training since the log before; 0 at the first."""
        before, self._logged = self._logged, event
        if before is None or event.training_seconds <= before.training_seconds:
            return 0.0
        seconds = event.training_seconds - before.training_seconds
        return (event.update - before.update) / seconds
