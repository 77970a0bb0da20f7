"""The character language model of the paper: residual 1-D convolutions, WGAN-GP (C.2).

Text lies as (batch, width, 1, length) within both networks. A 1-D convolution is a 2-D one over one
row, which channels-last memory makes faster than torch's own 1-D form (docs/benchmarks.md);
probabilities, (batch, length, vocabulary), lie so already.
"""

from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn import functional as F

from ttur.models.description import Latents, ModelDescription, Networks, SampleShape
from ttur.runtime.description import STRICT, Count, Width

Texts = Float[Tensor, "batch length vocabulary"]  # one-hot, or the probability of each symbol
Rows = Float[Tensor, "batch width 1 length"]

LENGTH = 32
WIDTH = 512
LATENT_SIZE = 128
BLOCKS = 5
BRANCH_WEIGHT = 0.3


def convolution(channels_in: int, channels_out: int, taps: int) -> nn.Conv2d:
    """Along the text, with bias, stride 1 and as many zeros on each side as keep the length."""
    return nn.Conv2d(channels_in, channels_out, (1, taps), padding=(0, taps // 2))


class Residual(nn.Module):
    """x + 0.3 · conv(ReLU(conv(ReLU(x)))), both convolutions of 5 taps; no normalisation."""

    def __init__(self, width: int):
        super().__init__()
        self.first = convolution(width, width, taps=5)
        self.second = convolution(width, width, taps=5)

    def forward(self, x: Rows) -> Rows:
        return x + BRANCH_WEIGHT * self.second(F.relu(self.first(F.relu(x))))


class Generator(nn.Module):
    """Latents (batch, latent_size), standard normal → probabilities (batch, length, vocabulary).

    The critic is shown these probabilities themselves; a text is their arg-max.

    Raises:
        ValueError: if a size is not positive, or the vocabulary has fewer than two symbols.
    """

    def __init__(
        self,
        vocabulary_size: int,
        length: int = LENGTH,
        width: int = WIDTH,
        latent_size: int = LATENT_SIZE,
    ):
        super().__init__()
        _check_sizes(vocabulary_size, length, width, latent_size)
        self.vocabulary_size, self.length, self.width = vocabulary_size, length, width
        self.latent_size = latent_size
        self.linear = nn.Linear(latent_size, width * length)
        self.blocks = nn.Sequential(*(Residual(width) for _ in range(BLOCKS)))
        self.conv = convolution(width, vocabulary_size, taps=1)

    def forward(self, latents: Latents) -> Texts:
        x = self.linear(latents).unflatten(1, (self.width, 1, self.length))
        x = self.conv(self.blocks(x.contiguous(memory_format=torch.channels_last)))
        return x.squeeze(2).transpose(1, 2).softmax(dim=2)


class Discriminator(nn.Module):
    """The critic: texts (batch, length, vocabulary) → scores of any size, shape (batch,).

    Raises:
        ValueError: if a size is not positive, or the vocabulary has fewer than two symbols.
    """

    def __init__(self, vocabulary_size: int, length: int = LENGTH, width: int = WIDTH):
        super().__init__()
        _check_sizes(vocabulary_size, length, width)
        self.vocabulary_size, self.length, self.width = vocabulary_size, length, width
        self.conv = convolution(vocabulary_size, width, taps=1)
        self.blocks = nn.Sequential(*(Residual(width) for _ in range(BLOCKS)))
        self.linear = nn.Linear(width * length, 1)

    def forward(self, texts: Texts) -> Float[Tensor, " batch"]:
        x = self.blocks(self.conv(texts.transpose(1, 2).unsqueeze(2)))
        return self.linear(x.flatten(1)).squeeze(1)  # all positions of one channel, then the next


@torch.no_grad()
def initialize(network: nn.Module, rng: torch.Generator) -> None:
    """Weights uniform within √(6 / (fan in + fan out)), convolutions √2 times that; biases 0 (C.2).

    A fan of a convolution is its channels times its taps.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            gain = 2**0.5 if isinstance(layer, nn.Conv2d) else 1.0
            nn.init.xavier_uniform_(layer.weight, gain, generator=rng)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class WGANGPLanguage(ModelDescription):
    """The two residual networks for texts of that length; `width` is the channels of a layer.

    The size of the vocabulary comes with the data.
    """

    medium: ClassVar = "sentences"
    length: Count = LENGTH
    width: Width = WIDTH
    latent_size: Width = LATENT_SIZE
    latent: Literal["uniform", "normal"] = "normal"
    kind: Literal["wgan_gp_language"] = "wgan_gp_language"

    def networks(self, sample_shape: SampleShape) -> Networks:
        _, symbols = sample_shape
        return Networks(
            Generator(symbols, self.length, self.width, self.latent_size),
            Discriminator(symbols, self.length, self.width),
        )

    def initialize(self, network: nn.Module, rng: torch.Generator) -> None:
        initialize(network, rng)


def _check_sizes(
    vocabulary_size: int, length: int, width: int, latent_size: int = LATENT_SIZE
) -> None:
    if vocabulary_size < 2:
        raise ValueError(
            f"a language model needs at least two symbols, got {vocabulary_size}: the probability "
            "of an only one is always 1; prepare a text with more characters"
        )
    if min(length, width, latent_size) < 1:
        raise ValueError(
            "length, width and latent_size must be positive, "
            f"got {length}, {width} and {latent_size}"
        )
