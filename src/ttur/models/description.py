"""What a model says of itself: the contract between its networks and whoever trains them."""

import copy
from abc import ABC, abstractmethod
from typing import ClassVar, Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

Latents = Float[Tensor, "batch latent"]
SampleShape = tuple[int, ...]


class Networks(NamedTuple):
    """The two players."""

    generator: nn.Module
    discriminator: nn.Module


class ModelDescription(ABC):
    """A frozen dataclass of sizes that builds its networks. Each model's file has its own below.

    A subclass sets what holds of all its networks: `medium`, the kind of samples they make (a key
    of `training.media`); `gives`, what the discriminator answers with; whether the generator has
    moving averages, which see the weights that both players have moved to; and whether its samples
    are normalised together, so that each depends on the others of its batch.
    """

    medium: ClassVar[str]
    gives: ClassVar[Literal["scores", "reconstructions"]] = "scores"
    has_moving_averages: ClassVar[bool] = False
    samples_in_batches: ClassVar[bool] = False
    latent_size: int
    latent: Literal["uniform", "normal"]

    @property
    def samples_per_score(self) -> int:
        """Samples that share one answer of the discriminator; a batch is a multiple of it."""
        return 1

    @abstractmethod
    def networks(self, sample_shape: SampleShape) -> Networks:
        """The two players for samples of that shape, (3, H, W) or (length, symbols).

        Raises:
            ValueError: if a size does not suit them.
        """

    @abstractmethod
    def initialize(self, network: nn.Module, rng: torch.Generator) -> None:
        """The first weights of either player, drawn from `rng`."""

    def evaluation_copy(self, generator: nn.Module, fixed_latents: Latents) -> nn.Module:
        """A copy that draws samples; `fixed_latents` are for models whose averages need a look."""
        return copy.deepcopy(generator).eval().requires_grad_(False)

    def draw_latents(self, count: int, rng: torch.Generator) -> Latents:
        """`count` latents on the device of `rng`: uniform in [-1, 1], or standard normal."""
        draw = torch.rand if self.latent == "uniform" else torch.randn
        drawn = draw((count, self.latent_size), generator=rng, device=rng.device)
        return drawn * 2 - 1 if self.latent == "uniform" else drawn
