"""Noise in Adam as a heavy ball: limiting covariance, and the second moment's part (Eq. 7, 166).

Corrected: E5, the noise of the second moment is neither centred nor bounded.
"""

from dataclasses import dataclass
from math import comb

import numpy as np
from jaxtyping import Float
from scipy.linalg import solve_continuous_lyapunov

from ttur.theory.checks import check_hurwitz, check_in_range, check_momentum
from ttur.theory.covariances import propagate

Covariance = Float[np.ndarray, "2 2"]


def hbf_linearisation(L: float, r: float) -> Covariance:
    """B on f = L theta^2 / 2: (theta, m)' = -B (theta, m), stable because -B is Hurwitz."""
    matrix = np.array([[0.0, 1.0], [-r * L, r]])
    check_hurwitz("-B", -matrix, "a minimum (L > 0) with memory r > 0")
    return matrix


def hbf_covariance(L: float, r: float, s2: float, abar: float = 0.0) -> Covariance:
    """lim Cov(theta_n, m_n) / a(n) on f = L theta^2 / 2 with gradient noise of variance s2.

    Solves B S + S B^T - abar S = diag(0, r^2 s2), abar = lim 1/a(n+1) - 1/a(n). With abar = 0
    Var theta = s2 / (2 L), that of plain stochastic gradients: momentum costs and gains nothing.
    With a(n) = a0/n, abar = 1/a0, it inflates the variance. At finite n take abar_n.

    Raises:
        ValueError: if abar >= 2 min Re eig(B), where the covariance does not exist.
    """
    check_in_range("s2", s2, 0.0, np.inf, "a variance of the gradient's noise")
    matrix = hbf_linearisation(L, r)
    slowest = 2 * float(np.linalg.eigvals(matrix).real.min())
    if not 0 <= abar < slowest:
        raise ValueError(
            f"abar should lie in [0, 2 min Re eig(B) = {slowest:.4g}), got {abar:.4g}; with "
            f"a(n) = a0/n this asks a0 > {1 / slowest:.4g}"
        )
    shifted = matrix - abar / 2 * np.eye(2)
    return solve_continuous_lyapunov(shifted, np.diag([0.0, r**2 * s2]))


def hbf_exact_covariance(
    L: float, r: float, s2: float, a: Float[np.ndarray, " steps"]
) -> Covariance:
    """Cov(theta_N, m_N) after the steps a(1) ... a(N) from a fixed start, without approximation."""
    matrix, noise = hbf_linearisation(L, r), np.diag([0.0, r**2 * s2])
    steps = a[:, None, None]
    return propagate(np.eye(2) - steps * matrix, steps**2 * noise, [len(a)])[0]


@dataclass(frozen=True)
class SecondMomentNoise:
    """The moments of M^v of Eq. 7 and 166, exactly, for independent gradients N(mu, sigma^2)."""

    product: float  # E[m (v_n - v)]
    mean: float  # E[M^v]
    mean_square: float  # E[(M^v)^2]
    spread: float  # standard deviation of v_n


def second_moment_noise(mu: float, sigma: float, beta1: float, beta2: float) -> SecondMomentNoise:
    """What a moving second moment adds to the heavy ball (Eq. 7 and 166, corrected: E5).

    With v = E g^2, to first order m/sqrt(v_n) = m/sqrt(v) + c M^v, M^v = -m (v_n - v) / (2 c v^1.5)
    and c = 1 - beta1, all in the stationary state. The paper takes M^v for martingale differences
    bounded in mean square. But

        E[m (v_n - v)] = (1-beta1)(1-beta2) / (1 - beta1 beta2) (E g^3 - mu E g^2),

    so E[M^v] does not vanish as c -> 0 unless mu = 0, and E[(M^v)^2] grows like 1/c, because v_n
    spreads by sqrt(1 - beta2) and not by 1 - beta2. The drift it adds, c E[M^v], still vanishes:
    the conclusion survives, the reason does not.

    Raises:
        ValueError: if sigma is not > 0, or beta1 or beta2 not in [0, 1).
    """
    check_in_range("sigma", sigma, 0.0, np.inf, "gradients with noise")
    check_momentum("beta1", beta1)
    check_momentum("beta2", beta2)
    gaussian = [1.0, mu]  # E g^k
    for k in range(2, 7):
        gaussian.append(mu * gaussian[k - 1] + (k - 1) * sigma**2 * gaussian[k - 2])
    c, d = 1 - beta1, 1 - beta2
    joint: dict[tuple[int, int], float] = {(0, 0): 1.0}  # E[m^i v_n^j], closed under the recursion
    for i, j in ((1, 0), (2, 0), (0, 1), (1, 1), (2, 1), (0, 2), (1, 2), (2, 2)):
        lower = (
            comb(i, p) * comb(j, q) * beta1**p * c ** (i - p) * beta2**q * d ** (j - q)
            * joint[p, q] * gaussian[i - p + 2 * (j - q)]
            for p in range(i + 1) for q in range(j + 1) if (p, q) != (i, j)
        )  # fmt: skip
        joint[i, j] = sum(lower) / (1 - beta1**i * beta2**j)
    v = gaussian[2]
    product = joint[1, 1] - v * joint[1, 0]
    square = joint[2, 2] - 2 * v * joint[2, 1] + v**2 * joint[2, 0]
    return SecondMomentNoise(
        product=product,
        mean=-product / (2 * c * v**1.5),
        mean_square=square / (4 * c**2 * v**3),
        spread=sigma * (d / (1 + beta2) * (4 * mu**2 + 2 * sigma**2)) ** 0.5,
    )
