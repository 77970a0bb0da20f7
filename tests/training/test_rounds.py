"""What a phase of a game is given: a round, whose real samples come when a loss asks for them."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ttur.losses import NON_SATURATING, Losses, Round
from ttur.runtime.run_directory import RunDirectory
from ttur.timescales.orders import ORDERS
from ttur.training.cadence import Cadence
from ttur.training.contracts import Evaluator
from ttur.training.loop import run_loop

CADENCE = Cadence(checkpoint_every_updates=3)
SILENT = Evaluator("none", None, None)


def relativistic_discriminator(critic, round: Round) -> Tensor:
    """How much more real the real samples look (Jolicoeur-Martineau 2018, Eq. 8)."""
    return F.softplus(critic(round.fake) - critic(round.real)).mean()


def relativistic_generator(critic, round: Round) -> Tensor:
    return F.softplus(critic(round.real) - critic(round.fake)).mean()


RELATIVISTIC = Losses(relativistic_discriminator, relativistic_generator)


def counted(game) -> list[Tensor]:
    """The real batches that the game draws, as it draws them."""
    drawn: list[Tensor] = []
    next_real = game.next_real

    def note() -> Tensor:
        drawn.append(next_real())
        return drawn[-1]

    game.next_real = note
    return drawn


def test_real_samples_are_drawn_at_first_use_and_once():
    calls = []

    def draw() -> Tensor:
        calls.append(1)
        return torch.zeros(2, 3)

    round = Round(draw, torch.ones(2, 3))
    shown = round.with_fake(torch.zeros(2, 3))
    assert calls == []
    assert shown.real is round.real is shown.with_fake(round.fake).real
    assert calls == [1]


def test_a_round_with_other_samples_keeps_all_else():
    rng, latents, labels = torch.Generator(), torch.ones(2, 1), torch.tensor([0, 1])
    real, fake = torch.zeros(2, 3), torch.ones(2, 3)
    round = Round(real, fake, latents=latents, labels=labels, update=7, rng=rng)
    other = round.with_fake(torch.full((2, 3), 5.0))
    assert (other.real, other.latents, other.labels, other.rng) == (real, latents, labels, rng)
    assert other.update == 7
    assert other.fake.eq(5).all()
    assert round.fake is fake


@pytest.mark.parametrize("order", ORDERS)
def test_losses_that_ask_for_no_real_samples_draw_none(tiny_game, order):
    def blind(critic, round: Round) -> Tensor:
        return critic(round.fake).mean()

    game = tiny_game(Losses(blind, lambda critic, round: -critic(round.fake).mean()), order)
    drawn = counted(game)
    for _ in range(3):
        game.play()
    assert drawn == []


@pytest.mark.parametrize(
    ("order", "n_critic", "batches"),
    [  # of three iterations in which the generator's loss has no need of real samples
        ("discriminator_first", 2, 6),
        ("generator_twice", 2, 6),
        ("generator_first", 2, 6),
        ("simultaneous", 1, 3),
    ],
)
def test_a_discriminators_loss_that_asks_twice_draws_once(tiny_game, order, n_critic, batches):
    def twice(critic, round: Round) -> Tensor:
        assert round.real is round.real
        return NON_SATURATING.discriminator(critic, round)

    game = tiny_game(NON_SATURATING._replace(discriminator=twice), order, n_critic)
    drawn = counted(game)
    for _ in range(3):
        game.play()
    assert len(drawn) == batches


def seen_by_both(game) -> list[tuple[str, Round]]:
    """Which rounds the losses of the game are given, as it plays."""
    seen: list[tuple[str, Round]] = []
    losses = game.losses

    def discriminator(critic, round: Round) -> Tensor:
        seen.append(("discriminator", round))
        return losses.discriminator(critic, round)

    def generator(critic, round: Round) -> Tensor:
        seen.append(("generator", round))
        return losses.generator(critic, round)

    game.losses = Losses(discriminator, generator)
    return seen


@pytest.mark.parametrize(
    ("order", "n_critic", "players"),
    [
        ("discriminator_first", 2, "DDG"),
        ("generator_twice", 2, "DDGG"),
        ("simultaneous", 1, "DG"),
    ],
)
def test_the_generators_loss_meets_the_real_batch_of_the_discriminators_phase(
    tiny_game, order, n_critic, players
):
    """And the latents; the samples have a graph to the generator in its own phase alone."""
    game = tiny_game(RELATIVISTIC, order, n_critic)
    drawn, seen = counted(game), seen_by_both(game)
    for update in (1, 2):
        drawn.clear()
        seen.clear()
        game.play()
        assert "".join(player[0].upper() for player, _ in seen) == players
        assert len(drawn) == n_critic
        last = [round for player, round in seen if player == "discriminator"][-1]
        assert last.real is drawn[-1]
        for player, round in seen:
            assert round.update == update
            assert round.rng is game.rng
            assert round.fake.requires_grad == (player == "generator")
            if player == "generator":
                assert round.real is drawn[-1]
                assert round.latents is last.latents


def test_generator_first_meets_a_batch_of_its_own(tiny_game):
    game = tiny_game(RELATIVISTIC, "generator_first", 2)
    drawn, seen = counted(game), seen_by_both(game)
    game.play()  # leaves the generator where it is
    assert [player for player, _ in seen] == ["discriminator"] * 2
    drawn.clear()
    seen.clear()
    game.play()
    assert [player for player, _ in seen] == ["generator", "discriminator", "discriminator"]
    assert all(round.real is mine for (_, round), mine in zip(seen, drawn, strict=True))


@pytest.mark.parametrize("order", ORDERS)
def test_a_relativistic_loss_trains_under_every_order_and_resumes_to_the_bit(
    tiny_game, tmp_path, order
):
    ended = {}
    game, before = tiny_game(RELATIVISTIC, order), []
    for name, ends in (("whole", [8]), ("pieces", [1, 2, 5, 8])):
        for end in ends:
            game = tiny_game(RELATIVISTIC, order)
            before = [p.detach().clone() for p in game.generator.parameters()]
            with RunDirectory(tmp_path / name) as directory:
                ended[name] = run_loop(game, directory, end, CADENCE, SILENT)
    assert ended["pieces"].kind == "finished"
    assert ended["pieces"].weights_sha256 == ended["whole"].weights_sha256
    after = list(game.generator.parameters())
    assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("player", ["discriminator", "generator"])
@pytest.mark.parametrize(
    ("spoil", "got"),
    [
        (lambda loss: loss.expand(8), r"\(8,\)"),
        (lambda loss: loss[None], r"\(1,\)"),
        (lambda loss: loss.item(), "float"),
    ],
)
def test_a_loss_that_is_not_one_number_is_refused(tiny_game, player, spoil, got):
    def spoilt(critic, round: Round):
        return spoil(getattr(NON_SATURATING, player)(critic, round))

    game = tiny_game(NON_SATURATING._replace(**{player: spoilt}))
    with pytest.raises(ValueError, match=f"expected a loss that is one number, got {got}; take"):
        game.play()


def test_a_parameter_that_a_loss_does_not_reach_has_a_gradient_of_zeros(tiny_game):
    def without_bias(critic, round: Round) -> Tensor:
        return (round.fake @ critic.weight).mean() - (round.real @ critic.weight).mean()

    game = tiny_game(NON_SATURATING._replace(discriminator=without_bias))
    latents = game.draw_latents()
    phase = game.discriminator_phase(game.round(latents, game.generate(latents)))
    weight, bias = phase.gradients
    assert weight.abs().min() > 0
    assert bias.item() == 0
