"""The DCGAN of the paper: transposed convolutions against strided ones (A.1, A.2).

Layers are TensorFlow's: "SAME" padding at stride 2 puts one row and column of zeros before the
image and two after it, and moving averages take the population variance. See docs/numerics.md.
"""

import copy
from itertools import pairwise
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn import functional as F

from ttur.models.description import Latents, ModelDescription, Networks, SampleShape
from ttur.runtime.description import STRICT, Count, Width

Images = Float[Tensor, "batch 3 height width"]

LATENT_SIZE = 100
# The 2017 graph updates the moving averages (decay 0.9) twice with the weights before the
# generator's update and twice with the weights after it, always on the same batch: each two
# steps of 0.1 are one of 1 - 0.9².
MOVING_AVERAGE_STEP = 1 - 0.9**2


class BatchNorm(nn.Module):
    """Batch normalisation of (batch, channels, height, width) with TensorFlow's moving averages.

    Training mode normalises with the statistics of the batch and moves the averages by
    `averaging_step`; the moving variance averages the population variance, not the unbiased one.
    Evaluation mode normalises with the averages.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, averaging_step: float):
        super().__init__()
        self.averaging_step = averaging_step
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(
        self, x: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        mean, var = self.running_mean, self.running_var
        if not self.training:
            return F.batch_norm(x, mean, var, self.weight, self.bias, eps=1e-5)
        batch_mean, batch_var = torch.zeros_like(mean), torch.zeros_like(var)
        normalised = F.batch_norm(  # momentum 1 writes the batch's own statistics, var unbiased
            x, batch_mean, batch_var, self.weight, self.bias, training=True, momentum=1.0, eps=1e-5
        )
        count, step = x.numel() // x.shape[1], self.averaging_step
        with torch.no_grad():
            mean.lerp_(batch_mean, step)
            var.mul_(1 - step).add_(batch_var, alpha=step * (count - 1) / count)
        return normalised


class Generator(nn.Module):
    """Latents (batch, latent_size), uniform in [-1, 1] → images (batch, 3, size, size) in [-1, 1].

    `width` is the number of channels before the last layer, 64 in the paper. The paper's four
    layers begin at image_size / 16; at 16 px the innermost is left out (`_multipliers`).

    Raises:
        ValueError: if image_size is not a multiple of 16, or a size is not positive.
    """

    def __init__(self, image_size: int = 64, width: int = 64, latent_size: int = LATENT_SIZE):
        super().__init__()
        _check_sizes(image_size, width, latent_size)
        self.image_size, self.width, self.latent_size = image_size, width, latent_size
        channels = [m * width for m in reversed(_multipliers(image_size))]
        self.start_size = image_size // 2 ** len(channels)
        self.linear = nn.Linear(latent_size, channels[0] * self.start_size**2)
        self.norms = nn.ModuleList(BatchNorm(c, MOVING_AVERAGE_STEP) for c in channels)
        self.deconvs = nn.ModuleList(
            nn.ConvTranspose2d(c_in, c_out, kernel_size=5, stride=2, padding=1)
            for c_in, c_out in pairwise([*channels, 3])
        )

    def forward(self, latents: Latents) -> Images:
        x = self.linear(latents).unflatten(1, (-1, self.start_size, self.start_size))
        for norm, deconv in zip(self.norms, self.deconvs, strict=True):
            # Padding 1 drops one row and column on each side; SAME's adjoint drops two after.
            x = deconv(F.relu(norm(x)))[..., :-1, :-1]
        return torch.tanh(x)


class Discriminator(nn.Module):
    """Images (batch, 3, size, size) in [-1, 1] → logits of "is real", shape (batch,).

    Batch normalisation always uses the statistics of the batch it sees, so real and generated
    images go through in separate batches, and an image's score depends on its companions.

    Raises:
        ValueError: if image_size is not a multiple of 16, or a size is not positive.
    """

    def __init__(self, image_size: int = 64, width: int = 64):
        super().__init__()
        _check_sizes(image_size, width)
        self.image_size, self.width = image_size, width
        channels = [3, *(m * width for m in _multipliers(image_size))]
        self.convs = nn.ModuleList(
            nn.Conv2d(c_in, c_out, kernel_size=5, stride=2) for c_in, c_out in pairwise(channels)
        )
        self.norms = nn.ModuleList(  # of convs[1:]; the first layer has none
            nn.BatchNorm2d(c, eps=1e-5, track_running_stats=False) for c in channels[2:]
        )
        self.linear = nn.Linear(channels[-1] * (image_size // 2 ** len(self.convs)) ** 2, 1)

    def forward(self, images: Images) -> Float[Tensor, " batch"]:
        x = F.leaky_relu(self.convs[0](_pad_same(images)), 0.2)
        for conv, norm in zip(self.convs[1:], self.norms, strict=True):
            x = F.leaky_relu(norm(conv(_pad_same(x))), 0.2)
        return self.linear(x.flatten(1)).squeeze(1)


@torch.no_grad()
def initialize(network: nn.Module, rng: torch.Generator) -> None:
    """Weights N(0, 0.02²), those of convolutions cut at two deviations; biases 0 (A.2)."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.trunc_normal_(layer.weight, std=0.02, a=-0.04, b=0.04, generator=rng)
        elif isinstance(layer, nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(layer.weight, std=0.02, generator=rng)
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DCGAN(ModelDescription):
    """The two networks for images of that side; `width` is the channels next to the image (A.2)."""

    medium: ClassVar = "images"
    has_moving_averages: ClassVar = True
    image_size: Count = 64
    width: Width = 64
    latent_size: Width = LATENT_SIZE
    latent: Literal["uniform", "normal"] = "uniform"
    kind: Literal["dcgan"] = "dcgan"

    def networks(self, sample_shape: SampleShape) -> Networks:
        return Networks(
            Generator(self.image_size, self.width, self.latent_size),
            Discriminator(self.image_size, self.width),
        )

    def initialize(self, network: nn.Module, rng: torch.Generator) -> None:
        initialize(network, rng)

    @torch.no_grad()
    def evaluation_copy(self, generator: nn.Module, fixed_latents: Latents) -> nn.Module:
        """Moving averages, after an evaluation's fifth update (A.2).

        Before it draws, the 2017 code runs the generator once in training mode on the latents of
        its sample grid. Here that update reaches the copy only: looking does not change training.
        """
        drawn = copy.deepcopy(generator).train().requires_grad_(False)
        for norm in drawn.modules():
            if isinstance(norm, BatchNorm):
                norm.averaging_step = 0.1
        drawn(fixed_latents)
        return drawn.eval()


def _multipliers(image_size: int) -> list[int]:
    """Channels of the layers in units of the width, from the image inwards: 1, 2, 4, 8.

    At 16 px a fourth layer would end in 1×1 maps. Normalised over a batch, these have the same mean
    for real and for generated images: the discriminator sees no difference between them, and
    the generator collapses to one picture at all rates tried. So 16 px has three layers.
    """
    return [1, 2, 4] if image_size == 16 else [1, 2, 4, 8]


def _pad_same(x: Tensor) -> Tensor:
    """TensorFlow's SAME padding of a 5×5 convolution with stride 2 on an even size."""
    return F.pad(x, (1, 2, 1, 2))


def _check_sizes(image_size: int, width: int, latent_size: int = LATENT_SIZE) -> None:
    if image_size < 16 or image_size % 16:
        raise ValueError(
            f"DCGAN needs an image_size that is a multiple of 16, got {image_size}; "
            "prepare the images at such a size (`ttur prepare images FOLDER --size 32`)"
        )
    if width < 1 or latent_size < 1:
        raise ValueError(f"width and latent_size must be positive, got {width} and {latent_size}")
