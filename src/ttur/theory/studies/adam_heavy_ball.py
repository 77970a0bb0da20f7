"""Theorem 2 = 12: in which sense Adam is a heavy ball with friction, and what is misprinted."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import root_scalar

from ttur.theory.adam_momentum import (
    Order,
    adam_momentum,
    effective_memory,
    spectral_radius,
    stability_limit,
)
from ttur.theory.checks import check_in_range
from ttur.theory.heavy_ball import (
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
from ttur.theory.momentum_noise import hbf_exact_covariance, second_moment_noise
from ttur.theory.study import Curve, Panel, Row, Study, StudyResult
from ttur.timescales import Constant, PowerLaw


class Part(NamedTuple):
    """A panel, the rows that belong to it, and what they show."""

    rows: tuple[Row, ...]
    panel: Panel
    claim: str


@np.errstate(over="ignore", invalid="ignore")  # a coarse step may diverge; it is then None
def adam_heavy_ball(
    r: float = 0.5,
    theta0: float = 2.0,
    time: float = 10.0,
    steps: tuple[float, ...] = (0.1, 0.05, 0.025, 0.0125, 0.00625),
    beta1: float = 0.9,
    memories: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0),
    alpha: float = 0.5,
    weights: tuple[float, ...] = (0.1, 0.03, 0.01),
    replicas: int = 10_000,
    seed: int = 0,
) -> StudyResult:
    """The heavy ball on f = theta^4/4 - theta^2/2 + theta/10 from rest, memory r, steps shrinking.

    `memories` are the r of r/t whose energy is followed; `weights` the c = 1 - beta1 at which the
    noise of the second moment is measured, 1 - beta2 = alpha c.

    Raises:
        ValueError: if a number is outside its range, or the steps do not shrink.
    """
    check_in_range("r", r, 0.0, np.inf, "a memory rate r > 0")
    check_in_range("beta1", beta1, 0.0, 0.999, "beta1 in (0, 0.999]")
    check_in_range("alpha", alpha, 0.0, 1.0, "beta2 >= beta1")
    check_in_range("replicas", float(replicas), 99.0, np.inf, "at least 100 replicas")
    if len(steps) < 2 or not (np.diff(steps) < 0).all() or steps[-1] <= 0:
        raise ValueError(f"steps should be two or more, > 0, each below the last, got {steps}")
    check_in_range("r times the first step", r * steps[0], 0.0, 0.99, "beta1 = 1 - a r > 0")
    check_in_range("a theta0^2", steps[0] * theta0**2, -1e-300, 1.0, "first steps that are stable")
    check_in_range("time", time, 2 * steps[0], np.inf, "more than two steps")
    if not (memories and weights and min(memories) > 0 and 0 < min(weights) <= max(weights) < 1):
        raise ValueError(
            f"memories should be > 0 and weights in (0, 1), got {memories} and {weights}"
        )

    parts = (
        _limit(r, theta0, time, steps[0], steps[-1]),
        _order(r, theta0, time, steps),
        _bias_correction(beta1),
        _memory(r, theta0, beta1),
        _energy(memories),
        _second_moment(alpha, weights, replicas, seed),
    )
    return StudyResult(
        rows=(*(row for part in parts for row in part.rows), _variance(r, replicas, seed)),
        panels=tuple(part.panel for part in parts),
        sentence=" ".join(part.claim for part in parts if part.claim),
        columns=3,
    )


def _f(x):
    return x**4 / 4 - x**2 / 2 + x / 10


def _f_grad(x):
    return x**3 - x + 0.1


def _limit(r: float, theta0: float, time: float, coarse: float, fine: float) -> Part:
    """E2: friction and gravity are r; the printed equation has friction a and gravity 1."""
    _, path, limit, printed = _beside(r, theta0, time, fine)
    near, far = (float(np.abs(path - curve).max()) for curve in (limit, printed))
    rows = (
        Row(f"sup |theta_n - corrected ODE|, Adam's order, a = {fine:g}", 0.0, near),
        Row(f"sup |theta_n - printed ODE|, Adam's order, a = {fine:g}", 0.0, far),
    )
    t, path, limit, printed = _beside(r, theta0, time, coarse)
    low, high = min(path.min(), printed.min()), max(path.max(), printed.max())
    panel = Panel(
        f"what the momentum follows (r = {r:g})",
        "time t = sum of the steps a(n)",
        "theta",
        (
            Curve(f"Adam's momentum, a = {coarse:g}", t, path, colour=0),
            Curve("corrected ODE: friction r, gravity r", t, limit, style="prediction"),
            Curve("ODE as printed: friction a, gravity 1", t, printed, colour=1),
        ),
        y_limits=(float(low) - 0.2, float(high + 0.4 * (high - low))),  # room for the legend
    )
    claim = (
        f"With step {fine:g} Adam's momentum stays within {near:.2g} of the corrected equation "
        f"(a is the step of time, friction and gravity are both r) and is {far:.2g} from the "
        "one printed as Eq. 5 (E2)."
        if near < far
        else ""
    )
    return Part(rows, panel, claim)


def _beside(
    r: float, theta0: float, time: float, a: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Times, Adam's momentum with step a, the corrected equation, the printed one."""
    count = int(time / a + 1e-9)
    t = a * np.arange(count + 1)
    memory = ConstantMemory(r)
    path = heavy_ball_path(_f_grad, memory, np.full(count, a), theta0, "adam")
    limit = hbf_ode(_f_grad, memory, theta0, times=t).theta
    printed = friction_ode(_f_grad, a, theta0, 0.0, t).theta
    return t, path[:, 0], limit[:, 0], printed[:, 0]


def _order(r: float, theta0: float, time: float, steps: tuple[float, ...]) -> Part:
    sequences = [Constant(a) for a in steps]
    schemes: dict[str, tuple[ConstantMemory | BiasCorrectedMemory, Order]] = {
        "heavy ball": (ConstantMemory(r), "heavy_ball"),
        "Adam's order": (ConstantMemory(r), "adam"),
        "Adam, bias-corrected": (BiasCorrectedMemory(r), "adam"),
    }
    results = {
        name: ode_convergence_order(_f_grad, memory, theta0, time, sequences, order=order)
        for name, (memory, order) in schemes.items()
    }
    a = np.array(steps)
    curves = [Curve(name, a, np.array(result.error)) for name, result in results.items()]
    slope = a * results["Adam's order"].error[-1] / a[-1]
    curves.append(Curve("proportional to a", a, slope, style="prediction"))
    return Part(
        tuple(
            Row(f"order of convergence, {name}", 1.0, result.order[-1])
            for name, result in results.items()
        ),
        Panel(
            "distance to the ODE is of first order",
            "step a",
            f"largest |theta_n - theta(t_n)| up to t = {time:g}",
            tuple(curves),
            x_scale="log",
            y_scale="log",
        ),
        "",
    )


def _bias_correction(beta1: float) -> Part:
    """E1."""
    n = np.arange(1, 1001)
    printed = adam_momentum(np.ones(1000), beta1, "paper_literal")
    kingma_ba = adam_momentum(np.ones(1000), beta1)
    rows = (
        Row("largest moment of a constant gradient 1, Kingma & Ba", 1.0, float(kingma_ba.max())),
        Row("largest moment of a constant gradient 1, as printed", 1.0, float(printed.max())),
    )
    panel = Panel(
        f"bias correction of a constant gradient (beta1 = {beta1:g})",
        "update n",
        "corrected first moment",
        (
            Curve("Eq. 4 as printed: fed back", n, printed, colour=1),
            Curve("Kingma & Ba", n, kingma_ba, colour=0),
            Curve("the gradient", n, np.ones(1000), style="prediction", colour=2),
        ),
        x_scale="log",
        y_scale="log",
    )
    at = int(np.argmax(printed)) + 1
    claim = (
        f"Bias correction as printed in Eq. 4 turns a gradient of 1 into {printed.max():.4g} at "
        f"update {at} (E1)."
    )
    return Part(rows, panel, claim if printed.max() > 1.01 else "")


def _memory(r: float, theta0: float, beta1: float) -> Part:
    """Changes of time (E2), the weights c_n (E1), the two limits of stability (E4)."""
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
    orders: dict[str, Order] = {"heavy ball": "heavy_ball", "Adam's order": "adam"}
    for name, order in orders.items():
        limit = stability_limit(beta1, order)
        at = _where_radius_is_one(beta1, order, limit)
        rows.append(Row(f"largest stable a L at beta1 = {beta1:g}, {name}", limit, at))
    n = np.arange(1, 10_001)
    curves = [
        Curve(f"beta1 = {beta:g}", n, effective_memory(beta, n)) for beta in (0.9, 0.99, 0.999)
    ]
    curves.append(Curve("1/n: the mean of all gradients", n, 1 / n, style="prediction"))
    panel = Panel(
        "what bias-corrected Adam remembers",
        "update n",
        "weight c of gradient n",
        tuple(curves),
        x_scale="log",
        y_scale="log",
        y_limits=(8e-4, 1.5),
    )
    return Part(tuple(rows), panel, "")


def _where_radius_is_one(beta1: float, order: Order, near: float) -> float:
    def excess(curvature):
        return spectral_radius(float(curvature), beta1, order) - 1

    return float(root_scalar(excess, bracket=(0.9 * near, 1.1 * near)).root)


def _energy(memories: tuple[float, ...]) -> Part:
    """E3: with r/t the energy goes like t^((1 - 2 r)/2) on f = x^2/2."""
    t = np.geomspace(1, 2000, 600)
    rows, curves, grows = [], [], []
    for colour, r in enumerate(memories):
        law = PolynomialMemory(float(r))
        energy = energy_trajectory(lambda x: x**2 / 2, lambda x: x, law, 1.0, 0.0, t).energy
        late = t > 20
        power = (1 - 2 * r) / 2
        slope = float(np.polyfit(np.log(t[late]), np.log(energy[late]), 1)[0])
        rows.append(Row(f"energy of memory {r:g}/t: exponent of t", power, slope))
        predicted = energy[-1] * (t[late] / t[-1]) ** power
        curves.append(Curve(f"r = {r:g}", t, energy, colour=colour))
        curves.append(Curve("", t[late], predicted, style="prediction", colour=colour))
        if energy[-1] > 1.01 * energy[0]:
            grows.append(f"{r:g}")
    panel = Panel(
        "memory r/t dissipates only if r > 1/2",
        "time t",
        "energy f + theta'^2 t / (2 r)",
        tuple(curves),
        x_scale="log",
        y_scale="log",
    )
    claim = f"With memory r/t the energy grows at r = {', '.join(grows)}: r > 1/2 is needed (E3)."
    return Part(tuple(rows), panel, claim if grows else "")


def _second_moment(alpha: float, weights: tuple[float, ...], replicas: int, seed: int) -> Part:
    """E5: M^v of Eq. 7, gradients N(1, 1), so v = 2."""
    rng = np.random.default_rng(seed)
    rows, squares = [], []
    v = 2.0
    for c in weights:
        d = alpha * c
        m, second = np.ones(replicas), np.full(replicas, v)
        for _ in range(int(6 / d)):  # e^-6 of the start is left
            gradient = rng.normal(1, 1, replicas)
            m += c * (gradient - m)
            second += d * (gradient**2 - second)
        noise = -m * (second - v) / (2 * c * v**1.5)
        exact = second_moment_noise(1.0, 1.0, 1 - c, 1 - d)
        for quantity, predicted, values in (
            ("E[M^v]", exact.mean, noise),
            ("E[(M^v)^2]", exact.mean_square, noise**2),
        ):
            error = float(values.std() / np.sqrt(replicas))
            rows.append(Row(f"{quantity} at c = {c:g}", predicted, float(values.mean()), error))
        squares.append(float((noise**2).mean()))
    c = np.geomspace(min(weights) / 3, max(weights), 40)
    exact = {
        mu: np.array(
            [second_moment_noise(mu, 1.0, 1 - x, 1 - alpha * x).mean_square for x in c.tolist()]
        )
        for mu in (1.0, 0.0)
    }
    panel = Panel(
        "noise of the second moment (gradients N(mu, 1))",
        "weight c = 1 - beta1",
        "E[(M^v)^2]",
        (
            Curve(
                "mu = 1, simulated", np.array(weights), np.array(squares), style="points", colour=0
            ),
            Curve("mu = 1, exact", c, exact[1.0], style="prediction", colour=0),
            Curve("mu = 0, exact", c, exact[0.0], style="prediction", colour=1),
        ),
        x_scale="log",
        y_scale="log",
    )
    claim = (
        "The noise M^v that Eq. 7 takes for bounded martingale differences has mean "
        f"{rows[0].measured:.2g} and a mean square that grows from {squares[0]:.2g} to "
        f"{squares[-1]:.2g} as c falls from {weights[0]:g} to {weights[-1]:g} (E5)."
    )
    return Part(tuple(rows), panel, claim if squares[-1] > squares[0] else "")


def _variance(r: float, replicas: int, seed: int) -> Row:
    """Var theta_n / a(n) on f = theta^2/2 with a(n) = n^-0.75: momentum gains and costs nothing."""
    count, schedule = 1000, PowerLaw(c0=min(1.0, 0.9 / r), p=0.75)
    a = schedule(np.arange(1, count + 1))
    rng = np.random.default_rng(seed + 1)
    theta = m = np.zeros(min(replicas, 4000))
    for step in a:
        noisy = theta + rng.normal(size=theta.shape)
        theta, m = theta - step * m, (1 - step * r) * m + step * r * noisy
    exact = hbf_exact_covariance(1.0, r, 1.0, a)[0, 0] / a[-1]
    squares = theta**2 / a[-1]
    return Row(
        f"Var theta_n / a(n), noisy heavy ball, n = {count} (limit s2/(2 L) = 0.5)",
        float(exact),
        float(squares.mean()),
        float(squares.std() / np.sqrt(len(squares))),
    )


STUDY = Study(
    name="adam_heavy_ball",
    theorem="Theorem 2 = 12 (Eq. 3-7, 162-169; E1-E5)",
    question="In which sense is Adam a heavy ball with friction, and what does it dissipate?",
    seconds=3.0,
    run=adam_heavy_ball,
)
