"""What is under way, on stderr: bars on a terminal or in a notebook, else a line every 15 s."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import TracebackType

from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from ttur.runtime.files import size_in_words
from ttur.runtime.folding import folded
from ttur.runtime.progress import Task, shown_to
from ttur.runtime.standing import Standing, Watched, standings

SECONDS_UNTIL_SHOWN = 2.0
SECONDS_BETWEEN_LOG_LINES = 15.0
SECONDS_BETWEEN_LOOKS = 0.5
WIDEST_BAR, NARROWEST_BAR = 30, 6
WIDE_TITLE, SHORTEST_TITLE = 24, 12  # longer ones give way before numbers do, and after


class Board:
    """Shows the tasks of the block it is entered for, once they have taken two seconds.

    Tasks within tasks stand below each other. Nothing stays on a terminal when they end, by an
    error too. A `quiet` one shows nothing.
    """

    def __init__(self, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self.quiet = quiet
        self.console = _Console(file=sys.stderr, highlight=False)
        self.is_live = _draws(self.console)
        self._clock, self._spoke = clock, clock()
        self._under_way: list[Watched] = []
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
            self._under_way.append(Watched(task, self._clock()))
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
                stand = standings(self._under_way, now)
                self._draw([each for each in stand if each.seconds >= SECONDS_UNTIL_SHOWN])
            elif self._under_way and now - self._spoke >= SECONDS_BETWEEN_LOG_LINES:
                self._spoke = now
                parts = [_logged(each) for each in standings(self._under_way, now)]
                self.say(" > ".join(part.strip() for part in parts))

    def _look_on(self) -> None:
        try:
            while not self._closed.wait(SECONDS_BETWEEN_LOOKS):
                self.look()
        except (OSError, ValueError):  # stderr is closed: nobody looks on
            pass

    def _draw(self, standings: list[Standing]) -> None:
        if not standings:
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
        self._live.update(Group(*(_line(each, self.console) for each in standings)), refresh=True)


class _Console(Console):
    def show_cursor(self, show: bool = True) -> bool:
        """It is never hidden: a killed process would leave none."""
        return False


def _draws(console: Console) -> bool:
    """Whether what stands there can be drawn anew. In a notebook rich needs its widgets for it."""
    if console.is_jupyter:
        from importlib.util import find_spec

        return find_spec("ipywidgets") is not None
    return console.is_terminal and not console.is_dumb_terminal


def _title(standing: Standing) -> str:
    """Names of files may hold anything. Of things in turn it says which of them."""
    title = "".join(each if each.isprintable() else "?" for each in standing.title)
    return f"{title} {standing.done + 1:,} of {standing.total:,}" if standing.in_turn else title


def _logged(standing: Standing) -> str:
    return f"{_title(standing)} {next(_wordings(standing))[1]}"


def _line(standing: Standing, console: Console) -> Text:
    """Title, bar and numbers in the width of the terminal.

    Where it is narrow what matters least is left out first; the end of a long title is kept.
    """
    title, width = _title(standing), console.width
    bar = NARROWEST_BAR + 1 if standing.total else 0
    # Least widths of title and bar, and the shortest headline with them.
    stages = ((WIDE_TITLE, bar, 1), (SHORTEST_TITLE, bar, 9), (SHORTEST_TITLE, 0, 9))
    for least, bar, shortest in stages:
        needed = min(cell_len(title), least) + 1 + bar
        found = (
            words
            for terseness, words in _wordings(standing)
            if terseness <= shortest and needed + cell_len(words) <= width
        )
        if words := next(found, ""):
            break
    else:
        *_, (_, words) = _wordings(standing)
    title = _ending(title, max(width - cell_len(words) - bar - 1, SHORTEST_TITLE))
    line = Text(f"{title} ", no_wrap=True, overflow="ellipsis")
    room = min(width - cell_len(title) - cell_len(words) - 2, WIDEST_BAR)
    if bar and room >= NARROWEST_BAR:
        full = int(room * standing.part)
        is_utf = console.encoding.lower().startswith("utf")
        line.append(("━" if is_utf else "=") * full, "green")
        line.append(("╌" if is_utf else "-") * (room - full), "dim")
        line.append(" ")
    return line.append(words)


def _ending(title: str, width: int) -> str:
    if cell_len(title) <= width:
        return title
    while cell_len(title) > width - 1:
        title = title[1:]
    return f"…{title}"


def _wordings(standing: Standing) -> Iterator[tuple[int, str]]:
    """The numbers in fewer and fewer words, each with how terse its headline is."""
    count, rate, left = _count(standing), _rate(standing), _left(standing)
    headline, *terser = standing.headline or ("",)
    for most in range(len(standing.notes), -1, -1):
        yield 0, _joined(count, headline, rate, left, *standing.notes[:most])
    for terseness, words in enumerate((headline, *terser)):
        yield terseness, _joined(count, words, left)


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _count(standing: Standing) -> str:
    """How much is done, of how much."""
    done, total = standing.done, standing.total
    if standing.in_turn or not (done or total):
        return ""
    write = size_in_words if standing.unit == "bytes" else "{:,}".format
    return write(done) if total is None else f"{write(done)}/{write(total)}"


def _rate(standing: Standing) -> str:
    rate = standing.per_second
    if not rate or standing.in_turn:
        return ""
    if standing.unit == "bytes":
        return f"{size_in_words(round(rate))}/s"
    return f"{_brief(rate)} {standing.unit}".strip() + "/s"


def _left(standing: Standing) -> str:
    """How long it will take; while that is not known, how long it has."""
    if standing.seconds_left is None:
        return f"{duration(standing.seconds)} so far"
    return f"{duration(standing.seconds_left)} left"


def duration(seconds: float) -> str:
    """As 0:09, 12:05 or 3:07:00."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def _brief(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}" if rate >= 1 else f"{rate:.2g}"
