"""How a run looks while it runs: one live line on a terminal, now and then a line in a log."""

import time
from types import TracebackType

from ttur.cli.board import SECONDS_BETWEEN_LOG_LINES, Board, duration, is_quiet
from ttur.training.events import Event, Log
from ttur.training.progress import Progress, ProgressListener


class TerminalProgress:
    """Shows one run after another on stderr; called with the events of each.

    What takes long within a run, as an evaluation, stands below its line.
    """

    def __init__(self) -> None:
        self.board = Board(quiet=is_quiet())
        self._last_line = -SECONDS_BETWEEN_LOG_LINES
        self.start("")

    def __enter__(self) -> "TerminalProgress":
        self.board.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.board.__exit__(kind, error, trace)

    def start(self, title: str) -> None:
        """The next run is called `title`."""
        self.title = title
        self._run = ProgressListener()
        if self.board.is_live:
            self._show(title)

    def say(self, message: str) -> None:
        """A line that stays."""
        self.board.say(message)

    def __call__(self, event: Event) -> None:
        """Remember what the line says; a log renews it."""
        self._run(event)
        if isinstance(event, Log):
            self._show(self._line(self._run.progress))

    def _show(self, line: str) -> None:
        if self.board.quiet:
            return
        if self.board.is_live:
            self.board.headline = line
            self.board.look()
        elif time.monotonic() - self._last_line >= SECONDS_BETWEEN_LOG_LINES:
            self._last_line = time.monotonic()
            self.say(line)

    def _line(self, run: Progress) -> str:
        # Not by the columns of rich.progress: their speed is of the wall clock, ours of training.
        parts = [f"{self.title}  {run.update:,}/{run.updates:,}"]
        if run.updates_per_second > 0:
            parts.append(f"{run.updates_per_second:.1f} updates/s")
            parts.append(f"{duration((run.updates - run.update) / run.updates_per_second)} left")
        known = {k: value for k, value in run.losses.items() if value is not None}
        short = {"discriminator_loss": "D", "generator_loss": "G"}
        parts += [f"{short.get(k, k)} {value:.3f}" for k, value in known.items()]
        if run.last is not None and run.best is not None:
            parts.append(
                f"{run.last.metric} {run.last.value:.4g}"
                f" (best {run.best.value:.4g} @ {run.best.update:,})"
            )
        return " · ".join(parts)
