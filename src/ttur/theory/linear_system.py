"""Two linear fields with noise: their equilibrium, what the slow one feels, their simulation.

And what Theorems 1 and 3 rest on: w follows lambda(theta), theta the slow equation.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float
from numpy.linalg import solve
from scipy.linalg import expm

from ttur.theory.checks import array_of_shape, check_covariance
from ttur.theory.covariances import square_root
from ttur.theory.iterate import (
    Noise,
    TwoTimeScaleProblem,
    centered_exponential_noise,
    gaussian_noise,
)

Matrix = Float[np.ndarray, "_ _"]
NoiseKind = Literal["exponential", "gaussian", "none"]


@dataclass(frozen=True, eq=False)
class LinearSystem:
    """The linear iteration of Theorem 6; minus signs in the fields (E21: Konda & Tsitsiklis).

        theta <- theta + a(n) (a1 - A11 theta - A12 w + M^theta)
        w     <- w     + b(n) (a2 - A21 theta - A22 w + M^w)

    (M^theta, M^w) is independent over n with mean 0 and covariance Gamma of shape (m+k, m+k); its
    two parts may be correlated (E18).

    Raises:
        ValueError: if shapes do not fit, Gamma is not a covariance, or A22 cannot be inverted.
    """

    A11: Matrix
    A12: Matrix
    A21: Matrix
    A22: Matrix
    a1: Float[np.ndarray, " m"]
    a2: Float[np.ndarray, " k"]
    Gamma: Matrix

    def __post_init__(self) -> None:
        m, k = np.size(self.a1), np.size(self.a2)
        shapes = {"A11": (m, m), "A12": (m, k), "A21": (k, m), "A22": (k, k)}
        shapes |= {"a1": (m,), "a2": (k,), "Gamma": (m + k, m + k)}
        for name, shape in shapes.items():
            object.__setattr__(self, name, array_of_shape(name, getattr(self, name), shape))
        check_covariance("Gamma", self.Gamma)
        if np.linalg.matrix_rank(self.A22) < k:
            raise ValueError(
                "Theorem 6 A3 fails: A22 is singular, w has no equilibrium of its own; the ratio "
                f"of its singular values is {np.linalg.cond(self.A22, -2):.3g}"
            )

    @property
    def m(self) -> int:
        return len(self.a1)

    @property
    def k(self) -> int:
        return len(self.a2)

    @property
    def delta(self) -> Float[np.ndarray, "m m"]:
        """Delta = A11 - A12 A22^-1 A21: -Delta is the slow dynamics once w has settled."""
        return self.A11 - self.A12 @ self._response

    @property
    def fixed_point(self) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " k"]]:
        """(theta*, w*), where both fields vanish."""
        theta = solve(self.delta, self.a1 - self._K @ self.a2)
        return theta, self.lam(theta)

    def lam(self, theta: Float[np.ndarray, "*n m"]) -> Float[np.ndarray, "*n k"]:
        """lambda(theta), the root of the fast field."""
        return solve(self.A22, self.a2) - theta @ self._response.T

    @property
    def gamma_theta(self) -> Float[np.ndarray, "m m"]:
        """Covariance of M^theta - K M^w, K = A12 A22^-1: what theta feels of both noises."""
        seen = np.hstack([np.eye(self.m), -self._K])
        return seen @ self.Gamma @ seen.T

    def problem(self, noise: NoiseKind = "exponential") -> TwoTimeScaleProblem:
        """For `simulate`; centred exponential noise by default, so that normality is not given."""
        return TwoTimeScaleProblem(
            self.m,
            self.k,
            h=lambda theta, w, z: self.a1 - theta @ self.A11.T - w @ self.A12.T,
            g=lambda theta, w, z: self.a2 - theta @ self.A21.T - w @ self.A22.T,
            noise=self._noise(noise),
        )

    @property
    def _A(self) -> Matrix:
        return np.block([[self.A11, self.A12], [self.A21, self.A22]])

    @property
    def _response(self) -> Matrix:
        return solve(self.A22, self.A21)  # w settles at A22^-1 a2 - response theta

    @property
    def _K(self) -> Matrix:
        return solve(self.A22.T, self.A12.T).T

    def _noise(self, kind: str) -> Noise | None:
        if kind not in get_args(NoiseKind):
            raise ValueError(f"noise should be one of {get_args(NoiseKind)}, got {kind!r}")
        if kind == "none":
            return None
        correlated = centered_exponential_noise if kind == "exponential" else gaussian_noise
        return correlated(square_root(self.Gamma), self.m)


def quasi_static_lag(
    system: LinearSystem, eps: float, theta_hat: Float[np.ndarray, "*n m"]
) -> Float[np.ndarray, "*n k"]:
    """w - lambda(theta) once w has settled: -(a/b) A22^-1 A22^-1 A21 Delta (theta - theta*).

    First order in eps = a/b, without noise: w is behind by as much as lambda(theta) moves in the
    time w takes to react.
    """
    A22 = system.A22
    return -eps * theta_hat @ (solve(A22, solve(A22, system.A21)) @ system.delta).T


def slow_flow(
    system: LinearSystem, t: Float[np.ndarray, " times"], theta_hat0: Float[np.ndarray, " m"]
) -> Float[np.ndarray, "times m"]:
    """theta(t) - theta* of the slow equation theta' = h(theta, lambda(theta)): exp(-Delta t)."""
    return expm(-system.delta * t[:, None, None]) @ theta_hat0
