"""The two time-scale iteration (Eq. 15-16) of which every theorem is a special case, simulated."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, no_type_check

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from ttur.theory.checks import array_of_shape, check_at_least
from ttur.theory.schedule import Record, StepSizes, check_memory, recorded, step_sizes

Noise = Callable[..., Any]  # (generator, replicas, n) -> (M^theta, M^w)
Callback = Callable[..., Any]  # (n, theta, w, z) after update n
Order = Literal["simultaneous", "fast_first", "slow_first"]
ORDERS: tuple[Order, ...] = ("simultaneous", "fast_first", "slow_first")


@dataclass(frozen=True, eq=False)
class TwoTimeScaleProblem:
    """What is iterated, for R replicas at once; fields are ascent-type (h = -grad of a loss).

        theta <- P_theta[ theta + a(n) (h(theta, w, Z) + M^theta + B^theta) ]      slow, generator
        w     <- P_w    [ w     + b(n) (g(theta, w, Z) + M^w     + B^w)     ]      fast, critic

    theta has the shape (R, m), w (R, k); Z is None without `markov_init`.

    Attributes:
        m, k: dimensions of theta and w.
        h, g: (theta, w, Z) -> (R, m) and (R, k).
        noise: (generator, R, n) -> martingale differences (M^theta, M^w), (R, m) and (R, k) or 0.
        markov_init: (generator, R) -> Z at n = 1, anything whose arrays begin with the axis R.
        markov_step: (generator, Z, theta, w, n) -> the next Z, from the iterates before update n.
        bias: (theta, w, n, t) -> (B^theta, B^w), t = a(1) + ... + a(n-1); numbers, or (m,) and (k,)
            for all replicas alike, or (R, m) and (R, k).
        project_theta, project_w: the projections, (R, m) -> (R, m) and (R, k) -> (R, k).
    """

    m: int
    k: int
    h: Callable[..., Any]
    g: Callable[..., Any]
    noise: Noise | None = None
    markov_init: Callable[..., Any] | None = None
    markov_step: Callable[..., Any] | None = None
    bias: Callable[..., Any] | None = None
    project_theta: Callable[..., Any] | None = None
    project_w: Callable[..., Any] | None = None


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The recorded iterates: at n those after n updates, n = 0 being the start.

    `a` and `b` are the step sizes of update n (nan at n = 0), `t_a` and `t_b` their sums up to n.
    A replica is nan from its first value that is not finite, `diverged_at` is that n (-1 = never).
    """

    n: Int[np.ndarray, " recorded"]
    t_a: Float[np.ndarray, " recorded"]
    t_b: Float[np.ndarray, " recorded"]
    theta: Float[np.ndarray, "recorded replicas m"]
    w: Float[np.ndarray, "recorded replicas k"]
    a: Float[np.ndarray, " recorded"]
    b: Float[np.ndarray, " recorded"]
    diverged_at: Int[np.ndarray, " replicas"]

    def __repr__(self) -> str:
        span = f"{self.n[0]} … {self.n[-1]}" if len(self.n) else "none"
        lost = int((self.diverged_at >= 0).sum())
        shapes = f"theta {self.theta.shape}, w {self.w.shape}"
        return f"Trajectory({len(self.n)} recorded n: {span}, {shapes}, {lost} diverged)"


def simulate(
    problem: TwoTimeScaleProblem,
    a: StepSizes,
    b: StepSizes,
    theta0: ArrayLike,
    w0: ArrayLike,
    n_steps: int,
    *,
    replicas: int = 1,
    seed: int = 0,
    order: Order = "simultaneous",
    record: Record | None = None,
    callbacks: Sequence[Callback] = (),
    stop_nonfinite: bool = False,
) -> Trajectory:
    """Iterates n = 1 ... n_steps.

    Args:
        problem: fields, noise, Markov state, bias, projections.
        a: slow step sizes n -> a(n).
        b: fast step sizes n -> b(n).
        theta0: start, of shape (m,) or (replicas, m).
        w0: start, of shape (k,) or (replicas, k).
        n_steps: number of updates.
        replicas: independent copies, iterated side by side.
        seed: of the generator that noise and Markov state draw from.
        order: "simultaneous" as in the theorems; "fast_first" as GANs are trained, h sees the new
            w; "slow_first", g sees the new theta. The limits are the same, stability is not.
        record: the n to keep, or every how many (with 0 and n_steps); None keeps all.
        callbacks: each called as (n, theta, w, z) with the state after update n.
        stop_nonfinite: end with the first replica that diverges; later records are missing.

    Raises:
        ValueError: if a step size is not finite and > 0, a shape does not fit, a start is not
            finite, the order is unknown, there are no replicas, or a recorded n is not among
            0 ... n_steps.
    """
    check_at_least("replicas", replicas, 1)
    if order not in ORDERS:
        raise ValueError(f"order should be one of {', '.join(ORDERS)}, got {order!r}")
    check_memory("step sizes", n_steps, 4, f"{n_steps} updates")
    a_n, b_n = step_sizes("a", a, n_steps), step_sizes("b", b, n_steps)
    t_a, t_b = (np.concatenate([[0.0], np.cumsum(steps)]) for steps in (a_n, b_n))
    kept = np.unique(recorded(1 if record is None else record, 0, n_steps))
    size = problem.m + problem.k
    check_memory("iterates", len(kept) * replicas, size, f"{len(kept)} n of {replicas} replicas")
    theta = _start("theta0", theta0, (replicas, problem.m))
    w = _start("w0", w0, (replicas, problem.k))
    rng = np.random.default_rng(seed)
    z = problem.markov_init(rng, replicas) if problem.markov_init else None
    advance = problem.markov_step
    _check_shapes(problem, theta, w, z)

    diverged_at = np.full(replicas, -1)
    thetas = np.full((len(kept), *theta.shape), np.nan)
    ws = np.full((len(kept), *w.shape), np.nan)
    row = np.full(n_steps + 1, -1)
    row[kept] = np.arange(len(kept))
    if row[0] >= 0:
        thetas[row[0]], ws[row[0]] = theta, w
    last = n_steps
    with np.errstate(all="ignore"):
        for n in range(1, n_steps + 1):
            new_theta, new_w = _update(
                problem, order, a_n[n - 1], b_n[n - 1], theta, w, z, rng, n, t_a[n - 1]
            )
            if advance:
                z = advance(rng, z, theta, w, n)
            theta, w = new_theta, new_w
            lost = ~(np.isfinite(theta).all(axis=1) & np.isfinite(w).all(axis=1))
            if lost.any():
                theta[lost], w[lost] = np.nan, np.nan
                diverged_at[lost & (diverged_at < 0)] = n
            if row[n] >= 0:
                thetas[row[n]], ws[row[n]] = theta, w
            for callback in callbacks:
                callback(n, theta, w, z)
            if stop_nonfinite and lost.any():
                last = n
                break
    done = int(np.searchsorted(kept, last, side="right"))
    n = kept[:done]
    return Trajectory(
        n=n,
        t_a=t_a[n],
        t_b=t_b[n],
        theta=thetas[:done],
        w=ws[:done],
        a=np.concatenate([[np.nan], a_n])[n],
        b=np.concatenate([[np.nan], b_n])[n],
        diverged_at=diverged_at,
    )


def gaussian_noise(C: ArrayLike, m: int) -> Noise:
    """(M^theta, M^w) = C u with u standard normal: covariance C C^T, theta being the first m."""
    return _correlated(C, m, lambda rng, shape: rng.standard_normal(shape))


def centered_exponential_noise(C: ArrayLike, m: int) -> Noise:
    """(M^theta, M^w) = C u, u exponential minus 1: covariance C C^T, skewness 2.

    For tests of central limits: with Gaussian noise a linear iteration is Gaussian at every n.
    """
    return _correlated(C, m, lambda rng, shape: rng.exponential(size=shape) - 1)


def _correlated(C: ArrayLike, m: int, draw: Callable[..., Any]) -> Noise:
    factor = np.asarray(C, dtype=np.float64)
    if factor.ndim != 2 or not 0 < m < len(factor):
        raise ValueError(
            f"C should have m + k rows with m = {m} of them for theta, got the shape {factor.shape}"
        )
    mixing = array_of_shape("C", factor, factor.shape).T

    @no_type_check  # called at every update
    def noise(rng, replicas, n):
        both = draw(rng, (replicas, len(mixing))) @ mixing
        return both[:, :m], both[:, m:]

    return noise


@no_type_check  # called at every update, as are the two below
def _update(problem, order, a_n, b_n, theta, w, z, rng, n, t):
    """theta and w after update n."""
    push_theta, push_w = problem.noise(rng, len(theta), n) if problem.noise else (0.0, 0.0)
    if problem.bias:
        bias_theta, bias_w = problem.bias(theta, w, n, t)
        push_theta, push_w = push_theta + bias_theta, push_w + bias_w
    if order == "slow_first":
        new_theta = _slow(problem, a_n, theta, w, z, push_theta)
        return new_theta, _fast(problem, b_n, new_theta, w, z, push_w)
    new_w = _fast(problem, b_n, theta, w, z, push_w)
    seen_w = new_w if order == "fast_first" else w
    return _slow(problem, a_n, theta, seen_w, z, push_theta), new_w


@no_type_check
def _slow(problem, a_n, theta, w, z, push):
    moved = theta + a_n * (problem.h(theta, w, z) + push)
    return problem.project_theta(moved) if problem.project_theta else moved


@no_type_check
def _fast(problem, b_n, theta, w, z, push):
    moved = w + b_n * (problem.g(theta, w, z) + push)
    return problem.project_w(moved) if problem.project_w else moved


def _check_shapes(problem: TwoTimeScaleProblem, theta: np.ndarray, w: np.ndarray, z: Any) -> None:
    """All that `problem` returns, tried once: a noise (R,) would be shared where R = m."""
    with np.errstate(all="ignore"):
        pushes = problem.noise(np.random.default_rng(0), len(theta), 1) if problem.noise else (0, 0)
        biases = problem.bias(theta, w, 1, 0.0) if problem.bias else (0, 0)
        for player, x, field, project, push, bias in (
            ("theta", theta, problem.h, problem.project_theta, pushes[0], biases[0]),
            ("w", w, problem.g, problem.project_w, pushes[1], biases[1]),
        ):
            for name, value, others in (
                ("hg"[player == "w"], field(theta, w, z), ()),
                (f"noise of {player}", push, ((),)),
                (f"bias of {player}", bias, ((), (1,), x.shape[1:], (len(x), 1))),
                (f"project_{player}", project(x) if project else x, ()),
            ):
                if (shape := np.shape(value)) not in {x.shape, *others}:
                    raise ValueError(f"{name} should return the shape {x.shape}, got {shape}")


def _start(name: str, values: ArrayLike, shape: tuple[int, int]) -> Float[np.ndarray, "R dim"]:
    start = np.asarray(values, dtype=np.float64)
    if start.shape not in {shape, shape[1:]}:
        raise ValueError(f"{name} should have the shape {shape[1:]} or {shape}, got {start.shape}")
    return np.broadcast_to(array_of_shape(name, start, start.shape), shape).copy()
