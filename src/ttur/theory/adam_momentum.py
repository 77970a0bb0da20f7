"""Adam's first moment is the momentum of a heavy ball with friction (Theorem 2 = 12, Eq. 3-7).

Corrected: E1 (what bias correction divides), E4 (which momentum moves the ball). c is the weight of
the new gradient, c = a(n+1) r(n) = 1 - beta1.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, overload

import numpy as np
from jaxtyping import Float, Int

from ttur.theory.checks import Numbers, check_in_range

Gradient = Callable[..., Any]  # theta -> grad f(theta), of the same shape
Order = Literal["heavy_ball", "adam"]
Array = Float[np.ndarray, "..."]


class Ball(NamedTuple):
    """Where it is and its momentum; theta moves against it."""

    theta: Any
    momentum: Any


# Called at every step and therefore without annotations, whose checks in tests would cost.
def hbf_step(theta, momentum, f_grad, a, c, *, order="heavy_ball"):
    """One step of the heavy ball with friction (Gadat et al.; Eq. 3 and 6, 162 and 165, E4).

        m_{n+1} = (1 - c) m_n + c grad f(theta_n)
        theta_{n+1} = theta_n - a m_n        order "heavy_ball": the old momentum, explicit Euler
        theta_{n+1} = theta_n - a m_{n+1}    order "adam": the new one, semi-implicit Euler

    Both have the same differential equation; `stability_limit` is not the same. `f_grad` may be
    noisy. Numbers or arrays of any one shape.
    """
    moved = (1 - c) * momentum + c * f_grad(theta)
    return Ball(theta - a * (momentum if order == "heavy_ball" else moved), moved)


def stability_limit(beta1: float, order: Order = "heavy_ball") -> float:
    """On f = L theta^2 / 2 the step is stable iff a L is below this (E4).

    1 for the heavy ball as printed, 2 (1 + beta1) / (1 - beta1) for Adam's order.
    """
    check_in_range("1 - beta1", 1 - beta1, 0.0, 1.0, "0 <= beta1 < 1")
    return 1.0 if order == "heavy_ball" else 2 * (1 + beta1) / (1 - beta1)


def spectral_radius(curvature: float, beta1: float, order: Order = "heavy_ball") -> float:
    """How much the slowest mode shrinks per step where a L = `curvature`."""
    columns = [
        hbf_step(*unit, lambda theta: curvature * theta, 1.0, 1 - beta1, order=order)
        for unit in ((1.0, 0.0), (0.0, 1.0))
    ]
    return float(np.abs(np.linalg.eigvals(np.transpose(columns))).max())


def adam_momentum(
    gs: Numbers,
    beta1: Numbers,
    convention: Literal["kingma_ba", "paper_literal"] = "kingma_ba",
) -> Array:
    """The bias-corrected first moment after each of the gradients `gs` (Eq. 4 and 163, E1).

    "kingma_ba" corrects a copy: m_n = beta1 m_{n-1} + (1 - beta1) g_n, and m_n / (1 - beta1^n) is
    returned. "paper_literal" feeds the corrected value back, as printed, and explodes before it
    settles: with beta1 = 0.9 a constant gradient 1 becomes 3945, with 0.999 it overflows to inf.
    With a beta1 for each n, beta1^n is the product of them (in both).

    Args:
        gs: gradients g_1 ... g_N along the first axis.
        beta1: one number in [0, 1), or one for each n.
        convention: which of the two recursions.

    Returns:
        Of the shape of `gs`.
    """
    if convention not in ("kingma_ba", "paper_literal"):
        raise ValueError(f"convention should be kingma_ba or paper_literal, got {convention!r}")
    gradients = np.asarray(gs, dtype=np.float64)
    betas = _betas(beta1, len(gradients))
    corrected = np.empty_like(gradients)
    m = np.zeros_like(gradients[0])
    with np.errstate(over="ignore", invalid="ignore"):
        for n, (beta, unbias) in enumerate(zip(betas, 1 - np.cumprod(betas), strict=True)):
            m = beta * m + (1 - beta) * gradients[n]
            corrected[n] = m / unbias
            if convention == "paper_literal":
                m = corrected[n]
    return corrected


@overload
def effective_memory(beta1: Numbers, n: int) -> float: ...
@overload
def effective_memory(beta1: Numbers, n: Int[np.ndarray, "..."]) -> Array: ...
def effective_memory(beta1: Numbers, n: int | Int[np.ndarray, "..."]) -> float | Array:
    """c_n = (1 - beta1) / (1 - beta1^n): bias-corrected Adam is a heavy ball with it (E1).

    mhat_n = (1 - c_n) mhat_{n-1} + c_n g_n. While n << 1 / (1 - beta1) this is 1/n, the mean of all
    gradients so far; later it is 1 - beta1, exponential memory. Where beta1 changes, pass beta1 of
    1 ... N: beta1^n is then their product.
    """
    updates = np.atleast_1d(n)
    if updates.min() < 1:
        raise ValueError(f"updates count from n = 1, got n = {updates.min()}")
    betas = _betas(beta1, int(updates.max()))
    c = (1 - betas) / (1 - np.cumprod(betas))
    return c[updates - 1].reshape(np.shape(n))[()]


def _betas(beta1: Numbers, count: int) -> Float[np.ndarray, " {count}"]:
    betas = np.asarray(beta1, dtype=np.float64)
    if betas.ndim and len(betas) < count:
        raise ValueError(f"beta1 should be a number or have {count} entries, got {len(betas)}")
    betas = betas[:count] if betas.ndim else np.full(count, betas)
    if not ((betas >= 0) & (betas < 1)).all():
        wrong = betas[~((betas >= 0) & (betas < 1))][0]
        raise ValueError(f"beta1 should lie in [0, 1), got {wrong:g}")
    return betas


def adam_path(
    f_grad: Gradient,
    theta0: Numbers,
    lr: Numbers,
    beta1: Numbers,
    beta2: Numbers,
    steps: int,
    *,
    eps: float = 1e-8,
) -> Float[np.ndarray, "steps_and_start settings"]:
    """Adam (Kingma & Ba) with exact gradients, for many settings of lr, beta1, beta2 at once.

    Each column is one run of a function of one variable; row 0 is the start.
    """
    rates = np.broadcast_arrays(theta0, lr, beta1, beta2)
    theta, lr, beta1, beta2 = (np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in rates)
    path = np.empty((steps + 1, len(theta)))
    path[0] = theta
    m = v = np.zeros_like(theta)
    unbias1 = unbias2 = np.ones_like(theta)
    for n in range(1, steps + 1):
        gradient = f_grad(theta)
        m = beta1 * m + (1 - beta1) * gradient
        v = beta2 * v + (1 - beta2) * gradient**2
        unbias1, unbias2 = unbias1 * beta1, unbias2 * beta2
        theta = theta - lr * (m / (1 - unbias1)) / (np.sqrt(v / (1 - unbias2)) + eps)
        path[n] = theta
    return path


def rescaled_gradient(f_grad: Gradient, v: Numbers) -> Gradient:
    """The gradient of F(u) = f(v^(-1/4) u), with which a frozen second moment v > 0 disappears.

    theta'' + r theta' + r v^(-1/2) grad f(theta) = 0 with theta = v^(-1/4) u is the heavy ball
    u'' + r u' + r grad F(u) = 0: the paper's "componentwise incorporated" holds in u. It needs v
    bounded away from 0, which v = E g^2 is not at an equilibrium without noise (E6).
    """
    second = np.asarray(v, dtype=np.float64)
    if not (second > 0).all():
        raise ValueError(f"a frozen second moment should be > 0, got {second.min():g}")
    scale = second**-0.25
    return lambda u: scale * f_grad(scale * u)
