"""Who moves when. An order plays one outer iteration: one generator update.

It composes the two phases of a game. A phase computes a player's loss and the gradients of that
player's own parameters and moves nothing; `move_…` applies them.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor


class Phase(NamedTuple):
    """A player's loss (scalar) and its gradient, one tensor per parameter of that player."""

    loss: Tensor
    gradients: tuple[Tensor, ...]


@runtime_checkable
class Game(Protocol):
    """What an order needs of a game."""

    update: int  # outer iterations that are complete

    def next_real(self) -> Tensor: ...
    def draw_latents(self) -> Tensor: ...
    def generate(self, latents: Tensor) -> Tensor: ...
    def discriminator_phase(self, real: Tensor, fake: Tensor) -> Phase: ...
    def generator_phase(self, fake: Tensor) -> Phase: ...
    def move_discriminator(self, phase: Phase) -> None: ...
    def move_generator(self, phase: Phase) -> None: ...
    def settle(self, latents: Tensor) -> None: ...


Order = Callable[[Game, int], None]


def discriminator_first(game: Game, n_critic: int) -> None:
    """n_critic discriminator updates, then the generator's on the last samples (DCGAN, A.3).

    The generator's update re-uses the latents of the last discriminator update and meets the
    discriminator that came out of it.
    """
    game.settle(_discriminator_then_generator(game, n_critic))


def generator_twice(game: Game, n_critic: int) -> None:
    """As `discriminator_first`; then the generator moves again on the same latents (J.1).

    So did the program that the DCGAN of the paper descends from. One iteration counts as one
    update, though the generator has moved twice.
    """
    latents = _discriminator_then_generator(game, n_critic)
    game.move_generator(game.generator_phase(game.generate(latents)))
    game.settle(latents)


def _move_discriminator(game: Game) -> Tensor:
    """On fresh latents, which are returned."""
    latents = game.draw_latents()
    with torch.no_grad():  # the generator does not move by these
        fake = game.generate(latents)
    game.move_discriminator(game.discriminator_phase(game.next_real(), fake))
    return latents


def _discriminator_then_generator(game: Game, n_critic: int) -> Tensor:
    """The latents of the last samples are returned."""
    for _ in range(n_critic - 1):
        _move_discriminator(game)
    latents = game.draw_latents()
    fake = game.generate(latents)
    game.move_discriminator(game.discriminator_phase(game.next_real(), fake.detach()))
    game.move_generator(game.generator_phase(fake))
    return latents


def generator_first(game: Game, n_critic: int) -> None:
    """The generator, then n_critic discriminator updates, all on fresh latents (WGAN-GP, B.4).

    The very first iteration leaves the generator where it is.
    """
    if game.update > 0:
        game.move_generator(game.generator_phase(game.generate(game.draw_latents())))
    for _ in range(n_critic - 1):
        _move_discriminator(game)
    game.settle(_move_discriminator(game))


def simultaneous(game: Game, n_critic: int) -> None:
    """Both players move from the same weights and samples (BEGAN, D.2; Eq. 3 of the theory).

    Raises:
        ValueError: if n_critic is not 1.
    """
    if n_critic != 1:
        raise ValueError(f"simultaneous updates have n_critic 1, got {n_critic}")
    latents = game.draw_latents()
    fake = game.generate(latents)
    discriminator = game.discriminator_phase(game.next_real(), fake.detach())
    generator = game.generator_phase(fake)
    game.move_discriminator(discriminator)
    game.move_generator(generator)
    game.settle(latents)


ORDERS: dict[str, Order] = {
    order.__name__: order
    for order in (discriminator_first, generator_twice, generator_first, simultaneous)
}
