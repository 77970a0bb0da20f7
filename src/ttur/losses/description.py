"""The losses of a configuration: an adversarial loss and the penalties added to it."""

from typing import Annotated

from pydantic.dataclasses import dataclass

from ttur.losses.adversarial import NonSaturating, Wasserstein
from ttur.losses.began import Began
from ttur.losses.functions import Loss, Losses, Network
from ttur.losses.penalties import GradientPenalty
from ttur.runtime.description import ONE_OF, STRICT
from ttur.timescales.orders import Round

Adversarial = Annotated[NonSaturating | Wasserstein | Began, ONE_OF]
Penalty = Annotated[GradientPenalty, ONE_OF]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LossDescription:
    """Both losses: those of `adversarial`, the discriminator's with all `penalties` added.

    >>> LossDescription(adversarial="wasserstein", penalties=("gradient_penalty",)).needs
    'scores'
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
            # Penalties first: autograd adds gradients up in the order of the passes.
            added = [penalty(discriminator, round) for penalty in penalties]
            return sum(added, start=adversarial(discriminator, round))

        known = losses.uninformative if self.adversarial.ignores_slope else None
        return losses._replace(discriminator=penalised, uninformative=known)


NON_SATURATING = NonSaturating().build()


def wasserstein_gradient_penalty(weight: float = 10.0) -> Losses:
    """Both losses of WGAN-GP: the Wasserstein estimate plus `weight` × the penalty (B.4)."""
    penalties = (GradientPenalty(weight=weight),)
    return LossDescription(adversarial=Wasserstein(), penalties=penalties).build()
