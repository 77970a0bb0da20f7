"""Theorem 11: how near an actor comes to a stationary point, by its critic's speed and features."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped
from scipy.integrate import solve_ivp
from scipy.optimize import root

from ttur.theory.actor_critic import (
    ActorCriticRun,
    actor_critic_run,
    actor_mean_field,
    approximation_error,
    joint_mean_field,
)
from ttur.theory.checks import check_at_least, check_in_range
from ttur.theory.mdp import COARSE_FEATURES, EXACT_FEATURES, FiniteMDP, corridor
from ttur.theory.study import Curve, Panel, Row, Study, StudyResult, level, mean_and_error
from ttur.timescales import PowerLaw

PerSpeed = Float[np.ndarray, "times speeds replicas"]

THETA0 = np.array([2.0, -2.0])
PAYING = 4  # the state E, where both sets of features are 0


def actor_critic(
    replicas: int = 60,
    steps: int = 20_000,
    seed: int = 0,
    speeds: tuple[float, ...] = (0.05, 0.15, 0.5, 1.5, 5.0),
    lam: float = 0.0,
    exponent: float = 0.6,
    forward: float = 0.9,
) -> StudyResult:
    """The corridor with exact and with coarse features, at several speeds Gamma_w of the critic.

    Steps are (n + 100)^-exponent; `lam` is the decay of the critic's trace, `forward` how likely
    the right action leads on.

    Raises:
        ValueError: if a number is outside its range.
    """
    for name, count, least in (("replicas", replicas, 2), ("steps", steps, 100)):
        check_at_least(name, count, least)
    check_in_range("exponent", exponent, 0.5, 1.0, "Theorem 11 (sum a = inf, sum a^2 < inf)")
    a = PowerLaw(1.0, exponent, offset=100)
    if len(speeds) < 2 or not (np.diff([0, *speeds, 2 / a(1)]) > 0).all():
        raise ValueError(
            f"speeds should be at least two, rising, > 0 and below {2 / a(1):.3g} (the first step "
            f"would be unstable), got {speeds}"
        )
    if not 1e-6 <= forward < 1:
        raise ValueError(f"forward should lie in [1e-06, 1), got {forward:g}")
    mdp = corridor(forward)
    games = exact, coarse = [
        _play(mdp, name, features, speeds, a, lam, replicas, steps, seed)
        for name, features in (("exact", EXACT_FEATURES), ("coarse", COARSE_FEATURES))
    ]
    best = root(mdp.grad_eta, exact.rest)
    shown = sorted({0, len(speeds) // 2, len(speeds) - 1})
    return StudyResult(
        rows=(
            *exact.rows(),
            *coarse.rows(),
            Row("coarse: |grad eta| where the actor rests", None, coarse.floor),
            Row(
                "coarse: approximation error there, value of E being 0",
                None,
                approximation_error(mdp, COARSE_FEATURES, coarse.rest, PAYING)
                if np.isfinite(coarse.floor)
                else None,
            ),
        ),
        panels=(
            _gradient_panel(exact, shown, "Exact features"),
            _gradient_panel(coarse, shown, "Coarse features"),
            _reward_panel(exact, shown, float(mdp.eta(best.x)) if best.success else np.nan),
            _speed_panel(games),
        ),
        sentence=_sentence(exact, coarse),
    )


@dataclass(frozen=True, eq=False)
class _Game:
    """One set of features: the runs, and the mean differential equation beside them."""

    name: str
    speeds: Sequence[float]
    run: ActorCriticRun
    gradient: PerSpeed  # |grad eta| at theta_n
    reward: PerSpeed  # eta at theta_n
    mean_gradient: Float[np.ndarray, "times speeds"]  # of the differential equation
    mean_reward: Float[np.ndarray, "times speeds"]
    rest: Float[np.ndarray, " m"]  # where the actor's mean field vanishes
    floor: float  # |grad eta| there, nan where no such point is found

    def least(self, gradient: Float[np.ndarray, "times ..."]) -> Float[np.ndarray, "..."]:
        """The least in the second half, which stands for the limes inferior."""
        return gradient[self.run.n > self.run.n[-1] // 2].min(axis=0)

    def rows(self) -> list[Row]:
        least = self.least(self.mean_gradient), self.least(self.gradient)
        reward = self.mean_reward[-1], self.reward[-1]
        pairs = {"least |grad eta| of the 2nd half": least, "average reward at the end": reward}
        return [
            Row(f"{self.name}: {what}, Γ_w = {speed:g}", float(predicted), *mean_and_error(runs))
            for what, pair in pairs.items()
            for speed, predicted, runs in zip(self.speeds, *pair, strict=True)
        ]

    def resting(self, x: Shaped[np.ndarray, " points"]) -> list[Curve]:
        return [level("where the actor rests", x, self.floor)] if self.floor > 1e-6 else []


def _play(
    mdp: FiniteMDP,
    name: str,
    features: Float[np.ndarray, "S k"],
    speeds: Sequence[float],
    a: PowerLaw,
    lam: float,
    replicas: int,
    steps: int,
    seed: int,
) -> _Game:
    run = actor_critic_run(
        *(mdp, features, np.repeat(speeds, replicas), 1.0, a, steps, lam),
        replicas=replicas * len(speeds),
        seed=seed,
        record=max(1, steps // 200),
        theta0=THETA0,
    )
    theta = run.theta.reshape(len(run.n), len(speeds), replicas, -1)
    if not np.isfinite(theta).all():
        raise ValueError(
            f"the {name} critic diverged at Γ_w up to {speeds[-1]:g}, lam = {lam:g}: lower them"
        )
    start = np.concatenate([np.zeros(1 + features.shape[1]), THETA0])
    means = np.stack(
        [
            solve_ivp(
                lambda t, z, speed=speed: joint_mean_field(mdp, features, z, speed, 1.0, lam),
                (0, run.t[-1]),
                start,
                t_eval=run.t,
                method="LSODA",
                rtol=1e-5,
                atol=1e-7,
            ).y.T[:, 1 + features.shape[1] :]
            for speed in speeds
        ],
        axis=1,
    )
    rest = root(lambda theta: actor_mean_field(mdp, features, theta, lam), np.zeros(2))
    return _Game(
        name=name,
        speeds=speeds,
        run=run,
        gradient=np.linalg.norm(mdp.grad_eta(theta), axis=-1),
        reward=mdp.eta(theta),
        mean_gradient=np.linalg.norm(mdp.grad_eta(means), axis=-1),
        mean_reward=mdp.eta(means),
        rest=rest.x,
        floor=float(np.linalg.norm(mdp.grad_eta(rest.x))) if rest.success else np.nan,
    )


def _curves(
    game: _Game, shown: Sequence[int], values: PerSpeed, mean: Float[np.ndarray, "times speeds"]
) -> list[Curve]:
    n, curves = game.run.n, []
    for i in shown:
        low, high = np.quantile(values[:, i], (0.05, 0.95), axis=1)
        label = f"Γ_w = {game.speeds[i]:g}"
        curves.append(Curve(label, n, values[:, i].mean(1), low, high, colour=i))
        curves.append(Curve("", n, mean[:, i], style="prediction", colour=i))
    return curves


def _gradient_panel(game: _Game, shown: Sequence[int], title: str) -> Panel:
    curves = _curves(game, shown, game.gradient, game.mean_gradient)
    return Panel(
        title,
        "updates n",
        "|∇η(θ_n)|, reward per step and unit of θ",
        (*curves, *game.resting(game.run.n[[0, -1]])),
        y_scale="log",
    )


def _reward_panel(game: _Game, shown: Sequence[int], best: float) -> Panel:
    optimum = level("optimum", game.run.n[[0, -1]], best)
    return Panel(
        "Exact features: the average reward of the policy",
        "updates n",
        "η(θ_n), reward per step",
        (*_curves(game, shown, game.reward, game.mean_reward), optimum),
    )


def _speed_panel(games: Sequence[_Game]) -> Panel:
    curves = []
    for i, game in enumerate(games):
        x, least = np.array(game.speeds), game.least(game.gradient)
        predicted = game.least(game.mean_gradient)
        curves.append(Curve(f"{game.name} features", x, least.mean(1), style="points", colour=i))
        curves.append(Curve("", x, predicted, style="prediction", colour=i))
        curves += game.resting(x)
    return Panel(
        "How near within the steps given",
        "Γ_w, speed of the critic over that of the actor",
        "least |∇η| of the second half",
        tuple(curves),
        x_scale="log",
        y_scale="log",
    )


def _sentence(exact: _Game, coarse: _Game) -> str:
    least, rough = (game.least(game.gradient).mean(axis=1) for game in (exact, coarse))
    slow, fast = exact.speeds[0], exact.speeds[-1]
    parts = [
        f"With exact features the least gradient of the second half is {least[0]:.3g} at "
        f"Γ_w = {slow:g} and {least[-1]:.3g} at Γ_w = {fast:g}; with coarse features it ends at "
        f"{rough[-1]:.3g}"
        + (f"; its actor would rest at {coarse.floor:.3g}" if np.isfinite(coarse.floor) else "")
        + ". Predicted is the mean differential equation, without noise and exact only as the "
        "steps go to 0."
    ]
    if least[-1] < least[0] / 2:
        parts.append(
            "The theorem's B1/Γ_w is an upper bound: the mean differential equation rests at the "
            "same point whatever Γ_w is, only the time to get there falls with it (E30)."
        )
    return " ".join(parts)


STUDY = Study(
    name="actor_critic",
    theorem="Theorem 11 (Di Castro and Meir)",
    question="With one step size, how near does an actor come to a stationary point?",
    seconds=6.0,
    run=actor_critic,
)
