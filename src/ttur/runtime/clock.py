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
        self._before = seconds
        self._since: float | None = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Those before, and those of this process while it was not paused."""
        running = 0.0 if self._since is None else time.perf_counter() - self._since
        return self._before + running

    @contextmanager
    def pause(self) -> Iterator[None]:
        """The block does not count; it may end by an error, or lie within another pause."""
        was_running = self._since is not None
        self._before, self._since = self.seconds, None
        try:
            yield
        finally:
            if was_running:
                self._since = time.perf_counter()
