"""Adam's moments as the controlled Markov noise of Theorem 5, and where they move its zero."""

from collections.abc import Callable
from typing import Any, NamedTuple, no_type_check

import numpy as np
from numpy.typing import ArrayLike

from ttur.theory.adam_momentum import corrected_moments
from ttur.theory.checks import check_at_least, check_in_range, check_momentum
from ttur.theory.iterate import Trajectory, TwoTimeScaleProblem, simulate
from ttur.theory.schedule import StepSizes

GradientNoise = Callable[..., Any]  # (generator, shape) -> noise of that shape


@no_type_check
def exponential_noise(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Exp(1) - 1: mean 0, variance 1, third moment 2."""
    return rng.exponential(size=shape) - 1


@no_type_check
def normal_noise(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.standard_normal(shape)


class Estimate(NamedTuple):
    """An average and its Monte-Carlo standard error, both of the shape of theta."""

    mean: Any
    se: Any


def adam_markov_field(
    theta: ArrayLike | float,
    beta1: float,
    beta2: float,
    noise: GradientNoise = exponential_noise,
    *,
    replicas: int = 1000,
    steps: int = 1500,
    seed: int = 0,
    epsilon: float = 1e-8,
) -> Estimate:
    """hhat(theta) = E[-m / (sqrt v + epsilon)] of Adam's moments (m, v) at frozen theta (E8).

    With constant coefficients (m, v) is a Markov chain steered by theta, as Theorem 5 has it. The
    loss is theta^2 / 2, its gradient samples theta + noise. Averages over the last half of
    `steps`; every theta sees the same noise, so that differences between them are smooth.

    Raises:
        ValueError: if a coefficient is outside [0, 1), half of `steps` is below 3 / (1 - beta) of
            either, or there are fewer than two replicas.
    """
    _check_betas(beta1, beta2)
    check_at_least("replicas", replicas, 2)
    burn, slowest = steps // 2, 3 / (1 - max(beta1, beta2))
    check_in_range("3 / (1 - beta)", slowest, 0.0, float(burn), "Forgetting the start")
    theta = np.asarray(theta, dtype=float)
    rng, total = np.random.default_rng(seed), np.zeros((*theta.shape, replicas))
    m = v = np.zeros_like(total)
    for n in range(1, steps + 1):
        gradient = theta[..., None] + noise(rng, (replicas,))
        m, v = corrected_moments(m, v, gradient, beta1, beta2, n)
        if n > burn:
            total -= m / (np.sqrt(v) + epsilon)
    means = total / (steps - burn)
    return Estimate(means.mean(axis=-1), means.std(axis=-1, ddof=1) / np.sqrt(replicas))


def adam_zero(
    beta1: float, beta2: float, noise: GradientNoise = exponential_noise, **settings: Any
) -> Estimate:
    """The zero of hhat, where Adam's iterates settle; `settings` as for `adam_markov_field`.

    Four Newton steps from the zero of the gradient; the error is that of hhat over its slope.
    """
    zero = error = 0.0
    for _ in range(4):
        field = adam_markov_field([zero - 0.05, zero, zero + 0.05], beta1, beta2, noise, **settings)
        slope = (field.mean[2] - field.mean[0]) / 0.1
        zero, error = zero - field.mean[1] / slope, abs(field.se[1] / slope)
    return Estimate(zero, error)


def adam_shift_first_order(beta1: float, beta2: float, skewness: float = 2.0) -> float:
    """That zero to first order, (1 - b1) (1 - b2) / (1 - b1 b2) kappa3 / (2 v), at v = 1."""
    _check_betas(beta1, beta2)
    return (1 - beta1) * (1 - beta2) / (1 - beta1 * beta2) * skewness / 2


def run_adam(
    a: StepSizes,
    beta1: float,
    beta2: float,
    noise: GradientNoise = exponential_noise,
    *,
    n_steps: int,
    replicas: int,
    seed: int = 0,
    epsilon: float = 1e-8,
    record: Any = None,
) -> Trajectory:
    """Adam with rate a(n) on theta^2 / 2 from theta = 0, (m, v) being the Markov state Z.

    Z is from before the update, which therefore moves with the moments of the one before it, as
    the heavy ball does with its old momentum (E4): update 1 does nothing. The limit is the same.

    Raises:
        ValueError: if a coefficient is outside [0, 1).
    """
    _check_betas(beta1, beta2)

    @no_type_check
    def step(rng, state, theta, w, n):
        m, v = state
        return corrected_moments(m, v, theta + noise(rng, theta.shape), beta1, beta2, n)

    problem = TwoTimeScaleProblem(
        m=1,
        k=0,
        h=lambda theta, w, state: -state[0] / (np.sqrt(state[1]) + epsilon),
        g=lambda theta, w, state: w,
        markov_init=lambda rng, replicas: (np.zeros((replicas, 1)), np.zeros((replicas, 1))),
        markov_step=step,
    )
    return simulate(problem, a, a, [0.0], [], n_steps, replicas=replicas, seed=seed, record=record)


def _check_betas(beta1: float, beta2: float) -> None:
    check_momentum("beta1", beta1)
    check_momentum("beta2", beta2)
