"""How far long work has come: who works reports, and knows nothing of who looks on.

    with task("features of B", total=50_000, unit="images") as advance:
        for batch in batches:
            ...
            advance(len(batch))

Nobody looks on unless `shown_to` says so; then a report costs an attribute.
"""

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

T = TypeVar("T")


@dataclass(eq=False)
class Task:
    """Work under way: `done` of `total` things called `unit`. A total of None is not known.

    Called with a number, so many more are done. The rest is for whoever knows more of the work:

    Attributes:
        later: things are done in turn, each a task of its own within this one, and as much as so
            many of the present one comes after it.
        headline: what one looks for, in fewer and fewer words.
        notes: what else may be said, the most important first.
        clock: the seconds by which it has a speed, where that is not the time of the wall.
        beside: how many seconds, from so many things done on, that clock will not count.
    """

    title: str
    total: int | None = None
    unit: str = ""
    done: int = 0
    later: float | None = None
    onlooker: "Onlooker | None" = None
    headline: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    clock: Callable[[], float] | None = None
    beside: Callable[[int], float] = lambda done: 0.0

    def __call__(self, count: int) -> None:
        if count:
            self.done += count
            if self.onlooker is not None:
                self.onlooker.advance(self)


@runtime_checkable
class Onlooker(Protocol):
    """Is told of each task, in the thread that does it. What it raises ends the work."""

    def begin(self, task: Task) -> None: ...

    def advance(self, task: Task) -> None:
        """`task.done` has grown."""

    def end(self, task: Task) -> None:
        """It is finished, or was ended by an error."""


# Of this thread, or of the one whose context was copied: work side by side has onlookers apart.
_ONLOOKER: ContextVar[Onlooker | None] = ContextVar("onlooker", default=None)


def onlooker() -> Onlooker | None:
    """Who looks on here."""
    return _ONLOOKER.get()


@contextmanager
def shown_to(onlooker: Onlooker | None) -> Iterator[None]:
    """Tasks of the block are told to `onlooker` alone; None hides them."""
    before = _ONLOOKER.set(onlooker)
    try:
        yield
    finally:
        _ONLOOKER.reset(before)


@contextmanager
def task(
    title: str,
    total: int | None = None,
    unit: str = "",
    *,
    done: int = 0,
    later: float | None = None,
) -> Iterator[Task]:
    """The block is a task, and calls what it gets with the number of things it has done since."""
    made = Task(title, total, unit, done, later, _ONLOOKER.get())
    if made.onlooker is None:
        yield made
        return
    made.onlooker.begin(made)
    try:
        yield made
    finally:
        made.onlooker.end(made)


def counted(
    items: Iterable[T], title: str, unit: str = "", total: int | None = None
) -> Iterator[T]:
    """The items, each of them a thing done when the next is asked for."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with task(title, total, unit) as advance:
        for item in items:
            yield item
            advance(1)
