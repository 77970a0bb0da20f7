"""Scores of both players: what each network minimises.

A loss is a function and a game has two, `Losses(discriminator, generator)`. They receive the
networks, not only scores, so that penalties on gradients and reconstruction losses fit in.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

Network = Callable[[Tensor], Tensor]
Samples = Float[Tensor, "batch *sample"]
AnySamples = Float[Tensor, "..."]  # compared by the function itself, with its own words
Loss = Float[Tensor, ""]


class Losses(NamedTuple):
    """The two losses of a game, each a scalar to be minimised by its player.

    discriminator(D, real, fake, noise): `fake` carries no graph to the generator; `noise` is the
    torch.Generator of whatever the loss draws. generator(D, fake): `fake` carries the graph.
    """

    discriminator: Callable[[Network, Tensor, Tensor, torch.Generator], Tensor]
    generator: Callable[[Network, Tensor], Tensor]


def logistic(discriminator: Network, real: Samples, fake: Samples, noise: torch.Generator) -> Loss:
    """-E[log D(x)] - E[log(1 - D(G(z)))] (Goodfellow et al. 2014, Eq. 1); D returns logits.

    Real and generated samples are scored in separate batches; no factor 1/2, no label smoothing.
    """
    return F.softplus(-discriminator(real)).mean() + F.softplus(discriminator(fake)).mean()


def non_saturating(discriminator: Network, fake: Samples) -> Loss:
    """-E[log D(G(z))] (Goodfellow et al. 2014, section 3): no vanishing gradient while losing."""
    return F.softplus(-discriminator(fake)).mean()


def wasserstein_critic(
    critic: Network, real: Samples, fake: Samples, noise: torch.Generator
) -> Loss:
    """E[D(G(z))] - E[D(x)] (Arjovsky et al. 2017, Eq. 3), to which a penalty is usually added."""
    return critic(fake).mean() - critic(real).mean()


def wasserstein_generator(critic: Network, fake: Samples) -> Loss:
    """-E[D(G(z))] (Arjovsky et al. 2017)."""
    return -critic(fake).mean()


def gradient_penalty(
    critic: Network, real: AnySamples, fake: AnySamples, noise: torch.Generator
) -> Loss:
    """E[(‖∇D(x̂)‖ - 1)²] on random mixtures x̂ of real and fake (Gulrajani et al. 2017, Eq. 3).

    One mixing weight, uniform in [0, 1], per sample; the norm is over everything but the batch.
    The penalty can be differentiated with respect to the critic's parameters.

    Raises:
        ValueError: if real and fake differ in shape.
    """
    if real.shape != fake.shape:
        raise ValueError(
            "real and fake must have one shape to be mixed, "
            f"got {tuple(real.shape)} and {tuple(fake.shape)}"
        )
    weights = torch.rand(
        (len(real), *[1] * (real.ndim - 1)), generator=noise, device=real.device, dtype=real.dtype
    )
    mixtures = (real + weights * (fake - real)).detach().requires_grad_()
    (gradients,) = torch.autograd.grad(critic(mixtures).sum(), mixtures, create_graph=True)
    # The root has no derivative at 0, where a dead critic sits; 1e-12 vanishes beside a slope of 1.
    slopes = (gradients.flatten(1).square().sum(1) + 1e-12).sqrt()
    return (slopes - 1).square().mean()


def wasserstein_gradient_penalty(weight: float = 10.0) -> Losses:
    """Both losses of WGAN-GP: the Wasserstein estimate plus `weight` × the penalty (spec B.4)."""

    def critic_loss(critic: Network, real: Tensor, fake: Tensor, noise: torch.Generator) -> Tensor:
        penalty = gradient_penalty(critic, real, fake, noise)
        return wasserstein_critic(critic, real, fake, noise) + weight * penalty

    return Losses(critic_loss, wasserstein_generator)


NON_SATURATING = Losses(logistic, non_saturating)
