"""What a run tells of its pace to whoever looks on, by counts of the host: no device is asked."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ttur.runtime.clock import Clock
from ttur.runtime.progress import Task
from ttur.training.cadence import Cadence
from ttur.training.events import Evaluation, Event


class Pace:
    """Counts updates as they are asked for, and how long evaluations take, which are to come too.

    The speed of `task` is that of training; a device may be a few updates behind.
    """

    def __init__(self, task: Task, updates: int, cadence: Cadence) -> None:
        self._task, self._due = task, cadence.evaluations(updates)
        self._took: list[float] = []
        self._evaluated = 0
        self._since: float | None = None

    def begin(self, clock: Clock, update: int, evaluated: int, before: Iterable[Event]) -> None:
        """Training begins after `update`, of which the last that was evaluated is `evaluated`."""
        self._took += [e.evaluation_seconds for e in before if isinstance(e, Evaluation)]
        self._evaluated = evaluated
        self._task.clock, self._task.beside = (lambda: clock.seconds), self._seconds_beside
        self._task(update)

    def count(self) -> None:
        """One more update."""
        self._task(1)

    @contextmanager
    def evaluation(self, update: int) -> Iterator[None]:
        """The block evaluates; one that ends by an error is still to come."""
        self._since = started = time.perf_counter()
        try:
            yield
            self._took.append(time.perf_counter() - started)
            self._evaluated = update
        finally:
            self._since = None

    def _seconds_beside(self, update: int) -> float:
        """Of the evaluations that follow `update`, but for what one under way has taken."""
        if not self._took:
            return 0.0
        last, since = min(update, self._evaluated), self._since
        to_come = sum(due > last for due in self._due) * sum(self._took) / len(self._took)
        return max(to_come - (0.0 if since is None else time.perf_counter() - since), 0.0)
