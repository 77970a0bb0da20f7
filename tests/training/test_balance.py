"""BEGAN's k and its convergence measure: by hand, in a game, pinned (spec D.2)."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ttur import losses
from ttur.losses import Balance, Round
from ttur.runtime.run_directory import RunDirectory
from ttur.training.cadence import Cadence
from ttur.training.contracts import Evaluator
from ttur.training.events import Ended, Log
from ttur.training.game import TwoPlayerGame
from ttur.training.loop import run_loop
from ttur.training.record import read_events

rules = import_module("ttur.losses.began")  # the package has a function of that name
CADENCE = Cadence(log_every_updates=1, evaluate_every_updates=10, checkpoint_every_updates=10)


def nothing(samples: Tensor) -> Tensor:
    """An auto-encoder that answers black: what a sample costs is its mean absolute value."""
    return torch.zeros_like(samples)


def samples_of(loss: float) -> Tensor:
    """Half of them below zero: it is their absolute value that counts."""
    return (
        torch.full((4, 3, 2, 2), loss) * torch.tensor([1.0, -1.0, 1.0, -1.0])[:, None, None, None]
    )


def test_k_follows_a_sequence_computed_by_hand():
    balance = Balance(gamma=0.5, k_rate=0.25, k=0.1)
    # L(x), L(G(z)), then γ L(x) - L(G(z)), k + 0.25 · that in [0, 1], and L(x) + |that|.
    for of_real, of_fake, difference, k, convergence in [
        (0.8, 0.2, 0.2, 0.15, 1.0),
        (0.4, 1.0, -0.8, 0.0, 1.2),  # from -0.05
        (0.2, 0.1, 0.0, 0.0, 0.2),
        (4.0, 0.4, 1.6, 0.4, 5.6),
        (6.0, 0.2, 2.8, 1.0, 8.8),  # from 1.1
        (0.4, 0.6, -0.4, 0.9, 0.8),  # at once free again
    ]:
        assert 0.5 * of_real - of_fake == pytest.approx(difference)
        balance.measure(nothing, samples_of(of_real), samples_of(of_fake))
        balance.move()
        assert balance.k.item() == pytest.approx(k, abs=1e-6)
        assert balance.convergence.item() == pytest.approx(convergence, rel=1e-6)


def test_both_losses_by_hand():
    """L(x) - k L(G(z)) with the k from before the update, and L(G(z)) without any k."""
    began = losses.began(Balance(k=0.25))
    round = Round(samples_of(0.8), samples_of(0.4))
    loss = began.discriminator(nothing, round)
    assert loss.item() == pytest.approx(0.8 - 0.25 * 0.4, rel=1e-6)
    assert began.generator(nothing, round).item() == pytest.approx(0.4, rel=1e-6)


def test_k_has_no_share_in_the_gradients():
    """Each player sees the other's term by its weight: 1 and -k for D, 1 for G."""
    level = torch.tensor(0.5, requires_grad=True)
    began = losses.began(Balance(k=0.25))

    def discriminator(samples: Tensor) -> Tensor:
        return level * torch.ones_like(samples)

    real, fake = torch.full((2, 3), 2.0), torch.full((2, 3), 0.1)
    loss = began.discriminator(discriminator, Round(real, fake))
    (slope,) = torch.autograd.grad(loss, level)  # of |2 - c| - 0.25 |0.1 - c|
    assert slope.item() == pytest.approx(-1 - 0.25)
    shown = fake.clone().requires_grad_()
    (slope,) = torch.autograd.grad(began.generator(discriminator, Round(real, shown)), shown)
    assert slope.flatten().tolist() == pytest.approx([-1 / 6] * 6)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"gamma": -0.1}, "0 <= gamma <= 1, got -0.1"),
        ({"k": 1.5}, "0 <= k <= 1, got 1.5"),
        ({"k_rate": -1e-3}, "k_rate >= 0, got -0.001"),
    ],
)
def test_impossible_balances_are_refused(words, reason):
    with pytest.raises(ValueError, match=reason):
        Balance(**words)


class AutoEncoder(nn.Module):
    """Scales points by one number."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([0.1]))

    def forward(self, points: Tensor) -> Tensor:
        return self.scale * points


@pytest.fixture
def began_game(tiny_game) -> Callable[[Balance], TwoPlayerGame]:
    """Three-parameter players with a balance, simultaneous."""

    def build(balance: Balance) -> TwoPlayerGame:
        game = tiny_game(losses=losses.began(balance), order="simultaneous")
        return replace(
            game,
            discriminator=(network := AutoEncoder()),
            discriminator_optimizer=type(game.discriminator_optimizer)(network.parameters()),
        )

    return build


def play(game: TwoPlayerGame, path, cadence: Cadence = CADENCE, updates: int = 40) -> Ended:
    with RunDirectory(path) as directory:
        return run_loop(game, directory, updates, cadence, Evaluator("none", None, None))


def test_each_log_has_k_and_the_convergence_beside_the_losses(began_game, tmp_path):
    play(began_game(Balance(k_rate=0.01)), tmp_path)
    logs = [event for event in read_events(tmp_path) if isinstance(event, Log)]
    assert [event.update for event in logs] == list(range(1, 41))
    values: list[Any] = [event.values for event in logs]
    for each in values:
        assert 0 <= each["k"] <= 1
        assert each["convergence"] >= 0
        assert {"discriminator_loss", "generator_loss"} <= each.keys()
    assert len({each["k"] for each in values}) > 20  # it moves


@pytest.mark.parametrize(
    ("balance", "limit"),
    [
        (lambda: Balance(gamma=0.0, k_rate=0.5), 0),  # generated samples shall cost nothing
        (lambda: Balance(gamma=1.0, k_rate=0.5, k=1.0), 1),  # they cost less than the real ones
    ],
    ids=["at 0", "at 1"],
)
@pytest.mark.parametrize("every", [1, 7])
def test_k_that_stays_at_a_limit_is_a_divergence(
    began_game, tmp_path, monkeypatch, balance, limit, every
):
    """At the exact update, however rarely one looks; nothing is saved past it."""
    monkeypatch.setattr(rules, "PINNED_AFTER_UPDATES", 12)
    cadence = replace(CADENCE, log_every_updates=every, checkpoint_every_updates=every)
    outcome = play(began_game(balance()), tmp_path, cadence)
    assert (outcome.kind, outcome.update) == ("diverged", 12)
    assert outcome.cause == f"k pinned at {limit}"
    assert outcome.weights_sha256 is None


@pytest.mark.parametrize("every", [1, 20])
def test_k_that_came_free_before_anybody_looked_was_pinned(
    began_game, tmp_path, monkeypatch, every
):
    monkeypatch.setattr(rules, "PINNED_AFTER_UPDATES", 12)
    balance = Balance(gamma=0.0, k_rate=0.5)
    game = began_game(balance)
    play_one = game.play

    def play_and_free() -> None:
        play_one()
        if game.update >= 14:
            balance.gamma, balance.k_rate = 1.0, 1e-3

    monkeypatch.setattr(game, "play", play_and_free)
    cadence = replace(CADENCE, log_every_updates=every, checkpoint_every_updates=40)
    outcome = play(game, tmp_path, replace(cadence, evaluate_every_updates=40))
    assert 0 < balance.k < 1 or every == 1
    assert (outcome.kind, outcome.update, outcome.cause) == ("diverged", 12, "k pinned at 0")


def test_an_interruption_does_not_hide_that_k_is_pinned(began_game, tmp_path, monkeypatch):
    monkeypatch.setattr(rules, "PINNED_AFTER_UPDATES", 12)
    for end in (3, 5, 11):
        piece = play(began_game(Balance(gamma=0.0)), tmp_path, updates=end)
        assert piece.kind == "finished"
    outcome = play(began_game(Balance(gamma=0.0)), tmp_path)
    assert (outcome.kind, outcome.update) == ("diverged", 12)


@pytest.mark.parametrize("balance", [Balance(k_rate=0.0), Balance(k_rate=0.0, k=1.0)])
def test_a_fixed_k_is_not_pinned(began_game, tmp_path, monkeypatch, balance):
    monkeypatch.setattr(rules, "PINNED_AFTER_UPDATES", 12)
    assert play(began_game(balance), tmp_path).kind == "finished"


def test_a_visit_to_a_limit_is_forgotten():
    balance = Balance(gamma=0.5, k_rate=0.25)
    for of_real, stays in [(0.0, 1), (0.0, 2), (4.0, 0), (0.0, 0), (0.0, 1)]:
        balance.measure(nothing, samples_of(of_real), samples_of(0.8))  # + 0.3 or - 0.2
        balance.move()
        assert int(balance.updates_at_limit) == stays
