"""The DCGAN of spec A.1-A.3 and one of its training steps, literally, in float64 and slowly.

Functions of plain tensors: no layer, no convolution and no optimizer of torch's, only arithmetic
and autograd. Channels come first, as in ours; the original's (s, s, 8 width) reshape of the linear
layer's output differs from (8 width, s, s) by a permutation of units.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

Tensors = dict[str, Tensor]
KERNEL = 5
STRIDE = 2


def same_padding(size: int) -> tuple[int, int]:
    """Zeros before and after: TensorFlow's rule for padding="SAME"."""
    out = -(-size // STRIDE)
    total = max((out - 1) * STRIDE + KERNEL - size, 0)
    return total // 2, total - total // 2


def convolution(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """y[b,o,i,j] = bias[o] + sum_{c,u,v} padded[b,c,2i+u,2j+v] weight[o,c,u,v]."""
    batch, channels, height, width = x.shape
    (top, bottom), (left, right) = same_padding(height), same_padding(width)
    padded = torch.zeros(
        batch, channels, top + height + bottom, left + width + right, dtype=x.dtype
    )
    padded[:, :, top : top + height, left : left + width] = x
    rows, columns = -(-height // STRIDE), -(-width // STRIDE)
    y = bias[None, :, None, None].expand(batch, -1, rows, columns)
    for u in range(KERNEL):
        for v in range(KERNEL):
            tap = padded[:, :, u : u + STRIDE * rows : STRIDE, v : v + STRIDE * columns : STRIDE]
            y = y + torch.einsum("bcij,oc->boij", tap, weight[:, :, u, v])
    return y


def transposed_convolution(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The adjoint of `convolution` from twice the size: padded[2i+u,2j+v] += x[i,j] weight[u,v].

    The padding is cut off again. weight is (in, out, 5, 5).
    """
    batch, _, rows, columns = x.shape
    height, width = STRIDE * rows, STRIDE * columns
    (top, bottom), (left, right) = same_padding(height), same_padding(width)
    y = torch.zeros(
        batch, weight.shape[1], top + height + bottom, left + width + right, dtype=x.dtype
    )
    for u in range(KERNEL):
        for v in range(KERNEL):
            tap = torch.einsum("bcij,co->boij", x, weight[:, :, u, v])
            y[:, :, u : u + height : STRIDE, v : v + width : STRIDE] += tap
    return y[:, :, top : top + height, left : left + width] + bias[None, :, None, None]


def batch_statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and population variance per channel."""
    mean = x.mean(dim=(0, 2, 3))
    return mean, ((x - mean[None, :, None, None]) ** 2).mean(dim=(0, 2, 3))


def normalise(x: Tensor, mean: Tensor, var: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    def shaped(channels: Tensor) -> Tensor:
        return channels[None, :, None, None]

    return shaped(scale) * (x - shaped(mean)) / (shaped(var) + 1e-5).sqrt() + shaped(shift)


def generator(
    params: Tensors, moving: Tensors, z: Tensor, training: bool
) -> tuple[Tensor, Tensors]:
    """Images in [-1, 1], and the moving averages after this forward (decay 0.9 if training)."""
    x = z @ params["linear.weight"].T + params["linear.bias"]
    channels = len(params["norms.0.weight"])
    start_size = round((x.shape[1] / channels) ** 0.5)
    x = x.reshape(len(z), channels, start_size, start_size)
    moved = dict(moving)
    for i in range(sum(name.startswith("deconvs.") for name in params) // 2):
        mean, var = moving[f"norms.{i}.running_mean"], moving[f"norms.{i}.running_var"]
        if training:
            old_mean, old_var = mean, var
            mean, var = batch_statistics(x)
            moved[f"norms.{i}.running_mean"] = 0.9 * old_mean + 0.1 * mean.detach()
            moved[f"norms.{i}.running_var"] = 0.9 * old_var + 0.1 * var.detach()
        x = normalise(x, mean, var, params[f"norms.{i}.weight"], params[f"norms.{i}.bias"])
        x = torch.where(x > 0, x, 0.0)
        x = transposed_convolution(x, params[f"deconvs.{i}.weight"], params[f"deconvs.{i}.bias"])
    return (x.exp() - (-x).exp()) / (x.exp() + (-x).exp()), moved


def discriminator(params: Tensors, x: Tensor) -> Tensor:
    """Logits, with the statistics of this batch in every normalisation."""
    for i in range(sum(name.startswith("convs.") for name in params) // 2):
        x = convolution(x, params[f"convs.{i}.weight"], params[f"convs.{i}.bias"])
        if i > 0:
            scale, shift = params[f"norms.{i - 1}.weight"], params[f"norms.{i - 1}.bias"]
            x = normalise(x, *batch_statistics(x), scale, shift)
        x = torch.where(x > 0, x, 0.2 * x)
    return x.reshape(len(x), -1) @ params["linear.weight"][0] + params["linear.bias"]


def cross_entropy(logits: Tensor, label: float) -> Tensor:
    """-label log sigmoid(logits) - (1 - label) log(1 - sigmoid(logits)), mean over the batch."""
    probability = 1 / (1 + (-logits).exp())
    return (-label * probability.log() - (1 - label) * (1 - probability).log()).mean()


@dataclass(frozen=True)
class AdamState:
    t: int
    m: Tensors
    v: Tensors


def adam(
    params: Tensors, gradients: Tensors, state: AdamState, rate: float
) -> tuple[Tensors, AdamState]:
    """TensorFlow's Adam, beta1 0.5, beta2 0.999, epsilon 1e-8 beside the uncorrected root."""
    t = state.t + 1
    m = {name: 0.5 * state.m[name] + 0.5 * g for name, g in gradients.items()}
    v = {name: 0.999 * state.v[name] + 0.001 * g**2 for name, g in gradients.items()}
    step = rate * (1 - 0.999**t) ** 0.5 / (1 - 0.5**t)
    moved = {name: p - step * m[name] / (v[name].sqrt() + 1e-8) for name, p in params.items()}
    return moved, AdamState(t, m, v)


@dataclass(frozen=True)
class State:
    """Both networks (parameters as leaves), the generator's moving averages and both Adams."""

    generator: Tensors
    discriminator: Tensors
    moving: Tensors
    generator_adam: AdamState
    discriminator_adam: AdamState

    @classmethod
    def initial(cls, generator: Tensors, discriminator: Tensors, moving: Tensors) -> "State":
        def zero(params: Tensors) -> AdamState:
            zeros = {name: torch.zeros_like(p) for name, p in params.items()}
            return AdamState(0, zeros, dict(zeros))

        return cls(generator, discriminator, moving, zero(generator), zero(discriminator))


@dataclass(frozen=True)
class Readings:
    discriminator_loss: float
    generator_loss: float
    discriminator_gradients: Tensors = field(repr=False)
    generator_gradients: Tensors = field(repr=False)


def differentiable(params: Tensors) -> Tensors:
    return {name: p.detach().clone().requires_grad_() for name, p in params.items()}


def gradients_of(loss: Tensor, params: Tensors) -> Tensors:
    return dict(zip(params, torch.autograd.grad(loss, list(params.values())), strict=True))


def training_step(
    state: State, real: Tensor, z: Tensor, b: float, a: float
) -> tuple[State, Readings]:
    """Discriminator, then generator on the same z; the generator runs four times as in 2017.

    Each of the four training-mode forwards moves the averages by a tenth: for the discriminator's
    step, for the generator's, and for the read-out of either loss after both.
    """
    g, d = differentiable(state.generator), differentiable(state.discriminator)
    fake, moving = generator(g, state.moving, z, training=True)
    d_loss = cross_entropy(discriminator(d, real), 1.0)
    d_loss = d_loss + cross_entropy(discriminator(d, fake.detach()), 0.0)
    d_gradients = gradients_of(d_loss, d)
    new_d, d_adam = adam(state.discriminator, d_gradients, state.discriminator_adam, b)

    fake, moving = generator(g, moving, z, training=True)
    g_loss = cross_entropy(discriminator(new_d, fake), 1.0)
    g_gradients = gradients_of(g_loss, g)
    new_g, g_adam = adam(state.generator, g_gradients, state.generator_adam, a)

    for _ in range(2):
        _, moving = generator(new_g, moving, z, training=True)
    return (
        State(new_g, new_d, moving, g_adam, d_adam),
        Readings(d_loss.item(), g_loss.item(), d_gradients, g_gradients),
    )
