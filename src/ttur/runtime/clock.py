"""Time spent at work, over several processes one after the other, and without its pauses."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Seconds at work: `seconds` of earlier processes, and those since, but for what is paused.

    >>> clock = Clock(100.0)
    >>> clock.seconds >= 100
    True
    """

    def __init__(self, seconds: float):
        # Seconds before, and since when it counts: one value, for it is read from other threads.
        self._state: tuple[float, float | None] = (seconds, time.perf_counter())

    @property
    def seconds(self) -> float:
        """Those before, and those of this process while it was not paused."""
        before, since = self._state
        return before if since is None else before + time.perf_counter() - since

    @contextmanager
    def pause(self) -> Iterator[None]:
        """The block does not count; it may end by an error, or lie within another pause."""
        was_running = self._state[1] is not None
        self._state = (self.seconds, None)
        try:
            yield
        finally:
            if was_running:
                self._state = (self._state[0], time.perf_counter())
