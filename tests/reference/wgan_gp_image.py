"""The residual WGAN-GP of spec B and its training iteration, literally, in float64 and slowly."""

from functools import partial

import torch
from torch import Tensor

from reference import wasserstein
from reference.adam import Tensors
from reference.layers import convolution, doubled, halved, linear

GENERATOR_CHANNELS = (8, 8, 4, 2, 1)  # in units of the width d
CRITIC_CHANNELS = (1, 2, 4, 8, 8)
BETA1, BETA2 = 0.0, 0.9


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


training_iteration = partial(wasserstein.training_iteration, generator, critic)
penalty = partial(wasserstein.penalty, critic)
