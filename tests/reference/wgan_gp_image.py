"""The residual WGAN-GP of spec B and its training iteration, literally, in float64 and slowly."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from reference.adam import Player, Tensors, Update, gradients_of
from reference.layers import convolution, doubled, halved, linear

GENERATOR_CHANNELS = (8, 8, 4, 2, 1)  # in units of the width d
CRITIC_CHANNELS = (1, 2, 4, 8, 8)
BETA1, BETA2 = 0.0, 0.9
PENALTY_WEIGHT = 10.0


def relu(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, 0.0)


def scaled(params: Tensors, name: str, normalised: Tensor) -> Tensor:
    """One scale and one shift per channel."""
    scale, shift = params[f"{name}.weight"], params[f"{name}.bias"]
    return scale[None, :, None, None] * normalised + shift[None, :, None, None]


def batch_norm(params: Tensors, name: str, x: Tensor) -> Tensor:
    """Over batch, rows and columns, whatever the batch (B.3)."""
    mean = x.mean(dim=(0, 2, 3), keepdim=True)
    variance = ((x - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
    return scaled(params, name, (x - mean) / (variance + 1e-5) ** 0.5)


def layer_norm(params: Tensors, name: str, x: Tensor) -> Tensor:
    """Over channels, rows and columns of each image (B.3)."""
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    variance = ((x - mean) ** 2).mean(dim=(1, 2, 3), keepdim=True)
    return scaled(params, name, (x - mean) / (variance + 1e-5) ** 0.5)


def up(params: Tensors, name: str, x: Tensor) -> Tensor:
    """Res-up of B.1."""
    shortcut = convolution(params, f"{name}.shortcut", doubled(x))
    x = relu(batch_norm(params, f"{name}.norm1", x))
    x = convolution(params, f"{name}.conv1", doubled(x))
    x = relu(batch_norm(params, f"{name}.norm2", x))
    return shortcut + convolution(params, f"{name}.conv2", x)


def down(params: Tensors, name: str, x: Tensor) -> Tensor:
    """Res-down of B.1."""
    shortcut = convolution(params, f"{name}.shortcut", halved(x))
    x = relu(layer_norm(params, f"{name}.norm1", x))
    x = convolution(params, f"{name}.conv1", x)
    x = relu(layer_norm(params, f"{name}.norm2", x))
    return shortcut + halved(convolution(params, f"{name}.conv2", x))


def generator(params: Tensors, z: Tensor) -> Tensor:
    """Images (batch, 3, 16f, 16f) in [-1, 1]; f² columns of 8d units of the linear layer."""
    channels = len(params["blocks.0.norm1.weight"])
    x = linear(params, "linear", z)
    size = round((x.shape[1] / channels) ** 0.5)
    x = x.reshape(len(z), channels, size, size)
    for i in range(4):
        x = up(params, f"blocks.{i}", x)
    x = convolution(params, "conv", relu(batch_norm(params, "norm", x)))
    return (x.exp() - (-x).exp()) / (x.exp() + (-x).exp())


def critic(params: Tensors, images: Tensor) -> Tensor:
    """Scores, one for every so many consecutive images as fill a row of the linear layer (B.2)."""
    x = convolution(params, "conv", images)
    for i in range(4):
        x = down(params, f"blocks.{i}", x)
    rows = x.reshape(-1, params["linear.weight"].shape[1])
    return linear(params, "linear", rows)[:, 0]


Layout = dict[str, tuple[tuple[int, ...], float]]


def residual_layout(name: str, c_in: int, c_middle: int, c_out: int) -> Layout:
    return {
        f"{name}.norm1.weight": ((c_in,), 1.0),
        f"{name}.norm1.bias": ((c_in,), 0.0),
        f"{name}.conv1.weight": ((c_middle, c_in, 3, 3), (12 / (9 * (c_in + c_middle))) ** 0.5),
        f"{name}.norm2.weight": ((c_middle,), 1.0),
        f"{name}.norm2.bias": ((c_middle,), 0.0),
        f"{name}.conv2.weight": ((c_out, c_middle, 3, 3), (12 / (9 * (c_middle + c_out))) ** 0.5),
        f"{name}.conv2.bias": ((c_out,), 0.0),
        f"{name}.shortcut.weight": ((c_out, c_in, 1, 1), (6 / (c_in + c_out)) ** 0.5),
        f"{name}.shortcut.bias": ((c_out,), 0.0),
    }


def generator_layout(image_size: int, width: int, latent_size: int) -> Layout:
    """The shape of every parameter, and how it starts (B.2, B.3).

    Biases and shifts start at 0, scales at 1, and every other parameter uniformly within ± the
    number that stands beside its shape, √3 σ.
    """
    channels = [multiple * width for multiple in GENERATOR_CHANNELS]
    units = channels[0] * (image_size // 16) ** 2
    layout: Layout = {
        "linear.weight": ((units, latent_size), (6 / (units + latent_size)) ** 0.5),
        "linear.bias": ((units,), 0.0),
    }
    for i in range(4):
        layout |= residual_layout(f"blocks.{i}", channels[i], channels[i + 1], channels[i + 1])
    return layout | {
        "norm.weight": ((width,), 1.0),
        "norm.bias": ((width,), 0.0),
        "conv.weight": ((3, width, 3, 3), (12 / (9 * (width + 3))) ** 0.5),
        "conv.bias": ((3,), 0.0),
    }


def critic_layout(image_size: int, width: int, images_per_score: int) -> Layout:
    """As `generator_layout`; the first convolution has the smaller σ, as the shortcuts have."""
    channels = [multiple * width for multiple in CRITIC_CHANNELS]
    layout: Layout = {
        "conv.weight": ((width, 3, 3, 3), (6 / (9 * (3 + width))) ** 0.5),
        "conv.bias": ((width,), 0.0),
    }
    for i in range(4):
        layout |= residual_layout(f"blocks.{i}", channels[i], channels[i], channels[i + 1])
    units = images_per_score * channels[-1] * (image_size // 16) ** 2
    return layout | {
        "linear.weight": ((1, units), (6 / (units + 1)) ** 0.5),
        "linear.bias": ((1,), 0.0),
    }


def penalty(params: Tensors, real: Tensor, fake: Tensor, u: Tensor) -> Tensor:
    """mean_b (|gradient at image x̂_b of the sum of all scores| - 1)².

    One u[b] in [0, 1] mixes image b. The norm is that of the image's own gradient, also where one
    score belongs to several images. The root holds no epsilon.
    """
    mixed = (real + u[:, None, None, None] * (fake - real)).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(params, mixed).sum(), mixed, create_graph=True)
    slopes = (gradient**2).sum(dim=(1, 2, 3)) ** 0.5
    return ((slopes - 1) ** 2).mean()


@dataclass(frozen=True)
class CriticDraws:
    """What one critic update sees: real images, latents and mixing weights, all of its own."""

    real: Tensor
    z: Tensor
    u: Tensor


def training_iteration(
    iteration: int,
    g: Player,
    d: Player,
    generator_z: Tensor | None,
    critic_draws: Sequence[CriticDraws],
    b: float,
    a: float,
) -> tuple[Player, Player, list[Update]]:
    """The generator's update, left out of iteration 0, then one of the critic per `CriticDraws`.

    Returns both players and all updates in order (B.4).
    """
    updates = []
    if iteration > 0:
        assert generator_z is not None
        params = g.leaves()
        loss = -critic(d.params, generator(params, generator_z)).mean()
        gradients = gradients_of(loss, params)
        g = g.moved(gradients, a)
        updates.append(Update("generator", loss.item(), gradients, g.params))
    for draws in critic_draws:
        params = d.leaves()
        fake = generator(g.params, draws.z)
        loss = critic(params, fake).mean() - critic(params, draws.real).mean()
        loss = loss + PENALTY_WEIGHT * penalty(params, draws.real, fake, draws.u)
        gradients = gradients_of(loss, params)
        d = d.moved(gradients, b)
        updates.append(Update("discriminator", loss.item(), gradients, d.params))
    return g, d, updates
