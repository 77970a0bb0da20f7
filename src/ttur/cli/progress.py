"""How a run looks while it runs: one live line on a terminal, now and then a line in a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress import Progress as Bar
from rich.text import Text

from ttur.training.events import Event, Log
from ttur.training.progress import Progress, ProgressListener

SECONDS_BETWEEN_LOG_LINES = 15.0


class TerminalProgress:
    """Shows one run after another on stderr; called with the events of each."""

    def __init__(self) -> None:
        self.console = Console(file=sys.stderr, highlight=False)
        self._live: Live | None = None
        self._last_line = -SECONDS_BETWEEN_LOG_LINES
        self.start("")

    def __enter__(self) -> "TerminalProgress":
        if self.console.is_terminal:
            self._live = Live(console=self.console, auto_refresh=False, transient=True)
            self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)

    def start(self, title: str) -> None:
        """The next run is called `title`."""
        self.title = title
        self._run = ProgressListener()
        if self._live is not None:
            self._live.update(Text(title), refresh=True)

    def say(self, message: str) -> None:
        """A line that stays."""
        self.console.print(message, markup=False, soft_wrap=True)

    def __call__(self, event: Event) -> None:
        """Remember what the line says; a log renews it."""
        self._run(event)
        if isinstance(event, Log):
            self._show(self._line(self._run.progress))

    def _show(self, line: str) -> None:
        if self._live is not None:
            self._live.update(Text(line, no_wrap=True, overflow="ellipsis"), refresh=True)
        elif time.monotonic() - self._last_line >= SECONDS_BETWEEN_LOG_LINES:
            self._last_line = time.monotonic()
            self.say(line)

    def _line(self, run: Progress) -> str:
        # Not by the columns of rich.progress: their speed is of the wall clock, ours of training.
        parts = [f"{self.title}  {run.update:,}/{run.updates:,}"]
        if run.updates_per_second > 0:
            parts.append(f"{run.updates_per_second:.1f} updates/s")
            parts.append(f"{_duration((run.updates - run.update) / run.updates_per_second)} left")
        known = {k: value for k, value in run.losses.items() if value is not None}
        short = {"discriminator_loss": "D", "generator_loss": "G"}
        parts += [f"{short.get(k, k)} {value:.3f}" for k, value in known.items()]
        if run.last is not None and run.best is not None:
            parts.append(
                f"{run.last.metric} {run.last.value:.4g}"
                f" (best {run.best.value:.4g} @ {run.best.update:,})"
            )
        return " · ".join(parts)


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, moved by (done, total); a total of 0 is not known yet."""
    console = Console(file=sys.stderr)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(escape(title), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
