"""Theorems 1 and 3, what they rest on: w follows lambda(theta), theta the slow equation."""

import numpy as np
from jaxtyping import Float
from scipy.linalg import expm

from ttur.theory.linear import LinearTwoTimeScale


def quasi_static_lag(
    system: LinearTwoTimeScale, eps: float, theta_hat: Float[np.ndarray, "*n m"]
) -> Float[np.ndarray, "*n k"]:
    """w - lambda(theta) once w has settled: -(a/b) A22^-1 A22^-1 A21 Delta (theta - theta*).

    First order in eps = a/b, without noise: w is behind by as much as lambda(theta) moves in the
    time w takes to react.
    """
    A22 = system.A22
    return (
        -eps * theta_hat @ (np.linalg.solve(A22, np.linalg.solve(A22, system.A21)) @ system.delta).T
    )


def slow_flow(
    system: LinearTwoTimeScale, t: Float[np.ndarray, " times"], theta_hat0: Float[np.ndarray, " m"]
) -> Float[np.ndarray, "times m"]:
    """theta(t) - theta* of the slow equation theta' = h(theta, lambda(theta)): exp(-Delta t)."""
    return expm(-system.delta * t[:, None, None]) @ theta_hat0
