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
    """Work under way: `done` of `total` things called `unit`. A total of None is not known."""

    title: str
    total: int | None = None
    unit: str = ""
    done: int = 0


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
def task(title: str, total: int | None = None, unit: str = "") -> Iterator[Callable[[int], None]]:
    """The block is a task, and calls what it gets with the number of things it has done since."""
    onlooker = _ONLOOKER.get()
    if onlooker is None:
        yield _unseen
        return
    made = Task(title, total, unit)

    def advance(count: int) -> None:
        if count:
            made.done += count
            onlooker.advance(made)

    onlooker.begin(made)
    try:
        yield advance
    finally:
        onlooker.end(made)


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


def _unseen(count: int) -> None:
    pass
