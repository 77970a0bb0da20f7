"""Three iterations of the image models as configurations make them, against the literal ones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from configurations import WASSERSTEIN, configuration, game_of
from recording import largest_difference, parameters, record_updates
from reference import began
from reference import wgan_gp_image as wgan_gp
from reference.adam import Player, Tensors, Update
from reference.wasserstein import CriticDraws
from ttur.losses import (
    Network,
    Round,
    gradient_penalty,
    wasserstein_critic,
    wasserstein_generator,
)
from ttur.timescales import LearningRatePair
from ttur.timescales.orders import discriminator_first
from ttur.timescales.step_sizes import Halving
from ttur.training.config import TrainingConfig
from ttur.training.game import TwoPlayerGame
from ttur.training.media import ImageMedium

B, A = 2e-3, 5e-3
ITERATIONS, HALVED_EVERY = 3, 2
BATCH, LATENT, N_CRITIC = 8, 5, 2
CONTROLLER = began.Controller(gamma=0.4, k_rate=0.5)
FIRST_K = 0.3

WGAN_GP = configuration(
    "wgan_gp_image",
    losses=WASSERSTEIN,
    rates={"discriminator": B, "generator": A},
    updates=ITERATIONS,
    image_size=32,
    width=2,
    latent_size=LATENT,
    images_per_score=4,
    order="generator_first",
    n_critic=N_CRITIC,
    batch_size=BATCH,
    beta1=0.0,
    beta2=0.9,
)
BEGAN = configuration(
    "began",
    losses="began",
    rates=LearningRatePair(
        discriminator=Halving(B, HALVED_EVERY), generator=Halving(A, HALVED_EVERY)
    ),
    updates=ITERATIONS,
    image_size=32,
    width=2,
    latent_size=LATENT,
    gamma=CONTROLLER.gamma,
    k=FIRST_K,
    k_rate=CONTROLLER.k_rate,
    order="simultaneous",
    batch_size=BATCH,
    beta1=0.9,
    beta2=0.999,
)


@pytest.fixture(autouse=True)
def _everything_in_float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def game_on_noise(config: TrainingConfig) -> TwoPlayerGame:
    """An epoch is four batches."""
    pixels = np.random.default_rng(0).integers(0, 256, (4 * BATCH, 32, 32, 3), dtype=np.uint8)
    game = game_of(config, ImageMedium.of_array(pixels))
    next_real = game.next_real
    game.next_real = lambda: next_real().double()
    return game


def players(game: TwoPlayerGame, beta1: float, beta2: float) -> tuple[Player, Player]:
    """Generator and discriminator before their first update."""
    g, d = (
        Player.initial(parameters(network), beta1, beta2)
        for network in (game.generator, game.discriminator)
    )
    return g, d


@dataclass(frozen=True)
class Record:
    """What a game did: all updates in order; after each iteration k and the convergence."""

    updates: list[Update]
    balance: list[tuple[float, float]]


def played(game: TwoPlayerGame) -> Record:
    updates = record_updates(game)
    balance = []
    for _ in range(ITERATIONS):
        game.play()
        if game.companions:
            values = game.last_values
            balance.append((values["k"].item(), values["convergence"].item()))
    return Record(updates, balance)


@cache  # slow, and the same whatever the game does
def literal_wgan_gp() -> Record:
    """What the game of `WGAN_GP` ought to do, from its first weights, its images and its noise."""
    game = game_on_noise(WGAN_GP)
    g, d = players(game, wgan_gp.BETA1, wgan_gp.BETA2)
    noise, updates = game.rng, []
    for iteration in range(ITERATIONS):
        generator_z = torch.randn(BATCH, LATENT, generator=noise) if iteration > 0 else None
        critic_draws = []
        for _ in range(N_CRITIC):
            z, u = torch.randn(BATCH, LATENT, generator=noise), torch.rand(BATCH, generator=noise)
            critic_draws.append(CriticDraws(game.next_real(), z, u))
        g, d, done = wgan_gp.training_iteration(iteration, g, d, generator_z, critic_draws, B, A)
        updates += done
    return Record(updates, [])


@cache
def literal_began(controller: began.Controller = CONTROLLER, first_k: float = FIRST_K) -> Record:
    """What the game of `BEGAN` ought to do, from its first weights, its images and its noise."""
    game = game_on_noise(BEGAN)
    g, d = players(game, began.BETA1, began.BETA2)
    k, updates, balance = first_k, [], []
    for iteration in range(ITERATIONS):
        pairs = [
            (game.next_real(), torch.rand(BATCH, LATENT, generator=game.rng) * 2 - 1)
            for _ in range(2 if controller.fresh else 1)
        ]
        draws = began.Draws(*pairs[0], *pairs[1]) if controller.fresh else began.Draws(*pairs[0])
        b, a = (began.rate_at(iteration, rate, HALVED_EVERY) for rate in (B, A))
        g, d, step = began.training_step(g, d, k, draws, b, a, controller)
        k = step.k
        updates += [step.discriminator, step.generator]
        balance.append((k, step.convergence))
    return Record(updates, balance)


def differences(ours: Record, theirs: Record) -> tuple[float, float, float, float]:
    """How far losses, gradients, updated parameters, and k and its convergence are apart."""
    assert [u.player for u in ours.updates] == [u.player for u in theirs.updates], "another order"
    pairs = list(zip(ours.updates, theirs.updates, strict=True))
    return (
        max(abs(mine.loss - literal.loss) for mine, literal in pairs),
        max(largest_difference(mine.gradients, literal.gradients) for mine, literal in pairs),
        max(largest_difference(mine.params, literal.params) for mine, literal in pairs),
        float(np.abs(np.subtract(ours.balance, theirs.balance)).max(initial=0)),
    )


def still_parameters(before: Tensors, after: Tensors) -> set[str]:
    return {name for name in before if (after[name] - before[name]).abs().max() < 1e-5}


def test_three_iterations_of_wgan_gp_equal_the_transcription():
    game = game_on_noise(WGAN_GP)
    before = parameters(game.generator), parameters(game.discriminator)
    ours = played(game)
    assert len(ours.updates) == (ITERATIONS - 1) + ITERATIONS * N_CRITIC
    loss, gradient, parameter, _ = differences(ours, literal_wgan_gp())
    # Our penalty's root holds 1e-12, which moves a slope s by 5e-13 / s and ten penalties by
    # 1e-11 · |s - 1| / s. That is 7e-12 here, and 3e-11 in the gradients.
    assert loss < 1e-10
    assert gradient < 3e-10
    # Adam divides the gradients by sqrt(v), and the rounding of an idle bias by 1e-8.
    assert parameter < 3e-9
    assert game.update == ITERATIONS
    assert game.discriminator_updates == ITERATIONS * N_CRITIC
    # Batch statistics take away what a bias adds to every pixel of a map, in the generator's last
    # normalisation at the latest; in the critic, what is added to every score cancels in their
    # difference, and a slope does not see it.
    biases = {f"blocks.{i}.{layer}.bias" for i in range(4) for layer in ("conv2", "shortcut")}
    assert still_parameters(before[0], parameters(game.generator)) == biases
    assert still_parameters(before[1], parameters(game.discriminator)) == {
        "linear.bias",
        "blocks.3.conv2.bias",
        "blocks.3.shortcut.bias",
    }


@pytest.mark.parametrize("batch", ["fresh", "same"])
def test_three_iterations_of_began_equal_the_transcription(batch):
    game = game_on_noise(BEGAN.but(k_batch=batch))
    before = parameters(game.generator), parameters(game.discriminator)
    theirs = literal_began(replace(CONTROLLER, fresh=batch == "fresh"))
    loss, gradient, parameter, balance = differences(played(game), theirs)
    assert loss < 1e-12
    assert gradient < 1e-12
    assert parameter < 1e-10  # Adam divides the gradients by sqrt(v)
    assert balance < 1e-12
    assert game.update == game.discriminator_updates == ITERATIONS
    for old, network in zip(before, (game.generator, game.discriminator), strict=True):
        assert not still_parameters(old, parameters(network))
    steps = np.diff([FIRST_K, *(k for k, _ in theirs.balance)])
    assert np.abs(steps).min() > 0.01  # k moves, freely
    assert 0 < min(theirs.balance)[0] < max(theirs.balance)[0] < 1


def test_fixed_k_stays_and_draws_no_batch_of_its_own():
    """Spec D.2, the variant with k = 0.08: a step consumes one batch and one draw of latents."""
    controller = replace(CONTROLLER, k_rate=0.0, fresh=False)
    game = game_on_noise(BEGAN.but(k=0.08, k_rate=0.0))
    ours = played(game)
    assert max(differences(ours, literal_began(controller, first_k=0.08))) < 1e-9
    assert [k for k, _ in ours.balance] == [0.08] * ITERATIONS


def with_penalty(weight: float, critic_of: Callable[[Network], Network]) -> Any:
    """The losses of WGAN-GP with another penalty, and the same draws."""

    def critic_loss(critic: Network, round: Round) -> Tensor:
        penalty = gradient_penalty(critic_of(critic), round)
        return wasserstein_critic(critic, round) + weight * penalty

    return critic_loss


def averaged(critic: Network) -> Network:
    """Slopes of the mean score of a pack per image, not of the score itself."""
    return lambda images: critic(images) / 4


WGAN_GP_DEPARTURES = {
    "another weight of the penalty": {"discriminator_loss": with_penalty(9.0, lambda d: d)},
    "slopes of a fourth of a score": {"discriminator_loss": with_penalty(10.0, averaged)},
    "rates swapped": {"rates": LearningRatePair(discriminator=A, generator=B)},
    "beta1 of the DCGAN": {"beta1": 0.5},
    "beta2 of the DCGAN": {"beta2": 0.999},
    "torch's epsilon": {"form": "torch"},
    "critic first": {"order": discriminator_first},
    "one critic update too few": {"n_critic": N_CRITIC - 1},
    "the generator moves in the first iteration": {"update": 1},
}
BEGAN_DEPARTURES = {
    "k by another batch": {"batch": "same"},
    "another gamma": {"gamma": 0.5},
    "another rate of k": {"k_rate": 0.4},
    "rates swapped": {
        "rates": LearningRatePair(
            discriminator=Halving(A, HALVED_EVERY), generator=Halving(B, HALVED_EVERY)
        )
    },
    "rates halved an update late": {
        "rates": LearningRatePair(
            discriminator=Halving(B, HALVED_EVERY + 1), generator=Halving(A, HALVED_EVERY + 1)
        )
    },
    "rates halved an update early": {
        "rates": LearningRatePair(
            discriminator=Halving(B, HALVED_EVERY - 1), generator=Halving(A, HALVED_EVERY - 1)
        )
    },
    "beta1 of the DCGAN": {"beta1": 0.5},
    "beta2 of WGAN-GP": {"beta2": 0.9},
    "torch's epsilon": {"form": "torch"},
    "the generator meets the moved discriminator": {"order": discriminator_first},
}


def departing(config: TrainingConfig, changes: dict[str, Any]) -> TwoPlayerGame:
    """The game of `config` with Adam's settings or attributes of its parts changed."""
    of_adam = changes.keys() & {"beta1", "beta2", "form"}
    game = game_on_noise(config.but(**{name: changes[name] for name in of_adam}))
    parts = (game, *game.companions)
    for name in changes.keys() - of_adam:
        value = changes[name]
        if name == "discriminator_loss":
            game.losses = game.losses._replace(discriminator=value)
            continue
        changed = [setattr(part, name, value) for part in parts if hasattr(part, name)]
        assert changed, f"no part has {name}"
    return game


@pytest.mark.parametrize("changes", WGAN_GP_DEPARTURES.values(), ids=WGAN_GP_DEPARTURES.keys())
def test_each_departure_from_wgan_gp_would_show(changes):
    """What the tolerances above can see: each departure is off by 1e-5 or more."""
    ours = played(departing(WGAN_GP, changes))
    if changes.keys() & {"order", "n_critic", "update"}:
        with pytest.raises(AssertionError, match="another order"):
            differences(ours, literal_wgan_gp())
    else:
        assert max(differences(ours, literal_wgan_gp())) > 1e-5


@pytest.mark.parametrize("changes", BEGAN_DEPARTURES.values(), ids=BEGAN_DEPARTURES.keys())
def test_each_departure_from_began_would_show(changes):
    ours = played(departing(BEGAN, changes))
    assert max(differences(ours, literal_began())) > 1e-5


def test_the_generator_loss_of_wgan_gp_is_minus_the_mean_score():
    scores, images = torch.tensor([1.0, 5.0]), torch.zeros(8, 3, 32, 32)
    assert wasserstein_generator(lambda fake: scores, Round(images, images)).item() == -3
