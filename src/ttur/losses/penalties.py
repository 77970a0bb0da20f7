"""What is added to the discriminator's loss: penalties on its gradient."""

from typing import Literal

import torch
from pydantic.dataclasses import dataclass

from ttur.losses.functions import Loss, LossFunction, Network
from ttur.runtime.description import STRICT, Positive
from ttur.timescales.orders import Round


def gradient_penalty(critic: Network, round: Round) -> Loss:
    """E[(‖∇D(x̂)‖ - 1)²] on random mixtures x̂ of real and fake (Gulrajani et al. 2017, Eq. 3).

    One mixing weight, uniform in [0, 1], per sample; the norm is over everything but the batch.
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
    return (slopes - 1).square().mean()


@dataclass(frozen=True, kw_only=True, config=STRICT)
class GradientPenalty:
    """`weight` times `gradient_penalty`; 10 in the paper (B.4)."""

    weight: Positive = 10.0
    kind: Literal["gradient_penalty"] = "gradient_penalty"

    def build(self) -> LossFunction:
        weight = self.weight

        def penalty(critic: Network, round: Round) -> Loss:
            return weight * gradient_penalty(critic, round)

        return penalty
