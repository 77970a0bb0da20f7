"""SCORES OF BOTH PLAYERS. What each network minimises, as frozen descriptions that build functions.

A loss is a function (D, round) -> scalar of the discriminator and of what a phase is given
(`Round`); a game has two, `Losses(discriminator, generator)`. They receive the networks, not only
scores, so that penalties on gradients and reconstruction losses fit in.
"""

from ttur.losses.adversarial import NonSaturating as NonSaturating
from ttur.losses.adversarial import Wasserstein as Wasserstein
from ttur.losses.adversarial import logistic as logistic
from ttur.losses.adversarial import non_saturating as non_saturating
from ttur.losses.adversarial import wasserstein_critic as wasserstein_critic
from ttur.losses.adversarial import wasserstein_generator as wasserstein_generator
from ttur.losses.began import Balance as Balance
from ttur.losses.began import Began as Began
from ttur.losses.began import began as began
from ttur.losses.began import reconstruction as reconstruction
from ttur.losses.description import NON_SATURATING as NON_SATURATING
from ttur.losses.description import LossDescription as LossDescription
from ttur.losses.description import wasserstein_gradient_penalty as wasserstein_gradient_penalty
from ttur.losses.functions import Companion as Companion
from ttur.losses.functions import Losses as Losses
from ttur.losses.functions import Network as Network
from ttur.losses.penalties import GradientPenalty as GradientPenalty
from ttur.losses.penalties import gradient_penalty as gradient_penalty
from ttur.timescales.orders import Round as Round
