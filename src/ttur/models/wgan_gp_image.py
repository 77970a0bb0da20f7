"""The residual WGAN-GP for images: one up-sampling, one down-sampling network (B.1 to B.3).

The generator has no inference mode: its batch normalisation always takes the statistics of the
batch, when samples are drawn as well.
"""

from itertools import pairwise
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn import functional as F

from ttur.models.description import Latents, ModelDescription, Networks, SampleShape
from ttur.models.resampling import (
    Maps,
    convolved_after_doubling,
    convolved_before_pooling,
    doubling,
)
from ttur.runtime.description import STRICT, Count, Width

Images = Float[Tensor, "batch 3 height width"]

LATENT_SIZE = 128
MULTIPLIERS = (1, 2, 4, 8, 8)  # channels at each scale in units of the width, image first


class ResidualUp(nn.Module):
    """Twice the side: norm, ReLU, up, 3×3, norm, ReLU, 3×3; beside it, up and 1×1 (B.1)."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.norm1 = batch_norm(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.norm2 = batch_norm(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.shortcut = nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Maps) -> Maps:
        branch = convolved_after_doubling(self.conv1, F.relu(self.norm1(x)))
        branch = self.conv2(F.relu(self.norm2(branch)))
        return branch + doubling(self.shortcut(x))  # 1×1 and repetition may change places


class ResidualDown(nn.Module):
    """Half the side: norm, ReLU, 3×3, norm, ReLU, 3×3, mean; beside it, mean and 1×1 (B.1)."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.norm1 = layer_norm(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_in, 3, padding=1, bias=False)
        self.norm2 = layer_norm(channels_in)
        self.conv2 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.shortcut = nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Maps) -> Maps:
        branch = self.conv1(F.relu(self.norm1(x)))
        branch = convolved_before_pooling(self.conv2, F.relu(self.norm2(branch)))
        return branch + self.shortcut(F.avg_pool2d(x, 2))


class Generator(nn.Module):
    """Latents (batch, latent_size), standard normal → images (batch, 3, size, size) in [-1, 1].

    `width` is the number of channels next to the image: 64 at 64 px, 32 at 32 px in the paper.

    Raises:
        ValueError: if image_size is not a multiple of 16, or a size is not positive.
    """

    def __init__(self, image_size: int = 64, width: int = 64, latent_size: int = LATENT_SIZE):
        super().__init__()
        _check_sizes(image_size, width, latent_size)
        self.image_size, self.width, self.latent_size = image_size, width, latent_size
        channels = [m * width for m in reversed(MULTIPLIERS)]
        self.start_size = image_size // 16
        self.linear = nn.Linear(latent_size, channels[0] * self.start_size**2)
        self.blocks = nn.Sequential(*(ResidualUp(*sides) for sides in pairwise(channels)))
        self.norm = batch_norm(width)
        self.conv = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, latents: Latents) -> Images:
        x = self.linear(latents).unflatten(1, (-1, self.start_size, self.start_size))
        return torch.tanh(self.conv(F.relu(self.norm(self.blocks(x)))))


class Discriminator(nn.Module):
    """The critic: images (batch, 3, size, size) → scores of any size, (batch / images_per_score,).

    The published code gives 32 px images the head of 64 px ones, so that four consecutive images of
    a batch share one score (`images_per_score=4`, J.21).

    Raises:
        ValueError: if image_size is not a multiple of 16, or a size is not positive; at a call, if
            the batch does not divide into such groups.
    """

    def __init__(self, image_size: int = 64, width: int = 64, images_per_score: int = 1):
        super().__init__()
        _check_sizes(image_size, width, images_per_score=images_per_score)
        self.image_size, self.width = image_size, width
        self.images_per_score = images_per_score
        channels = [m * width for m in MULTIPLIERS]
        self.conv = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualDown(*sides) for sides in pairwise(channels)))
        self.linear = nn.Linear(channels[-1] * (image_size // 16) ** 2 * images_per_score, 1)

    def forward(self, images: Images) -> Float[Tensor, " scores"]:
        if len(images) % self.images_per_score:
            raise ValueError(
                f"{self.images_per_score} images share a score, got a batch of {len(images)}; "
                f"choose a batch_size that is a multiple of {self.images_per_score}"
            )
        x = self.blocks(self.conv(images))
        return self.linear(x.reshape(len(x) // self.images_per_score, -1)).squeeze(1)


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Of the batch at hand, in every mode; scale 1 and shift 0 per channel (B.3)."""
    return nn.BatchNorm2d(channels, eps=1e-5, track_running_stats=False)


def layer_norm(channels: int) -> nn.GroupNorm:
    """Over channels and positions of each image; scale and shift per channel (B.3)."""
    return nn.GroupNorm(1, channels, eps=1e-5)


@torch.no_grad()
def initialize(network: nn.Module, rng: torch.Generator) -> None:
    """Weights uniform within √(6 / (fan in + fan out)), most convolutions √2 times that (B.3).

    Without the √2 are shortcuts and the critic's first convolution. A fan of a convolution is its
    channels times its taps. Biases are 0.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            is_first = isinstance(network, Discriminator) and layer is network.conv
            is_wide = isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3)
            gain = 2**0.5 if is_wide and not is_first else 1.0
            nn.init.xavier_uniform_(layer.weight, gain, generator=rng)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class WGANGPImage(ModelDescription):
    """The two residual networks for images of that side; `width` is the channels next to them.

    `images_per_score` images share a score of the critic (J.21).
    """

    medium: ClassVar = "images"
    samples_in_batches: ClassVar = True
    image_size: Count = 64
    width: Width = 64
    latent_size: Width = LATENT_SIZE
    latent: Literal["uniform", "normal"] = "normal"
    images_per_score: Count = 1
    kind: Literal["wgan_gp_image"] = "wgan_gp_image"

    @property
    def samples_per_score(self) -> int:
        return self.images_per_score

    def networks(self, sample_shape: SampleShape) -> Networks:
        return Networks(
            Generator(self.image_size, self.width, self.latent_size),
            Discriminator(self.image_size, self.width, self.images_per_score),
        )

    def initialize(self, network: nn.Module, rng: torch.Generator) -> None:
        initialize(network, rng)


def _check_sizes(
    image_size: int, width: int, latent_size: int = LATENT_SIZE, images_per_score: int = 1
) -> None:
    if image_size < 16 or image_size % 16:
        raise ValueError(
            f"WGAN-GP needs an image_size that is a multiple of 16, got {image_size}; "
            "prepare the images at such a size (`ttur prepare images FOLDER --size 32`)"
        )
    if min(width, latent_size, images_per_score) < 1:
        raise ValueError(
            "width, latent_size and images_per_score must be positive, "
            f"got {width}, {latent_size} and {images_per_score}"
        )
