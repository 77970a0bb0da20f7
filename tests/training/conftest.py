from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from ttur.losses import NON_SATURATING, Companion, Losses
from ttur.timescales import LearningRatePair
from ttur.timescales.optimizers import Adam
from ttur.timescales.orders import ORDERS
from ttur.training.game import TwoPlayerGame


class Points(nn.Module):
    """Three parameters: a latent in R becomes a point in R²."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor([0.5, -0.2]))
        self.shift = nn.Parameter(torch.tensor(0.1))

    def forward(self, latents: Tensor) -> Tensor:
        return latents * self.slope + self.shift


class Judge(nn.Module):
    """Three parameters: a point becomes a logit."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.3, -0.1]))
        self.bias = nn.Parameter(torch.tensor(0.0))

    def forward(self, points: Tensor) -> Tensor:
        return points @ self.weight + self.bias


class Supply:
    """Real points drawn from a generator of their own, resumable."""

    def __init__(self) -> None:
        self.noise = torch.Generator().manual_seed(7)

    def next(self) -> Tensor:
        return torch.randn(8, 2, generator=self.noise) + torch.tensor([2.0, -1.0])

    def state_dict(self) -> dict[str, Tensor]:
        return {"noise": self.noise.get_state()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.noise.set_state(state["noise"])


@pytest.fixture
def tiny_game() -> Callable[..., TwoPlayerGame]:
    """A game of two 3-parameter networks that needs no data set, model or metric."""

    def build(
        losses: Losses = NON_SATURATING,
        order: str = "discriminator_first",
        n_critic: int = 1,
        companions: tuple[Companion, ...] = (),
    ) -> TwoPlayerGame:
        generator, discriminator = Points(), Judge()
        return TwoPlayerGame(
            generator=generator,
            discriminator=discriminator,
            losses=losses,
            generator_optimizer=Adam(generator.parameters()),
            discriminator_optimizer=Adam(discriminator.parameters()),
            rates=LearningRatePair(discriminator=1e-2, generator=5e-2),
            order=ORDERS[order],
            n_critic=n_critic,
            real=Supply(),
            latents=lambda rng: torch.rand(8, 1, generator=rng) * 2 - 1,
            rng=torch.Generator().manual_seed(3),
            companions=(*losses.companions, *companions),
        )

    return build
