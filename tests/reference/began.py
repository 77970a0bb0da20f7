"""BEGAN of spec D and its training step, literally, in float64 and slowly."""

from dataclasses import dataclass
from math import log2

import torch
from torch import Tensor

from reference.adam import Player, Tensors, Update, gradients_of
from reference.layers import convolution, doubled, linear

BETA1, BETA2 = 0.9, 0.999
START_SIZE = 8


def elu(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, x.exp() - 1)


def decoder(params: Tensors, prefix: str, z: Tensor) -> Tensor:
    """Images of any range: two convolutions per size from 8 x 8 on, doubled in between (D.1)."""
    width = params[f"{prefix}conv.weight"].shape[1]
    x = linear(params, f"{prefix}linear", z).reshape(len(z), width, START_SIZE, START_SIZE)
    for i in range(sum(name.startswith(f"{prefix}firsts.") for name in params) // 2):
        if i > 0:
            x = doubled(x)
        x = elu(convolution(params, f"{prefix}firsts.{i}", x))
        x = elu(convolution(params, f"{prefix}seconds.{i}", x))
    return convolution(params, f"{prefix}conv", x)


def generator(params: Tensors, z: Tensor) -> Tensor:
    return decoder(params, "", z)


def encoder(params: Tensors, images: Tensor) -> Tensor:
    """Codes (batch, latent)."""
    x = elu(convolution(params, "encoder.conv", images))
    i = 0
    while f"encoder.firsts.{i}.weight" in params:
        x = elu(convolution(params, f"encoder.firsts.{i}", x))
        x = elu(convolution(params, f"encoder.seconds.{i}", x))
        if f"encoder.halvings.{i}.weight" in params:
            x = elu(convolution(params, f"encoder.halvings.{i}", x, stride=2))
        i += 1
    return linear(params, "encoder.linear", x.reshape(len(x), -1))


def discriminator(params: Tensors, images: Tensor) -> Tensor:
    """What the auto-encoder makes of the images."""
    return decoder(params, "decoder.", encoder(params, images))


Layout = dict[str, tuple[tuple[int, ...], float]]


def dense_layout(name: str, inputs: int, outputs: int) -> Layout:
    bound = (6 / (inputs + outputs)) ** 0.5
    return {f"{name}.weight": ((outputs, inputs), bound), f"{name}.bias": ((outputs,), 0.0)}


def conv_layout(name: str, c_in: int, c_out: int) -> Layout:
    bound = (6 / (9 * (c_in + c_out))) ** 0.5
    return {f"{name}.weight": ((c_out, c_in, 3, 3), bound), f"{name}.bias": ((c_out,), 0.0)}


def generator_layout(image_size: int, width: int, latent_size: int, prefix: str = "") -> Layout:
    """The shape of every parameter and the bound of its uniform start; biases start at 0 (D.1)."""
    layout = dense_layout(f"{prefix}linear", latent_size, START_SIZE**2 * width)
    for i in range(round(log2(image_size)) - 2):
        layout |= conv_layout(f"{prefix}firsts.{i}", width, width)
        layout |= conv_layout(f"{prefix}seconds.{i}", width, width)
    return layout | conv_layout(f"{prefix}conv", width, 3)


def discriminator_layout(image_size: int, width: int, latent_size: int) -> Layout:
    """As `generator_layout`, encoder and decoder; scale i of the encoder is (i + 1) n wide."""
    repeat = round(log2(image_size)) - 2
    layout = conv_layout("encoder.conv", 3, width)
    for i in range(repeat):
        before, channels = max(i, 1) * width, (i + 1) * width
        layout |= conv_layout(f"encoder.firsts.{i}", before, channels)
        layout |= conv_layout(f"encoder.seconds.{i}", channels, channels)
        if i < repeat - 1:
            layout |= conv_layout(f"encoder.halvings.{i}", channels, channels)
    layout |= dense_layout("encoder.linear", START_SIZE**2 * repeat * width, latent_size)
    return layout | generator_layout(image_size, width, latent_size, "decoder.")


def reconstruction(params: Tensors, images: Tensor) -> Tensor:
    """L(v): the mean of |v - D(v)| over batch, channels, rows and columns (D.2)."""
    difference = images - discriminator(params, images)
    return torch.where(difference > 0, difference, -difference).mean()


@dataclass(frozen=True)
class Controller:
    """What steers k: γ, the rate λ of k, and whether k is set by a batch of its own (D.2)."""

    gamma: float = 0.5
    k_rate: float = 0.001
    fresh: bool = True

    def moved(self, k: float, of_real: float, of_fake: float) -> tuple[float, float]:
        """k after L(x) and L(G(z)), and the measure of convergence."""
        balance = self.gamma * of_real - of_fake
        return min(max(k + self.k_rate * balance, 0.0), 1.0), of_real + abs(balance)


@dataclass(frozen=True)
class Draws:
    """Images and latents of the players' update, and those by which k moves where it is fresh."""

    real: Tensor
    z: Tensor
    real_of_k: Tensor | None = None
    z_of_k: Tensor | None = None


@dataclass(frozen=True)
class Step:
    """What one step did: both updates, k after it and the measure of convergence."""

    discriminator: Update
    generator: Update
    k: float
    convergence: float


def rate_at(step: int, initial: float, halved_every: int) -> float:
    """Steps count from 0: step `halved_every` is the first at half the rate."""
    rate = initial
    for earlier in range(step):
        if earlier % halved_every == halved_every - 1:
            rate = rate / 2
    return rate


def training_step(
    g: Player, d: Player, k: float, draws: Draws, b: float, a: float, controller: Controller
) -> tuple[Player, Player, Step]:
    """Both players from one forward, together; then k (D.2)."""
    g_params, d_params = g.leaves(), d.leaves()
    fake = generator(g_params, draws.z)
    of_real, of_fake = reconstruction(d_params, draws.real), reconstruction(d_params, fake)
    d_loss, g_loss = of_real - k * of_fake, of_fake
    d_gradients = dict(
        zip(
            d_params,
            torch.autograd.grad(d_loss, list(d_params.values()), retain_graph=True),
            strict=True,
        )
    )
    g_gradients = gradients_of(g_loss, g_params)
    d, g = d.moved(d_gradients, b), g.moved(g_gradients, a)
    if controller.fresh:
        assert draws.real_of_k is not None
        assert draws.z_of_k is not None
        of_real = reconstruction(d.params, draws.real_of_k)
        of_fake = reconstruction(d.params, generator(g.params, draws.z_of_k))
    k, convergence = controller.moved(k, of_real.item(), of_fake.item())
    return (
        g,
        d,
        Step(
            Update("discriminator", d_loss.item(), d_gradients, d.params),
            Update("generator", g_loss.item(), g_gradients, g.params),
            k,
            convergence,
        ),
    )
