"""What the study of Theorem 2 = 12 measures: Adam's momentum beside a ball, energies, noise.

The ball starts at rest on f = theta^4/4 - theta^2/2 + theta/10, unless another f is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, no_type_check

import numpy as np
from jaxtyping import Float
from scipy.optimize import root_scalar

from ttur.theory.adam_momentum import Order, spectral_radius, stability_limit
from ttur.theory.heavy_ball import (
    ConvergenceOrder,
    Times,
    energy_trajectory,
    friction_ode,
    hbf_ode,
    heavy_ball_path,
    ode_convergence_order,
)
from ttur.theory.memory import (
    BiasCorrectedMemory,
    ConstantMemory,
    PolynomialMemory,
    hbf_time_change,
)
from ttur.theory.momentum_noise import (
    SecondMomentNoise,
    hbf_exact_covariance,
    second_moment_noise,
)
from ttur.theory.study import Row, mean_and_error
from ttur.timescales import Constant, PowerLaw

Samples = Float[np.ndarray, " replicas"]


@no_type_check  # called at every update
def _f_grad(x: Any) -> Any:
    return x**3 - x + 0.1


class AdamPath:
    """Adam's momentum, memory r and step a constant, beside two differential equations (E2)."""

    def __init__(self, r: float, theta0: float, time: float, a: float) -> None:
        count, memory = int(time / a + 1e-9), ConstantMemory(r)
        self.a = a
        self.t = a * np.arange(count + 1)
        self.theta = heavy_ball_path(_f_grad, memory, np.full(count, a), theta0, "adam")[:, 0]
        # Friction and gravity are r; as printed, friction is a and gravity 1.
        self.corrected = hbf_ode(_f_grad, memory, theta0, times=self.t).theta[:, 0]
        self.printed = friction_ode(_f_grad, a, theta0, 0.0, self.t).theta[:, 0]

    def farthest(self, curve: Times) -> float:
        return float(np.abs(self.theta - curve).max())

    def rows(self) -> list[Row]:
        return [
            Row(f"sup |theta_n - {name} ODE|, Adam's order, a = {self.a:g}", 0.0, distance)
            for name, distance in (
                ("corrected", self.farthest(self.corrected)),
                ("printed", self.farthest(self.printed)),
            )
        ]


def convergence(
    r: float, theta0: float, time: float, steps: Sequence[float]
) -> dict[str, ConvergenceOrder]:
    """Of three schemes to their equation as the step shrinks."""
    sequences = [Constant(a) for a in steps]
    schemes: dict[str, tuple[ConstantMemory | BiasCorrectedMemory, Order]] = {
        "heavy ball": (ConstantMemory(r), "heavy_ball"),
        "Adam's order": (ConstantMemory(r), "adam"),
        "Adam, bias-corrected": (BiasCorrectedMemory(r), "adam"),
    }
    return {
        name: ode_convergence_order(_f_grad, memory, theta0, time, sequences, order=order)
        for name, (memory, order) in schemes.items()
    }


def time_change_rows(r: float, theta0: float) -> list[Row]:
    """The solution in the time of the ball and in that of the memory is one (E2)."""
    rows = []
    for name, memory in (
        (f"r = {r:g}", ConstantMemory(r)),
        ("2/t", PolynomialMemory(2.0)),
        ("bias-corrected", BiasCorrectedMemory(r)),
    ):
        s, _, friction = hbf_time_change(memory)
        times = np.linspace(memory.start + 0.01, 10.0, 100)
        in_t = hbf_ode(_f_grad, memory, theta0, times=times)
        velocity = in_t.velocity[0] / np.sqrt(memory(times[0]))
        in_s = friction_ode(_f_grad, friction, in_t.theta[0], velocity, s(times))
        error = float(np.abs(in_s.theta - in_t.theta).max())
        rows.append(Row(f"sup |theta in ball time - in memory time|, {name}", 0.0, error))
    return rows


def stability_rows(beta1: float) -> list[Row]:
    """Where the spectral radius comes to 1 in both orders (E4)."""
    orders: dict[str, Order] = {"heavy ball": "heavy_ball", "Adam's order": "adam"}
    rows = []
    for name, order in orders.items():

        def excess(curvature: float, order: Order = order) -> float:
            return spectral_radius(float(curvature), beta1, order) - 1

        limit = stability_limit(beta1, order)
        at = float(root_scalar(excess, bracket=(0.9 * limit, 1.1 * limit)).root)
        rows.append(Row(f"largest stable a L at beta1 = {beta1:g}, {name}", limit, at))
    return rows


class EnergyRun:
    """The energy of memory r/t on f = theta^2/2; late, it goes like t^power (E3)."""

    def __init__(self, r: float) -> None:
        self.r, self.power = r, (1 - 2 * r) / 2
        self.t = np.geomspace(1, 2000, 600)
        self.late = self.t > 20
        law = PolynomialMemory(r)
        run = energy_trajectory(lambda x: x**2 / 2, lambda x: x, law, 1.0, 0.0, self.t)
        self.energy = run.energy

    def row(self) -> Row:
        t, energy = np.log(self.t[self.late]), np.log(self.energy[self.late])
        slope = float(np.polyfit(t, energy, 1)[0])
        return Row(f"energy of memory {self.r:g}/t: exponent of t", self.power, slope)

    def predicted(self) -> Times:
        """The power law through the last value, at late times."""
        return self.energy[-1] * (self.t[self.late] / self.t[-1]) ** self.power


@dataclass(frozen=True, eq=False)
class NoiseRun:
    """M^v of Eq. 7 at c = 1 - beta1: replicas, and its exact moments."""

    c: float
    noise: Samples
    exact: SecondMomentNoise

    def rows(self) -> list[Row]:
        return [
            Row(f"E[{name}] at c = {self.c:g}", exact, *mean_and_error(values))
            for name, exact, values in (
                ("M^v", self.exact.mean, self.noise),
                ("(M^v)^2", self.exact.mean_square, self.noise**2),
            )
        ]


def second_moment_runs(
    alpha: float, weights: Sequence[float], replicas: int, seed: int
) -> list[NoiseRun]:
    """Gradients N(1, 1), so v = 2; 1 - beta2 = alpha c (E5)."""
    rng, v, runs = np.random.default_rng(seed), 2.0, []
    for c in weights:
        d = alpha * c
        m, second = np.ones(replicas), np.full(replicas, v)
        for _ in range(int(6 / d)):  # e^-6 of the start is left
            gradient = rng.normal(1, 1, replicas)
            m += c * (gradient - m)
            second += d * (gradient**2 - second)
        noise = -m * (second - v) / (2 * c * v**1.5)
        runs.append(NoiseRun(c, noise, second_moment_noise(1.0, 1.0, 1 - c, 1 - d)))
    return runs


def mean_squares(mu: float, alpha: float, c: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """E[(M^v)^2], exactly, of gradients N(mu, 1) and 1 - beta2 = alpha c."""
    pairs = zip((1 - c).tolist(), (1 - alpha * c).tolist(), strict=True)
    return np.array([second_moment_noise(mu, 1.0, *betas).mean_square for betas in pairs])


def variance_row(r: float, replicas: int, seed: int) -> Row:
    """Var theta_n / a(n) on f = theta^2/2 with a(n) = n^-0.75: momentum gains and costs nothing."""
    count, schedule = 1000, PowerLaw(c0=min(1.0, 0.9 / r), p=0.75)
    a = schedule(np.arange(1, count + 1))
    rng = np.random.default_rng(seed)
    theta = m = np.zeros(min(replicas, 4000))
    for step in a:
        noisy = theta + rng.normal(size=theta.shape)
        theta, m = theta - step * m, (1 - step * r) * m + step * r * noisy
    exact = hbf_exact_covariance(1.0, r, 1.0, a)[0, 0] / a[-1]
    name = f"Var theta_n / a(n), noisy heavy ball, n = {count} (limit s2/(2 L) = 0.5)"
    return Row(name, float(exact), *mean_and_error(theta**2 / a[-1]))
