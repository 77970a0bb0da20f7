"""Adam's first moment is the momentum of a heavy ball with friction (Theorem 2 = 12, Eq. 3-7).

Corrected: E1 (what bias correction divides), E4 (which momentum moves the ball). c is the weight of
the new gradient, c = a(n+1) r(n) = 1 - beta1.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, no_type_check, overload

import numpy as np
from jaxtyping import Float, Int

from ttur.theory.checks import Numbers, check_at_least, check_in_range, check_momentum

Gradient = Callable[..., Any]  # theta -> grad f(theta), of the same shape
Order = Literal["heavy_ball", "adam"]
Array = Float[np.ndarray, "..."]


class Ball(NamedTuple):
    """Where it is and its momentum; theta moves against it."""

    theta: Any
    momentum: Any


@no_type_check  # called at every update
def hbf_step(
    theta: Any, momentum: Any, f_grad: Gradient, a: float, c: float, *, order: Order = "heavy_ball"
) -> Ball:
    """One step of the heavy ball with friction (Gadat et al.; Eq. 3 and 6, 162 and 165, E4).

        m_{n+1} = (1 - c) m_n + c grad f(theta_n)
        theta_{n+1} = theta_n - a m_n        order "heavy_ball": the old momentum, explicit Euler
        theta_{n+1} = theta_n - a m_{n+1}    order "adam": the new one, semi-implicit Euler

    Both have the same differential equation; `stability_limit` is not the same. `f_grad` may be
    noisy. Numbers or arrays of any one shape.

    Raises:
        ValueError: if the order is unknown.
    """
    moved = (1 - c) * momentum + c * f_grad(theta)
    return Ball(theta - a * _named(order, momentum, moved), moved)


@no_type_check  # called at every update
def _named(order: Order, heavy_ball: Any, adam: Any) -> Any:
    """The one of the two that `order` names."""
    if order == "heavy_ball":
        return heavy_ball
    if order == "adam":
        return adam
    raise ValueError(f"order should be heavy_ball or adam, got {order!r}")


def stability_limit(beta1: float, order: Order = "heavy_ball") -> float:
    """On f = L theta^2 / 2 the step is stable iff a L is below this (E4).

    1 for the heavy ball as printed, 2 (1 + beta1) / (1 - beta1) for Adam's order.
    """
    check_momentum("beta1", beta1)
    return _named(order, 1.0, 2 * (1 + beta1) / (1 - beta1))


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
    if not gradients.shape or not len(gradients):
        raise ValueError(
            f"gs should hold gradients along its first axis, got the shape {gradients.shape}"
        )
    betas = np.broadcast_to(_betas(beta1, len(gradients)), len(gradients))
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
    updates = np.asarray(n)
    if updates.min() < 1:
        raise ValueError(f"updates count from n = 1, got n = {updates.min()}")
    betas = _betas(beta1, int(updates.max()))
    if not betas.ndim:
        return (1 - betas) / (1 - betas**updates)
    return ((1 - betas) / (1 - np.cumprod(betas)))[updates - 1]


def _betas(beta1: Numbers, count: int) -> Array:
    """The number, or the first `count` of the array."""
    betas = np.asarray(beta1, dtype=np.float64)
    if betas.ndim and len(betas) < count:
        raise ValueError(f"beta1 should be a number or have {count} entries, got {len(betas)}")
    betas = betas[:count] if betas.ndim else betas
    _check_momenta("beta1", betas)
    return betas


def _check_momenta(name: str, betas: Array) -> None:
    for extreme in (betas.min(), betas.max()):
        check_momentum(name, float(extreme))


@no_type_check  # called at every update
def corrected_moments(
    m: Array, v: Array, gradient: Array, beta1: Numbers, beta2: Numbers, n: int
) -> tuple[Array, Array]:
    """Adam's moments with bias correction, after update n: averages of weights c_n (E1).

    From m = v = 0 before update 1; numbers or arrays of any one shape.
    """
    c1, c2 = (1 - beta1) / (1 - beta1**n), (1 - beta2) / (1 - beta2**n)
    return m + c1 * (gradient - m), v + c2 * (gradient**2 - v)


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

    Raises:
        ValueError: if a rate is not > 0, beta1 or beta2 not in [0, 1), or `steps` negative.
    """
    check_at_least("steps", steps, 0)
    rates = np.broadcast_arrays(theta0, lr, beta1, beta2)
    theta, lr, beta1, beta2 = (np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in rates)
    check_in_range("lr", float(lr.min()), 0.0, np.inf, "a learning rate > 0")
    _check_momenta("beta1", beta1)
    _check_momenta("beta2", beta2)
    path = np.empty((steps + 1, len(theta)))
    path[0] = theta
    m = v = np.zeros_like(theta)
    for n in range(1, steps + 1):
        m, v = corrected_moments(m, v, f_grad(theta), beta1, beta2, n)
        theta = theta - lr * m / (np.sqrt(v) + eps)
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
