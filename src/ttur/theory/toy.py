"""The toy saddle of Figure 4: what two learning rates do to gradient descent-ascent under noise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ellipe

from ttur.theory.checks import check_in_range
from ttur.theory.iterate import Trajectory, TwoTimeScaleProblem, gaussian_noise, simulate
from ttur.theory.schedule import StepSizes
from ttur.timescales.step_sizes import LearningRatePair, PowerLaw

Coordinate = Float[np.ndarray, "..."]

START = (0.5, -0.4)
CURVATURE_X, CURVATURE_Y = 200.0, 2.0  # of f at the saddle, up to the sign

FIGURE4_SETTINGS: Mapping[str, LearningRatePair] = {
    "orig fast": LearningRatePair(discriminator=1e-2, generator=1e-2),
    "orig slow": LearningRatePair(discriminator=1e-3, generator=1e-3),
    "TTUR x": LearningRatePair(discriminator=1e-2, generator=1e-4),
    "TTUR y": LearningRatePair(discriminator=1e-4, generator=1e-2),
}
"""The four rows of Figure 4, named as in the authors' notebook; x is the generator, y the other."""

A2_SETTING = LearningRatePair(discriminator=PowerLaw(0.3, 0.6), generator=PowerLaw(0.009, 0.9))
"""Rates that Theorem 1 accepts (assumption A2), which no row of Figure 4 has."""


class Deviations(NamedTuple):
    """Standard deviations of both coordinates."""

    x: float
    y: float


@dataclass(frozen=True)
class SaddleToy:
    """f(x, y) = (1 + x^2) (100 - y^2): x descends, y ascends; saddle (0, 0) with f = 100.

        x <- x - lr_x (2 x (100 - y^2) + sigma xi),   y <- y + lr_y (-2 y (1 + x^2) + sigma xi')

    In the limit of small steps near the saddle x shrinks by 1 - 200 lr_x, y by 1 - 2 lr_y. So

    * lr_x = 0.01 is *exactly* the stability limit (factor -1): x neither converges nor blows up,
      it flips its sign and walks at random, rms lr_x sigma sqrt(n) from the saddle (the paper says
      that it diverges: E9).
    * lr_x = 1e-4 with lr_y = 1e-2 (the row "TTUR x") makes both factors *equal*, 0.98: the example
      shows a rate for each player, not a separation of time scales (E9).
    * f is quartic, its gradient only locally Lipschitz, and for |y| > 10 the descent in x reverses:
      the assumptions of Theorem 1 hold on |y| < 10.
    """

    @staticmethod
    def f(x: Coordinate, y: Coordinate) -> Coordinate:
        return (1 + x**2) * (100 - y**2)

    @staticmethod
    def grad(x: Coordinate, y: Coordinate) -> tuple[Coordinate, Coordinate]:
        """(df/dx, df/dy)."""
        return _f_x(x, y), _f_y(x, y)

    def problem(self, sigma: float = 1.0) -> TwoTimeScaleProblem:
        """theta = x, w = y; ascent-type fields h = -df/dx and g = +df/dy, noise sigma N(0, I)."""
        _check_sigma(sigma)
        return TwoTimeScaleProblem(
            m=1,
            k=1,
            h=lambda x, y, _: -_f_x(x, y),
            g=lambda x, y, _: _f_y(x, y),
            noise=gaussian_noise(sigma * np.eye(2), 1) if sigma else None,
        )


@no_type_check  # called at every update
def _f_x(x, y):
    return 2 * x * (100 - y**2)


@no_type_check
def _f_y(x, y):
    return -2 * y * (1 + x**2)


def run_figure4(
    settings: Mapping[str, LearningRatePair] = FIGURE4_SETTINGS,
    n_steps: int = 5000,
    sigma: float = 1.0,
    replicas: int = 400,
    seed: int = 0,
    record: Sequence[int] | int | None = None,
    start: tuple[float, float] = START,
) -> dict[str, Trajectory]:
    """Figure 4 under each setting: x moves first, y sees the new x (the authors' order).

    Every setting gets the same noise. `record` as in `simulate`.

    Raises:
        ValueError: if a setting is no pair of rates, or as `simulate`.
    """
    for name, pair in settings.items():
        if not isinstance(pair, LearningRatePair):
            raise ValueError(
                f"{name} should be a LearningRatePair(discriminator, generator), got {pair!r}"
            )
    problem, (x, y) = SaddleToy().problem(sigma), start
    return {
        name: simulate(
            problem,
            *_rates(pair),
            [x],
            [y],
            n_steps,
            replicas=replicas,
            seed=seed,
            order="slow_first",
            record=record,
        )
        for name, pair in settings.items()
    }


def _rates(pair: LearningRatePair) -> tuple[StepSizes, StepSizes]:
    """n -> a(n) and n -> b(n), which stay above the floor."""
    if not pair.floor:
        return pair.generator, pair.discriminator
    return lambda n: pair.at(n)[1], lambda n: pair.at(n)[0]


def norm(trajectory: Trajectory) -> Float[np.ndarray, "times replicas"]:
    """Distance to the saddle (0, 0)."""
    return np.hypot(trajectory.theta[..., 0], trajectory.w[..., 0])


def hitting_time(trajectory: Trajectory, radius: float) -> Int[np.ndarray, " replicas"]:
    """First recorded n at which the norm is below `radius`; -1 where it never is."""
    check_in_range("radius", radius, 0.0, np.inf, "A hitting time of a ball around the saddle")
    inside = norm(trajectory) < radius
    return np.where(inside.any(axis=0), trajectory.n[inside.argmax(axis=0)], -1)


def stationary_deviations(lr_x: float, lr_y: float, sigma: float = 1.0) -> Deviations:
    """Of the linearised updates, AR(1) each: lr sigma / sqrt(1 - (1 - curvature lr)^2).

    inf at and beyond the stability limit lr = 2 / curvature, where no stationary law exists.

    Raises:
        ValueError: if a rate is not finite and > 0, or sigma not finite and >= 0.
    """
    _check_sigma(sigma)

    def deviation(rate: float, curvature: float) -> float:
        check_in_range("a learning rate", rate, 0.0, np.inf, "A descent")
        room = curvature * (2 - curvature * rate)  # the same without cancelling at small rates
        return sigma * float(np.sqrt(rate / room)) if room > 0 else np.inf

    return Deviations(deviation(lr_x, CURVATURE_X), deviation(lr_y, CURVATURE_Y))


def mean_norm(deviations: Sequence[float]) -> float:
    """E |(X, Y)| of independent centred normals: sqrt(2/pi) s E(1 - t^2/s^2), s >= t.

    E is the complete elliptic integral of the second kind of that parameter.
    """
    small, large = sorted(deviations)
    if not np.isfinite(large):
        return float(np.inf)
    return float(np.sqrt(2 / np.pi) * large * ellipe(1 - (small / large) ** 2)) if large else 0.0


def _check_sigma(sigma: float) -> None:
    if not 0 <= sigma < np.inf:
        raise ValueError(f"sigma should be a finite standard deviation >= 0, got {sigma}")
