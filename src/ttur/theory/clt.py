"""Theorems 8 and 9 (Mokkadem & Pelletier 2006): central limit and almost sure rate, nonlinear."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy import stats
from scipy.linalg import solve_continuous_lyapunov

from ttur.theory.checks import (
    Numbers,
    array_of_shape,
    check_covariance,
    check_hurwitz,
    check_in_range,
    check_positive_definite,
)
from ttur.theory.iterate import Trajectory

Samples = Float[np.ndarray, "replicas dim"]


def mp_limits(
    J: Sequence[Sequence[Numbers]], Gamma: ArrayLike, alpha: float, a0: float
) -> tuple[Float[np.ndarray, "m m"], Float[np.ndarray, "k k"], float]:
    """Theorem 8, Eq. 125-128, corrected (E22-E24): S_theta, S_w and e_min = min |Re eig(Delta)|.

        (theta_n - theta*) / sqrt(a(n)) -> N(0, S_theta),  (w_n - w*) / sqrt(b(n)) -> N(0, S_w)

    independent in the limit, for a = a0 n^-alpha and b slower. Plus signs (E21): here A = J, the
    Jacobian of the ascent fields at the equilibrium, and A22 and Delta are Hurwitz themselves.

    Args:
        J: the blocks ((A11, A12), (A21, A22)), of shapes (m, m), (m, k), (k, m), (k, k).
        Gamma: covariance of (M^theta, M^w), shape (m+k, m+k).
        alpha: exponent of the slow step size, in (1/2, 1].
        a0: its factor; at alpha = 1 it has to exceed 1 / (2 e_min).

    Raises:
        ValueError: if alpha is outside, A22 or Delta is not Hurwitz, a0 is too small, or a shape
            does not fit.
    """
    if [len(row) for row in J] != [2, 2]:
        raise ValueError(f"J should be ((A11, A12), (A21, A22)), got {[len(r) for r in J]} blocks")
    A11, A12, A21, A22 = (np.atleast_2d(np.asarray(A, float)) for row in J for A in row)
    m, k = len(A11), len(A22)
    blocks, shapes = (A11, A12, A21, A22), ((m, m), (m, k), (k, m), (k, k))
    for name, block, shape in zip(("A11", "A12", "A21", "A22"), blocks, shapes, strict=True):
        array_of_shape(name, block, shape)
    G = array_of_shape("Gamma", Gamma, (m + k, m + k))
    check_covariance("Gamma", G)
    check_in_range("alpha", alpha, 0.5, 1.0, "Theorem 8 A3")
    check_in_range("a0", a0, 0.0, np.inf, "Theorem 8 A3")
    check_hurwitz("A22", A22, "Theorem 8 A2")
    K = np.linalg.solve(A22.T, A12.T).T
    delta = A11 - K @ A21
    e_min = -check_hurwitz("Delta", delta, "Theorem 8 A2")
    slowest = 1 / (2 * a0) if alpha == 1 else 0.0
    if slowest >= e_min:
        raise ValueError(
            f"Theorem 8 A3 fails: at alpha = 1, a0 should exceed 1 / (2 e_min) = "
            f"{1 / (2 * e_min):.6g}, got {a0:g}"
        )
    seen = np.hstack([np.eye(m), -K])  # theta feels M^theta - K M^w
    S_theta = solve_continuous_lyapunov(delta + slowest * np.eye(m), -seen @ G @ seen.T)  # (127)
    S_w = solve_continuous_lyapunov(A22, -G[m:, m:])  # (128)
    return S_theta, S_w, e_min


@dataclass(frozen=True, eq=False)
class CLTReport:
    """Replicas at one n beside Theorem 8; `theta` and `w` in units of sqrt(a) and sqrt(b).

    p-values are Kolmogorov-Smirnov's: per component against a normal law of its own variance, and
    of theta^T S_theta^-1 theta / a + w^T S_w^-1 w / b against chi^2 with m + k degrees of freedom,
    which tests normality, variances and independence at once.
    """

    cov_theta: Float[np.ndarray, "m m"]
    cov_theta_error: Float[np.ndarray, "m m"]
    cov_w: Float[np.ndarray, "k k"]
    cov_w_error: Float[np.ndarray, "k k"]
    ks_theta: Float[np.ndarray, " m"]
    ks_w: Float[np.ndarray, " k"]
    skewness: Float[np.ndarray, " m+k"]
    excess_kurtosis: Float[np.ndarray, " m+k"]
    ks_chi2: float
    correlation: Float[np.ndarray, "m k"]


def clt_report(
    theta_hat: Float[np.ndarray, "replicas m"],
    w_hat: Float[np.ndarray, "_ k"],
    a: float,
    b: float,
    S_theta: ArrayLike,
    S_w: ArrayLike,
) -> CLTReport:
    """Judges replicas of theta_n - theta* and w_n - w*, shapes (R, m) and (R, k).

    Raises:
        ValueError: if a step size is not > 0, a replica is not finite, the numbers of replicas
            differ, or S_theta or S_w has another shape or is not positive definite.
    """
    check_in_range("a", a, 0.0, np.inf, "a step size > 0")
    check_in_range("b", b, 0.0, np.inf, "a step size > 0")
    theta = array_of_shape("theta_hat", theta_hat, theta_hat.shape) / np.sqrt(a)
    w = array_of_shape("w_hat", w_hat, (len(theta), w_hat.shape[1])) / np.sqrt(b)
    distance = _mahalanobis("S_theta", theta, S_theta) + _mahalanobis("S_w", w, S_w)
    both = np.hstack([theta, w])
    normal = [_p_value(x / np.sqrt(np.mean(x**2)), "norm") for x in both.T]
    degrees = both.shape[1]
    cov_theta, cov_theta_error = second_moment(theta)
    cov_w, cov_w_error = second_moment(w)
    return CLTReport(
        cov_theta=cov_theta,
        cov_theta_error=cov_theta_error,
        cov_w=cov_w,
        cov_w_error=cov_w_error,
        ks_theta=np.array(normal[: theta.shape[1]]),
        ks_w=np.array(normal[theta.shape[1] :]),
        skewness=np.asarray(stats.skew(both)),
        excess_kurtosis=np.asarray(stats.kurtosis(both)),
        ks_chi2=_p_value(distance, "chi2", degrees),
        correlation=cross_correlation(theta, w),
    )


def second_moment(x: Samples) -> tuple[Float[np.ndarray, "dim dim"], Float[np.ndarray, "dim dim"]]:
    """E[x x^T] over replicas, and the standard error sqrt((S_ii S_jj + S_ij^2) / R) of each."""
    S = x.T @ x / len(x)
    return S, np.sqrt((np.outer(np.diag(S), np.diag(S)) + S**2) / len(x))


def cross_correlation(
    theta_hat: Float[np.ndarray, "replicas m"], w_hat: Float[np.ndarray, "replicas k"]
) -> Float[np.ndarray, "m k"]:
    """Correlation of each component of theta with each of w; Theorem 8: -> 0 like sqrt(a/b)."""
    m = theta_hat.shape[1]
    return np.corrcoef(theta_hat, w_hat, rowvar=False)[:m, m:]


def as_rate_statistic(
    traj: Trajectory,
    window: tuple[int, int],
    of: Literal["theta", "w"] = "theta",
    centre: Numbers = 0.0,
) -> Float[np.ndarray, " replicas"]:
    """Theorem 9, Eq. 129-131 (E25): sup |theta_n - theta*| / sqrt(a(n) log t_a(n)) in a window.

    It stays bounded for almost every path, t_a = a(1) + ... + a(n); for w with b and t_b. The
    limsup is sqrt(2 S_theta) in one dimension. Only recorded n count.

    Args:
        traj: what `simulate` returned.
        window: first and last n.
        of: which player.
        centre: theta* or w*.

    Raises:
        ValueError: if no n of the window was recorded, a sum of steps in it is not above 1, or
            there is no such player.
    """
    if of not in ("theta", "w"):
        raise ValueError(f"of should be theta or w, got {of!r}")
    inside = (traj.n >= window[0]) & (traj.n <= window[1])
    x, step, t = (traj.theta, traj.a, traj.t_a) if of == "theta" else (traj.w, traj.b, traj.t_b)
    x, step, t = x[inside], step[inside], t[inside]
    if not inside.any() or not t.min() > 1:
        raise ValueError(
            f"the window {window[0]} ... {window[1]} should hold recorded n, from the first of "
            "which on the steps sum to more than 1: the rate has log of that sum"
        )
    distance = np.linalg.norm(x - centre, axis=2)
    return (distance / np.sqrt(step * np.log(t))[:, None]).max(axis=0)


def _mahalanobis(name: str, x: Samples, S: ArrayLike) -> Float[np.ndarray, " replicas"]:
    matrix = array_of_shape(name, S, (x.shape[1], x.shape[1]))
    check_positive_definite(name, matrix, "A limit with noise in every direction")
    return np.einsum("ri,ij,rj->r", x, np.linalg.inv(matrix), x)


def _p_value(x: Float[np.ndarray, " replicas"], law: str, *parameters: Any) -> float:
    return float(stats.kstest(x, law, args=parameters).pvalue)
