"""Adversarial losses of discriminators that give scores: logistic and Wasserstein."""

import math
from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn import functional as F

from ttur.losses.functions import Loss, Losses, Network
from ttur.runtime.description import STRICT
from ttur.timescales.orders import Round

# What comes after the last layer and changes no value: how torch calls their gradients.
_SHAPES = ("View", "UnsafeView", "Reshape", "Squeeze", "Unsqueeze", "Alias", "Select")


def logistic(discriminator: Network, round: Round) -> Loss:
    """-E[log D(x)] - E[log(1 - D(G(z)))] (Goodfellow et al. 2014, Eq. 1); D returns logits.

    Real and generated samples are scored in separate batches; no factor 1/2, no label smoothing.
    """
    real, fake = round.real, round.fake
    of_real, of_fake = _logits(discriminator(real)), _logits(discriminator(fake))
    return F.softplus(-of_real).mean() + F.softplus(of_fake).mean()


def non_saturating(discriminator: Network, round: Round) -> Loss:
    """-E[log D(G(z))] (Goodfellow et al. 2014, section 3): no vanishing gradient while losing."""
    return F.softplus(-_logits(discriminator(round.fake))).mean()


def _logits(scores: Tensor) -> Tensor:
    """Scores that are no probabilities: these losses take the sigmoid themselves.

    Raises:
        ValueError: if a sigmoid made them.
    """
    node = scores.grad_fn
    while node is not None and node.name().startswith(_SHAPES) and node.next_functions:
        node = node.next_functions[0][0]
    if node is not None and node.name().startswith("SigmoidBackward"):
        raise ValueError(
            "expected logits of the discriminator, for these losses take the sigmoid themselves, "
            "got the output of a sigmoid; leave out its last layer, or pass `losses` of "
            "probabilities"
        )
    return scores


def wasserstein_critic(critic: Network, round: Round) -> Loss:
    """E[D(G(z))] - E[D(x)] (Arjovsky et al. 2017, Eq. 3), to which a penalty is usually added."""
    return critic(round.fake).mean() - critic(round.real).mean()


def wasserstein_generator(critic: Network, round: Round) -> Loss:
    """-E[D(G(z))] (Arjovsky et al. 2017)."""
    return -critic(round.fake).mean()


@dataclass(frozen=True, kw_only=True, config=STRICT)
class NonSaturating:
    """The losses of the paper's DCGAN: `logistic` and `non_saturating`."""

    needs: ClassVar = "scores"
    ignores_slope: ClassVar = False
    kind: Literal["non_saturating"] = "non_saturating"

    def build(self) -> Losses:
        return Losses(logistic, non_saturating, uninformative=2 * math.log(2))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Wasserstein:
    """The losses of a critic, `wasserstein_critic` and `wasserstein_generator`."""

    needs: ClassVar = "scores"
    # A critic of slope 1 across what differs between the samples has neither value nor penalty.
    ignores_slope: ClassVar = True
    kind: Literal["wasserstein"] = "wasserstein"

    def build(self) -> Losses:
        return Losses(wasserstein_critic, wasserstein_generator, uninformative=0.0)
