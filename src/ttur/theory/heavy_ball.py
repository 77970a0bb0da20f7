"""The heavy ball with friction, the differential equation that Adam follows (Theorem 2 = 12).

theta'' + r(t) theta' + r(t) grad f(theta) = 0, with a(n) as the step of time (corrected: E2).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, no_type_check

import numpy as np
from jaxtyping import Float
from scipy.integrate import solve_ivp

from ttur.theory.adam_momentum import Gradient, Order, hbf_step
from ttur.theory.checks import Numbers, array_of_shape, check_in_range
from ttur.theory.memory import BiasCorrectedMemory, Memory, PolynomialMemory, as_memory
from ttur.theory.schedule import StepSizes, step_sizes

Times = Float[np.ndarray, " times"]
Positions = Float[np.ndarray, "times dim"]


@dataclass(frozen=True, eq=False)
class Motion:
    """A solution theta(t), its velocity, and the energy it has lost since the first time."""

    t: Times
    theta: Positions
    velocity: Positions
    dissipated: Times


Friction = float | Callable[..., Any]  # gamma, or s -> gamma(s)


def hbf_ode(
    f_grad: Gradient,
    r: float | Memory,
    theta0: Numbers,
    v0: Numbers | None = None,
    T: float = 10.0,
    *,
    times: Times | None = None,
) -> Motion:
    """theta'' + r(t) theta' + r(t) grad f(theta) = 0, what Adam and the heavy ball follow (E2).

    a(n) is the step of time, t_n = a(1) + ... + a(n), and theta' = -m. The paper's Eq. 5 (164),
    theta'' + a(t) theta' + grad f = 0 with a the learning rate, is not its limit.

    Args:
        f_grad: (dim,) -> (dim,).
        r: a memory, or a number for constant memory.
        theta0: start, of shape (dim,) or a number.
        v0: velocity at the start; None: at rest, or -grad f(theta0) with bias correction.
        T: last time; `memory.start` is the first. With `times` it is not used.
        times: when to look, in increasing order; None takes 1001 equal steps.

    Raises:
        ValueError: if T is not after the start, a time is before it, or v0 has not the shape of
            theta0 or is given with bias correction, where only one is finite.
    """
    memory = as_memory(r)
    first = memory.start
    if times is None:
        check_in_range("T", T, first, np.inf, "a time after the start")
        times = np.linspace(first, T, 1001)
    elif times[0] < first:
        raise ValueError(f"times should not be before the start {first:g}, got {times[0]:g}")
    theta = _point(theta0)
    if isinstance(memory, BiasCorrectedMemory):
        if v0 is not None:
            raise ValueError(
                "with bias correction r(0) is infinite and the velocity starts at -grad f(theta0); "
                f"v0 should be None, got {v0}"
            )
        first, v0 = 1e-9, -_point(f_grad(theta))
        times = np.maximum(times, first)
    return _solve(f_grad, memory, theta, v0, first, times)


def friction_ode(
    f_grad: Gradient,
    gamma: Friction,
    theta0: Numbers,
    v0: Numbers | None,
    times: Times,
) -> Motion:
    """theta'' + gamma(s) theta' + grad f(theta) = 0 from times[0] on (Eq. 167, Attouch et al.)."""
    return _solve(f_grad, gamma, _point(theta0), v0, float(times[0]), times)


@dataclass(frozen=True, eq=False)
class EnergyTrajectory:
    """Energy of a solution; energy + dissipated stays at energy[0]."""

    motion: Motion
    energy: Times

    @property
    def balance_error(self) -> float:
        """The largest |energy + dissipated - energy at the start|."""
        return float(np.abs(self.energy + self.motion.dissipated - self.energy[0]).max())


def energy_trajectory(
    f: Callable[..., Any],
    f_grad: Gradient,
    law: Friction | Memory,
    theta0: Numbers,
    v0: Numbers | None,
    times: Times,
) -> EnergyTrajectory:
    """The energy of part (iii) along a solution, and what friction took of it (Eq. 168-169).

    With a friction: E = f + theta'^2 / 2, E' = -gamma theta'^2. With a memory, where gravity is r
    too: E = f + theta'^2 / (2 r), E' = -(1 + r_t / (2 r^2)) theta'^2, for r/t the factor is
    1 - 1/(2 r): energy is kept at r = 1/2 and grows below it (E3).

    Args:
        f: (dim,) -> a number.
        f_grad: (dim,) -> (dim,).
        law: friction gamma (a number or a function of time), or a memory.
        theta0, v0: as in `hbf_ode`.
        times: when to look; the first is the start.

    Raises:
        ValueError: if a memory is infinite at the first of the times.
    """
    if isinstance(law, PolynomialMemory | BiasCorrectedMemory):
        check_in_range("times[0]", float(times[0]), 0.0, np.inf, "a finite memory r(t)")
    motion = _solve(f_grad, law, _point(theta0), v0, float(times[0]), times)
    gravity = law(motion.t) if isinstance(law, Memory) else 1.0
    potential = np.array([np.asarray(f(theta)).item() for theta in motion.theta])
    return EnergyTrajectory(motion, potential + (motion.velocity**2).sum(axis=1) / (2 * gravity))


def _solve(
    f_grad: Gradient,
    law: Friction | Memory,
    theta0: Float[np.ndarray, " dim"],
    v0: Numbers | None,
    first: float,
    times: Times,
) -> Motion:
    """theta'' = -friction theta' - gravity grad f, and its loss of energy as one more state."""
    dim = len(theta0)
    velocity = np.zeros(dim) if v0 is None else array_of_shape("v0", _point(v0), (dim,))

    @no_type_check
    def field(t, state):
        theta, velocity = state[:dim], state[dim:-1]
        if isinstance(law, Memory):
            friction = gravity = law(t)
            loss = 1 + law.slope(t) / (2 * gravity**2)
        else:
            friction = loss = law(t) if callable(law) else law
            gravity = 1.0
        pull = -friction * velocity - gravity * f_grad(theta)
        return np.concatenate([velocity, pull, [loss * (velocity @ velocity)]])

    solution = solve_ivp(
        field,
        (first, float(times[-1])),
        np.concatenate([theta0, velocity, [0.0]]),
        method="DOP853",
        t_eval=times,
        rtol=1e-11,
        atol=1e-12,
    )
    if not solution.success:
        raise ValueError(f"the differential equation was not solved: {solution.message}")
    states = solution.y.T
    return Motion(times, states[:, :dim], states[:, dim:-1], states[:, -1])


def heavy_ball_path(
    f_grad: Gradient,
    memory: Memory,
    a: Times,
    theta0: Numbers,
    order: Order = "heavy_ball",
) -> Float[np.ndarray, "steps_and_start dim"]:
    """theta_0, theta_1, ..., theta_N with the steps a(1) ... a(N), without noise, from rest."""
    theta = _point(theta0)
    momentum = np.zeros_like(theta)
    path = [theta]
    for step, c in zip(a, memory.weights(a), strict=True):
        theta, momentum = hbf_step(theta, momentum, f_grad, step, c, order=order)
        path.append(theta)
    return np.array(path)


@dataclass(frozen=True)
class ConvergenceOrder:
    """sup over t_n <= T of |theta_n - theta(t_n)| for each first step a(1)."""

    a: tuple[float, ...]
    error: tuple[float, ...]

    @property
    def order(self) -> tuple[float, ...]:
        """log(error ratio) / log(step ratio), from one step to the next."""
        return tuple((np.diff(np.log(self.error)) / np.diff(np.log(self.a))).tolist())


def ode_convergence_order(
    f_grad: Gradient,
    r: float | Memory,
    theta0: Numbers,
    T: float,
    sequences: Sequence[StepSizes],
    *,
    order: Order = "heavy_ball",
) -> ConvergenceOrder:
    """How fast the iteration approaches `hbf_ode` as its steps shrink: first order (E2).

    Args:
        f_grad: (dim,) -> (dim,).
        r: a memory, or a number for constant memory.
        theta0: start, at rest.
        T: last time.
        sequences: step sizes n -> a(n), each used until a(1) + ... + a(n) reaches T.
        order: which momentum moves the ball.

    Raises:
        ValueError: if T comes before the first step, or is not reached within 2^22 steps.
    """
    memory = as_memory(r)
    errors, first = [], []
    for sequence in sequences:
        count = 64
        while memory.start + (a := step_sizes("a", sequence, count)).sum() < T:
            if count == 2**22:
                end = memory.start + a.sum()
                raise ValueError(f"{count} steps a(n) should reach T = {T:g}, got to {end:g} only")
            count *= 2
        t = memory.start + np.cumsum(a)
        a, t = a[t <= T * (1 + 1e-12)], t[t <= T * (1 + 1e-12)]
        if not a.size:
            raise ValueError(f"T should not be before the first step, got {T:g}")
        path = heavy_ball_path(f_grad, memory, a, theta0, order)
        exact = hbf_ode(f_grad, memory, theta0, T=float(t[-1]), times=t).theta
        errors.append(float(np.abs(path[1:] - exact).max()))
        first.append(float(a[0]))
    return ConvergenceOrder(tuple(first), tuple(errors))


def _point(values: Numbers) -> Float[np.ndarray, " dim"]:
    return np.atleast_1d(np.asarray(values, dtype=np.float64))
