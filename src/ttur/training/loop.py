"""The loop. Takes built parts; imports no data set, model or metric.

while game.update < updates:
    game.play()                        one outer iteration: one generator update
    if due: log, evaluate, save        none of which touches the game
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ttur.runtime import checkpoint
from ttur.runtime.clock import Clock
from ttur.runtime.interruption import interruption
from ttur.runtime.progress import Task
from ttur.runtime.randomness import randomness_from
from ttur.runtime.run_directory import RunDirectory, finite_or_none
from ttur.training.cadence import Cadence
from ttur.training.contracts import Evaluator, Interrupted, Monitor, Say
from ttur.training.events import (
    Ended,
    Evaluation,
    Event,
    Listener,
    Log,
    Probe,
    Resumed,
    Saved,
    Score,
    Started,
    to_document,
)
from ttur.training.game import TwoPlayerGame
from ttur.training.pace import Pace
from ttur.training.record import read_events

BEST = "best.pt"


def run_loop(
    game: TwoPlayerGame,
    directory: RunDirectory,
    updates: int,
    cadence: Cadence,
    evaluator: Evaluator,
    *,
    identity: str = "",
    monitor: Monitor | None = None,
    listeners: Sequence[Listener] = (),
    say: Say = lambda message: None,
    under_way: Task | None = None,
) -> Ended:
    """Play `game` up to `updates`, from the last checkpoint if there is one.

    The same call again after an interruption gives the weights of an uninterrupted run, to the
    bit. What happens is appended to events.jsonl and told to `listeners`; nothing is saved past a
    divergence. Checkpoints carry `identity`, and those of another are not used. `under_way` is the
    task of these updates; they are counted as they are asked for, and no device is waited for.

    Raises:
        ValueError: if checkpoints are there and none can be read, or the state of the game holds
            what no checkpoint can: before the first update, or right after it.
        OSError: if a checkpoint cannot be written; the old ones are then intact.
    """
    pace = Pace(under_way or Task("training", updates), updates, cadence)
    run = _Run(game, directory, updates, evaluator, identity, monitor, listeners, say, pace)
    # Networks with dropout draw from global generators: those belong to the run as well.
    own_randomness = randomness_from(game.rng.initial_seed(), game.rng.device)
    with own_randomness, interruption() as interrupted:
        run.resume()
        while True:
            update = game.update
            is_last = update >= updates
            if is_last or interrupted.is_set() or cadence.pauses(update, updates):
                if diagnosis := game.diagnosis():
                    return run.end("diverged", *diagnosis)
                if cadence.evaluates(update, updates):
                    run.evaluate(interrupted)
                if cadence.logs(update):  # after it: whoever hears of an update knows its score
                    run.log()
                cause = run.lost_patience(cadence.patience)
                is_last = is_last or cause is not None
                if is_last or interrupted.is_set() or cadence.saves(update):
                    run.save()
                if is_last and run.is_evaluated:
                    return run.end("finished", update, cause)
                if interrupted.is_set():
                    interrupted.clear()  # heeded
                    return run.end("interrupted", update)
            run.play()


@dataclass
class _History:
    """What a run remembers beside the game. It travels in the checkpoint."""

    evaluated_update: int = 0
    evaluations_without_best: int = 0
    logged_update: int = 0
    training_seconds: float = 0.0
    last: Score | None = None
    best: Score | None = None


class _Run:
    """What the loop does between two updates. Each act happens once per update."""

    def __init__(
        self,
        game: TwoPlayerGame,
        directory: RunDirectory,
        updates: int,
        evaluator: Evaluator,
        identity: str,
        monitor: Monitor | None,
        listeners: Sequence[Listener],
        say: Say,
        pace: Pace,
    ):
        self.game, self.directory, self.updates = game, directory, updates
        self.evaluator, self.identity, self.monitor = evaluator, identity, monitor
        self.listeners, self.say, self.pace = list(listeners), say, pace
        self.history = _History()
        self._saved = (0, 0)  # updates trained and evaluated
        self._first = 0  # update that this call began with
        self.clock = Clock(0.0)

    @property
    def is_evaluated(self) -> bool:
        return self.history.evaluated_update == self.game.update

    @property
    def _done(self) -> tuple[int, int]:
        return self.game.update, self.history.evaluated_update

    def lost_patience(self, patience: int | None) -> str | None:
        """Why the run ends before its time, if it does: the paper's rule (section 4)."""
        if patience is None or self.history.evaluations_without_best < patience:
            return None
        return f"no better {self.evaluator.metric} in {patience} evaluations"

    def resume(self) -> None:
        before = read_events(self.directory.path)
        loaded = checkpoint.recover(self.directory.path, self.identity)
        if loaded is None:
            event = Resumed if before else Started  # before: by a process that died before a save
            self.tell(event(update=0, updates=self.updates))
            checkpoint.check(self.game.state_dict())
            self.pace.begin(self.clock, 0, 0, before)
            return
        for problem in loaded.problems:
            self.say(f"{problem}; continuing from {loaded.path.name}")
        self.game.load_state_dict(loaded.state["game"])
        saved = loaded.state["history"]
        scores = {name: Score(**saved[name]) if saved[name] else None for name in ("last", "best")}
        self.history = _History(**saved | scores)
        self._saved, self._first = self._done, self.game.update
        self.clock = Clock(self.history.training_seconds)
        self.tell(
            Resumed(
                update=self.game.update,
                updates=self.updates,
                problems=loaded.problems,
                last=self.history.last,
                best=self.history.best,
            )
        )
        self.pace.begin(self.clock, *self._done, before)

    def play(self) -> None:
        """One outer iteration, watched where the monitor is due; its time is not training's."""
        if self.monitor is None or not self.monitor.is_due(self.game.update + 1):
            self.game.play()
        else:
            self._play_watched(self.monitor)
        self.pace.count()
        if self.game.update == self._first + 1:  # what cannot be stored may come up only now
            checkpoint.check(self.game.state_dict())

    def _play_watched(self, monitor: Monitor) -> None:
        self.game.wait()
        with self.clock.pause():
            started = time.perf_counter()
            monitor.before_step()
            self.game.wait()
            seconds = time.perf_counter() - started
        self.game.play()
        self.game.wait()
        with self.clock.pause():
            started = time.perf_counter()
            values = monitor.after_step()
            seconds += time.perf_counter() - started
        self.tell(Probe(**self._counts(), values=values, probe_seconds=round(seconds, 4)))

    def log(self) -> None:
        if self.history.logged_update < self.game.update:
            self.history.logged_update = self.game.update
            values = {k: finite_or_none(float(v)) for k, v in self.game.last_values.items()}
            self.tell(Log(**self._counts(), values=values))

    def evaluate(self, interrupted: threading.Event) -> None:
        """Score and samples; a signal meanwhile leaves the update to be evaluated later."""

        def poll() -> None:
            if interrupted.is_set():
                raise Interrupted

        if self.is_evaluated:
            return
        game = self.game
        try:
            # Whatever a network draws while it is looked at, training does not miss.
            looking = randomness_from(game.rng.initial_seed(), game.rng.device)
            with self.clock.pause(), looking, self.pace.evaluation(game.update):
                self._score(poll)
                if self.evaluator.write_samples is not None:
                    samples = self.directory.samples / f"update-{game.update:07d}"
                    self.evaluator.write_samples(game.generator, samples)
        except Interrupted:
            return
        self.history.evaluated_update = game.update

    def save(self) -> None:
        if self._done == self._saved:
            return
        with self.clock.pause():
            self.history.training_seconds = self.clock.seconds
            state = {"game": self.game.state_dict(), "history": asdict(self.history)}
            checkpoint.save(self.directory.path, state, self.identity)
        self._saved = self._done
        seconds = round(self.history.training_seconds, 3)
        self.tell(Saved(update=self.game.update, training_seconds=seconds))

    def end(self, kind: str, update: int, cause: str | None = None) -> Ended:
        sha256 = None
        if kind != "diverged":
            sha256 = {
                "generator": checkpoint.weights_sha256(self.game.generator),
                "discriminator": checkpoint.weights_sha256(self.game.discriminator),
            }
        ended = Ended(
            update=update,
            discriminator_updates=self.game.discriminator_updates,
            kind=kind,  # pyright: ignore[reportArgumentType]
            cause=cause,
            best=self.history.best,
            final=self.history.last,
            weights_sha256=sha256,
        )
        self.tell(ended)
        return ended

    def tell(self, event: Event) -> None:
        """Write it down, then tell whoever listens; one who fails is told no more.

        However long that takes is no time of training, and whatever they draw, training does not
        miss.
        """
        self.directory.append(to_document(event))
        with self.clock.pause(), randomness_from(None, self.game.rng.device):
            for listener in tuple(self.listeners):
                try:
                    listener(event)
                except Exception as error:
                    self.listeners.remove(listener)
                    self.say(f"{listener!r} is told no more, for it failed: {error!r}")

    def _score(self, poll: Callable[[], None]) -> None:
        if self.evaluator.score is None:
            return
        poll()
        game, history, metric = self.game, self.history, self.evaluator.metric
        started = time.perf_counter()
        values = dict(self.evaluator.score(game.generator, game.update, poll))
        seconds = round(time.perf_counter() - started, 3)
        score = Score(metric=metric, value=values[metric], update=game.update)
        best = history.best
        sign = 1 if self.evaluator.lower_is_better.get(metric, True) else -1
        history.last = score
        history.evaluations_without_best += 1
        is_best = best is None or sign * score.value < sign * best.value
        if is_best:
            history.best, history.evaluations_without_best = score, 0
        assert history.best is not None
        evaluation = Evaluation(
            **self._counts(),
            evaluation_seconds=seconds,
            metric=metric,
            values=values,
            best=history.best,
        )
        if is_best:
            checkpoint.save_file(
                self.directory.path / BEST,
                {
                    "generator": checkpoint.state_of(self.evaluator.kept(game.generator)),
                    "score": asdict(score),
                },
                self.identity,
            )
        self.tell(evaluation)

    def _counts(self) -> dict[str, Any]:
        return {
            "update": self.game.update,
            "discriminator_updates": self.game.discriminator_updates,
            "training_seconds": round(self.clock.seconds, 3),
        }
