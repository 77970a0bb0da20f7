"""Squared maximum mean discrepancy, term by term (Gretton et al. 2012, Eq. 3)."""

import numpy as np


def kernel(x: np.ndarray, y: np.ndarray) -> float:
    """(xᵀy/d + 1)³, Bińkowski et al. 2018."""
    return (sum(float(a) * float(b) for a, b in zip(x, y, strict=True)) / len(x) + 1) ** 3


def unbiased_squared_discrepancy(x: np.ndarray, y: np.ndarray) -> float:
    """Σ_{i≠j} k(x_i, x_j)/(n(n-1)) + Σ_{i≠j} k(y_i, y_j)/(m(m-1)) - 2 Σ k(x_i, y_j)/(nm)."""
    n, m = len(x), len(y)
    within_x = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j)
    within_y = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j)
    across = sum(kernel(a, b) for a in x for b in y)
    return within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * across / (n * m)


def gaussian_squared_discrepancy(mean_x: float, mean_y: float) -> float:
    """The population's value for one-dimensional Gaussians of variance 1.

    (xy + 1)³ = 1 + 3xy + 3x²y² + x³y³, so MMD² = 3 Δ₁² + 3 Δ₂² + Δ₃² with Δ_p the difference of
    the raw moments E x^p: μ, μ² + 1, μ³ + 3μ.
    """
    moments = [np.array([u, u**2 + 1, u**3 + 3 * u]) for u in (mean_x, mean_y)]
    return float(np.array([3, 3, 1]) @ (moments[0] - moments[1]) ** 2)
