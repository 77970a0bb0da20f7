"""The language model of spec C.2 and its training iteration (B.4, C.3), literally, in float64.

Functions of plain tensors: no layer, no convolution and no optimizer of torch's, only arithmetic
and autograd. Channels come before positions, as in the original.
"""

from functools import partial

import torch
from torch import Tensor

from reference import wasserstein
from reference.adam import Tensors

BLOCKS = 5
BETA1, BETA2 = 0.5, 0.9


def relu(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, 0.0)


def convolution(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """y[b,o,i] = bias[o] + sum_{c,u} x[b,c,i+u-(taps-1)/2] weight[o,c,u], x being zero outside."""
    length, taps = x.shape[2], weight.shape[2]
    positions = []
    for i in range(length):
        y = bias.expand(len(x), -1)
        for u in range(taps):
            j = i + u - (taps - 1) // 2
            if 0 <= j < length:
                y = y + torch.einsum("bc,oc->bo", x[:, :, j], weight[:, :, u])
        positions.append(y)
    return torch.stack(positions, dim=2)


def layer(params: Tensors, name: str, x: Tensor) -> Tensor:
    return convolution(x, params[f"{name}.weight"].squeeze(2), params[f"{name}.bias"])


def residual_blocks(params: Tensors, x: Tensor) -> Tensor:
    for i in range(BLOCKS):
        branch = layer(params, f"blocks.{i}.first", relu(x))
        x = x + 0.3 * layer(params, f"blocks.{i}.second", relu(branch))
    return x


def generator(params: Tensors, z: Tensor) -> Tensor:
    """Probabilities (batch, length, vocabulary)."""
    x = z @ params["linear.weight"].T + params["linear.bias"]
    width = params["conv.weight"].shape[1]
    x = x.reshape(len(z), width, -1)
    x = layer(params, "conv", residual_blocks(params, x))
    powers = x.permute(0, 2, 1).exp()
    return powers / powers.sum(dim=2, keepdim=True)


def critic(params: Tensors, texts: Tensor) -> Tensor:
    """Scores (batch,) of texts (batch, length, vocabulary)."""
    x = residual_blocks(params, layer(params, "conv", texts.permute(0, 2, 1)))
    batch, width, length = x.shape
    scores = params["linear.bias"].expand(batch)
    for channel in range(width):
        for position in range(length):
            weight = params["linear.weight"][0, channel * length + position]
            scores = scores + x[:, channel, position] * weight
    return scores


training_iteration = partial(wasserstein.training_iteration, generator, critic)
penalty = partial(wasserstein.penalty, critic)
