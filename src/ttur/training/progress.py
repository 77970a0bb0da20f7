"""How far a run is, made of its events: one value for whoever wants no more."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ttur.runtime.progress import Task
from ttur.training.events import Ended, Evaluation, Event, Listener, Log, Resumed, Score, Started


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


def noted(task: Task) -> Listener:
    """Lets the task of a run say what its events do: the last and the best score, then losses."""
    listener = ProgressListener()

    def note(event: Event) -> None:
        listener(event)
        task.headline, task.notes = _scores(listener.progress), _losses(listener.progress)

    return note


def _scores(run: Progress) -> tuple[str, ...]:
    """In fewer and fewer words."""
    if run.last is None or run.best is None:
        return ()
    last, best = f"{run.last.value:.4g}", f"{run.best.value:.4g}"
    return (
        f"{run.last.metric} {last} (best {best} @ {run.best.update:,})",
        f"{run.last.metric} {last} (best {best})",
        f"{last} (best {best})",
        last,
    )


def _losses(run: Progress) -> tuple[str, ...]:
    short = {"discriminator_loss": "D", "generator_loss": "G"}
    known = {name: value for name, value in run.losses.items() if value is not None}
    return tuple(f"{short.get(name, name)} {value:.3f}" for name, value in known.items())
