"""Theorems 6 and 7: covariances of the linear iteration, predicted, exact and sampled."""

import numpy as np
from jaxtyping import Float

from ttur.theory.checks import check_at_least
from ttur.theory.clt import second_moment
from ttur.theory.covariances import Covariances
from ttur.theory.examples import LINEAR_2_2 as SYSTEM
from ttur.theory.iterate import simulate
from ttur.theory.schedule import StepSizes
from ttur.theory.study import Curve, Panel, Row, Study, StudyResult
from ttur.timescales import PowerLaw

BLOCKS = ("Sigma11 (theta)", "Sigma12", "Sigma22 (w)")
EPS = np.geomspace(1e-3, 1, 13)
FIRST = 30  # n of the curves: the recursion should be stable from there on
INSIDE = 5.991  # 95 % of a normal law in the plane: quantile of chi^2 with 2 degrees of freedom


def linear_rates(
    a0: float = 2.0,
    beta: float = 0.6,
    slow_alpha: float = 0.8,
    slow_beta: float = 0.55,
    horizon: int = 30_000,
    steps: int = 5_000,
    replicas: int = 2_000,
    seed: int = 0,
) -> StudyResult:
    """Limits of Theorem 6 against the exact recursion, and against two and one time scale sampled.

    Args:
        a0, beta: the pair a = a0/n, b = n^-beta.
        slow_alpha, slow_beta: the pair a = n^-slow_alpha, b = n^-slow_beta / 2.
        horizon: updates of the exact recursions.
        steps, replicas, seed: of the simulations, which start at the equilibrium.

    Raises:
        ValueError: if a pair violates Theorem 6, or there are too few updates or replicas.
    """
    check_at_least("horizon", horizon, 1_000)
    check_at_least("steps", steps, 10)
    check_at_least("replicas", replicas, 10)
    if not 0 < a0 < np.inf:
        raise ValueError(f"a0 should be finite and > 0, got {a0:g}")
    for names, alpha, slower in (
        ("alpha = 1 and beta", 1.0, beta),
        ("slow_alpha and slow_beta", slow_alpha, slow_beta),
    ):
        if not 0 < slower < alpha <= 1:
            raise ValueError(
                f"{names} should satisfy 0 < beta < alpha <= 1 (Theorem 6 with eps = 0), got "
                f"{alpha:g} and {slower:g}"
            )
    pair = PowerLaw(a0, 1), PowerLaw(1, beta)
    slow_pair = PowerLaw(1, slow_alpha), PowerLaw(0.5, slow_beta)
    abar, slow_abar = 1 / a0, 1.0 if slow_alpha == 1 else 0.0
    limit = SYSTEM.limit_covariance(abar)
    for a, b in (pair, slow_pair):
        try:
            SYSTEM.finite_n_covariance(a, b, FIRST)
        except ValueError as error:
            raise ValueError(
                f"with a = {a.c0:g} n^-{a.p:g}, b = {b.c0:g} n^-{b.p:g} {error}; "
                "take a smaller a0, or larger exponents"
            ) from None
    n = np.unique(np.geomspace(FIRST, horizon, 40).astype(int))
    fast, slow = _Approach(*pair, abar, n), _Approach(*slow_pair, slow_abar, n)
    ratio_errors = np.array([_distances(SYSTEM.covariance_eps(e, abar), limit) for e in EPS])
    order = np.diff(np.log(ratio_errors[:2]), axis=0)[0] / np.diff(np.log(EPS[:2]))

    two_exact = SYSTEM.exact_covariance(*pair, steps).S11[0]
    one_exact = SYSTEM.exact_single_time_scale(pair[0], steps)[0]
    two = _samples(SYSTEM.problem(), *pair, steps, replicas, seed)
    one = _samples(SYSTEM.single_time_scale_problem(), *pair, steps, replicas, seed)
    (S_two, error_two), (S_one, error_one) = second_moment(two), second_moment(one)
    between = float(np.linalg.norm(S_two - S_one) / np.linalg.norm(limit.S11))
    entries = [(0, 0), (0, 1), (1, 1)]
    rows = (
        *(
            Row(f"Sigma11[{i + 1},{j + 1}] at n = {steps}, {name}", float(exact[i, j]),
                float(S[i, j]), float(error[i, j]))
            for name, exact, S, error in (
                ("two time scales", two_exact, S_two, error_two),
                ("one time scale (Thm 7)", one_exact, S_one, error_one),
            )
            for i, j in entries
        ),
        *(
            Row(f"order in a/b of {block} tending to its limit (Eq. 102)", 1.0, float(value))
            for block, value in zip(BLOCKS, order, strict=True)
        ),
        *(
            Row(f"distance of Sigma11 from its {what} at n = {n[-1]}, a = {a.c0:g}/n^{a.p:g}",
                None, float(errors[-1, 0]))
            for a, approach in ((pair[0], fast), (slow_pair[0], slow))
            for what, errors in (("limit", approach.limit), ("finite-n value", approach.finite))
        ),
    )  # fmt: skip
    eps_curves = []
    for i, block in enumerate(BLOCKS):
        first = ratio_errors[0, i] * EPS / EPS[0]
        eps_curves.append(Curve(block, EPS, ratio_errors[:, i], style="points", colour=i))
        eps_curves.append(
            Curve("first order" if i == 2 else "", EPS, first, style="prediction", colour=i)
        )
    height = float(np.sqrt(INSIDE * limit.S11[1, 1]))
    scatter = Panel(
        f"Theta at n = {steps}, two time scales and one",
        "(theta_1 − theta_1*) / sqrt(a)",
        "(theta_2 − theta_2*) / sqrt(a)",
        (
            Curve("two time scales, replicas", *two[:500].T, style="points", colour=7),
            Curve("two time scales, 95 %", *_ellipse(S_two), colour=0),
            Curve("one time scale, 95 %", *_ellipse(S_one), style="prediction", colour=1),
            Curve("limit of Theorem 6", *_ellipse(limit.S11), style="faint"),
        ),
        y_limits=(-1.4 * height, 2.2 * height),
    )
    ratio_panel = Panel(
        "Covariances at a fixed ratio tend to the limit",
        "a/b",
        "relative distance to the limit a/b → 0",
        tuple(eps_curves),
        x_scale="log",
        y_scale="log",
    )
    sentence = (
        f"The covariances of theta that two time scales and one (Theorem 7) leave at n = {steps}, "
        f"sampled on the same noise, differ by {between:.1%} of the limit. The limit itself, "
        "with the normalisation 1/a(n) and 1/b(n) that the paper misprints as 1/theta and 1/w, is "
        f"{fast.limit[-1, 0]:.2g} away (relative) at n = {n[-1]} where a = {a0:g}/n, and "
        f"{slow.limit[-1, 0]:.2g} where a = n^-{slow_alpha:g}; the finite-n prediction, with "
        f"1/a(n+1) − 1/a(n) in place of its limit, is {fast.finite[-1, 0]:.2g} and "
        f"{slow.finite[-1, 0]:.2g} away."
    )
    return StudyResult(
        rows=rows,
        panels=(fast.panel(f"Steps a = {a0:g}/n, b = n^-{beta:g}"),
                slow.panel(f"Steps a = n^-{slow_alpha:g}, b = n^-{slow_beta:g}/2"),
                ratio_panel, scatter),
        sentence=sentence,
    )  # fmt: skip


class _Approach:
    """Relative distances, over n, of the exact covariances to the limit and to finite-n ones."""

    def __init__(
        self, a: StepSizes, b: StepSizes, abar: float, n: Float[np.ndarray, " n"] | np.ndarray
    ) -> None:
        exact = SYSTEM.exact_covariance(a, b, int(n[-1]), n)
        limit = SYSTEM.limit_covariance(abar)
        at_n = [Covariances(*(block[i] for block in exact)) for i in range(len(n))]
        self.n = n
        self.limit = np.array([_distances(limit, covariances) for covariances in at_n])
        self.finite = np.array([
            _distances(SYSTEM.finite_n_covariance(a, b, int(count)), covariances)
            for count, covariances in zip(n, at_n, strict=True)
        ])  # fmt: skip

    def panel(self, title: str) -> Panel:
        curves = []
        for i, block in enumerate(BLOCKS):
            curves.append(Curve(f"{block} to its limit", self.n, self.limit[:, i], colour=i))
            curves.append(
                Curve(
                    "to the prediction for finite n",
                    self.n,
                    self.finite[:, i],
                    style="prediction",
                    colour=i,
                )
            )
        y_label = "relative distance of the exact covariance"
        return Panel(title, "update n", y_label, tuple(curves), x_scale="log", y_scale="log")


def _distances(blocks: Covariances, exact: Covariances) -> list[float]:
    return [
        float(np.linalg.norm(x - y) / np.linalg.norm(y)) for x, y in zip(blocks, exact, strict=True)
    ]


def _samples(problem, a, b, steps, replicas, seed) -> Float[np.ndarray, "replicas 2"]:
    """(theta - theta*) / sqrt(a) after `steps` updates from the equilibrium."""
    theta, w = SYSTEM.fixed_point
    path = simulate(problem, a, b, theta, w, steps, replicas=replicas, seed=seed, record=[steps])
    return (path.theta[0] - theta) / np.sqrt(path.a[0])


def _ellipse(S: Float[np.ndarray, "2 2"]) -> Float[np.ndarray, "2 points"]:
    """The curve within which 95 % of N(0, S) fall."""
    angle = np.linspace(0, 2 * np.pi, 181)
    return np.sqrt(INSIDE) * np.linalg.cholesky(S) @ np.stack([np.cos(angle), np.sin(angle)])


STUDY = Study(
    name="linear_rates",
    theorem="Theorems 6 and 7",
    question="How fast does the linear iteration converge, and does a second time scale cost any?",
    seconds=2.5,
    run=linear_rates,
)
