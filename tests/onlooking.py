"""Who looks on at work, and writes down or interrupts what is reported."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ttur.data.dataset import Card
from ttur.data.preparing import prepare as preparing
from ttur.runtime.progress import Task, shown_to


@dataclass
class Recorder:
    """`seen` are what happened, the title, and how much was done; `on_advance` may raise."""

    on_advance: Callable[[Task], None] = lambda task: None
    seen: list[tuple[str, str, int]] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)

    def begin(self, task: Task) -> None:
        self.tasks.append(task)
        self.seen.append(("begin", task.title, task.done))

    def advance(self, task: Task) -> None:
        self.seen.append(("advance", task.title, task.done))
        self.on_advance(task)

    def end(self, task: Task) -> None:
        self.seen.append(("end", task.title, task.done))


def prepare(
    *words: Any, on_progress: Callable[[int, int], None] = lambda done, total: None, **options: Any
) -> Card:
    """`on_progress` is told of the samples done and in all, 0 while that is not known."""
    with shown_to(Recorder(lambda task: on_progress(task.done, task.total or 0))):
        return preparing.prepare(*words, **options)
