"""The language model of spec C.2 and its training iteration (B.4, C.3), literally, in float64.

Functions of plain tensors: no layer, no convolution and no optimizer of torch's, only arithmetic
and autograd. Channels come before positions, as in the original.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Tensors = dict[str, Tensor]
BLOCKS = 5
PENALTY_WEIGHT = 10.0


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


def penalty(params: Tensors, real: Tensor, fake: Tensor, u: Tensor) -> Tensor:
    """mean_b (|gradient of D at x̂_b| - 1)², the norm over positions and symbols together.

    One u[b] in [0, 1] mixes text b. The root holds no epsilon.
    """
    mixed = (real + u[:, None, None] * (fake - real)).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(params, mixed).sum(), mixed, create_graph=True)
    slopes = (gradient**2).sum(dim=(1, 2)) ** 0.5
    return ((slopes - 1) ** 2).mean()


@dataclass(frozen=True)
class Player:
    """A network's parameters and the two moments of its Adam after t updates."""

    params: Tensors
    m: Tensors
    v: Tensors
    t: int = 0

    @classmethod
    def initial(cls, params: Tensors) -> "Player":
        zeros = {name: torch.zeros_like(p) for name, p in params.items()}
        return cls(params, zeros, dict(zeros))

    def leaves(self) -> Tensors:
        return {name: p.detach().clone().requires_grad_() for name, p in self.params.items()}

    def moved(self, gradients: Tensors, rate: float) -> "Player":
        """TensorFlow's Adam, beta1 0.5, beta2 0.9, epsilon 1e-8 beside the uncorrected root."""
        t = self.t + 1
        m = {name: 0.5 * self.m[name] + 0.5 * g for name, g in gradients.items()}
        v = {name: 0.9 * self.v[name] + 0.1 * g**2 for name, g in gradients.items()}
        step = rate * (1 - 0.9**t) ** 0.5 / (1 - 0.5**t)
        return Player(
            {n: p - step * m[n] / (v[n] ** 0.5 + 1e-8) for n, p in self.params.items()}, m, v, t
        )


@dataclass(frozen=True)
class Update:
    """One update of one player: the loss, its gradients and the parameters they led to."""

    player: str
    loss: float
    gradients: Tensors
    params: Tensors


@dataclass(frozen=True)
class CriticDraws:
    """What one critic update sees: real texts, latents and mixing weights, all of its own."""

    real: Tensor
    z: Tensor
    u: Tensor


def gradients_of(loss: Tensor, params: Tensors) -> Tensors:
    return dict(zip(params, torch.autograd.grad(loss, list(params.values())), strict=True))


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

    Returns both players and all updates in order.
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
        updates.append(Update("critic", loss.item(), gradients, d.params))
    return g, d, updates
