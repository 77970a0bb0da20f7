"""Where work stands: how fast it goes, and how long it will take."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from ttur.runtime.progress import Task

LOOKS = 60  # at which more was done: with two a second the rate is of 30 seconds, or longer


@dataclass(frozen=True)
class Standing:
    """Where a task stands: what a function given as `progress` is called with.

    `done` of `total` things called `unit` (None: not known how many), `seconds` under way,
    `per_second` (0 while that is not known), `seconds_left` (None while that is not known).
    `headline` is what one looks for first, as the distance of a run, in fewer and fewer words;
    `notes` what else is known. `within` are the titles of the tasks it is a part of. `part` is
    what is done of the whole, from 0 to 1.
    """

    title: str
    done: int
    total: int | None
    unit: str
    seconds: float
    per_second: float
    seconds_left: float | None
    headline: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    in_turn: bool = False
    part: float = 0.0


class Watched:
    """A task, since when it is under way, and how fast it goes."""

    def __init__(self, task: Task, since: float) -> None:
        self.task, self._since = task, since
        self._looks: deque[tuple[float, int]] = deque(maxlen=LOOKS)

    def seconds(self, now: float) -> float:
        return now - self._since

    def look(self, now: float) -> None:
        """The rate is that since something was done: what was there before is none of it."""
        done = self.task.done
        if done and (not self._looks or self._looks[-1][1] != done):
            self._looks.append((self._time(now), done))

    def per_second(self) -> float:
        """Things a second, of the last looks; 0 while it is not known."""
        if len(self._looks) < 2:
            return 0.0
        (first, before), (last, done) = self._looks[0], self._looks[-1]
        return max((done - before) / (last - first), 0.0) if last > first else 0.0

    def part(self, inner: "Watched | None") -> float:
        """Of the whole, with what is done of the thing that is done at present."""
        task = self.task
        if not task.total:
            return 0.0
        of_inner = 0.0 if task.later is None or inner is None else inner.part(None)
        return min(max((task.done + of_inner) / task.total, 0.0), 1.0)

    def seconds_left(self, now: float, inner: "Watched | None") -> float | None:
        """None while it is not known. A task done in turn goes as fast as the one within it."""
        task = self.task
        if task.later is not None:
            if inner is None:
                return None
            whole, left = inner._seconds_from(0), inner.seconds_left(now, None)
            return None if whole is None or left is None else left + task.later * whole
        left = self._seconds_from(task.done)
        if left is None:
            return None
        return max(left - (self._time(now) - self._looks[-1][0]), 0.0)

    def standing(
        self, now: float, inner: "Watched | None" = None, within: Sequence[str] = ()
    ) -> Standing:
        """How it stands now, `inner` being the task within it."""
        task = self.task
        return Standing(
            title=task.title,
            done=task.done,
            total=task.total,
            unit=task.unit,
            seconds=self.seconds(now),
            per_second=self.per_second(),
            seconds_left=self.seconds_left(now, inner),
            headline=task.headline,
            notes=task.notes,
            within=tuple(within),
            in_turn=task.later is not None,
            part=self.part(inner),
        )

    def _seconds_from(self, done: int) -> float | None:
        """From so many done to the end, by the speed of now."""
        rate, total = self.per_second(), self.task.total
        if not rate or total is None:
            return None
        return max(total - done, 0) / rate + self.task.beside(done)

    def _time(self, now: float) -> float:
        return now if self.task.clock is None else self.task.clock()


def standings(watched: Sequence[Watched], now: float) -> list[Standing]:
    """Of tasks within each other, the outermost first."""
    inner = [*watched[1:], None] if watched else []
    titles = [each.task.title for each in watched]
    return [
        each.standing(now, within_it, titles[:place])
        for place, (each, within_it) in enumerate(zip(watched, inner, strict=True))
    ]
