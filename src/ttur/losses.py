"""Scores of both players: what each network minimises.

A loss is a function and a game has two, `Losses(discriminator, generator)`. They receive the
networks, not only scores, so that penalties on gradients and reconstruction losses fit in.
"""

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

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
    `balance`, where there is one, weighs the two and changes with every update. `uninformative` is
    the loss of the best discriminator that cannot tell real from generated, None where that is
    unknown; the tracking gap needs it.
    """

    discriminator: Callable[[Network, Tensor, Tensor, torch.Generator], Tensor]
    generator: Callable[[Network, Tensor], Tensor]
    balance: "Balance | None" = None
    uninformative: float | None = None


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

    # A critic of slope 1 across what differs between the samples has neither value nor penalty.
    return Losses(critic_loss, wasserstein_generator, uninformative=0.0)


class Balance:
    """BEGAN's k, steered so that generated samples are γ times as hard to reconstruct as real ones.

    After both players have moved, k ← clip(k + k_rate · (γ L(x) - L(G(z))), 0, 1), and the
    convergence measure is L(x) + |γ L(x) - L(G(z))| (Berthelot et al. 2017, section 3.4; spec D.2).
    The losses are those of a fresh batch by the moved networks, as in the code of the paper, or
    with batch="same" those that the players moved by (J.17). k_rate = 0 leaves k where it is.

    Raises:
        ValueError: if gamma or k is not in [0, 1], or k_rate is negative.
    """

    def __init__(
        self,
        gamma: float = 0.5,
        k_rate: float = 0.001,
        k: float = 0.0,
        batch: Literal["fresh", "same"] = "fresh",
    ) -> None:
        for name, value in (("gamma", gamma), ("k", k)):
            if not 0 <= value <= 1:
                raise ValueError(f"BEGAN needs 0 <= {name} <= 1, got {value}")
        if not k_rate >= 0:
            raise ValueError(f"BEGAN needs k_rate >= 0, got {k_rate}; the usual is 0.001")
        if batch not in ("fresh", "same"):
            raise ValueError(f'the batch of a balance is "fresh" or "same", got {batch!r}')
        self.gamma, self.k_rate, self.first_k, self.batch = gamma, k_rate, k, batch
        self.begin(torch.device("cpu"))

    def begin(self, device: torch.device) -> None:
        """As before the first update, on the device of the players."""
        self.k = torch.tensor(self.first_k, device=device)
        self.real_loss = torch.zeros((), device=device)
        self.fake_loss = torch.zeros((), device=device)
        self.updates_at_limit = torch.zeros((), dtype=torch.int64, device=device)

    @property
    def settings(self) -> list[float | str]:
        """What stays the same while k moves."""
        return [self.gamma, self.k_rate, self.first_k, self.batch]

    @property
    def is_adaptive(self) -> bool:
        return self.k_rate > 0

    @property
    def needs_fresh_batch(self) -> bool:
        """Whether `measure` is to be called with new samples before `move`."""
        return self.is_adaptive and self.batch == "fresh"

    @property
    def convergence(self) -> Loss:
        """L(x) + |γ L(x) - L(G(z))|, which falls as training converges (section 3.4.1)."""
        return self.real_loss + (self.gamma * self.real_loss - self.fake_loss).abs()

    def measure(self, discriminator: Network, real: Samples, fake: Samples) -> None:
        """L(x) and L(G(z)) of these samples."""
        self.real_loss = reconstruction(discriminator, real).detach()
        self.fake_loss = reconstruction(discriminator, fake).detach()

    @torch.no_grad()
    def move(self) -> None:
        """One step of k by the last losses measured."""
        if self.is_adaptive:
            self.k = self.k + self.k_rate * (self.gamma * self.real_loss - self.fake_loss)
            self.k = self.k.clamp(0, 1)
            at_limit = (self.k == 0) | (self.k == 1)
            self.updates_at_limit = (self.updates_at_limit + 1) * at_limit

    def state_dict(self) -> dict[str, Any]:
        """k and how long it has stood at 0 or 1."""
        return {"k": self.k, "updates_at_limit": self.updates_at_limit}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.k = state["k"].to(self.k)
        self.updates_at_limit = state["updates_at_limit"].to(self.updates_at_limit)


def reconstruction(discriminator: Network, samples: Samples) -> Loss:
    """E[|v - D(v)|], the mean over samples and pixels of the error of an auto-encoder D (D.2)."""
    return (samples - discriminator(samples)).abs().mean()


def began(balance: Balance) -> Losses:
    """Both losses of BEGAN, L(x) - k L(G(z)) and L(G(z)) (Berthelot et al. 2017, Eq. 5)."""

    def discriminator_loss(
        discriminator: Network, real: Tensor, fake: Tensor, noise: torch.Generator
    ) -> Tensor:
        real_loss = reconstruction(discriminator, real)
        fake_loss = reconstruction(discriminator, fake)
        balance.real_loss, balance.fake_loss = real_loss.detach(), fake_loss.detach()
        return real_loss - balance.k * fake_loss

    return Losses(discriminator_loss, reconstruction, balance)


NON_SATURATING = Losses(logistic, non_saturating, uninformative=2 * math.log(2))
