"""Who moves when. An order plays one outer iteration: one generator update.

It composes the two phases of a game. A phase computes a player's loss and the gradients of that
player's own parameters and moves nothing; `move_…` applies them.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor


class Phase(NamedTuple):
    """A player's loss (scalar) and its gradient, one tensor per parameter of that player."""

    loss: Tensor
    gradients: tuple[Tensor, ...]


class Round:
    """What the losses of a phase are given beside the discriminator.

    `fake` are the generator's samples of `latents`, with the graph to the generator in its own
    phase and without in the discriminator's. `real` are as many real samples; a function is called
    for them at first use, so that a loss that has no need of any draws none. `labels` belong to
    both, None where data have none. `update` is the one under way, from 1 on, and `rng` draws
    whatever a loss draws: it is saved with the run.

        >>> round = Round(torch.zeros(2, 3), torch.ones(2, 3), update=7)
        >>> round.real.shape, round.with_fake(torch.zeros(2, 3)).update
        (torch.Size([2, 3]), 7)
    """

    def __init__(
        self,
        real: Tensor | Callable[[], Tensor],
        fake: Tensor,
        *,
        latents: Tensor | None = None,
        labels: Tensor | None = None,
        update: int = 1,
        rng: torch.Generator | None = None,
    ) -> None:
        self._real = cache(real) if callable(real) else lambda: real
        self.fake, self.latents, self.labels = fake, latents, labels
        self.update, self.rng = update, rng

    @property
    def real(self) -> Tensor:
        return self._real()

    def with_fake(self, fake: Tensor) -> "Round":
        """The same round with other generated samples."""
        return Round(
            self._real,
            fake,
            latents=self.latents,
            labels=self.labels,
            update=self.update,
            rng=self.rng,
        )


@runtime_checkable
class PlayableGame(Protocol):
    """What an order needs of a game."""

    update: int  # outer iterations that are complete

    def draw_latents(self) -> Tensor: ...
    def generate(self, latents: Tensor) -> Tensor: ...
    def round(self, latents: Tensor, fake: Tensor) -> Round: ...
    def discriminator_phase(self, round: Round) -> Phase: ...
    def generator_phase(self, round: Round) -> Phase: ...
    def move_discriminator(self, phase: Phase) -> None: ...
    def move_generator(self, phase: Phase) -> None: ...
    def settle(self, latents: Tensor) -> None: ...


Order = Callable[[PlayableGame, int], None]


def discriminator_first(game: PlayableGame, n_critic: int) -> None:
    """n_critic discriminator updates, then the generator's on the last samples (DCGAN, A.3).

    The generator's update re-uses the latents of the last discriminator update and meets the
    discriminator that came out of it.
    """
    latents, _ = _discriminator_then_generator(game, n_critic)
    game.settle(latents)


def generator_twice(game: PlayableGame, n_critic: int) -> None:
    """As `discriminator_first`; then the generator moves again on the same latents (J.1).

    So did the program that the DCGAN of the paper descends from. One iteration counts as one
    update, though the generator has moved twice.
    """
    latents, round = _discriminator_then_generator(game, n_critic)
    game.move_generator(game.generator_phase(round.with_fake(game.generate(latents))))
    game.settle(latents)


def _move_discriminator(game: PlayableGame) -> Tensor:
    """On fresh latents, which are returned."""
    latents = game.draw_latents()
    with torch.no_grad():  # the generator does not move by these
        fake = game.generate(latents)
    game.move_discriminator(game.discriminator_phase(game.round(latents, fake)))
    return latents


def _discriminator_then_generator(game: PlayableGame, n_critic: int) -> tuple[Tensor, Round]:
    """The latents of the last samples are returned, and the round they stand in."""
    for _ in range(n_critic - 1):
        _move_discriminator(game)
    latents = game.draw_latents()
    round = game.round(latents, game.generate(latents))
    game.move_discriminator(game.discriminator_phase(round))
    game.move_generator(game.generator_phase(round))
    return latents, round


def generator_first(game: PlayableGame, n_critic: int) -> None:
    """The generator, then n_critic discriminator updates, all on fresh latents (WGAN-GP, B.4).

    The very first iteration leaves the generator where it is.
    """
    if game.update > 0:
        latents = game.draw_latents()
        round = game.round(latents, game.generate(latents))
        game.move_generator(game.generator_phase(round))
    for _ in range(n_critic - 1):
        _move_discriminator(game)
    game.settle(_move_discriminator(game))


def simultaneous(game: PlayableGame, n_critic: int) -> None:
    """Both players move from the same weights and samples (BEGAN, D.2; Eq. 3 of the theory).

    Raises:
        ValueError: if n_critic is not 1.
    """
    if n_critic != 1:
        raise ValueError(f"simultaneous updates have n_critic 1, got {n_critic}")
    latents = game.draw_latents()
    round = game.round(latents, game.generate(latents))
    discriminator = game.discriminator_phase(round)
    generator = game.generator_phase(round)
    game.move_discriminator(discriminator)
    game.move_generator(generator)
    game.settle(latents)


ORDERS: dict[str, Order] = {
    order.__name__: order
    for order in (discriminator_first, generator_twice, generator_first, simultaneous)
}
