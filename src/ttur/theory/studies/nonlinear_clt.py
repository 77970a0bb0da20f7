"""Theorems 8 and 9: a nonlinear iteration is asymptotically normal, and how far paths stray."""

import numpy as np
from jaxtyping import Float
from scipy import stats

from ttur.theory.checks import check_at_least, check_in_range
from ttur.theory.clt import as_rate_statistic, clt_report, mp_limits
from ttur.theory.examples import NONLINEAR_1_1 as PROBLEM
from ttur.theory.examples import NONLINEAR_1_1_LINEARISED as LINEARISED
from ttur.theory.iterate import Trajectory, simulate
from ttur.theory.schedule import StepSizes
from ttur.theory.study import Curve, Panel, Row, Study, StudyResult, level
from ttur.timescales import PowerLaw

START = [1.0], [-1.0]
JACOBIAN = ((-LINEARISED.A11, -LINEARISED.A12), (-LINEARISED.A21, -LINEARISED.A22))


def nonlinear_clt(
    a0: float = 2.0,
    beta: float = 0.6,
    slow_alpha: float = 0.9,
    small_a0: float = 0.4,
    steps: int = 20_000,
    replicas: int = 1_000,
    seed: int = 0,
) -> StudyResult:
    """Variances, shape, correlation and largest excursions of replicas from (1, -1).

    Args:
        a0, beta: the pair a = a0/n, b = n^-beta.
        slow_alpha: exponent of a second slow step a = n^-slow_alpha.
        small_a0: a factor that Theorem 8 forbids at alpha = 1, at most 1 / (2 e_min).
        steps, replicas, seed: of each of the three simulations.

    Raises:
        ValueError: if a pair is not of its kind, a0 is too large, or there are too few updates or
            replicas.
    """
    check_at_least("steps", steps, 1_000)
    check_at_least("replicas", replicas, 20)
    if not 0.5 < beta < slow_alpha < 1:
        raise ValueError(
            f"1/2 < beta < slow_alpha < 1 is needed, got beta = {beta:g}, slow_alpha = "
            f"{slow_alpha:g}"
        )
    S_theta, S_w, e_min = mp_limits(JACOBIAN, LINEARISED.Gamma, 1.0, a0)
    check_in_range("a0", a0, 0.0, 50.0, "a recursion that soon stops to overshoot")
    if not 0 < small_a0 < 1 / (2 * e_min):
        raise ValueError(
            f"small_a0 should lie in (0, {1 / (2 * e_min):g}), where Theorem 8 fails, got "
            f"{small_a0:g}"
        )
    b = PowerLaw(1, beta)
    n = np.unique(np.geomspace(30, steps, 300).astype(int))
    runs = {
        name: _Run(a, b, n, replicas, seed)
        for name, a in (
            (f"a = {a0:g}/n", PowerLaw(a0, 1)),
            (f"a = n^-{slow_alpha:g}", PowerLaw(1, slow_alpha)),
            (f"a = {small_a0:g}/n, forbidden", PowerLaw(small_a0, 1)),
        )
    }
    regular, slow, small = runs.values()
    path = regular.path
    last = clt_report(path.theta[-1], path.w[-1], path.a[-1], path.b[-1], S_theta, S_w)
    decade = (steps // 10, steps)
    excursion = as_rate_statistic(path, decade)
    sharp = float(np.sqrt(2 * S_theta[0, 0]))
    growth = 1 - 2 * small_a0 * e_min
    exact_correlation = float(regular.exact_correlation()[-1])
    rows = (
        *(
            Row(f"var theta / a at n = {steps}, {name}", float(run.var_theta()[-1]),
                float(run.sampled()[-1]), float(run.sampled()[-1] * np.sqrt(2 / replicas)))
            for name, run in list(runs.items())[:2]
        ),
        Row(f"power of n that var theta / a grows with, a = {small_a0:g}/n", growth,
            small.growth()),
        Row(f"var theta / a, limit of Theorem 8, a = {a0:g}/n", float(S_theta[0, 0]),
            float(last.cov_theta[0, 0]), float(last.cov_theta_error[0, 0])),
        Row(f"var w / b at n = {steps}", float(regular.var_w()[-1]), float(last.cov_w[0, 0]),
            float(last.cov_w_error[0, 0])),
        Row("var w / b, limit of Theorem 8", float(S_w[0, 0]), float(last.cov_w[0, 0]),
            float(last.cov_w_error[0, 0])),
        Row(f"correlation of theta and w at n = {steps}", exact_correlation,
            float(last.correlation[0, 0]), float((1 - exact_correlation**2) / np.sqrt(replicas))),
        Row("p-value of theta being normal", None, float(last.ks_theta[0])),
        Row("p-value of w being normal", None, float(last.ks_w[0])),
        Row("largest |theta| / sqrt(a log sum a) of the last decade, median path", None,
            float(np.median(excursion))),
        Row("the same, worst path", None, float(excursion.max())),
    )  # fmt: skip
    return StudyResult(
        rows=rows,
        panels=(
            _histogram(path, float(S_theta[0, 0]), float(S_w[0, 0])),
            _variances(runs, replicas, growth),
            _decorrelation(regular, replicas),
            _excursions(path, sharp),
        ),
        sentence=(
            f"At n = {steps} the p-values of normality are {last.ks_theta[0]:.2g} (theta) and "
            f"{last.ks_w[0]:.2g} (w) under skewed noise; var theta / a is "
            f"{last.cov_theta[0, 0]:.3g} where Theorem 8 says {S_theta[0, 0]:.3g}. For a = "
            f"n^-{slow_alpha:g} the exact recursion is still "
            f"{slow.var_theta()[-1] / slow.limit() - 1:.0%} from the limit {slow.limit():.3g}, "
            f"which 1/a(n+1) − 1/a(n) delays. With a0 = {small_a0:g}, below 1/(2 e_min) = "
            f"{1 / (2 * e_min):g}, var theta / a has changed by the factor "
            f"{small.sampled()[-1] / small.sampled()[0]:.2g} since n = {n[0]}: e_min is the "
            'smallest |real part| of Delta, the paper\'s "largest eigenvalue". Of '
            "the n recorded in the last decade none saw a path beyond "
            f"{excursion.max():.2g} sqrt(a log sum a) (Theorem 9)."
        ),
    )


class _Run:
    """Replicas beside the exact second moments of the linearised iteration from the same start."""

    def __init__(self, a: PowerLaw, b: StepSizes, n: np.ndarray, replicas: int, seed: int) -> None:
        self.path = simulate(
            PROBLEM, a, b, *START, int(n[-1]), replicas=replicas, seed=seed, record=n
        )
        start = np.concatenate(START)
        self._moments = LINEARISED.exact_second_moment(
            a, b, int(n[-1]), n, S0=np.outer(start, start)
        )

    def sampled(self) -> Float[np.ndarray, " recorded"]:
        return (self.path.theta[:, :, 0] ** 2).mean(axis=1) / self.path.a

    def var_theta(self) -> Float[np.ndarray, " recorded"]:
        return self._moments[:, 0, 0] / self.path.a

    def var_w(self) -> Float[np.ndarray, " recorded"]:
        return self._moments[:, 1, 1] / self.path.b

    def exact_correlation(self) -> Float[np.ndarray, " recorded"]:
        S = self._moments
        return S[:, 0, 1] / np.sqrt(S[:, 0, 0] * S[:, 1, 1])

    def growth(self) -> float:
        """Power of n that var theta / a followed over the last decade."""
        n, sampled = self.path.n, np.log(self.sampled())
        start = int(np.searchsorted(n, n[-1] // 10))
        return float((sampled[-1] - sampled[start]) / np.log(n[-1] / n[start]))

    def limit(self) -> float:
        """S_theta of a slower power than 1/n."""
        return float(LINEARISED.limit_covariance().S11[0, 0])


def _histogram(path: Trajectory, S_theta: float, S_w: float) -> Panel:
    z = np.linspace(-4, 4, 161)
    centres = np.arange(-3.75, 4, 0.5)
    curves = [Curve("N(0, 1)", z, stats.norm.pdf(z), style="prediction", colour=7)]
    for colour, (name, x) in enumerate((
        ("theta / sqrt(a S_theta)", path.theta[-1, :, 0] / np.sqrt(path.a[-1] * S_theta)),
        ("w / sqrt(b S_w)", path.w[-1, :, 0] / np.sqrt(path.b[-1] * S_w)),
    )):  # fmt: skip
        counts, _ = np.histogram(x, np.append(centres - 0.25, 4.0))
        curves.append(Curve(name, centres, counts / (0.5 * len(x)), style="bars", colour=colour))
    return Panel(f"Theorem 8: replicas at n = {path.n[-1]}", "standardised by the prediction",
                 "density", tuple(curves))  # fmt: skip


def _variances(runs: dict[str, _Run], replicas: int, growth: float) -> Panel:
    curves = []
    for colour, (name, run) in enumerate(runs.items()):
        n, sampled = run.path.n, run.sampled()
        error = 2 * sampled * np.sqrt(2 / replicas)
        curves.append(Curve(name, n, sampled, sampled - error, sampled + error, colour=colour))
        if colour < 2:
            label, predicted = "exact for the linearisation", run.var_theta()
        else:
            label, predicted = f"n^{growth:.2g}, from the end", sampled[-1] * (n / n[-1]) ** growth
        curves.append(Curve(label, n, predicted, style="prediction", colour=colour))
    return Panel("Theorem 8: the variance settles, if a0 is large enough", "update n",
                 "mean of theta² / a(n)", tuple(curves), x_scale="log", y_scale="log")  # fmt: skip


def _decorrelation(run: _Run, replicas: int) -> Panel:
    path = run.path
    sampled = np.array([
        np.corrcoef(theta[:, 0], w[:, 0])[0, 1]
        for theta, w in zip(path.theta, path.w, strict=True)
    ])  # fmt: skip
    exact, leading = run.exact_correlation(), np.sqrt(path.a / path.b)
    leading *= exact[-1] / leading[-1]
    error = 2 * (1 - exact**2) / np.sqrt(replicas)
    curves = (
        Curve("replicas", path.n, sampled, sampled - error, sampled + error, colour=0),
        Curve("linearised, exact", path.n, exact, style="prediction", colour=0),
        Curve("sqrt(a/b), scaled to the end", path.n, leading, style="prediction", colour=1),
    )
    return Panel("Theta and w decorrelate like sqrt(a/b)", "update n", "correlation", curves,
                 x_scale="log", y_scale="log")  # fmt: skip


def _excursions(path: Trajectory, sharp: float) -> Panel:
    known = path.t_a > 1.5  # below, log of the sum is not a rate yet
    n = path.n[known]
    rate = np.sqrt(path.a[known] * np.log(path.t_a[known]))
    distance = np.abs(path.theta[known, :, 0]) / rate[:, None]
    curves = [Curve("five paths", n, distance[:, i], style="faint") for i in range(5)]
    curves += [
        Curve(f"{share:.0%} of paths below", n, np.quantile(distance, share, axis=1))
        for share in (0.5, 0.99)
    ]
    curves.append(level("sqrt(2 S_theta): limsup of a path", n, sharp, style="prediction"))
    return Panel("Theorem 9: excursions over the almost sure rate", "update n",
                 "|theta| / sqrt(a log sum a)", tuple(curves), x_scale="log")  # fmt: skip


STUDY = Study(
    name="nonlinear_clt",
    theorem="Theorems 8 and 9",
    question="Is a nonlinear iteration normal around its equilibrium, and with what spread?",
    seconds=4.5,
    run=nonlinear_clt,
)
