"""WGAN-GP's penalty and training iteration (spec B.4), literally, for any generator and critic."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from reference.adam import Player, Tensors, Update, gradients_of

PENALTY_WEIGHT = 10.0
Network = Callable[[Tensors, Tensor], Tensor]


@dataclass(frozen=True)
class CriticDraws:
    """What one critic update sees: real samples, latents and mixing weights, all of its own."""

    real: Tensor
    z: Tensor
    u: Tensor


def penalty(critic: Network, params: Tensors, real: Tensor, fake: Tensor, u: Tensor) -> Tensor:
    """mean_b (|gradient at sample x̂_b of the sum of all scores| - 1)².

    One u[b] in [0, 1] mixes sample b. The norm is that of the sample's own gradient, over all its
    numbers, also where one score belongs to several samples. The root holds no epsilon.
    """
    weights = torch.stack([torch.full_like(real[b], u[b].item()) for b in range(len(real))])
    mixed = (real + weights * (fake - real)).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(params, mixed).sum(), mixed, create_graph=True)
    slopes = torch.stack([(one**2).sum() ** 0.5 for one in gradient])
    return ((slopes - 1) ** 2).mean()


def training_iteration(
    generator: Network,
    critic: Network,
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
        loss = loss + PENALTY_WEIGHT * penalty(critic, params, draws.real, fake, draws.u)
        gradients = gradients_of(loss, params)
        d = d.moved(gradients, b)
        updates.append(Update("discriminator", loss.item(), gradients, d.params))
    return g, d, updates
