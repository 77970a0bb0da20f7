import os
import signal
from dataclasses import replace

import pytest
import torch

from ttur.losses import NON_SATURATING, Losses
from ttur.runtime import checkpoint
from ttur.runtime.run_directory import RunDirectory
from ttur.training.cadence import Cadence
from ttur.training.contracts import Evaluator
from ttur.training.events import Ended, Evaluation, Event, Log, Probe, Resumed, Saved, Started
from ttur.training.game import DEAD_AFTER_PHASES
from ttur.training.loop import BEST, run_loop
from ttur.training.record import read_events
from ttur.training.unseen_state import UnseenState

CADENCE = Cadence(log_every_updates=5, evaluate_every_updates=10, checkpoint_every_updates=10)
SILENT = Evaluator("none", None, None)


def distance_of_shift(generator, update, poll):
    """A deterministic stand-in score that draws from no training stream."""
    return {"fd_test": abs(generator.shift.item() - 1)}


SCORED = Evaluator("fd_test", distance_of_shift, None, {"fd_test": True})


def play(game, path, cadence=CADENCE, evaluator=SILENT, updates=40, **rest) -> Ended:
    with RunDirectory(path) as directory:
        return run_loop(game, directory, updates, cadence, evaluator, **rest)


def evaluations(path) -> list[Evaluation]:
    return [event for event in read_events(path) if isinstance(event, Evaluation)]


def test_a_stop_at_every_update_and_resume_gives_the_uninterrupted_weights(tiny_game, tmp_path):
    whole = play(tiny_game(), tmp_path / "whole")
    for end in range(1, 40):  # processes of one update each, as far as the loop can tell
        play(tiny_game(), tmp_path / "pieces", updates=end)
    stopped = play(tiny_game(), tmp_path / "pieces")
    assert stopped.weights_sha256 == whole.weights_sha256
    assert stopped.discriminator_updates == whole.discriminator_updates == 40


@pytest.mark.parametrize("every", [1, 7, 1000])
def test_how_often_one_looks_does_not_change_the_weights(tiny_game, tmp_path, every):
    quiet = play(tiny_game(), tmp_path / "quiet")
    looking = play(
        tiny_game(),
        tmp_path / "looking",
        replace(CADENCE, evaluate_every_updates=every, log_every_updates=every),
        SCORED,
    )
    assert looking.weights_sha256 == quiet.weights_sha256


def test_evaluates_the_first_update_every_multiple_and_the_last(tiny_game, tmp_path):
    play(tiny_game(), tmp_path, evaluator=SCORED, updates=25)
    assert [event.update for event in evaluations(tmp_path)] == [1, 10, 20, 25]


def test_values_beside_the_metric_stand_in_the_event_and_decide_nothing(tiny_game, tmp_path):
    def two_values(generator, update, poll):
        return {"other": float(update), **distance_of_shift(generator, update, poll)}

    outcome = play(tiny_game(), tmp_path, evaluator=replace(SCORED, score=two_values))
    plain = play(tiny_game(), tmp_path / "plain", evaluator=SCORED)
    others = [event.values["other"] for event in evaluations(tmp_path)]
    assert others == [1.0, 10.0, 20.0, 30.0, 40.0]
    assert (outcome.best, outcome.final) == (plain.best, plain.final)


def test_best_is_the_lowest_score_and_its_generator_is_kept(tiny_game, tmp_path):
    outcome = play(tiny_game(), tmp_path, evaluator=SCORED)
    scores = {event.update: event.score.value for event in evaluations(tmp_path)}
    assert outcome.best is not None
    assert outcome.best.value == min(scores.values()) == scores[outcome.best.update]
    best = checkpoint.load_file(tmp_path / BEST)["generator"]
    assert abs(best["shift"].item() - 1) == outcome.best.value


def test_where_higher_is_better_best_is_the_highest(tiny_game, tmp_path):
    rising = replace(SCORED, lower_is_better={"fd_test": False})
    outcome = play(tiny_game(), tmp_path, evaluator=rising)
    scores = [event.score.value for event in evaluations(tmp_path)]
    assert outcome.best is not None
    assert outcome.best.value == max(scores) > min(scores)
    so_far = [event.best.value for event in evaluations(tmp_path) if event.best is not None]
    assert so_far == [max(scores[: count + 1]) for count in range(5)]


def test_a_signal_saves_and_the_same_call_continues(tiny_game, tmp_path):
    whole = play(tiny_game(), tmp_path / "whole", evaluator=SCORED)

    def kill_at_20(generator, update, poll):
        if update == 20:
            os.kill(os.getpid(), signal.SIGTERM)
        poll()
        return distance_of_shift(generator, update, poll)

    interrupted = play(tiny_game(), tmp_path / "cut", evaluator=replace(SCORED, score=kill_at_20))
    assert (interrupted.kind, interrupted.update) == ("interrupted", 20)
    continued = play(tiny_game(), tmp_path / "cut", evaluator=SCORED)
    assert continued.kind == "finished"
    assert continued.weights_sha256 == whole.weights_sha256
    assert [event.update for event in evaluations(tmp_path / "cut")] == [1, 10, 20, 30, 40]


def test_signal_handlers_are_given_back(tiny_game, tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    play(tiny_game(), tmp_path)
    assert signal.getsignal(signal.SIGTERM) is before


def failing_after(updates: int, player: str, how: str) -> Losses:
    """The usual losses until `player` has computed `updates` of them."""
    calls = {"discriminator": 0, "generator": 0}

    def spoil(name, loss, anchor):
        calls[name] += 1
        if name != player or calls[name] <= updates:
            return loss
        if how == "loss":
            return loss * float("nan")
        if how == "gradient":  # finite value, infinite derivative at 0
            return loss + (anchor - anchor.detach()).sqrt().sum()
        return loss * 0.0

    def discriminator(critic, round):
        loss = NON_SATURATING.discriminator(critic, round)
        return spoil("discriminator", loss, critic.weight)

    def generator(critic, round):
        return spoil("generator", NON_SATURATING.generator(critic, round), round.fake)

    return Losses(discriminator, generator)


@pytest.mark.parametrize("every", [1, 5])
def test_weights_that_an_update_made_infinite_are_neither_scored_nor_saved(
    tiny_game, tmp_path, every
):
    """The losses and gradients of the fatal update are finite; only what it makes is not."""
    game = tiny_game()
    step = game.generator_optimizer.step

    def overflow(gradients, rate):
        step(gradients, 1e300 if game.update == 12 else rate)

    game.generator_optimizer.step = overflow
    cadence = replace(CADENCE, checkpoint_every_updates=every, evaluate_every_updates=every)
    outcome = play(game, tmp_path, cadence, SCORED)
    assert (outcome.kind, outcome.weights_sha256) == ("diverged", None)
    assert outcome.update in (13, 14)  # seen in the weights, or in the next loss
    loaded = checkpoint.load(tmp_path)
    assert loaded is not None
    assert loaded.state["game"]["update"] <= 12
    assert max(event.update for event in evaluations(tmp_path)) <= 12


def test_a_signal_that_comes_too_late_is_raised_again(tiny_game, tmp_path):
    def kill_at_the_end(generator, update, poll):
        value = distance_of_shift(generator, update, poll)
        if update == 40:
            os.kill(os.getpid(), signal.SIGINT)
        return value

    # A process started in the background ignores Ctrl-C; this one shall not.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            play(tiny_game(), tmp_path, evaluator=replace(SCORED, score=kill_at_the_end))
    finally:
        signal.signal(signal.SIGINT, before)
    ended = read_events(tmp_path)[-1]
    assert isinstance(ended, Ended)
    assert ended.kind == "finished"


def test_a_checkpoint_of_another_run_is_not_used(tiny_game, tmp_path):
    with RunDirectory(tmp_path) as directory:
        run_loop(tiny_game(), directory, 40, CADENCE, SILENT, identity="one")
        with pytest.raises(ValueError, match="belongs to a run of another configuration"):
            run_loop(tiny_game(), directory, 40, CADENCE, SILENT, identity="other")


@pytest.mark.parametrize("player", ["discriminator", "generator"])
@pytest.mark.parametrize("how", ["loss", "gradient"])
def test_divergence_names_the_first_bad_update_and_its_cause(tiny_game, tmp_path, player, how):
    losses = failing_after(13, player, how)
    outcome = play(tiny_game(losses), tmp_path, evaluator=SCORED)
    assert (outcome.kind, outcome.update) == ("diverged", 14)
    assert outcome.cause is not None
    assert f"non-finite {player} {how}" in outcome.cause


def test_nothing_is_saved_past_a_divergence(tiny_game, tmp_path):
    play(tiny_game(failing_after(13, "generator", "loss")), tmp_path, evaluator=SCORED)
    loaded = checkpoint.load(tmp_path)
    assert loaded is not None
    assert loaded.state["game"]["update"] == 10
    assert all(torch.isfinite(p).all() for p in loaded.state["game"]["generator"].values())
    assert max(event.update for event in evaluations(tmp_path)) == 10


def test_a_run_that_diverged_diverges_again_at_the_same_update(tiny_game, tmp_path):
    first = play(tiny_game(failing_after(13, "generator", "loss")), tmp_path)
    again = play(tiny_game(failing_after(3, "generator", "loss")), tmp_path)  # 10 are done
    assert (first.kind, first.update) == (again.kind, again.update) == ("diverged", 14)


def test_a_player_without_gradient_for_long_is_dead(tiny_game, tmp_path):
    outcome = play(tiny_game(failing_after(13, "generator", "nothing")), tmp_path, updates=500)
    assert (outcome.kind, outcome.update) == ("diverged", 13 + DEAD_AFTER_PHASES)
    assert outcome.cause == "dead discriminator: no gradient reaches the generator"


def test_a_torn_newest_checkpoint_is_named_and_the_previous_continues(tiny_game, tmp_path):
    whole = play(tiny_game(), tmp_path / "whole")
    play(tiny_game(), tmp_path / "torn", updates=30)
    newest = tmp_path / "torn" / checkpoint.NEWEST
    newest.write_bytes(newest.read_bytes()[:1000])
    said: list[str] = []
    continued = play(tiny_game(), tmp_path / "torn", say=said.append)
    assert continued.weights_sha256 == whole.weights_sha256
    assert len(said) == 1
    assert checkpoint.NEWEST in said[0]
    assert checkpoint.PREVIOUS in said[0]


@pytest.mark.parametrize(
    ("order", "n_critic", "expected"),
    [
        ("discriminator_first", 3, 120),
        ("generator_twice", 2, 80),
        ("generator_first", 5, 200),
        ("simultaneous", 1, 40),
    ],
)
def test_orders_count_discriminator_updates(tiny_game, tmp_path, order, n_critic, expected):
    game = tiny_game(order=order, n_critic=n_critic)
    assert play(game, tmp_path).discriminator_updates == expected


def test_generator_first_leaves_the_generator_alone_in_the_first_iteration(tiny_game):
    game = tiny_game(order="generator_first")
    before = [p.detach().clone() for p in game.generator.parameters()]
    game.play()
    assert all(torch.equal(a, b) for a, b in zip(before, game.generator.parameters(), strict=True))
    game.play()
    assert not all(
        torch.equal(a, b) for a, b in zip(before, game.generator.parameters(), strict=True)
    )


def test_generator_twice_moves_it_again_on_the_same_latents(tiny_game):
    """J.1, by hand: the second update meets the generator that came out of the first."""
    hand, game = tiny_game(), tiny_game(order="generator_twice")
    latents = hand.draw_latents()
    fake = hand.generate(latents)
    hand.move_discriminator(hand.discriminator_phase(hand.round(latents, fake)))
    for _ in range(2):
        again = hand.round(latents, hand.generate(latents))
        hand.move_generator(hand.generator_phase(again))
    game.play()
    assert torch.equal(hand.generator.slope, game.generator.slope)
    assert torch.equal(hand.discriminator.weight, game.discriminator.weight)
    assert game.generator_optimizer.updates == 2


def test_simultaneous_uses_the_discriminator_from_before_its_update(tiny_game):
    """One step by hand: the generator's gradient belongs to the old discriminator."""
    hand, game = tiny_game(), tiny_game(order="simultaneous")
    latents = hand.draw_latents()
    expected = hand.generator_phase(hand.round(latents, hand.generate(latents)))
    hand.move_generator(expected)
    game.play()
    assert torch.equal(hand.generator.slope, game.generator.slope)


def scores_by_update(values: dict[int, float]):
    """A score that the clock decides."""
    return replace(SCORED, score=lambda generator, update, poll: {"fd_test": values[update]})


FALLS_UNTIL_20 = {1: 9.0, **{u: abs(u - 20) + 1.0 for u in range(10, 90, 10)}}
PATIENT = replace(CADENCE, patience=3)


def test_a_run_ends_when_its_best_has_not_fallen_for_long_enough(tiny_game, tmp_path):
    outcome = play(tiny_game(), tmp_path, PATIENT, scores_by_update(FALLS_UNTIL_20), updates=80)
    assert (outcome.kind, outcome.update) == ("finished", 50)  # 30, 40 and 50 were no better
    assert outcome.cause == "no better fd_test in 3 evaluations"
    assert outcome.best is not None
    assert outcome.final is not None
    assert (outcome.best.update, outcome.final.update) == (20, 50)
    again = play(tiny_game(), tmp_path, PATIENT, scores_by_update(FALLS_UNTIL_20), updates=80)
    assert again == outcome


def test_an_equal_score_is_no_better(tiny_game, tmp_path):
    flat = scores_by_update(dict.fromkeys(range(100), 1.0))
    ended = play(tiny_game(), tmp_path, PATIENT, flat, updates=80)
    assert ended.update == 30  # 10, 20 and 30 were no better


def test_without_patience_a_run_has_all_its_updates(tiny_game, tmp_path):
    endless = replace(PATIENT, patience=None)
    outcome = play(tiny_game(), tmp_path, endless, scores_by_update(FALLS_UNTIL_20), updates=80)
    assert (outcome.update, outcome.cause) == (80, None)


def test_patience_is_remembered_over_interruptions(tiny_game, tmp_path):
    score = scores_by_update(FALLS_UNTIL_20 | {25: 6.0, 45: 26.0})
    for end in (25, 45):  # both pieces evaluate their last update, too
        play(tiny_game(), tmp_path, replace(PATIENT, patience=5), score, updates=end)
    outcome = play(tiny_game(), tmp_path, replace(PATIENT, patience=6), score, updates=80)
    assert (outcome.kind, outcome.update) == ("finished", 60)  # after 25, 30, 40, 45, 50 and 60


class Told:
    """A listener that notes what it hears, and what stood on disk by then."""

    def __init__(self, path, fails_at: int | None = None) -> None:
        self.path, self.fails_at = path, fails_at
        self.events: list[Event] = []
        self.checkpoints: list[int] = []

    def __call__(self, event: Event) -> None:
        assert read_events(self.path)[-1] == event
        self.events.append(event)
        if isinstance(event, Saved):
            loaded = checkpoint.load(self.path)
            assert loaded is not None
            self.checkpoints.append(loaded.state["game"]["update"])
        if event.update == self.fails_at:
            raise RuntimeError("the listener is tired")


class Watching:
    """A monitor that sees nothing, every fifteen updates."""

    def is_due(self, update: int) -> bool:
        return update % 15 == 0

    def before_step(self) -> None: ...

    def after_step(self) -> dict[str, float]:
        return {"perturbation_of_discriminator": 0.5}


def test_listeners_are_told_every_event_once_in_order_after_it_is_on_disk(tiny_game, tmp_path):
    told = Told(tmp_path), Told(tmp_path)
    play(tiny_game(), tmp_path, evaluator=SCORED, listeners=told, monitor=Watching(), updates=20)
    for each in told:
        assert each.events == read_events(tmp_path)
        assert each.checkpoints == [10, 20]
    assert [(type(event), event.update) for event in told[0].events] == [
        (Started, 0),
        (Evaluation, 1),
        (Log, 5),
        (Evaluation, 10),
        (Log, 10),
        (Saved, 10),
        (Probe, 15),
        (Log, 15),
        (Evaluation, 20),
        (Log, 20),
        (Saved, 20),
        (Ended, 20),
    ]
    later = Told(tmp_path)
    play(tiny_game(), tmp_path, evaluator=SCORED, listeners=[later], updates=25)
    assert later.events == read_events(tmp_path)[12:]
    kinds = [type(event) for event in later.events]
    assert kinds == [Resumed, Evaluation, Log, Saved, Ended]


def test_a_listener_that_fails_is_dropped_and_said_and_the_run_goes_on(tiny_game, tmp_path):
    whole = play(tiny_game(), tmp_path / "whole")
    path = tmp_path / "heard"
    tired, patient = Told(path, fails_at=10), Told(path)
    said: list[str] = []
    heard = play(tiny_game(), path, listeners=[tired, patient], say=said.append)
    assert heard.weights_sha256 == whole.weights_sha256
    assert patient.events == read_events(path)
    # After the log of update 10 it hears no more, not even that this update was saved.
    assert [(type(e), e.update) for e in tired.events] == [(Started, 0), (Log, 5), (Log, 10)]
    (message,) = said
    assert "Told object" in message
    assert "the listener is tired" in message


class Unstorable:
    """A companion that keeps what no checkpoint can hold, from an update on."""

    name = "keeper"

    def __init__(self, since: int) -> None:
        self.since, self.kept = since, {"good": 1}

    def begin(self, device: torch.device) -> None:
        self.look(0)

    def look(self, update: int) -> None:
        if update >= self.since:
            self.kept = {"bad": object()}

    def after_update(self, game) -> dict[str, torch.Tensor]:
        self.look(game.update + 1)
        return {}

    def trouble(self) -> None:
        return None

    def state_dict(self) -> dict[str, object]:
        return {"kept": self.kept}

    def load_state_dict(self, state: dict[str, dict]) -> None:
        self.kept = state["kept"]


@pytest.mark.parametrize("since", [0, 1])
def test_state_that_no_checkpoint_can_hold_is_refused_by_its_place(tiny_game, tmp_path, since):
    """Before the first update, or right after it if it comes up only then."""
    game = tiny_game(companions=(Unstorable(since),))
    with pytest.raises(ValueError, match=r"companions\.keeper\.kept\.bad holds an? object"):
        play(game, tmp_path)
    assert game.update == since
    assert checkpoint.load(tmp_path) is None


def test_state_of_a_network_that_no_state_dict_shows_is_refused_by_its_place(tiny_game, tmp_path):
    game = tiny_game()
    game.unseen = UnseenState({"model.generator": game.generator})
    game.generator.history = [object()]
    with pytest.raises(ValueError, match=r"unseen\.model\.generator\.history"):
        play(game, tmp_path)
    assert game.update == 0
