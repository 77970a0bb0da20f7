"""Slow, literal versions: the spectrum without noise, the jackknife, the bootstrap that fails."""

from collections.abc import Callable

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq


def distance(x: np.ndarray, y: np.ndarray) -> float:
    """The plain FID of two samples; roots of the eigenvalues of C_x C_y, not symmetric."""
    difference = x.mean(axis=0) - y.mean(axis=0)
    covariance_x, covariance_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    eigenvalues = np.linalg.eigvals(covariance_x @ covariance_y).astype(np.complex128)
    traces = np.trace(covariance_x) + np.trace(covariance_y)
    return float(difference @ difference + traces - 2 * np.sqrt(eigenvalues).sum().real)


def root_trace_by_s_transform(eigenvalues: np.ndarray, n: float, m: float) -> float:
    """d (2/π) ∫_0^1 √y(v) dv with y(v) = x(v) / ((1 - v d/n) (1 - v d/m)).

    x(v) solves Σ λ / (λ + x) = v d, one root at a time.
    """
    d, largest = len(eigenvalues), max(eigenvalues)

    def integrand(v: float) -> float:
        def excess(log_x: float) -> float:
            return float(np.mean(eigenvalues / (eigenvalues + np.exp(log_x)))) - v

        span = np.log(largest) - 60, np.log(largest) + 60
        x = np.exp(np.float64(brentq(excess, *span, xtol=1e-13)))  # pyright: ignore
        return float(np.sqrt(x / ((1 - v * d / n) * (1 - v * d / m))))

    # v = sin² a: the integrand has ends like v^-1/2 and (1 - v)^1/2.
    integral, _ = quad(
        lambda a: integrand(np.sin(a) ** 2) * 2 * np.sin(a) * np.cos(a), 0, np.pi / 2, epsabs=1e-9
    )
    return d * 2 / np.pi * integral


def jackknife_of_groups(
    statistic: Callable[[np.ndarray], float], groups: list[np.ndarray]
) -> tuple[float, float]:
    """Estimate without bias, and its standard error (Busing et al. 1999, Eqs. 5 and 6)."""
    rows, count = np.concatenate(groups), sum(len(group) for group in groups)
    whole = statistic(rows)
    rest = [
        statistic(np.concatenate([group for group in groups if group is not left_out]))
        for left_out in groups
    ]
    estimate = len(groups) * whole
    for left_out, value in zip(groups, rest, strict=True):
        estimate -= (1 - len(left_out) / count) * value
    variance = 0.0
    for left_out, value in zip(groups, rest, strict=True):
        h = count / len(left_out)
        pseudo = h * whole - (h - 1) * value
        variance += (pseudo - estimate) ** 2 / (h - 1) / len(groups)
    return estimate, np.sqrt(variance)


def percentile_bootstrap(
    x: np.ndarray, y: np.ndarray, resamples: int, rng: np.random.Generator
) -> tuple[float, float]:
    """2.5 % and 97.5 % of the plain distances of resampled sides: no correction of anything."""
    distances = [
        distance(rng.choice(x, size=len(x)), rng.choice(y, size=len(y))) for _ in range(resamples)
    ]
    low, high = np.quantile(distances, [0.025, 0.975])
    return float(low), float(high)
