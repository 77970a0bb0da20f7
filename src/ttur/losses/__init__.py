"""SCORES OF BOTH PLAYERS. What each network minimises, as frozen descriptions that build functions.

A loss is a function (D, round) -> scalar of the discriminator and of what a phase is given
(`Round`); a game has two, `Losses(discriminator, generator)`. They receive the networks, not only
scores, so that penalties on gradients and reconstruction losses fit in.
"""

from ttur.losses.adversarial import Hinge as Hinge
from ttur.losses.adversarial import LeastSquares as LeastSquares
from ttur.losses.adversarial import Minimax as Minimax
from ttur.losses.adversarial import NonSaturating as NonSaturating
from ttur.losses.adversarial import Relativistic as Relativistic
from ttur.losses.adversarial import Wasserstein as Wasserstein
from ttur.losses.adversarial import hinge_discriminator as hinge_discriminator
from ttur.losses.adversarial import least_squares_discriminator as least_squares_discriminator
from ttur.losses.adversarial import least_squares_generator as least_squares_generator
from ttur.losses.adversarial import logistic as logistic
from ttur.losses.adversarial import minimax as minimax
from ttur.losses.adversarial import non_saturating as non_saturating
from ttur.losses.adversarial import relativistic_discriminator as relativistic_discriminator
from ttur.losses.adversarial import relativistic_generator as relativistic_generator
from ttur.losses.adversarial import wasserstein_critic as wasserstein_critic
from ttur.losses.adversarial import wasserstein_generator as wasserstein_generator
from ttur.losses.augmentation import DiffAugment as DiffAugment
from ttur.losses.augmentation import augmented as augmented
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
from ttur.losses.functions import Term as Term
from ttur.losses.penalties import R1 as R1
from ttur.losses.penalties import R2 as R2
from ttur.losses.penalties import GradientPenalty as GradientPenalty
from ttur.losses.penalties import LeCam as LeCam
from ttur.losses.penalties import ScoreAnchors as ScoreAnchors
from ttur.losses.penalties import gradient_penalty as gradient_penalty
from ttur.losses.penalties import zero_centred_penalty as zero_centred_penalty
from ttur.timescales.orders import Round as Round
