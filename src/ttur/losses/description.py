"""The losses of a configuration: an adversarial loss and the penalties added to it."""

from typing import Annotated, Any

from pydantic.dataclasses import dataclass
from torch import Tensor

from ttur.losses.adversarial import (
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    Relativistic,
    Wasserstein,
)
from ttur.losses.began import Began
from ttur.losses.functions import Companion, Loss, Losses, Network, Term
from ttur.losses.penalties import R1, R2, GradientPenalty, LeCam
from ttur.runtime.description import ONE_OF, STRICT
from ttur.timescales.orders import Round

Adversarial = Annotated[
    NonSaturating | Minimax | Hinge | LeastSquares | Relativistic | Wasserstein | Began, ONE_OF
]
Penalty = Annotated[GradientPenalty | R1 | R2 | LeCam, ONE_OF]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LossDescription(Term):
    """Both losses: those of `adversarial`, the discriminator's with all `penalties` added.

    >>> LossDescription(adversarial="wasserstein", penalties=("gradient_penalty",)).needs
    'scores'
    >>> LossDescription(adversarial="hinge", penalties=(R1(10, every=16),)) == Hinge() + R1(10, 16)
    True
    """

    adversarial: Adversarial = NonSaturating()
    penalties: tuple[Penalty, ...] = ()

    @property
    def needs(self) -> str:
        """What the discriminator has to give: scores or reconstructions."""
        return self.adversarial.needs

    @property
    def extra_batches(self) -> int:
        """Real batches per update beside those of the discriminator's updates."""
        return getattr(self.adversarial, "extra_batches", 0)

    def build(self) -> Losses:
        """The functions, with companions that begin anew."""
        losses = self.adversarial.build()
        if not self.penalties:
            return losses
        adversarial, penalties = losses.discriminator, [each.build() for each in self.penalties]

        def penalised(discriminator: Network, round: Round) -> Loss:
            discriminator = _asked_once(discriminator)
            # Penalties first: autograd adds gradients up in the order of the passes.
            added = [penalty(discriminator, round) for penalty in penalties]
            return sum(added, start=adversarial(discriminator, round))

        # The best discriminator that cannot tell is a constant, or has a slope that costs nothing.
        free = self.adversarial.ignores_slope or all(
            getattr(each, "spares_constants", False) for each in self.penalties
        )
        return losses._replace(
            discriminator=penalised,
            companions=(
                *losses.companions,
                *(each for each in penalties if isinstance(each, Companion)),
            ),
            uninformative=losses.uninformative if free else None,
        )


def _asked_once(discriminator: Network) -> Network:
    """Scores the same samples once in a phase, whoever asks."""
    known: dict[int, tuple[Tensor, Tensor]] = {}  # samples stay, so that no other takes their id

    def scores(samples: Tensor) -> Tensor:
        if id(samples) not in known:
            known[id(samples)] = samples, discriminator(samples)
        return known[id(samples)][1]

    return scores


def _joined(first: Any, second: Any) -> LossDescription:
    whole = first if isinstance(first, LossDescription) else LossDescription(adversarial=first)
    return LossDescription(adversarial=whole.adversarial, penalties=(*whole.penalties, second))


Term.joined = staticmethod(_joined)


NON_SATURATING = NonSaturating().build()


def wasserstein_gradient_penalty(weight: float = 10.0) -> Losses:
    """Both losses of WGAN-GP: the Wasserstein estimate plus `weight` × the penalty (B.4)."""
    penalties = (GradientPenalty(weight=weight),)
    return LossDescription(adversarial=Wasserstein(), penalties=penalties).build()
