"""Adversarial losses of discriminators that give scores, one for each sample or pack."""

import math
from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn import functional as F

from ttur.losses.functions import Loss, Losses, Network, Samples, Term
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


def minimax(discriminator: Network, round: Round) -> Loss:
    """E[log(1 - D(G(z)))] (Goodfellow et al. 2014, Eq. 1): the game has a value, and the gradient
    vanishes while the generator loses.
    """
    return -F.softplus(discriminator(round.fake)).mean()


def hinge_discriminator(discriminator: Network, round: Round) -> Loss:
    """E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))] (Lim & Ye 2017; Miyato et al. 2018, Eq. 16)."""
    real, fake = discriminator(round.real), discriminator(round.fake)
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def least_squares_discriminator(discriminator: Network, round: Round) -> Loss:
    """½ E[(D(x) - 1)²] + ½ E[D(G(z))²] (Mao et al. 2017, Eq. 9)."""
    real, fake = discriminator(round.real), discriminator(round.fake)
    return (real - 1).square().mean() / 2 + fake.square().mean() / 2


def least_squares_generator(discriminator: Network, round: Round) -> Loss:
    """½ E[(D(G(z)) - 1)²] (Mao et al. 2017, Eq. 9)."""
    return (discriminator(round.fake) - 1).square().mean() / 2


def relativistic_discriminator(discriminator: Network, round: Round) -> Loss:
    """-E[log σ(D(x) - D(G(z)))], pairs by their places in the batch (Jolicoeur-Martineau 2019;
    Huang et al. 2024, Eq. 2).
    """
    return F.softplus(-_lead(discriminator, round)).mean()


def relativistic_generator(discriminator: Network, round: Round) -> Loss:
    """-E[log σ(D(G(z)) - D(x))]; the real samples are scored again (Huang et al. 2024, Eq. 2)."""
    return F.softplus(_lead(discriminator, round)).mean()


def _lead(discriminator: Network, round: Round) -> Samples:
    """D(x) - D(G(z)) of each pair.

    Raises:
        ValueError: if there are not as many of both.
    """
    real, fake = discriminator(round.real), discriminator(round.fake)
    if real.shape != fake.shape:
        raise ValueError(
            "real and fake must have one shape to be paired, got scores of shape "
            f"{tuple(real.shape)} and {tuple(fake.shape)}"
        )
    return real - fake


@dataclass(frozen=True, kw_only=True, config=STRICT)
class NonSaturating(Term):
    """The losses of the paper's DCGAN: `logistic` and `non_saturating`."""

    needs: ClassVar = "scores"
    ignores_slope: ClassVar = False
    kind: Literal["non_saturating"] = "non_saturating"

    def build(self) -> Losses:
        return Losses(logistic, non_saturating, uninformative=2 * math.log(2))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Minimax(Term):
    """`logistic` for both: the generator maximises what the discriminator minimises."""

    needs: ClassVar = "scores"
    ignores_slope: ClassVar = False
    kind: Literal["minimax"] = "minimax"

    def build(self) -> Losses:
        return Losses(logistic, minimax, uninformative=2 * math.log(2))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Hinge(Term):
    """`hinge_discriminator` and -E[D(G(z))], as SNGAN, SAGAN and BigGAN have them."""

    needs: ClassVar = "scores"
    ignores_slope: ClassVar = False
    kind: Literal["hinge"] = "hinge"

    def build(self) -> Losses:
        return Losses(hinge_discriminator, wasserstein_generator, uninformative=2.0)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LeastSquares(Term):
    """The losses of LSGAN, with targets 0 and 1; the best score where nothing tells is ½."""

    needs: ClassVar = "scores"
    ignores_slope: ClassVar = False
    kind: Literal["least_squares"] = "least_squares"

    def build(self) -> Losses:
        return Losses(least_squares_discriminator, least_squares_generator, uninformative=0.25)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Relativistic(Term):
    """The losses of RpGAN and R3GAN: a real sample against a generated one."""

    needs: ClassVar = "scores"
    ignores_slope: ClassVar = False
    kind: Literal["relativistic"] = "relativistic"

    def build(self) -> Losses:
        return Losses(relativistic_discriminator, relativistic_generator, uninformative=math.log(2))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Wasserstein(Term):
    """The losses of a critic, `wasserstein_critic` and `wasserstein_generator`."""

    needs: ClassVar = "scores"
    # A critic of slope 1 across what differs between the samples has neither value nor penalty.
    ignores_slope: ClassVar = True
    kind: Literal["wasserstein"] = "wasserstein"

    def build(self) -> Losses:
        return Losses(wasserstein_critic, wasserstein_generator, uninformative=0.0)
