"""What is under way, on stderr: bars on a terminal, a line every 15 seconds elsewhere."""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType

from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from ttur.reports.folding import folded
from ttur.runtime.files import size_in_words
from ttur.runtime.progress import Task, onlooker, shown_to

SECONDS_UNTIL_SHOWN = 2.0
SECONDS_BETWEEN_LOG_LINES = 15.0
SECONDS_BETWEEN_LOOKS = 0.25
LOOKS = 120  # at which more was done: the rate is of the last 30 seconds, or longer
WIDEST_BAR, NARROWEST_BAR, SHORTEST_TITLE = 30, 6, 12


class Board:
    """Shows the tasks of the block it is entered for, once they have taken two seconds.

    Tasks within tasks stand below each other; `headline` is a line above them. Nothing stays on a
    terminal when they end, by an error too. A `quiet` one shows nothing.
    """

    def __init__(self, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self.quiet, self.headline = quiet, ""
        self.console = _Console(file=sys.stderr, highlight=False)
        self.is_live = self.console.is_terminal and not self.console.is_dumb_terminal
        self._clock, self._spoke = clock, clock()
        self._under_way: list[_Watched] = []
        self._lock, self._closed = threading.RLock(), threading.Event()
        self._live: Live | None = None
        self._looker: threading.Thread | None = None
        self._shown = ExitStack()

    def __enter__(self) -> "Board":
        self._shown.enter_context(shown_to(self))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._shown.close()
        self._closed.set()
        with self._lock:
            self.headline = ""
            self._under_way.clear()
            self._draw([])
        if self._looker is not None:
            self._looker.join()

    def begin(self, task: Task) -> None:
        if self.quiet:
            return
        with self._lock:
            if not self._under_way:
                self._spoke = max(self._spoke, self._clock())
            self._under_way.append(_Watched(task, self._clock()))
        if self._looker is None:
            self._looker = threading.Thread(target=self._look_on, daemon=True)
            self._looker.start()

    def advance(self, task: Task) -> None:
        """Seen at the next look."""

    def end(self, task: Task) -> None:
        with self._lock:
            self._under_way = [each for each in self._under_way if each.task is not task]
            if self._live is not None:
                self.look()

    def say(self, line: str) -> None:
        """A line that stays."""
        for part in folded(line, self.console.width, "  ") if self.is_live else [line]:
            self.console.print(part, markup=False, soft_wrap=True)

    def look(self) -> None:
        """Show how things stand now."""
        with self._lock:
            now = self._clock()
            for each in self._under_way:
                each.look(now)
            if self.is_live:
                self._draw(
                    [each for each in self._under_way if each.seconds(now) >= SECONDS_UNTIL_SHOWN]
                )
            elif self._under_way and now - self._spoke >= SECONDS_BETWEEN_LOG_LINES:
                self._spoke = now
                parts = [f"{each.title} {each.standing(now)}" for each in self._under_way]
                self.say(" > ".join(part.strip() for part in parts))

    def _look_on(self) -> None:
        try:
            while not self._closed.wait(SECONDS_BETWEEN_LOOKS):
                self.look()
        except (OSError, ValueError):  # stderr is closed: nobody looks on
            pass

    def _draw(self, watched: "list[_Watched]") -> None:
        now = self._clock()
        lines = [Text(self.headline, no_wrap=True, overflow="ellipsis")] if self.headline else []
        lines += [each.line(now, self.console) for each in watched]
        if not lines:
            if self._live is not None:
                self._live.stop()
                self._live = None
            return
        if self._live is None:
            # Results in a pipe stay there; on a terminal they go above the bars.
            to_terminal = sys.stdout is not None and sys.stdout.isatty()
            self._live = Live(
                console=self.console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=to_terminal,
            )
            self._live.start()
        self._live.update(Group(*lines), refresh=True)


class _Console(Console):
    def show_cursor(self, show: bool = True) -> bool:
        """It is never hidden: a killed process would leave none."""
        return False


class _Watched:
    """A task, since when it is under way, and how fast it goes."""

    def __init__(self, task: Task, since: float) -> None:
        self.task, self._since = task, since
        self._looks: deque[tuple[float, int]] = deque(maxlen=LOOKS)

    @property
    def title(self) -> str:
        """Names of files may hold anything."""
        return "".join(each if each.isprintable() else "?" for each in self.task.title)

    def seconds(self, now: float) -> float:
        return now - self._since

    def look(self, now: float) -> None:
        """The rate is that since something was done: what was there before is none of it."""
        if self.task.done and (not self._looks or self._looks[-1][1] != self.task.done):
            self._looks.append((now, self.task.done))

    def standing(self, now: float) -> str:
        """How much is done, of how much, how fast, and how long it will take."""
        task, parts = self.task, []
        sized = task.unit == "bytes"
        write = size_in_words if sized else "{:,}".format
        rate = self._rate()
        if task.done or task.total:
            of = "" if task.total is None else f"/{write(task.total)}"
            parts.append(f"{write(task.done)}{of}")
        if rate:
            per_second = size_in_words(round(rate)) if sized else f"{_brief(rate)} {task.unit}"
            parts.append(f"{per_second.strip()}/s")
        if rate and task.total is not None:
            seconds = (task.total - task.done) / rate - (now - self._looks[-1][0])
            parts.append(f"{duration(max(seconds, 0))} left")
        else:
            parts.append(f"{duration(self.seconds(now))} so far")
        return " · ".join(parts)

    def line(self, now: float, console: Console) -> Text:
        """Title, bar and standing in the width of the terminal; the end of a long title is kept."""
        standing, total = self.standing(now), self.task.total
        room = console.width - cell_len(standing) - 2
        title, needed = self.title, NARROWEST_BAR + 1 if total else 0
        if cell_len(title) > max(room - needed, SHORTEST_TITLE):
            shorter = max(room - needed, SHORTEST_TITLE) - 1
            while cell_len(title) > shorter:
                title = title[1:]
            title = f"…{title}"
        line = Text(f"{title} ", no_wrap=True, overflow="ellipsis")
        width = min(room - cell_len(title) - 1, WIDEST_BAR)
        if total and width >= NARROWEST_BAR:
            full = min(width * self.task.done // total, width)
            is_utf = console.encoding.lower().startswith("utf")
            line.append(("━" if is_utf else "=") * full, "green")
            line.append(("╌" if is_utf else "-") * (width - full), "dim")
            line.append(" ")
        return line.append(standing)

    def _rate(self) -> float:
        """Things a second, of the last looks; 0 while it is not known."""
        if len(self._looks) < 2:
            return 0.0
        (first, before), (last, done) = self._looks[0], self._looks[-1]
        return (done - before) / (last - first) if last > first else 0.0


@contextmanager
def show_progress() -> Iterator[None]:
    """Shows what takes more than two seconds in the block, on stderr: how much is done, how fast,
    how long it will take. Bars on a terminal, elsewhere (pipes, notebooks) a line every 15 seconds.

        >>> import numpy as np
        >>> images = np.random.default_rng(0).integers(0, 256, (400, 16, 16, 3), np.uint8)
        >>> with ttur.show_progress():
        ...     float(ttur.fid(images[:200], images[200:], extractor="digits", cache=False)) > 0
        True

    Of this thread, and of those that run in a copy of its context (`asyncio.to_thread`). No number
    changes, and nothing is written to stdout.
    """
    with Board():
        yield


def is_quiet() -> bool:
    """Whether nothing is to be shown here."""
    board = onlooker()
    return isinstance(board, Board) and board.quiet


def duration(seconds: float) -> str:
    """As 0:09, 12:05 or 3:07:00."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def _brief(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}" if rate >= 1 else f"{rate:.2g}"
