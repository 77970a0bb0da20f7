"""What two networks ascend, at any weights: their fields on one batch of samples (section A5)."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ttur.perturbation.borrowing import Buffers, Player, Weights
from ttur.runtime.randomness import randomness_from
from ttur.timescales.orders import Round

# As in `ttur.losses.Losses`: (D, round) -> loss, of either player.
LossFunction = Callable[[Any, Round], Tensor]


@dataclass(frozen=True)
class Samples:
    """Real samples and latents of a probe, and the seed of all that the losses draw."""

    real: Tensor
    latents: Tensor
    seed: int

    def randomness(self) -> AbstractContextManager[None]:
        """Whatever is drawn in this context begins at the seed, and leaves no trace."""
        return randomness_from(self.seed, self.latents.device)

    def round(self, fake: Tensor, update: int) -> Round:
        """What a loss is given of them and of samples of the latents."""
        rng = torch.Generator(fake.device).manual_seed(self.seed)
        return Round(self.real, fake, latents=self.latents, update=update, rng=rng)


@dataclass(eq=False)
class Fields:
    """g and h of both players' losses as they are trained, on one batch with one seed.

    They differ in the weights alone: dropout masks, mixing weights of a gradient penalty and
    whatever else is random begin at the seed each time.
    """

    generator: Player
    discriminator: Player
    discriminator_loss: LossFunction
    generator_loss: LossFunction
    batch: Samples
    update: int = 1  # of the round that the losses are given
    _fakes: dict[int, tuple[Weights, Tensor]] = field(default_factory=dict, init=False)

    def g(self, theta: Weights, w: Weights, buffers: Buffers | None = None) -> Weights:
        """-grad_w L_D(theta, w). With `buffers` the discriminator has these, and changes them."""
        w = [weights.detach().requires_grad_() for weights in w]
        return self.loss(theta, w, lambda loss: _ascent(loss, w), buffers)

    def h(self, theta: Weights, w: Weights) -> Weights:
        """-grad_theta L_G(theta, w)."""
        theta = [weights.detach().requires_grad_() for weights in theta]

        def ascent(generator: nn.Module, discriminator: nn.Module) -> Weights:
            with self.batch.randomness():
                fake = generator(self.batch.latents)
            with self.batch.randomness():
                round = self.batch.round(fake, self.update)
                return _ascent(self.generator_loss(discriminator, round), theta)

        return self.generator.with_weights(
            theta, lambda generator: self.discriminator.with_weights(w, partial(ascent, generator))
        )

    def loss(
        self,
        theta: Weights,
        w: Weights,
        use: Callable[[Tensor], Any],
        buffers: Buffers | None = None,
    ) -> Any:
        """use(L_D(theta, w)), called while the discriminator still has these weights."""
        fake = self._fake(theta)
        round = self.batch.round(fake, self.update)

        def use_loss(discriminator: nn.Module) -> Any:
            return use(self.discriminator_loss(discriminator, round))

        with self.batch.randomness():
            return self.discriminator.with_weights(w, use_loss, buffers)

    @torch.no_grad()
    def scores(self, theta: Weights, w: Weights) -> tuple[Tensor, Tensor]:
        """The discriminator's outputs on generated and on real samples."""
        fake = self._fake(theta)

        def both(discriminator: nn.Module) -> tuple[Tensor, Tensor]:
            return discriminator(fake), discriminator(self.batch.real)

        with self.batch.randomness():
            return self.discriminator.with_weights(w, both)

    @torch.no_grad()
    def _fake(self, theta: Weights) -> Tensor:
        """G(z), drawn once for each theta: four of a probe's six fields share two."""
        if id(theta) not in self._fakes:  # what is kept here keeps its id
            with self.batch.randomness():
                fake = self.generator.with_weights(theta, lambda G: G(self.batch.latents))
            self._fakes[id(theta)] = theta, fake
        return self._fakes[id(theta)][1]


def _ascent(loss: Tensor, weights: Weights) -> Weights:
    gradients = torch.autograd.grad(loss, weights, materialize_grads=True)
    return [-gradient for gradient in gradients]
