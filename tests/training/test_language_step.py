"""Three iterations of the language model as a configuration makes it, against the literal ones."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from configurations import WASSERSTEIN, configuration, game_of
from recording import largest_difference, parameters, record_updates
from reference import wgan_gp_language as reference
from reference.adam import Player, Update
from reference.wasserstein import CriticDraws
from ttur.data import vocabulary as text
from ttur.losses import (
    Losses,
    Network,
    Round,
    wasserstein_critic,
    wasserstein_generator,
    wasserstein_gradient_penalty,
)
from ttur.timescales import LearningRatePair
from ttur.timescales.orders import discriminator_first
from ttur.training.game import TwoPlayerGame
from ttur.training.media import SentenceMedium

B, A = 2e-3, 5e-3
N_CRITIC, ITERATIONS = 2, 3
BETAS = (reference.BETA1, reference.BETA2)
BATCH, SYMBOLS, LENGTH, LATENT = 4, 7, 6, 5


@pytest.fixture(autouse=True)
def _everything_in_float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def language_game(**fields: Any) -> TwoPlayerGame:
    """A tiny model of random sentences; an epoch is two batches."""
    codes = np.random.default_rng(0).integers(0, SYMBOLS, (2 * BATCH, LENGTH), dtype=np.uint8)
    card = {"splits": {"train": {"sha256": ""}}}
    data = text.Sentences("noise", "train", codes, tuple("0123456"), card)
    config = configuration(
        "wgan_gp_language",
        losses=WASSERSTEIN,
        rates={"discriminator": B, "generator": A},
        updates=ITERATIONS,
        length=LENGTH,
        width=8,
        latent_size=LATENT,
        order="generator_first",
        n_critic=N_CRITIC,
        batch_size=BATCH,
        **dict[str, Any]({"beta2": 0.9} | fields),
    )
    game = game_of(config, SentenceMedium(data, lambda: data))
    next_real = game.next_real
    game.next_real = lambda: next_real().double()
    return game


@cache  # slow, and the same whatever the game does
def literal_updates() -> list[Update]:
    """What `language_game` ought to do, from its first weights, its texts and its noise."""
    game = language_game()
    g = Player.initial(parameters(game.generator), *BETAS)
    d = Player.initial(parameters(game.discriminator), *BETAS)
    noise, updates = game.rng, []
    for iteration in range(ITERATIONS):
        generator_z = torch.randn(BATCH, LATENT, generator=noise) if iteration > 0 else None
        critic_draws = []
        for _ in range(N_CRITIC):
            z, u = torch.randn(BATCH, LATENT, generator=noise), torch.rand(BATCH, generator=noise)
            critic_draws.append(CriticDraws(game.next_real(), z, u))
        g, d, done = reference.training_iteration(iteration, g, d, generator_z, critic_draws, B, A)
        updates += done
    return updates


def differences(game: TwoPlayerGame) -> list[tuple[float, float, float]]:
    """Per update: how far loss, gradients and updated parameters are from the literal ones."""
    theirs, ours = literal_updates(), record_updates(game)
    for _ in range(ITERATIONS):
        game.play()
    players = [[update.player for update in updates] for updates in (ours, theirs)]
    assert players[0] == players[1], "the players move in another order"
    return [
        (
            abs(mine.loss - literal.loss),
            largest_difference(mine.gradients, literal.gradients),
            largest_difference(mine.params, literal.params),
        )
        for mine, literal in zip(ours, theirs, strict=True)
    ]


def test_three_iterations_equal_the_transcription():
    game = language_game()
    before = parameters(game.generator), parameters(game.discriminator)
    seen = differences(game)
    assert len(seen) == (ITERATIONS - 1) + ITERATIONS * N_CRITIC
    for loss, gradient, parameter in seen:
        # Our penalty's root holds 1e-12, which moves a slope s by 5e-13 / s and ten penalties by
        # 1e-11 · |s - 1| / s. That is 4e-12 here, and as much in the gradients.
        assert loss < 5e-11
        assert gradient < 5e-11
        # Adam divides the gradients by sqrt(v), and the rounding of an idle bias by 1e-8.
        assert parameter < 1e-9
    assert game.update == ITERATIONS
    assert game.discriminator_updates == ITERATIONS * N_CRITIC
    after = parameters(game.generator), parameters(game.discriminator)
    # What a bias adds to every score cancels in their difference, and a slope does not see it.
    for old, new, idle in zip(
        before, after, (set(), {"linear.bias", "blocks.4.second.bias"}), strict=True
    ):
        moves = {name: (new[name] - old[name]).abs().max().item() for name in old}
        assert {name for name, move in moves.items() if move < 1e-3} == idle


def one_weight_for_all(critic: Network, real: Tensor, fake: Tensor, u: Tensor) -> Tensor:
    return slopes(critic, real + u[0] * (fake - real), (1, 2))


def norm_of_each_position(critic: Network, real: Tensor, fake: Tensor, u: Tensor) -> Tensor:
    return slopes(critic, real + u * (fake - real), (2,))


def slopes(critic: Network, mixed: Tensor, dims: tuple[int, ...]) -> Tensor:
    mixed = mixed.detach().requires_grad_()
    (gradients,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
    return (gradients.square().sum(dims) + 1e-12).sqrt()


def departing_losses(departure: Callable[[Network, Tensor, Tensor, Tensor], Tensor]) -> Losses:
    """WGAN-GP with another penalty, and the same draws."""

    def critic_loss(critic: Network, round: Round) -> Tensor:
        u = torch.rand(BATCH, 1, 1, generator=round.rng)
        penalty = (departure(critic, round.real, round.fake, u) - 1).square().mean()
        return wasserstein_critic(critic, round) + 10 * penalty

    return Losses(critic_loss, wasserstein_generator)


DEPARTURES = {
    "another weight of the penalty": {"losses": wasserstein_gradient_penalty(weight=9.0)},
    "one mixing weight for all": {"losses": departing_losses(one_weight_for_all)},
    "a norm of each position": {"losses": departing_losses(norm_of_each_position)},
    "rates swapped": {"rates": LearningRatePair(discriminator=A, generator=B)},
    "beta1 of the image model": {"beta1": 0.0},
    "beta2 of the DCGAN": {"beta2": 0.999},
    "torch's epsilon": {"form": "torch"},
    "critic first": {"order": discriminator_first},
    "one critic update too few": {"n_critic": N_CRITIC - 1},
    "the generator moves in the first iteration": {"update": 1},
}


@pytest.mark.parametrize("changes", DEPARTURES.values(), ids=DEPARTURES.keys())
def test_each_departure_from_the_paper_would_show(changes):
    """What the tolerances above can see: each departure is off by 1e-5 or more."""
    of_adam = changes.keys() & {"beta1", "beta2", "form"}
    game = language_game(**{name: changes[name] for name in of_adam})
    for name in changes.keys() - of_adam:
        assert hasattr(game, name)
        setattr(game, name, changes[name])
    if changes.keys() & {"order", "n_critic", "update"}:
        with pytest.raises(AssertionError, match="in another order"):
            differences(game)
    else:
        assert max(map(max, differences(game))) > 1e-5
