"""Whether the theorem "carries over to Adam": a game that momentum breaks and time scales mend."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import root_scalar

from ttur.theory.checks import check_at_least, check_in_range
from ttur.theory.iterate import TwoTimeScaleProblem, simulate
from ttur.theory.momentum import (
    augment_with_momentum,
    critical_time_scale,
    growth_rate,
    momentum_matrix,
    momentum_threshold,
    zero_sum_game,
)
from ttur.theory.study import Curve, Panel, Row, Study, StudyResult, level
from ttur.timescales import Constant


def momentum_games(
    mu: float = 1.0,
    coupling: float = 2.0,
    r: float = 1.0,
    ratios: tuple[float, ...] = (1.0, 0.5, 0.3, 0.2, 0.1, 0.05),
    b: float = 0.01,
    updates: int = 20_000,
) -> StudyResult:
    """h = -mu theta - coupling w, g = coupling theta - mu w, both played with momentum r.

    Raises:
        ValueError: if mu, coupling / mu, r / mu or a ratio a/b is so far from 1 that rounding
            hides the growth, b or updates is outside its range, or b r is 1 or more.
    """
    check_in_range("mu", mu, 0.01, 100.0, why=(hidden := "there rounding hides the growth"))
    check_in_range("coupling", coupling, 1e-3 * mu, 1e2 * mu, why=hidden)
    check_in_range("r", r, 1e-3 * mu, 1e3 * mu, why=hidden)
    check_in_range("b", b, 0.0, min(0.1, 0.99 / r), why="a small step, and beta1 = 1 - b r > 0")
    check_at_least("updates", updates, 100)
    if not ratios or not (1e-3 <= min(ratios) <= max(ratios) <= 1):
        raise ValueError(f"ratios a/b should lie in [0.001, 1], got {ratios}")
    A = np.array([[mu, coupling], [-coupling, mu]])
    game = zero_sum_game(mu, coupling)
    played = augment_with_momentum(game, r, r)
    threshold = momentum_threshold(A)
    critical = critical_time_scale(A, r, r)

    memories = (threshold * np.array([0.4, 0.6, 0.8, 0.95, 1.05, 1.5, 2.5])).tolist()
    over_r = [_measured(augment_with_momentum(game, x, x)) for x in memories]
    over_ratio = [_measured(played, ratio) / ratio for ratio in ratios]
    rows = [Row("growth, gradient flow, a = b", growth_rate(-A), _measured(game))]
    rows += [
        Row(
            f"growth with momentum, a/b = {ratio:g}",
            growth_rate(momentum_matrix(A, r, r, ratio)) / ratio,
            measured,
        )
        for ratio, measured in zip(ratios, over_ratio, strict=True)
    ]
    if critical < 1:
        measured = _root(lambda x: _measured(played, x), critical, 1.0)
        rows.append(Row("critical a/b", critical, measured))
    measured = _root(lambda x: _measured(augment_with_momentum(game, x, x)), threshold)
    rows.append(Row("critical memory r at a = b", threshold, measured))
    runs, panel = _runs(game, played, b, updates, critical)
    return StudyResult(
        tuple(rows),
        (
            panel,
            _over_ratio(A, r, np.array(ratios), np.array(over_ratio), critical),
            _over_memory(A, np.array(memories), np.array(over_r), threshold),
            _plane(mu, coupling, r),
        ),
        _sentence(r, threshold, critical, runs, b, _overshooting(A, r, critical, b)),
    )


def _root(growth: Callable[..., float], near: float, most: float = np.inf) -> float:
    bracket = near / 2, min(2 * near, most)
    return float(root_scalar(growth, bracket=bracket, xtol=1e-9 * near).root)


def _measured(problem: TwoTimeScaleProblem, ratio: float = 1.0) -> float:
    """Growth per unit of the fast time, from 50 updates of every unit vector with small steps."""
    m, size, count = problem.m, problem.m + problem.k, 50
    start = np.eye(size)
    at_start = start[:, :m], start[:, m:], None
    b = 1e-4 / max(1.0, np.abs(problem.h(*at_start)).max(), np.abs(problem.g(*at_start)).max())
    run = simulate(
        problem,
        Constant(ratio * b),
        Constant(b),
        start[:, :m],
        start[:, m:],
        count,
        replicas=size,
        record=count,
    )
    propagator = np.hstack([run.theta[-1], run.w[-1]])
    return float(np.log(np.abs(np.linalg.eigvals(propagator)).max()) / (count * b))


def _runs(
    game: TwoTimeScaleProblem,
    played: TwoTimeScaleProblem,
    b: float,
    updates: int,
    critical: float,
) -> tuple[dict[str, float], Panel]:
    """|(theta, w)| over updates from (1, 1), and how many times its start it becomes."""
    settings = {"gradient steps, a = b": (game, 1.0), "momentum, a = b": (played, 1.0)}
    if critical < 1:
        settings |= {
            f"momentum, a/b = {critical:.3g} (critical)": (played, critical),
            f"momentum, a/b = {critical / 2:.3g}": (played, critical / 2),
        }
    curves, ends = [], {}
    for name, (problem, ratio) in settings.items():
        at_rest = [1.0, 0.0][: problem.m]
        every = max(1, updates // 800)
        run = simulate(
            problem, Constant(ratio * b), Constant(b), at_rest, at_rest, updates, record=every
        )
        size = np.hypot(run.theta[:, 0, 0], run.w[:, 0, 0])
        ends[name] = float(np.nan_to_num(size[-1] / size[0], nan=np.inf))  # overflown
        curves.append(Curve(name, run.n, size))
    return ends, Panel(
        f"The game, b = {b:g}",
        "update n",
        "|(theta, w)|",
        tuple(curves),
        y_scale="log",
        y_limits=(1e-8, 1e8),
    )


def _overshooting(A: np.ndarray, r: float, critical: float, b: float) -> list[str]:
    """Of which runs the equation decays, and yet the updates with step b grow."""
    fields = {"gradient steps": -A, "momentum": momentum_matrix(A, r, r)}
    if critical < 1:
        fields["momentum at half the critical a/b"] = momentum_matrix(A, r, r, critical / 2)
    return [
        name
        for name, field in fields.items()
        if growth_rate(field) < 0
        and np.abs(np.linalg.eigvals(np.eye(len(field)) + b * field)).max() > 1 + 1e-12
    ]


def _over_ratio(
    A: np.ndarray, r: float, ratios: np.ndarray, measured: np.ndarray, critical: float
) -> Panel:
    grid = np.geomspace(ratios.min() / 2, 1, 300)
    predicted = np.array([growth_rate(momentum_matrix(A, r, r, x)) / x for x in grid.tolist()])
    return Panel(
        f"Separated time-scales: critical a/b = {critical:.4f}"
        if critical < 1
        else "Stable at every a/b",
        "ratio of step sizes a/b",
        "growth per slow time",
        (
            Curve("momentum, eigenvalues", grid, predicted, style="prediction", colour=0),
            Curve("momentum, simulated", ratios, measured, style="points", colour=0),
            level("stable below 0", grid[[0, -1]], 0.0),
        ),
        x_scale="log",
    )


def _over_memory(
    A: np.ndarray, memories: np.ndarray, measured: np.ndarray, threshold: float
) -> Panel:
    grid = np.linspace(0.3 * threshold, 2.7 * threshold, 200)
    predicted = np.array([growth_rate(momentum_matrix(A, x, x)) for x in grid.tolist()])
    return Panel(
        f"One time-scale: critical r = v^2/u = {threshold:g}",
        "memory rate r = (1 - beta1)/a",
        "growth per unit of time",
        (
            Curve("eigenvalues", grid, predicted, style="prediction", colour=0),
            Curve("simulated", memories, measured, style="points", colour=0),
            level("stable below 0", grid[[0, -1]], 0.0),
        ),
    )


def _plane(mu: float, coupling: float, r: float) -> Panel:
    v = np.linspace(-1.5 * coupling, 1.5 * coupling, 200)
    slow = mu + coupling**2 / mu
    return Panel(
        "Which eigenvalues momentum keeps stable",
        "real part u",
        "imaginary part v",
        (
            Curve(f"u = v^2/r, stable right of it (r = {r:g})", v**2 / r, v, style="prediction"),
            Curve("gradient flow, stable right of it", 0 * v, v, style="faint"),
            Curve("game, a = b", np.full(2, mu), coupling * np.array([1, -1]), style="points"),
            Curve("a/b to 0: each player alone", np.array([mu, slow]), np.zeros(2), style="points"),
        ),
        x_limits=(-0.1 * slow, 1.2 * slow),
        y_limits=(-1.5 * coupling, 1.5 * coupling),
        is_equal=True,
    )


def _sentence(
    r: float,
    threshold: float,
    critical: float,
    ends: dict[str, float],
    b: float,
    overshooting: list[str],
) -> str:
    plain, momentum, *separated = ends.values()
    text = (
        f"Gradient steps at one time-scale end at {plain:.1g} of the start, momentum with "
        f"r = {r:g} at {momentum:.1g} of it"
    )
    if critical < 1:
        text += f", and with a/b at half its critical value at {separated[-1]:.1g}"
    if r < threshold and plain < 1 < momentum:
        text += (
            '. So that the theorem "carries over to Adam" is false in general (E7): the energy of '
            "the ball belongs to one player"
        )
    if overshooting:
        text += (
            f". A step b = {b:g} is too large for {', '.join(overshooting)}: the updates grow "
            "where their equation decays"
        )
    text += f". One time-scale needs r u > v^2, here r > {threshold:g}"
    if critical < 1:
        return f"{text}; separated, this zero-sum game is stable for a/b < {critical:.4f}."
    return f"{text}; at this r every a/b up to 1 is stable."


STUDY = Study(
    name="momentum_games",
    theorem="Theorem 2 = 12 with two time-scales (E7)",
    question="When does a convergent game stay convergent under momentum, as Adam has it?",
    seconds=3.0,
    run=momentum_games,
)
