"""Figure 4: the toy saddle under four pairs of learning rates, and under rates that A2 accepts."""

from collections.abc import Mapping

import numpy as np

from ttur.theory.checks import check_at_least, check_in_range
from ttur.theory.iterate import Trajectory
from ttur.theory.study import Curve, Panel, Row, Study, StudyResult, mean_and_error
from ttur.theory.toy import (
    A2_SETTING,
    CURVATURE_X,
    CURVATURE_Y,
    FIGURE4_SETTINGS,
    START,
    SaddleToy,
    hitting_time,
    mean_norm,
    norm,
    run_figure4,
    stationary_deviations,
)
from ttur.timescales import LearningRatePair, PowerLaw
from ttur.timescales.step_sizes import StepSize

A2 = "A2 rates"
SETTINGS = {**FIGURE4_SETTINGS, A2: A2_SETTING}
LIMIT = 2 / CURVATURE_X  # of a stable lr_x


@np.errstate(over="ignore", invalid="ignore")  # a run may diverge; it is then None or nan
def toy_saddle(
    sigma: float = 1.0,
    steps: int = 5000,
    replicas: int = 400,
    radius: float = 0.1,
    seed: int = 0,
) -> StudyResult:
    """Objective, norm and path of every setting: one run, and the mean over `replicas`.

    Raises:
        ValueError: if sigma, steps, replicas or radius is outside its range.
    """
    check_at_least("steps", steps, 100)
    check_at_least("replicas", replicas, 2)
    check_in_range("radius", radius, 0.0, np.inf, "a ball around the saddle")
    runs = run_figure4(SETTINGS, steps, sigma, replicas, seed)
    calm = run_figure4(SETTINGS, steps, 0.0, 1)
    reached = {name: hitting_time(run, radius) for name, run in runs.items()}
    norms = {name: norm(run) for name, run in runs.items()}
    floors = {name: distance[steps // 2 + 1 :].mean(axis=0) for name, distance in norms.items()}
    spread = {name: float(_f(run, -1).std()) for name, run in runs.items()}

    rows, means = [], {}
    for name, run in runs.items():
        expected = _expected_norm(SETTINGS[name], run, sigma)
        means[name] = expected[0]
        first = _median(hitting_time(calm[name], radius))
        median = f"{name}: median first n with norm < {radius:g}"
        rows += [
            Row(median, None, _median(reached[name]), _median_error(reached[name])),
            Row(f"{name}: first n with norm < {radius:g} without noise", None, first),
            Row(f"{name}: share of runs that get there", None, *mean_and_error(reached[name] >= 0)),
            Row(f"{name}: standard deviation of f at n = {steps}", None, spread[name]),
            Row(
                f"{name}: norm, mean of the last half (predicted: stationary)",
                expected[1],
                *mean_and_error(floors[name]),
            ),
        ]
    lost, walk = _at_the_limit(sigma, replicas, seed)
    rows += [
        Row(
            f"lr_x = {1.1 * LIMIT:g}: share of runs not finite at n = 500",
            1.0,
            *mean_and_error(lost),
        ),
        Row(f"lr_x = {LIMIT:g} from the saddle: mean square of x / (lr_x^2 n)", sigma**2, *walk),
    ]
    sentence = _sentence(radius, steps, reached, floors, runs["orig fast"], spread["orig fast"])
    panels = (_objectives(runs), _distances(runs, norms, means), _paths(runs))
    return StudyResult(tuple(rows), panels, sentence, columns=3)


def _f(run: Trajectory, at: int | tuple[slice, int]) -> np.ndarray:
    """The objective at these (times, replicas)."""
    return SaddleToy.f(run.theta[..., 0][at], run.w[..., 0][at])


def _expected_norm(
    pair: LearningRatePair, run: Trajectory, sigma: float
) -> tuple[np.ndarray | None, float | None]:
    """E norm under the linearised noise at each n, and its mean over the last half.

    Of falling rates to first order in them: variances a sigma^2 / 400 and b sigma^2 / 4. None
    where x has no stationary law.
    """
    if pair == A2_SETTING:
        over = np.sqrt(np.stack([run.a / (2 * CURVATURE_X), run.b / (2 * CURVATURE_Y)]))
        each = sigma * np.array([mean_norm(pair) for pair in over.T[1:].tolist()])
        each = np.concatenate([[np.nan], each])
    else:
        b, a = pair.at(1)
        each = np.full(len(run.n), mean_norm(stationary_deviations(a, b, sigma)))
    last = float(each[len(each) // 2 + 1 :].mean())
    return (each, last) if np.isfinite(last) else (None, None)


def _median(times: np.ndarray) -> float | None:
    """The median first time; None where half of the runs never get there."""
    median = float(np.median(np.where(times >= 0, times, np.inf)))
    return median if np.isfinite(median) else None


def _median_error(times: np.ndarray) -> float | None:
    """Half of what the ranks within one standard deviation of the middle one span."""
    ordered = np.sort(np.where(times >= 0, times, np.inf))
    middle, away = len(times) / 2, np.sqrt(len(times)) / 2
    low, high = ordered[[int(middle - away), min(int(middle + away), len(times) - 1)]]
    return float(high - low) / 2 if np.isfinite(high) else None


def _at_the_limit(sigma: float, replicas: int, seed: int) -> tuple[np.ndarray, tuple[float, float]]:
    """Which runs just beyond the stability limit blow up, and how x walks exactly on it."""
    beyond, on = (LearningRatePair(rate, rate) for rate in (1.1 * LIMIT, LIMIT))
    lost = run_figure4({"": beyond}, 500, sigma, replicas, seed, record=[500])[""].diverged_at > 0
    walk = run_figure4({"": on}, 500, sigma, replicas, seed, record=[500], start=(0.0, 0.0))[""]
    return lost, mean_and_error(walk.theta[0, :, 0] ** 2 / (LIMIT**2 * 500))


def _objectives(runs: Mapping[str, Trajectory]) -> Panel:
    shown = _shown(runs)
    curves = [
        Curve(_title(name), run.n[shown], _f(run, (shown, 0)), colour=colour)
        for colour, (name, run) in enumerate(runs.items())
    ]
    return Panel("Objective, one run each", "iteration n", "f(x, y)", tuple(curves), x_scale="log")


def _distances(
    runs: Mapping[str, Trajectory],
    norms: Mapping[str, np.ndarray],
    expected: Mapping[str, np.ndarray | None],
) -> Panel:
    shown, curves = _shown(runs), []
    for colour, (name, run) in enumerate(runs.items()):
        n, distance = run.n[shown], norms[name][shown]
        low, high = np.quantile(distance, [0.05, 0.95], axis=1)
        curves.append(Curve(name, n, distance.mean(axis=1), low, high, colour=colour))
        if (stationary := expected[name]) is not None:
            curves.append(
                Curve(
                    "stationary mean, linearised",
                    n,
                    stationary[shown],
                    style="prediction",
                    colour=colour,
                )
            )
    return Panel(
        "Distance to the saddle: mean, 5–95 % of runs",
        "iteration n",
        "norm of (x, y)",
        tuple(curves),
        x_scale="log",
        y_scale="log",
        y_limits=(1e-3, 4.0),
    )


def _paths(runs: Mapping[str, Trajectory]) -> Panel:
    shown = _shown(runs)
    curves = [
        Curve(name, run.theta[shown, 0, 0], run.w[shown, 0, 0], style="faint", colour=colour)
        for colour, (name, run) in enumerate(runs.items())
    ]
    start = Curve("start", *np.array(START)[:, None], style="points", colour=len(runs))
    saddle = Curve("saddle", np.zeros(1), np.zeros(1), style="points", colour=len(runs) + 1)
    return Panel("Path, one run each", "x (descends)", "y (ascends)", (*curves, start, saddle))


def _shown(runs: Mapping[str, Trajectory]) -> slice:
    """About 1000 points; the stride is odd, because x may change its sign every step."""
    return slice(None, None, len(next(iter(runs.values())).n) // 1000 | 1)


def _title(name: str) -> str:
    a, b = (_rate(steps) for steps in (SETTINGS[name].generator, SETTINGS[name].discriminator))
    return f"{name}: lr_x = {a}, lr_y = {b}"


def _rate(steps: StepSize) -> str:
    return f"{steps.c0:g} n^-{steps.p:g}" if isinstance(steps, PowerLaw) else f"{steps(1):g}"


def _sentence(
    radius: float,
    steps: int,
    reached: Mapping[str, np.ndarray],
    floors: Mapping[str, np.ndarray],
    fast: Trajectory,
    fast_spread: float,
) -> str:
    medians = {name: _median(reached[name]) for name in FIGURE4_SETTINGS}
    there = sorted((n, name) for name, n in medians.items() if n is not None)
    never = [name for name, n in medians.items() if n is None]
    parts = []
    if not there:
        parts.append(
            f"None of the paper's four settings has half of its runs within {radius:g} of the "
            f"saddle by n = {steps}."
        )
    elif there[0][0] > 0:  # not all start inside
        parts.append(
            f"Of the paper's four settings the median run is first within {radius:g} of the saddle "
            f"at n = {', '.join(f'{n:.0f} ({name})' for n, name in there)}"
            + f"; half of the runs or more do not get there in {steps} steps ({', '.join(never)})"
            * bool(never)
            + "."
        )
    ratio = floors["TTUR x"].mean() / floors["orig slow"].mean()
    if ratio > 1.05:
        parts.append(
            f"TTUR x stays {ratio:.1f} times as far from the saddle in the last half as orig slow, "
            "and its 100 : 1 in rates only makes up for 100 : 1 in curvature (E9)."
        )
    finite = float((fast.diverged_at < 0).mean())
    if finite < 1 or not np.isfinite(fast_spread):
        parts.append(f"orig fast stays finite in {finite:.0%} of the runs.")
    else:
        wanders = (
            f"x walks at random (standard deviation of f at the end {fast_spread:.3g})"
            if fast_spread > 1e-3
            else "x keeps changing its sign, noise hardly moves it"
        )
        parts.append(
            "The paper says that orig fast diverges; it does not: lr_x = 0.01 is the stability "
            f"limit itself, and {wanders}."
        )
    return " ".join(parts)


STUDY = Study(
    name="toy_saddle",
    theorem="Figure 4 (and Theorem 1's assumption A2)",
    question="Which learning rates lead gradient descent-ascent to a saddle, how fast, how near?",
    seconds=4.0,
    run=toy_saddle,
)
