"""Theorems 1 and 3: w follows lambda(theta) and theta the slow equation, if the steps allow it."""

import numpy as np
from jaxtyping import Float

from ttur.theory.checks import check_at_least, check_in_range
from ttur.theory.examples import LINEAR_2_2 as SYSTEM
from ttur.theory.iterate import simulate
from ttur.theory.linear_system import quasi_static_lag, slow_flow
from ttur.theory.schedule import StepSizes
from ttur.theory.study import Curve, Panel, Row, Study, StudyResult, standard_error
from ttur.timescales import Constant, PowerLaw

START = np.array([1.0, -1.0])  # theta - theta*
HORIZON = 3.0  # of slow time; long enough for theta to cover 97 % of its way
MOST_UPDATES = 1e6  # of all paths without noise together: a minute


def time_scales(
    b: float = 0.02,
    ratios: tuple[float, ...] = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01),
    steps: int = 10_000,
    replicas: int = 300,
    alpha: float = 0.9,
    beta: float = 0.6,
    summable_alpha: float = 1.5,
    seed: int = 0,
) -> StudyResult:
    """The lag of w over a/b without noise, and what three kinds of step sizes do to noise.

    Args:
        b: constant step of w, on the paths without noise.
        ratios: the a/b of the paths without noise.
        steps: updates of the noisy paths, and their `replicas`, `seed`.
        alpha, beta: exponents of the pair that A2 allows.
        summable_alpha: exponent of a pair whose sum of a is finite.

    Raises:
        ValueError: if a number is outside its range, or a pair of exponents is not of its kind.
    """
    if not 0 < b <= 0.5:
        raise ValueError(f"b should lie in (0, 0.5], where the fast recursion is stable, got {b:g}")
    if len(set(ratios)) < 2 or not all(0 < ratio * b <= 0.5 for ratio in ratios):
        raise ValueError(
            f"ratios should be two or more a/b > 0 with a <= 0.5, got {ratios} at b = {b:g}"
        )
    if (updates := sum(HORIZON / (ratio * b) for ratio in set(ratios))) > MOST_UPDATES:
        raise ValueError(
            f"ratios and b should take at most {MOST_UPDATES:,.0f} updates, {HORIZON:g} / (a/b b) "
            f"each, got {updates:.3g} for {ratios} at b = {b:g}"
        )
    check_at_least("steps", steps, 100)
    check_at_least("replicas", replicas, 2)
    if not 0.5 < beta < alpha <= 1:
        raise ValueError(
            "alpha and beta should satisfy 1/2 < beta < alpha <= 1 (A2), got "
            f"{alpha:g} and {beta:g}"
        )
    check_in_range("summable_alpha", summable_alpha, 1.0, 10.0, "a finite sum of steps a > 0")
    allowed = (PowerLaw(0.3, alpha), PowerLaw(0.3, beta))

    paths = [_Path(b, ratio) for ratio in sorted(set(ratios), reverse=True)]
    eps = np.array([path.eps for path in paths])
    lag = np.array([path.lag for path in paths])
    predicted_lag = np.array([path.predicted_lag for path in paths])
    slow_error = np.array([path.slow_error for path in paths])
    order = np.log(slow_error[-2] / slow_error[-1]) / np.log(eps[-2] / eps[-1])

    schedules: dict[str, tuple[StepSizes, StepSizes]] = {
        f"A2 holds: a ~ n^-{alpha:g}, b ~ n^-{beta:g}": allowed,
        "constants: a = 0.003, b = 0.1": (Constant(0.003), Constant(0.1)),
        f"sum a finite: a ~ n^-{summable_alpha:g}": (PowerLaw(0.3, summable_alpha), allowed[1]),
    }
    noisy = {name: _Noisy(*pair, steps, replicas, seed) for name, pair in schedules.items()}
    rows = [
        *(
            Row(f"|w - lambda(theta)| / |theta - theta*| at a/b = {e:g}", float(p), float(m))
            for e, p, m in zip(eps, predicted_lag, lag, strict=True)
        ),
        Row("order in a/b of the error of the slow equation", 1.0, float(order)),
        *(
            Row(f"rms |{player}| at n = {steps}, {name.split(':')[0]}", predicted, rms, error)
            for name, run in noisy.items()
            for player, predicted, rms, error in run.last()
        ),
    ]
    slow_panel = Panel(
        "Theta follows the slow equation",
        "slow time, sum of a(n)",
        "|theta − theta*|",
        (
            *(Curve(f"a/b = {p.eps:g}", p.t, p.distance) for p in paths[::2]),
            Curve("slow equation", paths[-1].t, paths[-1].flow, style="prediction"),
        ),
        y_scale="log",
    )
    lag_panel = Panel(
        "Both errors beside first order in a/b",
        "ratio of step sizes a/b",
        "error",
        (
            Curve("lag of w over |theta − theta*|", eps, lag, style="points", colour=0),
            Curve("quasi-static lag", eps, predicted_lag, style="prediction", colour=0),
            Curve("largest |theta − slow equation|", eps, slow_error, style="points", colour=1),
            Curve("first order", eps, slow_error[-1] * eps / eps[-1], style="prediction", colour=1),
        ),
        x_scale="log",
        y_scale="log",
    )
    return StudyResult(
        rows=tuple(rows),
        panels=(
            slow_panel,
            lag_panel,
            _noise_panel("With noise: theta", "rms |theta − theta*|", noisy, "theta"),
            _noise_panel("With noise: w", "rms |w − lambda(theta)|", noisy, "w"),
        ),
        sentence=_sentence(eps, lag, predicted_lag, noisy, steps),
    )


class _Path:
    """Without noise at constant steps: at a/b the lag of w, and theta beside the slow equation."""

    def __init__(self, b: float, eps: float) -> None:
        self.eps = eps
        a = eps * b
        theta_star, _ = SYSTEM.fixed_point
        theta0 = theta_star + START
        path = simulate(
            SYSTEM.problem("none"), Constant(a), Constant(b), theta0, SYSTEM.lam(theta0),
            round(HORIZON / a),
        )  # fmt: skip
        theta_hat = path.theta[:, 0] - theta_star
        half = len(theta_hat) // 2
        size = np.linalg.norm(theta_hat[half])
        w_hat = path.w[half, 0] - SYSTEM.lam(path.theta[half, 0])
        flow = slow_flow(SYSTEM, path.t_a, START)
        self.t = path.t_a
        self.distance = np.linalg.norm(theta_hat, axis=1)
        self.flow = np.linalg.norm(flow, axis=1)
        self.slow_error = np.linalg.norm(theta_hat - flow, axis=1).max()
        self.lag = np.linalg.norm(w_hat) / size
        self.predicted_lag = np.linalg.norm(quasi_static_lag(SYSTEM, eps, theta_hat[half])) / size


class _Noisy:
    """Replicas under noise beside the exact second moments of the same recursion."""

    def __init__(self, a: StepSizes, b: StepSizes, steps: int, replicas: int, seed: int) -> None:
        theta_star, w_star = SYSTEM.fixed_point
        theta0 = theta_star + START
        self.n = np.unique(np.geomspace(1, steps, 60).astype(int))
        path = simulate(
            SYSTEM.problem(), a, b, theta0, SYSTEM.lam(theta0), steps,
            replicas=replicas, seed=seed, record=self.n,
        )  # fmt: skip
        start = np.concatenate([START, SYSTEM.lam(theta0) - w_star])
        exact = SYSTEM.exact_covariance(a, b, steps, self.n, S0=np.outer(start, start))
        self.squares = {
            "theta": ((path.theta - theta_star) ** 2).sum(axis=2),
            "w": ((path.w - SYSTEM.lam(path.theta)) ** 2).sum(axis=2),
        }
        self.exact = {
            "theta": np.sqrt(path.a * np.trace(exact.S11, axis1=1, axis2=2)),
            "w": np.sqrt(path.b * np.trace(exact.S22, axis1=1, axis2=2)),
        }

    def rms(self, player: str) -> Float[np.ndarray, " recorded"]:
        return np.sqrt(self.squares[player].mean(axis=1))

    def last(self) -> list[tuple[str, float, float, float]]:
        """Name, prediction, rms and its standard error at the last n, for both players."""
        out = []
        for player, name in (("theta", "theta − theta*"), ("w", "w − lambda(theta)")):
            squares, rms = self.squares[player][-1], float(self.rms(player)[-1])
            error = standard_error(squares) / (2 * rms)  # of a root: half the relative one
            out.append((name, float(self.exact[player][-1]), rms, error))
        return out


def _noise_panel(title: str, y_label: str, noisy: dict[str, _Noisy], player: str) -> Panel:
    curves = []
    for colour, (name, run) in enumerate(noisy.items()):
        curves.append(Curve(name, run.n, run.rms(player), colour=colour))
        exact = Curve("", run.n, run.exact[player], style="prediction", colour=colour)
        curves.append(exact)
    return Panel(title, "update n", y_label, tuple(curves), x_scale="log", y_scale="log")


def _sentence(
    eps: Float[np.ndarray, " ratios"],
    lag: Float[np.ndarray, " ratios"],
    predicted: Float[np.ndarray, " ratios"],
    noisy: dict[str, _Noisy],
    steps: int,
) -> str:
    wrong = abs(lag[-1] / predicted[-1] - 1)
    a2, constants, summable = (run.rms("theta") for run in noisy.values())
    tenth = np.searchsorted(next(iter(noisy.values())).n, steps // 10)
    return (
        f"At a/b = {eps[-1]:g} the fast variable is behind its equilibrium by {lag[-1]:.2g} of the "
        f"slow one's distance, {wrong:.1%} from the quasi-static formula. Over the last nine "
        f"tenths of {steps} noisy updates the distance of theta changes by the factor "
        f"{a2[-1] / a2[tenth]:.2f} under steps that satisfy A2, "
        f"{constants[-1] / constants[tenth]:.2f} under constants, for which the theorems promise "
        f"nothing, and {summable[-1] / summable[tenth]:.2f} under steps with a finite sum of a, "
        f"where it ends at {summable[-1]:.2g}. The paper's own experiments use constants: what is "
        "left of the theorem there is the lag and a floor of noise."
    )


STUDY = Study(
    name="time_scales",
    theorem="Theorems 1 and 3",
    question="Does the fast variable follow its equilibrium, and what must the step sizes satisfy?",
    seconds=3.0,
    run=time_scales,
)
