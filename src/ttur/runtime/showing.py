"""Who is shown how far long work is: nobody, the person at the terminal, or a function."""

import functools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import ParamSpec, TypeVar

from ttur.runtime.errors import kind_of
from ttur.runtime.progress import Task, onlooker, shown_to
from ttur.runtime.standing import Standing, Watched, standings

SECONDS_BETWEEN_CALLS = 0.25
ShowProgress = bool | Callable[[Standing], None] | None
"""What `progress` may be, an argument of whatever takes long (`show_progress`)."""

P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def show_progress(progress: ShowProgress = True) -> Iterator[None]:
    """Shows what takes more than two seconds in the block, on stderr: how much is done, how fast,
    how long it will take. Bars on a terminal and in a notebook, in a pipe a line every 15 seconds.

        >>> import numpy as np
        >>> images = np.random.default_rng(0).integers(0, 256, (400, 16, 16, 3), np.uint8)
        >>> with ttur.show_progress():
        ...     float(ttur.fid(images[:200], images[200:], extractor="digits", cache=False)) > 0
        True

    Whatever takes long has this argument too: `ttur.fid(..., progress=True)`. True shows, False
    hides. A function is called with a `Standing` when work begins and ends, and at most four times
    a second between; what it raises ends the work. None, the default of the others, is True in a
    notebook, and else what the block around it says. A notebook without `ipywidgets` has lines.

    Of this thread, and of those that run in a copy of its context (`asyncio.to_thread`). No number
    changes, and nothing is written to stdout.

    Raises:
        ValueError: if `progress` is none of these.
    """
    with _shown(progress):
        yield


def takes_long(function: Callable[P, T]) -> Callable[P, T]:
    """The function, shown as its argument `progress` says."""

    @functools.wraps(function)
    def shown(*args: P.args, **kwargs: P.kwargs) -> T:
        with show_progress(kwargs.get("progress")):  # pyright: ignore[reportArgumentType]
            return function(*args, **kwargs)

    return shown


def _shown(progress: ShowProgress) -> AbstractContextManager[object]:
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise ValueError(
            f"expected `progress` to be True, False or a function, got {kind_of(progress)}"
        )
    if progress is False:
        return shown_to(_Nobody())
    if callable(progress):
        return shown_to(_Told(progress))
    if progress is None and (onlooker() is not None or not _in_notebook()):
        return nullcontext()
    from ttur.runtime.board import Board  # and rich, for which nobody else waits

    return nullcontext() if isinstance(onlooker(), Board) else Board()


def _in_notebook() -> bool:
    """As rich finds out; without IPython there is none."""
    if "IPython" not in sys.modules:
        return False
    from rich.console import Console

    return Console().is_jupyter


class _Nobody:
    """Looks away, also from work that would be shown otherwise."""

    def begin(self, task: Task) -> None: ...

    def advance(self, task: Task) -> None: ...

    def end(self, task: Task) -> None: ...


class _Told:
    """A function that is told where each task stands."""

    def __init__(self, function: Callable[[Standing], None]) -> None:
        self._function = function
        self._under_way: list[Watched] = []
        self._told = time.monotonic()

    def begin(self, task: Task) -> None:
        self._under_way.append(Watched(task, time.monotonic()))
        self._tell(task)

    def advance(self, task: Task) -> None:
        if time.monotonic() - self._told >= SECONDS_BETWEEN_CALLS:
            self._tell(task)

    def end(self, task: Task) -> None:
        self._tell(task)
        self._under_way = [each for each in self._under_way if each.task is not task]

    def _tell(self, task: Task) -> None:
        self._told = now = time.monotonic()
        for each in self._under_way:
            each.look(now)
        for each, stands in zip(self._under_way, standings(self._under_way, now), strict=True):
            if each.task is task:
                self._function(stands)
