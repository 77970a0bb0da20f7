"""Theorem 4: a critic fed by a Markov chain follows its root, and with which spread."""

from dataclasses import replace

import numpy as np

from ttur.theory.chains import stationary_distribution
from ttur.theory.checks import check_at_least, check_in_range
from ttur.theory.examples import MC3, mc3_slow_field
from ttur.theory.iterate import simulate
from ttur.theory.study import (
    Curve,
    Panel,
    Row,
    Study,
    StudyResult,
    averaged,
    level,
    mean_and_error,
)
from ttur.timescales import PowerLaw

ENTRIES = ((0, 0), (0, 1), (1, 1))


def markov_critic(
    alpha: float = 0.9,
    beta: float = 0.6,
    steps: int = 10_000,
    replicas: int = 300,
    seed: int = 0,
) -> StudyResult:
    """The three-state example with a = n^-alpha, b = n^-beta; H = w_1 / 2 - theta + N(0, 1).

    Raises:
        ValueError: if the rates fail Theorem 4, or a count is too small.
    """
    check_in_range("alpha", alpha, 0.5, 1.0, "Theorem 4 (sum of a, and of a^2)")
    check_in_range("beta", beta, 0.5, alpha, "Theorem 4 (Eq. 32, and sum of b^2)")
    check_in_range("alpha", alpha, beta, 1.0, "Theorem 4 (Eq. 32)")
    check_at_least("steps", steps, 200)
    check_at_least("replicas", replicas, 2)
    a, b = PowerLaw(1.0, alpha), PowerLaw(1.0, beta)
    times = np.unique(np.geomspace(10, steps, 40).astype(int))
    root = _slow_root()
    critic = MC3.lam(root)

    run = simulate(
        MC3.problem(slow_field=mc3_slow_field, sigma_theta=1.0),
        a,
        b,
        [0.0],
        [0.0, 0.0],
        steps,
        replicas=replicas,
        seed=seed,
        record=times,
    )
    lag = np.linalg.norm(run.w - MC3.lam(run.theta), axis=-1)
    limit, naive = MC3.asymptotic_covariance(root), _naive_covariance(root)
    moments = MC3.exact_moments(b, steps, times, theta=root)
    scaled = moments.second / run.b[:, None, None]
    explosion, tame = _both_signs(b, replicas, seed)

    rate = lag / np.sqrt(run.b)[:, None]
    # The error at frozen theta is nearly N(0, b S): this is the mean of its length.
    length = _mean_length(limit)
    error = run.w[-1] - critic
    rows = [
        Row(f"E|w - lambda(theta)| / sqrt(b) at n = {steps}", length, *mean_and_error(rate[-1])),
        Row(f"mean theta at n = {steps}", float(root[0]), *mean_and_error(run.theta[-1, :, 0])),
        *(
            Row(
                f"mean w_{i + 1} at n = {steps}", float(critic[i]), *mean_and_error(run.w[-1, :, i])
            )
            for i in range(2)
        ),
        *(
            Row(
                f"E[e e^T]_{i + 1}{j + 1} / b at n = {steps}, exact recursion",
                float(limit[i, j]),
                float(scaled[-1, i, j]),
            )
            for i, j in ENTRIES
        ),
        *(
            Row(
                f"E[e e^T]_{i + 1}{j + 1} / b at n = {steps}, simulated (theta moves)",
                float(scaled[-1, i, j]),
                *mean_and_error(error[:, i] * error[:, j] / run.b[-1]),
            )
            for i, j in ENTRIES
        ),
        *(
            Row(
                f"E[e e^T]_{i + 1}{j + 1} / b, if the chain were independent draws",
                float(naive[i, j]),
                float(scaled[-1, i, j]),
            )
            for i, j in ENTRIES
        ),
        Row("mean |w| at n = 100 with the paper's + G w", None, *mean_and_error(explosion[-1])),
        Row("mean |w| at n = 100 with - G w", None, *mean_and_error(tame[-1])),
    ]
    covariance = [
        curve
        for number, (i, j) in enumerate(ENTRIES)
        for curve in (
            Curve(f"entry {i + 1}{j + 1}, exact recursion", times, scaled[:, i, j], colour=number),
            level("Poisson equation", times, limit[i, j], style="prediction", colour=number),
            level("independent draws", times, naive[i, j], colour=number),
        )
    ]
    low, high = np.quantile(run.theta[..., 0], [0.05, 0.95], axis=1)
    panels = (
        Panel(
            "The critic follows its root",
            "iteration n",
            "E |w − λ(θ)|",
            (
                averaged("simulated", times, lag, colour=0),
                Curve(
                    "√b E|N(0, S)|", times, length * np.sqrt(run.b), style="prediction", colour=0
                ),
            ),
            x_scale="log",
            y_scale="log",
        ),
        Panel(
            "Its error: the Poisson equation knows the spread",
            "iteration n",
            "E[e eᵀ] / b(n), θ fixed",
            tuple(covariance),
            x_scale="log",
        ),
        Panel(
            "The slow variable finds the averaged equation's rest",
            "iteration n",
            "θ",
            (
                Curve(
                    "mean and 5–95 % of runs",
                    times,
                    run.theta[..., 0].mean(axis=1),
                    low,
                    high,
                    colour=0,
                ),
                level("θ*", times, root[0], style="prediction", colour=0),
            ),
            x_scale="log",
        ),
        Panel(
            "The sign of Eq. 29",
            "iteration n",
            "mean |w|",
            (
                averaged("+ G w, as printed", np.arange(1, 101), explosion[1:], colour=3),
                averaged("− G w, corrected", np.arange(1, 101), tame[1:], colour=0),
            ),
            y_scale="log",
        ),
    )
    sentence = _sentence(rate, scaled[-1], limit, naive, explosion, tame)
    return StudyResult(tuple(rows), panels, sentence)


def _slow_root() -> np.ndarray:
    """theta* with lambda_1(theta*) / 2 = theta*, by iterating a map that contracts."""
    theta = np.zeros(1)
    for _ in range(100):
        theta = mc3_slow_field(theta, MC3.lam(theta)) + theta
    return theta


def _naive_covariance(theta: np.ndarray) -> np.ndarray:
    """S of the same critic when z is drawn anew each step from the stationary distribution."""
    pi = stationary_distribution(MC3.P(theta))
    return replace(MC3, P=lambda theta: np.tile(pi, (len(pi), 1))).asymptotic_covariance(theta)


def _both_signs(b: PowerLaw, replicas: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """|w| over the first 100 steps at theta = 0, with + G w and with - G w."""
    sizes = [
        np.linalg.norm(
            simulate(
                critic.problem(), b, b, [0.0], [0.0, 0.0], 100, replicas=replicas, seed=seed
            ).w,
            axis=-1,
        )
        for critic in (replace(MC3, G=lambda theta: -MC3.G(theta)), MC3)
    ]
    return sizes[0], sizes[1]


def _mean_length(covariance: np.ndarray) -> float:
    """E |N(0, covariance)| in two dimensions: the mean over directions of a Rayleigh's."""
    angles = np.linspace(0, 2 * np.pi, 512, endpoint=False)
    directions = np.stack([np.cos(angles), np.sin(angles)])
    factor = np.linalg.cholesky(covariance)
    return float(np.sqrt(np.pi / 2) * np.linalg.norm(factor @ directions, axis=0).mean())


def _sentence(
    rate: np.ndarray,
    last: np.ndarray,
    limit: np.ndarray,
    naive: np.ndarray,
    explosion: np.ndarray,
    tame: np.ndarray,
) -> str:
    means = rate[len(rate) // 2 :].mean(axis=1)
    parts = [
        f"The critic's mean distance to its root is {means.min():.2f} to {means.max():.2f} times "
        "sqrt(b) over the later half of the (logarithmic) axis"
        + (", so it falls like sqrt(b)." if means.max() < 1.3 * means.min() else ".")
    ]
    off, naive_off = (float(np.abs(s / limit - 1).max()) for s in (last, naive))
    parts.append(
        f"The covariance of the exact recursion ends within {off:.1%} of the one from the Poisson "
        f"equation, that of independent draws is up to {naive_off:.0%} away"
        + ("." if off < naive_off else "; so early a run does not tell them apart.")
    )
    if explosion[-1].mean() > 100 * tame[-1].mean():
        parts.append(
            f"With the sign that the paper prints (+ G w, E13) |w| is {explosion[-1].mean():.2g} "
            f"at n = 100, with the corrected one {tame[-1].mean():.2g}."
        )
    return " ".join(parts)


STUDY = Study(
    name="markov_critic",
    theorem="Theorem 4",
    question="Does a critic fed by a Markov chain reach its root, how fast, with which spread?",
    seconds=2.0,
    run=markov_critic,
)
