"""Theorem 2 = 12: in which sense Adam is a heavy ball with friction, and what is misprinted."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ttur.theory.adam_momentum import adam_momentum, effective_memory
from ttur.theory.checks import check_at_least, check_in_range
from ttur.theory.heavy_ball import ConvergenceOrder
from ttur.theory.heavy_ball_runs import (
    AdamPath,
    EnergyRun,
    NoiseRun,
    convergence,
    mean_squares,
    second_moment_runs,
    stability_rows,
    time_change_rows,
    variance_row,
)
from ttur.theory.study import Curve, Panel, Row, Study, StudyResult, level


class Part(NamedTuple):
    """A panel, the rows that belong to it, and what they show."""

    rows: Sequence[Row]
    panel: Panel
    claim: str = ""


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
    check_at_least("replicas", replicas, 100)
    if len(steps) < 2 or not (np.diff(steps) < 0).all() or steps[-1] <= 0:
        raise ValueError(f"steps should be two or more, > 0, each below the last, got {steps}")
    if not steps[0] * theta0**2 <= 1:
        raise ValueError(
            "the first step should be stable, a theta0^2 at most 1, got "
            f"{steps[0] * theta0**2:g}; take a smaller one, or start nearer to 0"
        )
    if not 2 * steps[0] < time <= 1e6 * steps[-1]:
        raise ValueError(
            "time should be at least two of the first steps and at most a million of the last, got "
            f"{time:g}"
        )
    if not (memories and weights and min(memories) > 0 and 1e-4 < min(weights) <= max(weights) < 1):
        raise ValueError(
            f"memories should be > 0 and weights in (0.0001, 1), got {memories} and {weights}"
        )
    check_in_range("r", r, 0.0, 0.99 / steps[0], why="at the first step beta1 = 1 - a r >= 0.01")
    check_in_range("beta1", beta1, 0.0, 0.999, why="1,000 updates of it are drawn")
    check_in_range("alpha", alpha, 1e-4 / min(weights), 1.0, why="1 - beta2 = alpha c >= 1e-4")

    parts = (
        _limit(r, *(AdamPath(r, theta0, time, a) for a in (steps[0], steps[-1]))),
        _order(convergence(r, theta0, time, steps), time),
        _bias_correction(beta1),
        _memory([*time_change_rows(r, theta0), *stability_rows(beta1)]),
        _energy([EnergyRun(float(rate)) for rate in memories]),
        _second_moment(second_moment_runs(alpha, weights, replicas, seed), alpha),
    )
    return StudyResult(
        rows=(*(row for part in parts for row in part.rows), variance_row(r, replicas, seed + 1)),
        panels=tuple(part.panel for part in parts),
        sentence=" ".join(part.claim for part in parts if part.claim),
        columns=3,
    )


def _limit(r: float, coarse: AdamPath, fine: AdamPath) -> Part:
    """E2: friction and gravity are r; the printed equation has friction a and gravity 1."""
    near, far = fine.farthest(fine.corrected), fine.farthest(fine.printed)
    t, path, printed = coarse.t, coarse.theta, coarse.printed
    panel = Panel(
        f"What the momentum follows (r = {r:g})",
        "time t = sum of the steps a(n)",
        "theta",
        (
            Curve(f"Adam's momentum, a = {coarse.a:g}", t, path, colour=0),
            Curve("corrected ODE: friction r, gravity r", t, coarse.corrected, style="prediction"),
            Curve("ODE as printed: friction a, gravity 1", t, printed, colour=1),
        ),
    )
    claim = (
        f"With step {fine.a:g} Adam's momentum stays within {near:.2g} of the corrected equation "
        f"(a is the step of time, friction and gravity are both r) and is {far:.2g} from the "
        "one printed as Eq. 5 (E2)."
    )
    return Part(fine.rows(), panel, claim if near < far else "")


def _order(results: dict[str, ConvergenceOrder], time: float) -> Part:
    a = np.array(results["Adam's order"].a)
    curves = [Curve(name, a, np.array(result.error)) for name, result in results.items()]
    slope = a * results["Adam's order"].error[-1] / a[-1]
    curves.append(Curve("proportional to a", a, slope, style="prediction"))
    return Part(
        [
            Row(f"order of convergence, {name}", 1.0, result.order[-1])
            for name, result in results.items()
        ],
        Panel(
            f"Distance to the ODE up to t = {time:g}: first order",
            "step a",
            "largest |theta_n - theta(t_n)|",
            tuple(curves),
            x_scale="log",
            y_scale="log",
        ),
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
        f"Bias correction of a constant gradient (beta1 = {beta1:g})",
        "update n",
        "corrected first moment",
        (
            Curve("Eq. 4 as printed: fed back", n, printed, colour=1),
            Curve("Kingma & Ba", n, kingma_ba, colour=0),
            level("the gradient", n, 1.0, style="prediction", colour=2),
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


def _memory(rows: list[Row]) -> Part:
    """The weights c_n (E1), beside what holds of any memory: changes of time, stability."""
    n = np.arange(1, 10_001)
    curves = [
        Curve(f"beta1 = {beta:g}", n, effective_memory(beta, n)) for beta in (0.9, 0.99, 0.999)
    ]
    curves.append(Curve("1/n: the mean of all gradients", n, 1 / n, style="prediction"))
    panel = Panel(
        "What bias-corrected Adam remembers",
        "update n",
        "weight c of gradient n",
        tuple(curves),
        x_scale="log",
        y_scale="log",
        y_limits=(8e-4, 1.5),
    )
    return Part(rows, panel)


def _energy(runs: list[EnergyRun]) -> Part:
    """E3: with r/t the energy goes like t^((1 - 2 r)/2) on f = x^2/2."""
    curves = []
    for colour, run in enumerate(runs):
        curves.append(Curve(f"r = {run.r:g}", run.t, run.energy, colour=colour))
        late, predicted = run.t[run.late], run.predicted()
        curves.append(Curve("", late, predicted, style="prediction", colour=colour))
    grows = [f"{run.r:g}" for run in runs if run.energy[-1] > 1.01 * run.energy[0]]
    panel = Panel(
        "Memory r/t dissipates only if r > 1/2",
        "time t",
        "energy f + theta'^2 t / (2 r)",
        tuple(curves),
        x_scale="log",
        y_scale="log",
    )
    claim = f"With memory r/t the energy grows at r = {', '.join(grows)}: r > 1/2 is needed (E3)."
    return Part([run.row() for run in runs], panel, claim if grows else "")


def _second_moment(runs: list[NoiseRun], alpha: float) -> Part:
    """E5: M^v of Eq. 7, beside gradients without a mean."""
    rows = [row for run in runs for row in run.rows()]
    weights = np.array([run.c for run in runs])
    squares = np.array([(run.noise**2).mean() for run in runs])
    c = np.geomspace(weights.min() / 3, weights.max(), 40)
    panel = Panel(
        "Noise of the second moment (gradients N(mu, 1))",
        "weight c = 1 - beta1",
        "E[(M^v)^2]",
        (
            Curve("mu = 1, simulated", weights, squares, style="points", colour=0),
            Curve("mu = 1, exact", c, mean_squares(1.0, alpha, c), style="prediction", colour=0),
            Curve("mu = 0, exact", c, mean_squares(0.0, alpha, c), style="prediction", colour=1),
        ),
        x_scale="log",
        y_scale="log",
    )
    claim = (
        "The noise M^v that Eq. 7 takes for bounded martingale differences has mean "
        f"{rows[0].measured:.2g} and a mean square that grows from {squares[0]:.2g} to "
        f"{squares[-1]:.2g} as c falls from {weights[0]:g} to {weights[-1]:g} (E5)."
    )
    return Part(rows, panel, claim if squares[-1] > squares[0] else "")


STUDY = Study(
    name="adam_heavy_ball",
    theorem="Theorem 2 = 12 (Eq. 3-7, 162-169; E1-E5)",
    question="In which sense is Adam a heavy ball with friction, and what does it dissipate?",
    seconds=3.0,
    run=adam_heavy_ball,
)
