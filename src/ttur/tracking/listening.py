"""Turns the events of one run into calls of one service; what was told once is not told again.

A resumed run repeats updates that were told before, with the same values to the bit: so it is
enough to remember the last update told, of each kind of event. `trackers.json` in the run's folder
does, beside the name by which the service knows the run. What happened before a tracker was there
is told to it from events.jsonl, and a finished run whole in the same way.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from ttur.runtime.files import replacement
from ttur.tracking.contracts import Ending, Sink, Step, Subject
from ttur.training.events import Ended, Evaluation, Event, Log, Probe, Started
from ttur.training.record import RunDescription, read_events

NOTES = "trackers.json"
SAMPLES = "samples"  # beside the kinds of events of which a note knows the last told


@dataclass(config=ConfigDict(extra="ignore"))
class Note:
    """What one service knows of a run: its name there, since when, the last update by kind."""

    identity: str
    began: float
    told: Annotated[dict[str, int], Field(default_factory=dict)]


_NOTES = TypeAdapter(dict[str, Note])


def read_notes(directory: Path) -> dict[str, Note]:
    """By tracker. A file that is damaged says nothing: the services are told anew."""
    try:
        return _NOTES.validate_json((directory / NOTES).read_bytes())
    except (OSError, ValidationError):
        return {}


class Tracking:
    """The listener of one run for one service, which `begin` opens; `key` is its name in notes."""

    def __init__(
        self,
        key: str,
        begin: Callable[[Subject], Sink],
        description: RunDescription,
        directory: Path,
    ) -> None:
        self.key, self._begin = key, begin
        self.description, self.directory = description, directory
        self._sink: Sink | None = None
        self._note = Note("", 0.0, {})
        self._last = Step(0)

    def __repr__(self) -> str:
        return self.key

    def __call__(self, event: Event) -> None:
        with _manners(), self._remembering():
            if self._sink is None:
                self._open(is_new=isinstance(event, Started))
            self._tell(event)
            if isinstance(event, Ended):
                self._end(event)

    def replay(self) -> None:
        """Tell a run that has ended whole, as far as it was not told before."""
        events = read_events(self.directory)
        with _manners(), self._remembering():
            self._open(is_new=False)
            if isinstance(events[-1], Ended):
                self._end(events[-1])

    def _open(self, is_new: bool) -> None:
        known = None if is_new else read_notes(self.directory).get(self.key)
        began = time.time() if known is None else known.began
        identity = None if known is None else known.identity
        subject = Subject(self.description, self.directory, identity, began)
        self._sink = self._begin(subject)
        self._note = Note(self._sink.identity, began, {})
        if known is not None and known.identity == self._sink.identity:
            self._note = known
        for event in read_events(self.directory):
            self._tell(event)

    def _tell(self, event: Event) -> None:
        """The numbers of an event, and the grids of samples until then, in order."""
        assert self._sink is not None
        if isinstance(event, Log | Evaluation | Probe):
            self._show(before=event.update)
            seen = event.discriminator_updates * self.description.configuration["batch_size"]
            self._last = Step(event.update, seen, event.training_seconds)
            if self._is_new(event.event, event.update):
                self._sink.scalars(self._last, named_values(event, self.description))
                self._note.told[event.event] = event.update

    def _end(self, event: Ended) -> None:
        assert self._sink is not None
        self._show(before=event.update + 1)
        outcome = f"diverged@{event.update}" if event.kind == "diverged" else event.kind
        is_told = event.kind != "finished" or not self._is_new(event.kind, event.update)
        numbers = {} if is_told else self._numbers(event)
        self._sink.end(self._last, Ending(outcome, event.cause, numbers))
        self._note.told[event.kind] = event.update

    def _numbers(self, ended: Ended) -> dict[str, float]:
        """All that was measured of the best generator and of the last."""
        scores = {"best": ended.best, "final": ended.final}
        updates = {which: score.update for which, score in scores.items() if score}
        evaluations = {
            e.update: named_values(e, self.description)
            for e in read_events(self.directory)
            if isinstance(e, Evaluation)
        }
        return {
            f"{which}/{name}": value
            for which, update in updates.items()
            for name, value in evaluations.get(update, {}).items()
        }

    def _show(self, before: int) -> None:
        """Grids of earlier updates: that of an evaluation is drawn after it was told."""
        assert self._sink is not None
        for path in sorted((self.directory / SAMPLES).glob("update-*.png")):
            update = int(path.stem.removeprefix("update-"))
            if update < before and self._is_new(SAMPLES, update):
                step = self._last
                is_here = step.update == update
                self._sink.image(step if is_here else Step(update), path)
                self._note.told[SAMPLES] = update

    def _is_new(self, kind: str, update: int) -> bool:
        return update > self._note.told.get(kind, -1)

    @contextmanager
    def _remembering(self) -> Iterator[None]:
        """What was told within is written down, also if the rest fails."""
        before = dict(self._note.told)
        try:
            yield
        finally:
            if self._note.told != before:
                notes = read_notes(self.directory) | {self.key: self._note}
                with replacement(self.directory / NOTES) as file:
                    file.write(json.dumps(_NOTES.dump_python(notes), indent=2).encode())


def named_values(event: Log | Evaluation | Probe, description: RunDescription) -> dict[str, float]:
    """The numbers of an event under the names that trackers show, those that are finite.

    A score has its protocol in its name, `fid/tf1`, so that none is drawn over one of another.
    """
    scoring: dict[str, Any] = description.configuration.get("scoring") or {}
    protocol = scoring.get("protocol")
    groups = {"log": "training/{}", "probe": "monitor/{}"}
    pattern = groups.get(event.event, "{}" if protocol is None else f"{{}}/{protocol}")
    return {pattern.format(n): v for n, v in event.values.items() if v is not None}


@contextmanager
def _manners() -> Iterator[None]:
    """Whoever is called within prints to stderr, and ends no program."""
    with redirect_stdout(sys.stderr):
        try:
            yield
        except SystemExit as end:
            raise RuntimeError(f"it would end the program ({end})") from end
