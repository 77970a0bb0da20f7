"""The BEGAN: the discriminator is an auto-encoder, the generator its decoder (D.1).

3×3 convolutions and ELU throughout, no normalisation. Images are not confined to [-1, 1].
"""

from itertools import pairwise
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn import functional as F

from ttur.models.description import Latents, ModelDescription, Networks, SampleShape
from ttur.models.resampling import convolved_after_doubling
from ttur.runtime.description import STRICT, Count, Width

Images = Float[Tensor, "batch 3 height width"]

LATENT_SIZE = 64
WIDTH = 128
START_SIZE = 8  # side of the innermost maps


class Decoder(nn.Module):
    """Codes (batch, latent_size) → images: two convolutions per scale, then twice the side."""

    def __init__(self, image_size: int, width: int, latent_size: int):
        super().__init__()
        self.linear = nn.Linear(latent_size, width * START_SIZE**2)
        self.firsts, self.seconds = (
            nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(_scales(image_size)))
            for _ in range(2)
        )
        self.conv = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, codes: Latents) -> Images:
        x = self.linear(codes).unflatten(1, (-1, START_SIZE, START_SIZE))
        for index, (first, second) in enumerate(zip(self.firsts, self.seconds, strict=True)):
            assert isinstance(first, nn.Conv2d)
            x = F.elu(convolved_after_doubling(first, x) if index > 0 else first(x))
            x = F.elu(second(x))
        return self.conv(x)


class Encoder(nn.Module):
    """Images → codes (batch, latent_size): two convolutions per scale, then half the side.

    The innermost of the scales, which have width, 2 · width, 3 · width, … channels, is not halved.
    """

    def __init__(self, image_size: int, width: int, latent_size: int):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, padding=1)
        channels = [width, *(scale * width for scale in range(1, _scales(image_size) + 1))]
        self.firsts = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in pairwise(channels)
        )
        self.seconds = nn.ModuleList(nn.Conv2d(c, c, 3, padding=1) for c in channels[1:])
        self.halvings = nn.ModuleList(nn.Conv2d(c, c, 3, stride=2) for c in channels[1:-1])
        self.linear = nn.Linear(channels[-1] * START_SIZE**2, latent_size)

    def forward(self, images: Images) -> Latents:
        x = F.elu(self.conv(images))
        for index, (first, second) in enumerate(zip(self.firsts, self.seconds, strict=True)):
            if index > 0:
                # TensorFlow's SAME of a 3×3 convolution with stride 2 on an even size.
                x = F.elu(self.halvings[index - 1](F.pad(x, (0, 1, 0, 1))))
            x = F.elu(second(F.elu(first(x))))
        return self.linear(x.flatten(1))


class Generator(Decoder):
    """Latents (batch, latent_size), uniform in [-1, 1] → images (batch, 3, size, size).

    `width` is the number of channels of its layers, 128 in the paper.

    Raises:
        ValueError: if image_size is not 8 times a power of two, or a size is not positive.
    """

    def __init__(self, image_size: int = 64, width: int = WIDTH, latent_size: int = LATENT_SIZE):
        _check_sizes(image_size, width, latent_size)
        super().__init__(image_size, width, latent_size)
        self.image_size, self.width, self.latent_size = image_size, width, latent_size


class Discriminator(nn.Module):
    """Images (batch, 3, size, size) → their reconstructions, of the same shape.

    Raises:
        ValueError: if image_size is not 8 times a power of two, or a size is not positive.
    """

    def __init__(self, image_size: int = 64, width: int = WIDTH, latent_size: int = LATENT_SIZE):
        super().__init__()
        _check_sizes(image_size, width, latent_size)
        self.image_size, self.width, self.latent_size = image_size, width, latent_size
        self.encoder = Encoder(image_size, width, latent_size)
        self.decoder = Decoder(image_size, width, latent_size)

    def forward(self, images: Images) -> Images:
        return self.decoder(self.encoder(images))


@torch.no_grad()
def initialize(network: nn.Module, rng: torch.Generator) -> None:
    """Weights uniform within √(6 / (fan in + fan out)), biases 0 (D.1)."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight, generator=rng)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class BEGAN(ModelDescription):
    """The two auto-encoders of images of that side; `width` is the channels of a layer (D.1)."""

    medium: ClassVar = "images"
    gives: ClassVar = "reconstructions"
    image_size: Count = 64
    width: Width = WIDTH
    latent_size: Width = LATENT_SIZE
    latent: Literal["uniform", "normal"] = "uniform"
    kind: Literal["began"] = "began"

    def networks(self, sample_shape: SampleShape) -> Networks:
        sizes = self.image_size, self.width, self.latent_size
        return Networks(Generator(*sizes), Discriminator(*sizes))

    def initialize(self, network: nn.Module, rng: torch.Generator) -> None:
        initialize(network, rng)


def _scales(image_size: int) -> int:
    """From 8 px to the image: 4 at 64 px."""
    return image_size.bit_length() - START_SIZE.bit_length() + 1


def _check_sizes(image_size: int, width: int, latent_size: int) -> None:
    if image_size < 2 * START_SIZE or image_size & (image_size - 1):
        raise ValueError(
            f"BEGAN needs an image_size of 16, 32, 64, 128, …, got {image_size}; "
            "prepare the images at such a size (`ttur prepare images FOLDER --size 64`)"
        )
    if min(width, latent_size) < 1:
        raise ValueError(f"width and latent_size must be positive, got {width} and {latent_size}")
