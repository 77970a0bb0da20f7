"""Small games played at many learning rates: what is measured early, where they end (A5)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from ttur.perturbation.probe import ProbeResult, field_probe, tracking_gap
from ttur.theory.games import LQGAN, DiracGAN
from ttur.theory.iterate import Order
from ttur.theory.two_players import play

PairValues = Float[np.ndarray, " pairs"]

PROBED = (
    "perturbation_ratio",
    "score_perturbation",
    "momentum_load",
    "time_scale_ratio",
    "perturbation_of_discriminator",
)  # of ProbeResult

# The Dirac-GAN is played at these rates, momenta and orders.
DIRAC_A = (0.001, 0.01, 0.01, 0.1, 0.1, 0.3, 0.6, 0.6)
DIRAC_B = (1.0, 1.0, 0.1, 1.0, 0.1, 0.1, 0.1, 1.0)
DIRAC_MOMENTA = (0.0, 0.9)
DIRAC_ORDERS: tuple[Order, ...] = ("simultaneous", "fast_first")


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """Pairs of learning rates of an LQ-GAN: what was measured early and where they ended."""

    a: PairValues
    b: PairValues
    n: Float[np.ndarray, " probes"]
    distance: Float[np.ndarray, "probes pairs replicas"]  # Fréchet, after every probe_every updates
    early: dict[str, PairValues]  # medians over probes and replicas
    exact_gap: PairValues  # what T_K estimates, from the population and the best response
    last: PairValues  # the distance: medians of the last 20 %, then over replicas
    last_error: PairValues  # standard error over replicas
    stable: Bool[np.ndarray, " pairs"]  # linearly, under momentum; nowhere said under Adam


@np.errstate(over="ignore", invalid="ignore")
def diagnose(
    game: LQGAN,
    a: Iterable[float],
    b: Iterable[float],
    *,
    steps: int,
    probe_every: int = 50,
    early: int = 800,
    beta1: float = 0.95,
    beta2: float | None = None,
    replicas: int = 16,
    seed: int = 0,
    k: int = 50,
    inner_rate: float = 0.3,
) -> Diagnosis:
    """Plays the pairs side by side from t = 0, s = 1/2, w = 0 and probes them up to update `early`.

    By SGD with momentum, with `beta2` by Adam. Every probe has a batch of its own; the gap is that
    of k SGD steps at `inner_rate`. What has diverged is nan or infinite.
    """
    rates_a, rates_b = np.array(list(a)), np.array(list(b))
    half = len(game.mu)
    theta0 = np.repeat([0.0, 0.5], half) / game.scale
    rng = np.random.default_rng([seed, 1])  # not the stream of training
    found: dict[str, list[Any]] = {name: [] for name in (*PROBED, "tracking_gap", "exact_gap")}
    n, distance = [], []
    iterations = play(
        game,
        rates_a,
        rates_b,
        theta0,
        np.zeros(game.k),
        steps,
        beta1=beta1,
        beta2=beta2,
        replicas=replicas,
        seed=seed,
    )
    for moved in iterations:
        if moved.n % probe_every:
            continue
        theta, w = moved.theta_new, moved.w_new
        n.append(float(moved.n))
        distance.append(game.distance(theta))
        if moved.n > early:
            continue
        held_out = game.draw(rng, replicas)
        gap = tracking_gap(
            lambda w: game.objective(theta, w, held_out),  # noqa: B023 (used at once)
            lambda w: w + inner_rate * game.g(theta, w, game.draw(rng, replicas)),  # noqa: B023
            w,
            k,
        )
        best = game.objective(theta, game.best_response(theta))
        found["tracking_gap"].append(gap)
        found["exact_gap"].append(1 - game.objective(theta, w) / best)
        probes = _probe(game, moved, rates_a, rates_b, beta1, *game.samples(rng, replicas))
        for name in PROBED:
            found[name].append([[getattr(probe, name) for probe in row] for row in probes])
    early_medians = {name: _medians(values) for name, values in found.items()}
    stable = [
        beta2 is None and game.spectral_radius(*pair, beta1, "fast_first") < 1
        for pair in zip(rates_a.tolist(), rates_b.tolist(), strict=True)
    ]
    tail = np.median(distance[-max(1, len(distance) // 5) :], axis=0)
    return Diagnosis(
        a=rates_a,
        b=rates_b,
        n=np.array(n),
        distance=np.array(distance),
        exact_gap=early_medians.pop("exact_gap"),
        early=early_medians,
        last=np.median(tail, axis=-1),
        last_error=_error_of_median(tail),
        stable=np.array(stable),
    )


def _probe(game, moved, a, b, beta1, x, z) -> list[list[ProbeResult]]:
    """One for each pair and replica."""

    def one(pair: int, replica: int) -> ProbeResult:
        real, latents = x[replica], z[replica]
        here = [None if values is None else values[pair, replica] for values in moved[1:]]
        *points, precond_g, precond_d = here
        batch = game.moments(real, latents)
        return field_probe(
            lambda theta, w: game.g(theta, w, batch),
            lambda theta, w: game.h(theta, w, batch),
            *points,
            lr_g=float(a[pair]),
            lr_d=float(b[pair]),
            beta1=beta1,
            precond_g=precond_g,
            precond_d=precond_d,
            output_fn=lambda theta, w: game.scores(theta, w, real, latents),
        )

    return [[one(pair, replica) for replica in range(len(x))] for pair in range(len(a))]


def _medians(found: list[Any]) -> PairValues:
    """Over probes and replicas, without nan; nan for a pair that has nothing else."""
    values = np.array(found).swapaxes(0, 1).reshape(len(found[0]), -1)
    return np.array(
        [np.median(row[~np.isnan(row)]) if not np.isnan(row).all() else np.nan for row in values]
    )


def _error_of_median(values: Float[np.ndarray, "pairs replicas"]) -> PairValues:
    # sqrt(pi / 2) = 1.25: a median's error beside a mean's, where the values are normal.
    return 1.25 * values.std(axis=-1, ddof=1) / np.sqrt(values.shape[-1])


def separation(values: PairValues, settled: Bool[np.ndarray, " pairs"]) -> float | None:
    """Least value of those that failed over the largest of those that settled; > 1 separates.

    None where all settled or none did. A value that is not finite is left out, one below 1e-3
    counts as 1e-3.
    """
    finite = np.isfinite(values)
    failed, fine = values[finite & ~settled], values[finite & settled]
    if not failed.size or not fine.size:
        return None
    return float(failed.min() / max(fine.max(), 1e-3))


def rescaling(gamma: float, batch: int, beta1: float) -> tuple[float, float]:
    """eps_eff of one game in two parameterisations, theta and theta / 0.1."""
    first, second = (
        diagnose(
            LQGAN(gamma=gamma, batch=batch, scale=scale),
            [0.001 / scale**2],
            [0.05],
            steps=100,
            early=100,
            beta1=beta1,
            replicas=2,
        ).early["time_scale_ratio"][0]
        for scale in (1.0, 0.1)
    )
    return float(first), float(second)


def dirac_map(
    steps: int,
) -> tuple[Float[np.ndarray, "orders betas pairs"], Float[np.ndarray, "orders betas pairs"]]:
    """(spectral radius, |(theta, w)| after `steps`) at the settings DIRAC_... above."""
    game, beta1 = DiracGAN(), np.array(DIRAC_MOMENTA)[:, None].repeat(len(DIRAC_A), axis=1)
    size = []
    for order in DIRAC_ORDERS:
        *_, last = play(game, DIRAC_A, DIRAC_B, [1.0], [0.0], steps, beta1=beta1, order=order)
        size.append(np.hypot(last.theta_new, last.w_new)[..., 0, 0])
    rates = list(zip(DIRAC_A, DIRAC_B, strict=True))
    radius = [
        [[game.spectral_radius(a, b, beta, order) for a, b in rates] for beta in DIRAC_MOMENTA]
        for order in DIRAC_ORDERS
    ]
    return np.array(radius), np.array(size)
