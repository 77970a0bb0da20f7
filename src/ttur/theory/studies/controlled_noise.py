"""Theorem 5: noise that the iterates steer moves where they settle; Adam's state is such noise."""

from itertools import pairwise

import numpy as np

from ttur.theory.adam_state import (
    Estimate,
    adam_markov_field,
    adam_shift_first_order,
    adam_zero,
    exponential_noise,
    normal_noise,
    run_adam,
)
from ttur.theory.checks import check_at_least, check_in_range
from ttur.theory.controlled import CMN, Limit, solve_limit
from ttur.theory.iterate import Trajectory, simulate
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

NOISES = {"skewed": exponential_noise, "symmetric": normal_noise}


def controlled_noise(
    alpha: float = 0.9,
    beta: float = 0.6,
    steps: int = 10_000,
    replicas: int = 500,
    beta1: float = 0.5,
    beta2: float = 0.9,
    seed: int = 0,
) -> StudyResult:
    """The steered two-state chain with a = n^-alpha, b = n^-beta; Adam with a = n^-0.8 / 2.

    Raises:
        ValueError: if the rates fail Theorem 5, or Adam's coefficients or a count are outside
            their ranges.
    """
    check_in_range("alpha", alpha, 0.5, 1.0, "Theorem 5 (A4: sums of a and a^2)")
    if not 0.5 < beta < alpha:
        raise ValueError(
            f"Theorem 5 (A4: sum of b^2, a = o(b)) fails: beta should lie in (0.5, {alpha:g}), "
            f"got {beta:g}"
        )
    check_at_least("steps", steps, 200)
    check_at_least("replicas", replicas, 2)
    for name, coefficient in (("beta1", beta1), ("beta2", beta2)):
        if not 0 <= coefficient <= 0.9999:  # its average settles in 10 / (1 - beta) steps
            raise ValueError(f"{name} should lie in [0, 0.9999], got {coefficient:g}")
    limit, ignored = solve_limit(CMN), solve_limit(CMN, frozen_at=(0.0, 0.0))
    times = np.unique(np.geomspace(10, steps, 60).astype(int))
    occupied = np.zeros((steps + 1, replicas), dtype=bool)

    def note(n, theta, w, z):
        occupied[n] = z[2] == 1

    run = simulate(
        CMN.problem(),
        PowerLaw(1.0, alpha),
        PowerLaw(1.0, beta),
        [0.0],
        [0.0],
        steps,
        replicas=replicas,
        seed=seed,
        record=times,
        callbacks=[note],
    )
    lag = np.abs(run.w - CMN.lam(run.theta))[..., 0] / np.sqrt(run.b)[:, None]

    memory = (beta1, beta2)
    frozen_steps = int(max(1500, 10 / (1 - max(memory))))
    frozen = {"replicas": 2 * replicas, "steps": frozen_steps, "seed": seed}
    zeros = {name: adam_zero(*memory, noise, **frozen) for name, noise in NOISES.items()}
    adam = {
        name: run_adam(
            PowerLaw(0.5, 0.8),
            *memory,
            noise,
            n_steps=steps,
            replicas=replicas,
            seed=seed,
            record=times,
        )
        for name, noise in NOISES.items()
    }
    first_order = adam_shift_first_order(beta1, beta2)
    skewed = zeros["skewed"]
    settled = mean_and_error(run.theta[-1, :, 0])
    shifted = mean_and_error(adam["skewed"].theta[-1, :, 0])
    rows = (
        Row(f"mean theta at n = {steps}", float(limit.theta[0]), *settled),
        Row(f"mean w at n = {steps}", float(limit.w[0]), *mean_and_error(run.w[-1, :, 0])),
        Row(
            "occupation of state 1, second half",
            float(limit.pi[1]),
            *mean_and_error(occupied[steps // 2 + 1 :].mean(axis=0)),
        ),
        Row(
            "mean theta, if steering is ignored (occupation as at (0, 0))",
            float(ignored.theta[0]),
            *settled,
        ),
        Row(f"E|w - lambda(theta)| / sqrt(b) at n = {steps}", None, *mean_and_error(lag[-1])),
        *(
            Row(
                f"Adam, {name} noise: mean theta at n = {steps} (predicted: zero of hhat)",
                float(zero.mean),
                *_with_error_of(zero, adam[name].theta[-1, :, 0]),
            )
            for name, zero in zeros.items()
        ),
        Row("Adam, skewed noise: zero of hhat, first order", first_order, *map(float, skewed)),
    )
    panels = (
        _settling(run, times, limit, ignored),
        _occupation(occupied, limit, ignored),
        _averaged_fields(zeros, max(3 * abs(first_order), 0.05), memory, frozen),
        _adam_paths(adam, zeros, times),
    )
    sentence = _sentence(settled, limit, ignored, shifted, skewed)
    return StudyResult(rows, panels, sentence)


def _settling(run: Trajectory, times: np.ndarray, limit: Limit, ignored: Limit) -> Panel:
    middle = float(limit.theta[0])
    return Panel(
        "Steered noise: where θ settles",
        "iteration n",
        "mean θ ± 2 standard errors",
        (
            averaged(f"θ, mean of {run.theta.shape[1]} runs", times, run.theta[..., 0], 0),
            level("limit, D at the limit", times, middle, style="prediction", colour=0),
            level("limit, steering ignored", times, float(ignored.theta[0]), colour=0),
        ),
        x_scale="log",
        y_limits=(middle - 0.05, middle + 0.05),
    )


def _occupation(occupied: np.ndarray, limit: Limit, ignored: Limit) -> Panel:
    count = len(occupied) - 1
    edges = np.unique(np.geomspace(1, count + 1, 25).astype(int))
    shares = np.array([occupied[start:end].mean(axis=0) for start, end in pairwise(edges)])
    middle = np.sqrt(edges[:-1] * edges[1:])
    return Panel(
        "Occupation of the fast chain",
        "iteration n",
        "share of time in state 1 ± 2 standard errors",
        (
            averaged("measured, in stretches of n", middle, shares, 1),
            level("π(θ*, w*)", middle, float(limit.pi[1]), style="prediction", colour=1),
            level("π(0, 0)", middle, float(ignored.pi[1]), colour=1),
        ),
        x_scale="log",
    )


def _averaged_fields(
    zeros: dict[str, Estimate], reach: float, memory: tuple[float, float], frozen: dict[str, int]
) -> Panel:
    theta = np.linspace(-reach, reach, 13)
    curves = []
    for number, (name, noise) in enumerate(NOISES.items(), start=2):
        field = adam_markov_field(theta, *memory, noise, **frozen)
        low, high = field.mean - 2 * field.se, field.mean + 2 * field.se
        zero = np.array([zeros[name].mean])
        curves += [
            Curve(f"ĥ(θ), {name} noise", theta, field.mean, low, high, colour=number),
            Curve("its zero", zero, np.zeros(1), style="points", colour=number),
        ]
    curves.append(level("", theta, 0.0))
    return Panel(
        f"Adam's averaged field (β₁ = {memory[0]:g}, β₂ = {memory[1]:g})",
        "θ (the loss θ²/2 has its minimum at 0)",
        "E[−m / (√v + ε)]",
        tuple(curves),
    )


def _adam_paths(
    adam: dict[str, Trajectory], zeros: dict[str, Estimate], times: np.ndarray
) -> Panel:
    curves = []
    for number, (name, run) in enumerate(adam.items(), start=2):
        zero = float(zeros[name].mean)
        curves += [
            averaged(f"Adam, {name} noise", times, run.theta[..., 0], number),
            level("zero of ĥ", times, zero, style="prediction", colour=number),
        ]
    return Panel(
        "Where Adam settles",
        "iteration n",
        "mean θ ± 2 standard errors",
        tuple(curves),
        x_scale="log",
    )


def _with_error_of(prediction: Estimate, values: np.ndarray) -> tuple[float, float]:
    """Mean and standard error, the prediction's own Monte-Carlo error added to the latter."""
    mean, error = mean_and_error(values)
    return mean, float(np.hypot(error, prediction.se))


def _sentence(
    theta: tuple[float, float],
    limit: Limit,
    ignored: Limit,
    adam: tuple[float, float],
    zero: Estimate,
) -> str:
    def away(point: Limit) -> float:
        return abs(theta[0] - float(point.theta[0])) / theta[1]

    parts = [
        f"theta ends at {theta[0]:.4f}, {away(limit):.1f} standard errors from the prediction "
        f"with the occupation measure at the limit ({limit.theta[0]:.4f}) and {away(ignored):.1f} "
        f"from the one that ignores the steering ({ignored.theta[0]:.4f})."
    ]
    if abs(adam[0]) > 4 * adam[1]:
        parts.append(
            f"Adam under skewed gradient noise ends at {adam[0]:.4f}, not at 0 (E8): "
            f"its moments are steered noise, whose averaged field is 0 at {zero.mean:.4f}."
        )
    else:
        parts.append(
            f"Adam under skewed gradient noise ends at {adam[0]:.4f} ± {adam[1]:.4f}, here not "
            f"told apart from the minimum 0 (zero of its averaged field: {zero.mean:.4f})."
        )
    return " ".join(parts)


STUDY = Study(
    name="controlled_noise",
    theorem="Theorem 5",
    question="Where do iterates settle that steer their own noise, and where does Adam?",
    seconds=4.0,
    run=controlled_noise,
)
