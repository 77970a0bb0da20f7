"""Momentum in games: when a stable pair of gradient flows stays stable under Adam (E7).

The paper lets its result "carry over to Adam" by the energy of the heavy ball. That energy belongs
to one player: in a game the gradients are no gradient field, and momentum can turn it unstable.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Float
from scipy.optimize import root_scalar

from ttur.theory.checks import Numbers, array_of_shape, check_in_range
from ttur.theory.iterate import TwoTimeScaleProblem

Matrix = Float[np.ndarray, "size size"]


def momentum_threshold(A: Numbers) -> float:
    """The r above which z'' + r z' + r A z = 0 is stable: max v^2 / u, u + i v eigenvalues of A.

    inf where some u <= 0: then z' = -A z is not stable either. 0 where A is symmetric positive, as
    in one minimisation: any momentum will do.
    """
    eigenvalues = np.linalg.eigvals(_square(A))
    if (eigenvalues.real <= 0).any():
        return np.inf
    return float((eigenvalues.imag**2 / eigenvalues.real).max())


def momentum_stable(A: Numbers, r: float) -> bool:
    """Whether momentum with memory rate r (beta1 = 1 - a r) keeps z' = -A z stable (E7).

    So iff u > 0 and r u > v^2 for every eigenvalue u + i v of A.
    """
    check_in_range("r", r, 0.0, np.inf, "a memory rate r > 0")
    return r > momentum_threshold(A)


def momentum_matrix(
    A: Numbers, r_theta: float, r_w: float, eps: float = 1.0, m: int | None = None
) -> Matrix:
    """The linear field of z' = -A z played with momentum, z = (theta, w), in the fast time.

    The state is (z, p), p the velocity: z' = E p, p' = E R (-A z - p) with E = diag(eps, 1) and
    R = diag(r_theta, r_w) for the two players.

    Args:
        A: minus the Jacobian of (h, g), theta first.
        r_theta, r_w: memory rates, each in its player's own time.
        eps: ratio of the step sizes a/b.
        m: dimension of theta; half of A's size if None.

    Raises:
        ValueError: if a rate or eps is not > 0, A not square, or m not between 0 and its size.
    """
    for name, value in (("r_theta", r_theta), ("r_w", r_w)):
        check_in_range(name, value, 0.0, np.inf, "a memory rate r > 0")
    check_in_range("eps", eps, 0.0, np.inf, "step sizes > 0")
    A = _square(A)
    size = len(A)
    if m is None and size % 2:
        raise ValueError(f"m should be given, the size {size} of A has no half")
    m = size // 2 if m is None else m
    if not 0 < m < size:
        raise ValueError(f"m should lie in 1 ... {size - 1}, got {m}")
    is_theta = np.arange(size) < m
    pace = np.diag(np.where(is_theta, eps, 1.0))
    gravity = pace @ np.diag(np.where(is_theta, r_theta, r_w))
    return np.block([[np.zeros((size, size)), pace], [-gravity @ A, -gravity]])


def growth_rate(matrix: Numbers) -> float:
    """The largest real part of the eigenvalues: above 0 the linear field is unstable."""
    return float(np.linalg.eigvals(_square(matrix)).real.max())


def critical_time_scale(A: Numbers, r_theta: float, r_w: float, m: int | None = None) -> float:
    """The largest eps = a/b below which momentum is stable for every smaller eps down to 1e-6.

    For a zero-sum game it exists: as eps -> 0 each player is alone with a symmetric matrix.

    Raises:
        ValueError: if momentum is unstable even at eps = 1e-6.
    """

    def growth(eps: float) -> float:
        return growth_rate(momentum_matrix(A, r_theta, r_w, eps, m))

    grid = np.geomspace(1e-6, 1, 241).tolist()
    unstable = [growth(eps) >= 0 for eps in grid]
    if unstable[0]:
        raise ValueError(
            "time-scale separation fails: momentum is unstable even at a/b = 1e-6, growth rate "
            f"{growth(1e-6):.3g}"
        )
    if not any(unstable):
        return 1.0
    first = unstable.index(True)
    return float(root_scalar(growth, bracket=grid[first - 1 : first + 1], xtol=1e-15).root)


def zero_sum_game(mu: float = 1.0, coupling: float = 2.0) -> TwoTimeScaleProblem:
    """h = -mu theta - k w, g = k theta - mu w: gradient flow has the eigenvalues -mu +- i k.

    Momentum in one time scale needs r > k^2 / mu.
    """
    return TwoTimeScaleProblem(
        m=1,
        k=1,
        h=lambda theta, w, z: -mu * theta - coupling * w,
        g=lambda theta, w, z: coupling * theta - mu * w,
    )


def augment_with_momentum(
    problem: TwoTimeScaleProblem, r_theta: float, r_w: float
) -> TwoTimeScaleProblem:
    """The same problem played with momentum: the states become (theta, p_theta) and (w, p_w).

    theta <- theta + a p_theta, p_theta <- p_theta + a r_theta (h + noise + bias - p_theta), and
    likewise for w: the heavy ball in each player's own time, beta1 = 1 - a r_theta and 1 - b r_w.
    """
    check_in_range("r_theta", r_theta, 0.0, np.inf, "a memory rate r > 0")
    check_in_range("r_w", r_w, 0.0, np.inf, "a memory rate r > 0")
    m, k = problem.m, problem.k
    noise, bias, step = problem.noise, problem.bias, problem.markov_step

    @no_type_check  # called at every update, as are the three below
    def places(theta, w):
        return theta[:, :m], w[:, :k]

    @no_type_check
    def h(theta, w, z):
        p = theta[:, m:]
        return np.hstack([p, r_theta * (problem.h(*places(theta, w), z) - p)])

    @no_type_check
    def g(theta, w, z):
        p = w[:, k:]
        return np.hstack([p, r_w * (problem.g(*places(theta, w), z) - p)])

    @no_type_check
    def push(kicks, replicas):
        """What is added to the gradients reaches the velocities."""
        return tuple(
            np.hstack([np.zeros((replicas, size)), r * np.broadcast_to(kick, (replicas, size))])
            for kick, size, r in zip(kicks, (m, k), (r_theta, r_w), strict=True)
        )

    def projected(project, size):
        return project and (lambda x: np.hstack([project(x[:, :size]), x[:, size:]]))

    return TwoTimeScaleProblem(
        m=2 * m,
        k=2 * k,
        h=h,
        g=g,
        noise=noise and (lambda rng, replicas, n: push(noise(rng, replicas, n), replicas)),
        bias=bias and (lambda theta, w, n, t: push(bias(*places(theta, w), n, t), len(theta))),
        markov_init=problem.markov_init,
        markov_step=step and (lambda rng, z, theta, w, n: step(rng, z, *places(theta, w), n)),
        project_theta=projected(problem.project_theta, m),
        project_w=projected(problem.project_w, k),
    )


def _square(A: Numbers) -> Matrix:
    matrix = np.asarray(A, dtype=np.float64)
    return array_of_shape("the matrix", matrix, (len(matrix), len(matrix)))
