"""Figure 2: momentum rolls through a sharp minimum into a flat one, below a critical friction."""

import numpy as np

from ttur.theory.adam_momentum import adam_path
from ttur.theory.checks import check_at_least, check_in_range, check_momentum
from ttur.theory.flat_minimum import Potential, critical_beta1, critical_friction
from ttur.theory.heavy_ball import friction_ode
from ttur.theory.study import Curve, Panel, Row, Study, StudyResult, level


@np.errstate(over="ignore", invalid="ignore")  # a run may diverge; it is then None
def flat_minimum(
    depth: float = 0.3,
    width: float = 0.15,
    learning_rates: tuple[float, ...] = (0.05, 0.02, 0.01, 0.005),
    adam_rate: float = 0.05,
    beta2: float = 0.999,
    adam_steps: int = 5000,
) -> StudyResult:
    """f = x^2/10 minus a dip of that depth and width at -3; balls start at -6, at rest.

    Raises:
        ValueError: if the dip is no minimum, the ball is caught or passes at every friction, or a
            rate is outside its range.
    """
    a = np.array(learning_rates)
    if len(a) < 2 or not ((np.diff(a) < 0).all() and 1e-5 <= a[-1] <= a[0] <= 0.1):
        raise ValueError(
            "learning_rates should be two or more that fall from at most 0.1 to at least 1e-05, "
            f"got {learning_rates}"
        )
    check_in_range("adam_rate", adam_rate, 0.0, np.inf)
    check_momentum("beta2", beta2)
    check_at_least("adam_steps", adam_steps, 1)
    potential = Potential(depth, width)
    if (sharpness := depth**0.5 / width) > 50:
        raise ValueError(
            f"sqrt(depth) / width should be at most 50, got {sharpness:g}: it would take hours; "
            "take a wider or a shallower dip"
        )

    gamma = critical_friction(potential)
    betas = np.array([critical_beta1(potential, rate) for rate in learning_rates])
    frictions = np.sqrt((1 - betas) / a)
    extrapolated = frictions[-1] + (frictions[-1] - frictions[-2]) * a[-1] / (a[-2] - a[-1])
    settings = {f"Adam, beta1 = {beta1:g}": beta1 for beta1 in (0.9, 0.5)}
    adam = adam_path(
        potential.gradient, potential.start, adam_rate, list(settings.values()), beta2, adam_steps
    )
    descent = np.empty(adam_steps + 1)
    descent[0] = potential.start
    for n in range(adam_steps):
        descent[n + 1] = descent[n] - adam_rate * potential.gradient(descent[n])
    paths = {name: adam[:, column] for column, name in enumerate(settings)}
    paths["gradient descent"] = descent
    rests = {name: float(path[-1]) for name, path in paths.items()}

    rows = (
        *(
            Row(f"critical sqrt((1 - beta1)/a), a = {rate:g}", gamma, float(friction))
            for rate, friction in zip(learning_rates, frictions, strict=True)
        ),
        Row("the same, extrapolated to a = 0", gamma, float(extrapolated)),
        *(
            Row(f"critical beta1, a = {rate:g}", 1 - rate * gamma**2, float(beta))
            for rate, beta in zip(learning_rates, betas, strict=True)
        ),
        *(Row(f"x after {adam_steps} updates, {name}", None, x) for name, x in rests.items()),
    )
    return StudyResult(
        rows,
        (
            _landscape(potential, paths),
            _balls(potential, gamma),
            _dictionary(gamma, a, frictions),
            _runs(potential, paths, adam_rate),
        ),
        _sentence(potential, gamma, frictions, extrapolated, learning_rates, rests),
    )


def _landscape(potential: Potential, paths: dict[str, np.ndarray]) -> Panel:
    """Figure 2: f, and where the ball is at every tenth update, in the colours of the paths."""
    x = np.linspace(-6.2, 2, 800)
    balls = []
    for colour, (name, path) in enumerate(paths.items()):
        at = path[:301:10]
        at = at[(at > x[0]) & (at < x[-1])]
        verdict = _where(potential, float(path[-1]))
        balls.append(Curve(f"{name}: {verdict}", at, potential(at), style="points", colour=colour))
    return Panel(
        "A sharp minimum on the way to a flat one",
        "x",
        "f(x)",
        (Curve("f", x, potential(x), style="faint"), *balls),
    )


def _where(potential: Potential, x: float) -> str:
    """Whether x lies in the flat minimum's basin, around the sharp one, or elsewhere."""
    if potential.barrier < x < -potential.start:
        return "past"
    around = potential.barrier - potential.sharp
    return "caught" if abs(x - potential.sharp) <= around else "elsewhere"


def _balls(potential: Potential, gamma: float) -> Panel:
    times = np.linspace(0, 40, 800)
    curves = []
    for colour, factor in enumerate((0.3, 0.99, 1.01, 2.0)):
        motion = friction_ode(potential.gradient, factor * gamma, potential.start, 0.0, times)
        curves.append(
            Curve(f"friction {factor * gamma:.3f}", times, motion.theta[:, 0], colour=colour)
        )
    curves.append(level("barrier", times[[0, -1]], potential.barrier))
    return Panel(
        f"The ball passes below friction {gamma:.4f}", "time s of the ball", "x", tuple(curves)
    )


def _dictionary(gamma: float, a: np.ndarray, frictions: np.ndarray) -> Panel:
    ends = np.array([0.0, a[0]])
    return Panel(
        "Adam's momentum has the ball's threshold",
        "learning rate a",
        "critical sqrt((1 - beta1) / a)",
        (
            Curve("momentum, measured", a, frictions, style="points", colour=0),
            level("ball (a = 0)", ends, gamma, style="prediction", colour=1),
        ),
    )


def _runs(potential: Potential, paths: dict[str, np.ndarray], rate: float) -> Panel:
    shown = min(len(next(iter(paths.values()))), 301)
    n = np.arange(shown)
    barrier = level("barrier", n[[0, -1]], potential.barrier)
    far = -10 * potential.start
    stay = all(np.abs(path[:shown]).max() <= far for path in paths.values())  # not if one is nan
    return Panel(
        f"Learning rate {rate:g}",
        "update n",
        "x",
        (
            *(
                Curve(name, n, path[:shown], colour=colour)
                for colour, (name, path) in enumerate(paths.items())
            ),
            barrier,
        ),
        y_limits=None if stay else (-far, far),
    )


def _sentence(
    potential: Potential,
    gamma: float,
    frictions: np.ndarray,
    extrapolated: float,
    rates: tuple[float, ...],
    rests: dict[str, float],
) -> str:
    past, caught, elsewhere = (
        [name for name, x in rests.items() if _where(potential, x) == verdict]
        for verdict in ("past", "caught", "elsewhere")
    )
    return (
        f"The ball gets past the sharp minimum iff its friction is below {gamma:.5f} (with far "
        "less it may come back over the barrier, and be caught then). In Adam's momentum the "
        f"friction is sqrt((1 - beta1)/a): its threshold is {frictions[0]:.4f} at "
        f"a = {rates[0]:g}, {frictions[-1]:.4f} at a = {rates[-1]:g}, {extrapolated:.4f} "
        f"extrapolated to a = 0. Past the sharp minimum: {'; '.join(past) or 'none'}. Caught: "
        f"{'; '.join(caught) or 'none'}."
        + (f" Neither, at the end: {'; '.join(elsewhere)}." if elsewhere else "")
        + (
            " Momentum is what overshoots, and only with a beta1 large enough for the learning "
            "rate; the paper names no such condition."
            if past == ["Adam, beta1 = 0.9"] and len(caught) == 2
            else ""
        )
    )


STUDY = Study(
    name="flat_minimum",
    theorem="Theorem 2 = 12, part iv (Figure 2)",
    question="When does Adam roll through a sharp minimum and settle in a flat one?",
    seconds=1.0,
    run=flat_minimum,
)
