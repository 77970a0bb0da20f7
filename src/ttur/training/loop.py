"""The loop. Takes built parts; imports no data set, model or metric.

while game.update < updates:
    game.play()                        one outer iteration: one generator update
    if due: log, evaluate, save        none of which touches the game
"""

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from ttur.runtime import checkpoint
from ttur.runtime.randomness import randomness_from
from ttur.runtime.run_directory import RunDirectory, finite_or_none, read_events
from ttur.training.clock import Clock
from ttur.training.contracts import (
    Cadence,
    Evaluator,
    Interrupted,
    Monitor,
    Outcome,
    Progress,
    Score,
)
from ttur.training.game import TwoPlayerGame
from ttur.training.interruption import interruption

BEST = "best.pt"


def run_loop(
    game: TwoPlayerGame,
    directory: RunDirectory,
    cadence: Cadence,
    evaluator: Evaluator,
    identity: str = "",
    report: Callable[[Progress], None] = lambda progress: None,
    say: Callable[[str], None] = lambda message: None,
    monitor: Monitor | None = None,
) -> Outcome:
    """Play `game` up to `cadence.updates`, from the last checkpoint if there is one.

    The same call again after an interruption gives the weights of an uninterrupted run, to the
    bit. What happens is appended to events.jsonl; nothing is saved past a divergence. Checkpoints
    carry `identity`, and those of another are not used.

    Raises:
        ValueError: if checkpoints are there and none can be read.
        OSError: if a checkpoint cannot be written; the old ones are then intact.
    """
    run = _Run(game, directory, evaluator, identity, monitor)
    # Networks with dropout draw from global generators: those belong to the run as well.
    own_randomness = randomness_from(game.noise.initial_seed(), game.noise.device)
    with own_randomness, interruption() as interrupted:
        run.resume(say)
        while True:
            update = game.update
            is_last = update >= cadence.updates
            if is_last or interrupted.is_set() or cadence.pauses(update):
                if diagnosis := game.diagnosis():
                    return run.end("diverged", *diagnosis)
                if cadence.logs(update):
                    report(run.log(cadence.updates))
                if cadence.evaluates(update):
                    run.evaluate(interrupted)
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
        evaluator: Evaluator,
        identity: str,
        monitor: Monitor | None,
    ):
        self.game, self.directory, self.evaluator = game, directory, evaluator
        self.identity, self.monitor = identity, monitor
        self.history = _History()
        self._saved = (0, 0)  # updates trained and evaluated
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

    def resume(self, say: Callable[[str], None]) -> None:
        loaded = checkpoint.recover(self.directory.path, self.identity)
        if loaded is None:
            if read_events(self.directory.path):  # of a process that died before its first save
                self.directory.append("resumed", 0, problems=[])
            return
        for problem in loaded.problems:
            say(f"{problem}; continuing from {loaded.path.name}")
        self.game.load_state_dict(loaded.state["game"])
        saved = loaded.state["history"]
        scores = {name: Score(**saved[name]) if saved[name] else None for name in ("last", "best")}
        self.history = _History(**saved | scores)
        self._saved = self._done
        self.clock = Clock(self.history.training_seconds)
        self.directory.append("resumed", self.game.update, problems=list(loaded.problems))

    def play(self) -> None:
        """One outer iteration, watched where the monitor is due; its time is not training's."""
        if self.monitor is None or not self.monitor.is_due(self.game.update + 1):
            self.game.play()
            return
        self.game.wait()
        with self.clock.paused():
            started = time.perf_counter()
            self.monitor.before_step()
            self.game.wait()
            seconds = time.perf_counter() - started
        self.game.play()
        self.game.wait()
        with self.clock.paused():
            started = time.perf_counter()
            probed = self.monitor.after_step()
            seconds += time.perf_counter() - started
        self._append("probe", **probed, probe_seconds=round(seconds, 4))

    def log(self, updates: int) -> Progress:
        game, history = self.game, self.history
        losses = {name: finite_or_none(float(loss)) for name, loss in game.last_losses.items()}
        speed = self.clock.updates_per_second(game.update)
        if history.logged_update < game.update:
            history.logged_update = game.update
            self._append("log", **losses)
        return Progress(game.update, updates, speed, losses, history.last, history.best)

    def evaluate(self, interrupted: threading.Event) -> None:
        """Score and samples; a signal meanwhile leaves the update to be evaluated later."""

        def poll() -> None:
            if interrupted.is_set():
                raise Interrupted

        if self.is_evaluated:
            return
        try:
            with self.clock.paused():
                self._score(poll)
                if self.evaluator.write_samples is not None:
                    samples = self.directory.samples / f"update-{self.game.update:07d}"
                    self.evaluator.write_samples(self.game, samples)
        except Interrupted:
            return
        self.history.evaluated_update = self.game.update

    def save(self) -> None:
        if self._done == self._saved:
            return
        with self.clock.paused():
            self.history.training_seconds = self.clock.seconds
            state = {"game": self.game.state_dict(), "history": asdict(self.history)}
            checkpoint.save(self.directory.path, state, self.identity)
        self._saved = self._done

    def end(self, kind: str, update: int, cause: str | None = None) -> Outcome:
        sha256 = None
        if kind != "diverged":
            sha256 = {
                "generator": checkpoint.weights_sha256(self.game.generator),
                "discriminator": checkpoint.weights_sha256(self.game.discriminator),
            }
        updates, history = self.game.discriminator_updates, self.history
        outcome = Outcome(kind, update, updates, cause, history.best, history.last, sha256)
        self.directory.append("outcome", **asdict(outcome))
        return outcome

    def _score(self, poll: Callable[[], None]) -> None:
        if self.evaluator.score is None:
            return
        poll()
        started = time.perf_counter()
        others = dict(self.evaluator.score(self.game, poll))
        metric = self.evaluator.metric
        score = Score(metric, others.pop(metric), self.game.update)
        others["evaluation_seconds"] = round(time.perf_counter() - started, 3)
        self._append("evaluation", metric=metric, value=score.value, **others)
        best = self.history.best
        sign = 1 if self.evaluator.lower_is_better else -1
        self.history.last = score
        self.history.evaluations_without_best += 1
        if best is None or sign * score.value < sign * best.value:
            self.history.best = score
            self.history.evaluations_without_best = 0
            checkpoint.save_file(
                self.directory.path / BEST,
                {"generator": self.game.generator.state_dict(), "score": asdict(score)},
                self.identity,
            )

    def _append(self, event: str, **fields: Any) -> None:
        self.directory.append(
            event,
            self.game.update,
            discriminator_updates=self.game.discriminator_updates,
            training_seconds=round(self.clock.seconds, 3),
            **fields,
        )
