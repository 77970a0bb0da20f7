"""Appendix A5: which early measurement of the fields tells whether a pair settles soon."""

from typing import Literal

import numpy as np
from jaxtyping import Float

from ttur.perturbation.probe import field_probe
from ttur.theory.checks import check_at_least, check_in_range, check_momentum
from ttur.theory.diagnosis import (
    DIRAC_MOMENTA,
    DIRAC_ORDERS,
    Diagnosis,
    diagnose,
    dirac_map,
    rescaling,
    separation,
)
from ttur.theory.games import LQGAN, MeanOnlyGAN
from ttur.theory.study import Curve, Panel, Row, Study, StudyResult, level

EARLY = {
    "tracking_gap": "tracking gap T_50",
    "perturbation_ratio": "R",
    "score_perturbation": "Q",
    "momentum_load": "momentum load",
    "time_scale_ratio": "eps_eff",
    "perturbation_of_discriminator": "rho_D",
}


def perturbation(
    a: tuple[float, ...] = (0.0005, 0.001, 0.001, 0.001, 0.003, 0.003, 0.01, 0.01),
    b: tuple[float, ...] = (0.1, 0.3, 0.1, 0.01, 0.1, 0.01, 0.01, 0.1),
    beta1: float = 0.95,
    optimizer: Literal["momentum", "adam"] = "momentum",
    beta2: float = 0.999,
    gamma: float = 0.3,
    batch: int = 64,
    replicas: int = 16,
    steps: int = 4000,
    probe_every: int = 50,
    early: int = 800,
    settled: float = 0.05,
    dirac_steps: int = 20_000,
    seed: int = 0,
) -> StudyResult:
    """LQ-GAN at the pairs (a, b), the two-mode thresholds, the Dirac-GAN.

    By SGD with momentum beta1, or by Adam with beta1 and beta2. A pair has settled where its last
    distance is below `settled`; one that is stable but slow does with more `steps`.

    Raises:
        ValueError: if a and b are not of one length, or a number is outside its range.
    """
    if len(a) != len(b) or len(a) < 2:
        raise ValueError(
            f"a and b should be at least two pairs of rates, got {len(a)} and {len(b)} rates"
        )
    if not 0 < min(*a, *b) <= max(*a, *b) < np.inf:
        raise ValueError(f"a and b should hold rates > 0, got {a} and {b}")
    check_momentum("beta1", beta1)
    check_at_least("replicas", replicas, 2)
    check_at_least("dirac_steps", dirac_steps, 1)
    check_at_least("probe_every", probe_every, 1)
    check_at_least("early", early, probe_every)
    check_at_least("steps", steps, early)
    check_in_range("gamma", gamma, 0.0, 1.99, why="b = 1 is to be stable")

    lq = diagnose(
        LQGAN(gamma=gamma, batch=batch),
        a,
        b,
        steps=steps,
        probe_every=probe_every,
        early=early,
        beta1=beta1,
        beta2=beta2 if optimizer == "adam" else None,
        replicas=replicas,
        seed=seed,
    )
    good = lq.last < settled
    apart = {name: separation(lq.early[name], good) for name in EARLY}
    radius, size = dirac_map(dirac_steps)
    stable, there = radius < 1, size < 1e-6
    foretold, late = np.sum(stable == there), np.sum(stable & ~there)
    rescaled = rescaling(gamma, batch, beta1)
    pairs = [f"LQ-GAN a={rate_a:g} b={rate_b:g}" for rate_a, rate_b in zip(a, b, strict=True)]
    slow = [pair for pair, late in zip(pairs, lq.stable & ~good, strict=True) if late]
    gaps = zip(pairs, lq.exact_gap, lq.early["tracking_gap"], strict=True)
    ends = zip(pairs, lq.last, lq.last_error, strict=True)
    return StudyResult(
        rows=(
            *_two_mode_rows(gamma, beta1),
            *(
                Row(f"{pair}: tracking gap T_50 (predicted: exact)", float(exact), float(gap))
                for pair, exact, gap in gaps
            ),
            *(
                Row(f"{pair}: last distance", None, float(distance), float(error))
                for pair, distance, error in ends
            ),
            *(
                Row(f"{label}: least of the others / largest of the settled", None, apart[name])
                for name, label in EARLY.items()
            ),
            Row("eps_eff at theta = 0.1 theta', a' = 100 a (predicted: at theta, a)", *rescaled),
            Row(f"Dirac-GAN: fates foretold, of {size.size}", float(size.size), float(foretold)),
        ),
        panels=(*_lq_panels(lq, settled), _threshold_panel(gamma), _dirac_panel(radius, size)),
        sentence=(
            f"{good.sum()} of {good.size} pairs are below {settled:g} by n = {steps:,}"
            + (f"; others are linearly stable, perhaps slow: {', '.join(slow)}." if slow else ".")
            + _told(apart, rescaled)
            + f" After {dirac_steps:,} steps the Dirac-GAN is where the spectral radius says in "
            f"{foretold} of {size.size} settings"
            + (f"; {late} that are stable have not arrived." if late else ".")
        ),
        columns=3,
    )


def _two_mode_rows(gamma: float, beta1: float) -> list[Row]:
    game, a, b = MeanOnlyGAN(gamma), 0.02, 0.3
    theta, w = np.array([1.0]), np.array([0.5])
    new_w = w + b * game.g(theta, w)
    new_theta = theta + a * game.h(theta, new_w)
    probe = field_probe(game.g, game.h, theta, w, new_theta, new_w, lr_g=a, lr_d=b)
    return [
        Row(f"mean-only GAN a={a:g} b={b:g}: eps_eff", a / (b * gamma**2), probe.time_scale_ratio),
        *(
            Row(
                f"mean-only GAN b={b:g} beta1={beta:g}: largest stable a, simultaneous",
                game.threshold(b, beta),
                game.largest_stable_rate(b, beta),
            )
            for beta in dict.fromkeys((0.0, 0.9, 0.99, beta1))
            for b in (0.01, 0.1, 0.3)
        ),
    ]


def _lq_panels(lq: Diagnosis, settled: float) -> list[Panel]:
    medians = np.median(lq.distance, axis=-1)
    least = np.min(medians, where=np.isfinite(medians), initial=1.0)
    over_time = Panel(
        "LQ-GAN: where the pairs of rates go",
        "iteration n",
        "Fréchet distance (median of the replicas)",
        tuple(
            Curve(f"a = {a:g}, b = {b:g}", lq.n, median)
            for a, b, median in zip(lq.a, lq.b, medians.T, strict=True)
        ),
        y_scale="log",
        y_limits=(float(least) / 3, 1e3),
    )

    def early(title: str, *names: str) -> Panel:
        values = [np.maximum(lq.early[name], 1e-3) for name in names]
        finite = np.concatenate(values)[np.isfinite(np.concatenate(values))]
        ends = np.array([finite.min(), finite.max()] if finite.size else [1e-3, 1.0])
        points = zip(names, values, strict=True)
        return Panel(
            title,
            "median of the early probes (0.001: or less)",
            "last Fréchet distance",
            (
                *(Curve(EARLY[name], x, lq.last, style="points") for name, x in points),
                level("settled below", ends, settled),
            ),
            x_scale="log",
            y_scale="log",
        )

    return [
        over_time,
        early(
            "Early ratios against the end",
            "tracking_gap",
            "perturbation_ratio",
            "score_perturbation",
        ),
        early("Early momentum load and time-scale ratio", "momentum_load", "time_scale_ratio"),
        early("The perturbation of appendix A5 alone", "perturbation_of_discriminator"),
    ]


def _threshold_panel(gamma: float) -> Panel:
    game, rates = MeanOnlyGAN(gamma), np.geomspace(0.01, 1, 9)
    curves = []
    for colour, beta in enumerate((0.0, 0.9, 0.99)):
        exact = np.array([game.largest_stable_rate(b, beta) for b in rates])
        closed = np.array([game.threshold(b, beta) for b in rates])
        curves += [
            Curve(
                f"beta1 = {beta:g}, spectral radius", rates, exact, style="points", colour=colour
            ),
            Curve("closed form", rates, closed, style="prediction", colour=colour),
        ]
    heights = np.concatenate([curve.y for curve in curves])
    return Panel(
        "Mean-only GAN, simultaneous: what b admits",
        "discriminator rate b",
        "largest stable generator rate a",
        tuple(curves),
        x_scale="log",
        y_scale="log",
        y_limits=(0.5 * float(heights.min()), 2 * float(heights.max())),
    )


def _dirac_panel(
    radius: Float[np.ndarray, "orders betas pairs"], size: Float[np.ndarray, "orders betas pairs"]
) -> Panel:
    floor = 1e-16
    return Panel(
        "Dirac-GAN: fate and spectral radius",
        "spectral radius of one iteration",
        f"|(theta, w)| at the end, at least {floor:g}",
        (
            *(
                Curve(
                    f"{order.replace('_', ' ')}, beta1 = {beta:g}",
                    r,
                    np.maximum(z, floor),
                    style="points",
                )
                for order, radii, sizes in zip(DIRAC_ORDERS, radius, size, strict=True)
                for beta, r, z in zip(DIRAC_MOMENTA, radii, sizes, strict=True)
            ),
            Curve("stable left of it", np.ones(2), np.array([floor, size.max()]), style="faint"),
        ),
        y_scale="log",
    )


def _told(apart: dict[str, float | None], eps_eff: tuple[float, float]) -> str:
    said = [""]
    factors = {EARLY[name]: factor for name, factor in apart.items() if factor is not None}
    tells = [f"{name} (factor {factor:.2g})" for name, factor in factors.items() if factor > 1]
    fails = [f"{name} ({factor:.2g})" for name, factor in factors.items() if factor <= 1]
    if tells:
        said.append(f"Measured early, these tell them from the others: {', '.join(tells)}.")
    if fails:
        who = "These do not" if tells else "Measured early, none tells them from the others"
        said.append(f"{who}: {', '.join(fails)}.")
    first, second = eps_eff
    if abs(first - second) < 1e-6 * first:
        said.append(
            "The paper says that learning rates cannot be translated into perturbation; eps_eff, "
            "made of both players' perturbations, does, and is the same in another "
            "parameterisation (E31)."
        )
    return " ".join(said)


STUDY = Study(
    name="perturbation",
    theorem="Appendix A5: the discriminator is only weakly perturbed",
    question="Which early measurement of the fields tells whether a pair of rates settles soon?",
    seconds=4.0,
    run=perturbation,
)
