"""What is added to the discriminator's loss: penalties on its gradient and on its scores."""

from abc import abstractmethod
from typing import ClassVar, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn import functional as F

from ttur.losses.functions import Loss, LossFunction, Network, Players, Samples, Term
from ttur.runtime.description import STRICT, Count, Decay, Positive, Whole
from ttur.timescales.orders import Round


def gradient_penalty(critic: Network, round: Round, *, one_sided: bool = False) -> Loss:
    """E[(‖∇D(x̂)‖ - 1)²] on random mixtures x̂ of real and fake (Gulrajani et al. 2017, Eq. 3).

    One mixing weight, uniform in [0, 1], per sample; the norm is over everything but the batch.
    `one_sided` leaves slopes below 1 alone: E[max(0, ‖∇D(x̂)‖ - 1)²] (Petzka et al. 2018).
    The penalty can be differentiated with respect to the critic's parameters.

    Raises:
        ValueError: if real and fake differ in shape.
    """
    real, fake = round.real, round.fake
    if real.shape != fake.shape:
        raise ValueError(
            "real and fake must have one shape to be mixed, "
            f"got {tuple(real.shape)} and {tuple(fake.shape)}"
        )
    shape = (len(real), *[1] * (real.ndim - 1))
    weights = torch.rand(shape, generator=round.rng, device=real.device, dtype=real.dtype)
    mixtures = (real + weights * (fake - real)).detach().requires_grad_()
    (gradients,) = torch.autograd.grad(critic(mixtures).sum(), mixtures, create_graph=True)
    # The root has no derivative at 0, where a dead critic sits; 1e-12 vanishes beside a slope of 1.
    slopes = (gradients.flatten(1).square().sum(1) + 1e-12).sqrt()
    steeper = F.relu(slopes - 1) if one_sided else slopes - 1
    return steeper.square().mean()


def zero_centred_penalty(discriminator: Network, samples: Samples) -> Loss:
    """E[‖∇D‖²] at the samples, summed over everything but the batch (Mescheder et al. 2018)."""
    at = samples.detach().requires_grad_()
    (gradients,) = torch.autograd.grad(discriminator(at).sum(), at, create_graph=True)
    return gradients.flatten(1).square().sum(1).mean()


@dataclass(frozen=True, config=STRICT)
class GradientPenalty(Term):
    """`weight` times `gradient_penalty`; 10 in the paper (B.4)."""

    weight: Positive = 10.0
    one_sided: bool = False
    kind: Literal["gradient_penalty"] = Field(default="gradient_penalty", repr=False)

    def build(self) -> LossFunction:
        weight = self.weight

        def penalty(critic: Network, round: Round) -> Loss:
            return weight * gradient_penalty(critic, round)

        def one_sided_penalty(critic: Network, round: Round) -> Loss:
            return weight * gradient_penalty(critic, round, one_sided=True)

        return one_sided_penalty if self.one_sided else penalty


@dataclass(frozen=True, config=STRICT)
class _ZeroCentred(Term):
    """γ/2 times `zero_centred_penalty`, in every `every`-th update and then `every`-fold
    (Karras et al. 2020, appendix B): updates 1, 1 + every, …
    """

    spares_constants: ClassVar = True
    gamma: Positive
    every: Count = 1

    def build(self) -> LossFunction:
        factor, every, samples_of = self.gamma / 2 * self.every, self.every, self.samples_of

        def penalty(discriminator: Network, round: Round) -> Loss:
            if (round.update - 1) % every:
                return round.fake.new_zeros(())
            return factor * zero_centred_penalty(discriminator, samples_of(round))

        return penalty

    @staticmethod
    @abstractmethod
    def samples_of(round: Round) -> Samples:
        """Where the gradient is taken."""


@dataclass(frozen=True, config=STRICT)
class R1(_ZeroCentred):
    """γ/2 · E[‖∇D(x)‖²] at real samples (Mescheder et al. 2018, Eq. 9), lazy by `every`.

    >>> from ttur.losses import R1, Hinge
    >>> (Hinge() + R1(10, every=16)).penalties[0].every
    16
    """

    kind: Literal["r1"] = Field(default="r1", repr=False)

    @staticmethod
    def samples_of(round: Round) -> Samples:
        return round.real


@dataclass(frozen=True, config=STRICT)
class R2(_ZeroCentred):
    """γ/2 · E[‖∇D(G(z))‖²] at generated samples (Mescheder et al. 2018, Eq. 10)."""

    kind: Literal["r2"] = Field(default="r2", repr=False)

    @staticmethod
    def samples_of(round: Round) -> Samples:
        return round.fake


class ScoreAnchors:
    """LeCam's penalty, E[max(0, D(x) - d̄_y)²] + E[max(0, d̄_x - D(G(z)))²] times `weight`, and the
    exponential averages d̄ of the discriminator's mean scores (Tseng et al. 2021).

    A companion: the averages move with each update and are saved with the run. There is no penalty
    up to update `start`, nor in the first one; until then they are the last means.
    """

    name = "lecam"

    def __init__(self, weight: float, decay: float, start: int) -> None:
        self.weight, self.decay, self.start = weight, decay, start
        self.begin(torch.device("cpu"))

    def begin(self, device: torch.device) -> None:
        """As before the first update."""
        self.averages = torch.zeros(2, device=device)
        self.means = torch.zeros(2, device=device)

    @property
    def settings(self) -> dict[str, float]:
        """What stays the same while the averages move."""
        return {"weight": self.weight, "decay": self.decay, "start": self.start}

    def __call__(self, discriminator: Network, round: Round) -> Loss:
        real, fake = discriminator(round.real), discriminator(round.fake)
        self.means = torch.stack([real.mean(), fake.mean()]).detach()
        if round.update <= max(self.start, 1):
            return real.new_zeros(())
        anchor_real, anchor_fake = self.averages
        apart = F.relu(real - anchor_fake).square().mean()
        return self.weight * (apart + F.relu(anchor_real - fake).square().mean())

    def after_update(self, game: Players) -> dict[str, Tensor]:
        """One step of the averages."""
        decay = 0.0 if game.update + 1 <= max(self.start, 1) else self.decay
        self.averages = decay * self.averages + (1 - decay) * self.means
        return {}

    def trouble(self) -> None:
        """None: scores that are not finite are those of a loss that is not."""

    def state_dict(self) -> dict[str, Tensor]:
        return {"averages": self.averages, "means": self.means}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.averages = state["averages"].to(self.averages)
        self.means = state["means"].to(self.means)


@dataclass(frozen=True, config=STRICT)
class LeCam(Term):
    """`ScoreAnchors`: keeps D of real and of generated samples near each other's averages."""

    spares_constants: ClassVar = True
    weight: Positive
    decay: Decay = 0.99
    start: Whole = 0
    kind: Literal["lecam"] = Field(default="lecam", repr=False)

    def build(self) -> LossFunction:
        return ScoreAnchors(self.weight, self.decay, self.start)
