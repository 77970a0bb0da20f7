"""Three games small enough to know everything about, for the probe of appendix A5."""

from dataclasses import dataclass
from typing import Any, NamedTuple, no_type_check

import numpy as np
from scipy.optimize import root_scalar
from scipy.special import expit

from ttur.theory.checks import array_of_shape, check_at_least, check_in_range
from ttur.theory.two_players import Game, Matrix


@dataclass(frozen=True)
class MeanOnlyGAN(Game):
    """h = K w, g = -K theta - gamma w: a linear critic with weight decay, a generator of the mean.

    The two-mode model of appendix A5: with plain SGD its eps_eff is K^2 a / (gamma^2 b) exactly.
    """

    gamma: float = 0.3
    K: float = 1.0

    def __post_init__(self) -> None:
        _check_decay(self.gamma)
        check_in_range("K", self.K, 0.0, np.inf, "a coupling of the players")

    @no_type_check  # called at every update, as all below that are so marked
    def h(self, theta: Any, w: Any, batch: Any = None) -> Any:
        return self.K * w

    @no_type_check
    def g(self, theta: Any, w: Any, batch: Any = None) -> Any:
        return -self.K * theta - self.gamma * w

    def best_response(self, theta: Any) -> Any:
        return -self.K * theta / self.gamma

    def linearisation(self) -> Matrix:
        return np.array([[0.0, self.K], [-self.K, -self.gamma]])

    def threshold(self, b: float, beta1: float = 0.0) -> float:
        """The largest stable a of simultaneous updates, in closed form, for b up to 2 / gamma.

        Without momentum it is gamma / K^2, whatever b. A mode of rate u + iv is stable iff
        (1 - rho u)^2 + v^2 < 1, rho = (1 - beta1)/(1 + beta1) (Schur-Cohn); here u = b gamma / 2
        and v^2 = a b K^2 - u^2. For beta1 near 1 it tends to (1 - beta1) gamma / 2 + b gamma^2 / 4,
        the boundary momentum_load = 1 (at K = 1).
        """
        rho = (1 - beta1) / (1 + beta1)
        return (rho * self.gamma + (1 - rho**2) * b * self.gamma**2 / 4) / self.K**2


@dataclass(frozen=True)
class DiracGAN(Game):
    """Real samples at 0, generated at theta, D(x) = w x, minimax logistic loss, R1 penalty gamma.

    g = theta sig(-w theta) - gamma w, h = -w sig(-w theta): near the optimum (0, 0) the two-mode
    model with coupling 1/2, far from it a discriminator that saturates.
    """

    gamma: float = 0.1

    def __post_init__(self) -> None:
        _check_decay(self.gamma)

    @no_type_check
    def h(self, theta: Any, w: Any, batch: Any = None) -> Any:
        return -w * expit(-w * theta)

    @no_type_check
    def g(self, theta: Any, w: Any, batch: Any = None) -> Any:
        return theta * expit(-w * theta) - self.gamma * w

    def best_response(self, theta: Any) -> Any:
        def root(t: float) -> float:
            bracket = sorted((0.0, t / self.gamma))
            return root_scalar(lambda w: self.g(t, w), bracket=bracket, xtol=1e-15).root

        return np.vectorize(root, otypes=[float])(theta)

    def linearisation(self) -> Matrix:
        return np.array([[0.0, -0.5], [0.5, -self.gamma]])


class BatchMoments(NamedTuple):
    """All that the LQ-GAN sees of a batch: per coordinate, the means of x, x^2, z, z^2."""

    x: Any
    x2: Any
    z: Any
    z2: Any


@dataclass(frozen=True)
class LQGAN(Game):
    """Data N(mu, diag(sd^2)), G(z) = t + s z, D(x) = u.x + x' diag(v) x / 2, a critic's loss.

    theta = (t, s) / scale and w = (u, v), with weight decay gamma on w. The discriminator sees the
    difference of the first two moments, g = that - gamma w, so lambda(theta) = g(theta, 0) / gamma.
    """

    mu: tuple[float, ...] = (2.0, -1.0)
    sd: tuple[float, ...] = (1.0, 0.5)
    gamma: float = 0.3
    batch: int = 64
    scale: float = 1.0  # (t, s) = scale * theta: another parameterisation of the same generator

    def __post_init__(self) -> None:
        _check_decay(self.gamma)
        array_of_shape("sd", self.sd, (len(self.mu),))
        check_in_range("min(sd)", min(self.sd), 0.0, np.inf, "a data distribution with a density")
        check_in_range("scale", self.scale, 0.0, np.inf, "a parameterisation of the generator")
        check_at_least("batch", self.batch, 1)

    @property
    def m(self) -> int:
        return 2 * len(self.mu)

    @property
    def k(self) -> int:
        return 2 * len(self.mu)

    @property
    def population(self) -> BatchMoments:
        mu, sd = np.array(self.mu), np.array(self.sd)
        return BatchMoments(mu, mu**2 + sd**2, np.zeros_like(mu), np.ones_like(mu))

    @no_type_check
    def samples(self, rng: Any, replicas: int) -> tuple[Any, Any]:
        """(x, z), each of shape (replicas, batch, dimension)."""
        x, z = rng.standard_normal((2, replicas, self.batch, len(self.mu)))
        return self.mu + self.sd * x, z

    @staticmethod
    @no_type_check
    def moments(x: Any, z: Any) -> BatchMoments:
        return BatchMoments(*(f.mean(axis=-2) for f in (x, x**2, z, z**2)))

    @no_type_check
    def draw(self, rng: Any, replicas: int) -> BatchMoments:
        return self.moments(*self.samples(rng, replicas))

    @no_type_check
    def generator(self, theta: Any) -> tuple[Any, Any]:
        """(t, s)."""
        return _halves(self.scale * theta)

    @no_type_check
    def h(self, theta: Any, w: Any, batch: BatchMoments | None = None) -> Any:
        see = batch or self.population
        (t, s), (u, v) = self.generator(theta), _halves(w)
        slope = u + v * t  # of D at t
        return self.scale * _join(slope + v * s * see.z, slope * see.z + v * s * see.z2)

    @no_type_check
    def g(self, theta: Any, w: Any, batch: BatchMoments | None = None) -> Any:
        see = batch or self.population
        t, s = self.generator(theta)
        mean, square = t + s * see.z, t**2 + 2 * t * s * see.z + s**2 * see.z2
        return _join(see.x - mean, (see.x2 - square) / 2) - self.gamma * w

    @no_type_check
    def objective(self, theta: Any, w: Any, batch: BatchMoments | None = None) -> Any:
        """V_D = E D(x) - E D(G(z)) - gamma |w|^2 / 2; 0 for the uninformative discriminator."""
        return np.sum(w * (self.g(theta, w, batch) + self.gamma * w / 2), axis=-1)

    @no_type_check
    def scores(self, theta: Any, w: Any, x: Any, z: Any) -> tuple[Any, Any]:
        """(D(G(z)), D(x)), the axis of samples last."""
        (t, s), (u, v) = self.generator(theta), _halves(w[..., None, :])
        fake = t[..., None, :] + s[..., None, :] * z
        return tuple((u * y + v * y**2 / 2).sum(axis=-1) for y in (fake, x))

    def distance(self, theta: Any) -> Any:
        """|t - mu|^2 + ||s| - sd|^2, the Fréchet distance of generated and real samples."""
        t, s = self.generator(theta)
        return np.sum((t - self.mu) ** 2 + (np.abs(s) - self.sd) ** 2, axis=-1)

    def best_response(self, theta: Any) -> Any:
        return self.g(theta, np.zeros(self.k)) / self.gamma

    def linearisation(self) -> Matrix:
        one, zero = np.eye(len(self.mu)), np.zeros((len(self.mu), len(self.mu)))
        coupling = self.scale * np.block([[one, np.diag(self.mu)], [zero, np.diag(self.sd)]])
        decay = -self.gamma * np.eye(self.k)
        return np.block([[np.zeros_like(decay), coupling], [-coupling.T, decay]])


@no_type_check
def _halves(values: Any) -> tuple[Any, Any]:
    half = values.shape[-1] // 2
    return values[..., :half], values[..., half:]


@no_type_check
def _join(first: Any, second: Any) -> Any:
    return np.concatenate(np.broadcast_arrays(first, second), axis=-1)


def _check_decay(gamma: float) -> None:
    check_in_range("gamma", gamma, 0.0, np.inf, "a damped discriminator (g(theta, .) Hurwitz)")
