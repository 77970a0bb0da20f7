"""Theorem 4: a linear fast update driven by a Markov chain, and the Poisson equation behind it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import solve_continuous_lyapunov

from ttur.theory.chains import Chain, draw, stationary_distribution
from ttur.theory.checks import Numbers, array_of_shape, check_positive_definite
from ttur.theory.iterate import TwoTimeScaleProblem
from ttur.theory.schedule import Record, StepSizes, recorded, step_sizes

Slow = Float[np.ndarray, "... m"]  # theta


class PoissonSolution(NamedTuple):
    """fbar (...), fhat (S, ...) and the stationary distribution pi (S,)."""

    fbar: Float[np.ndarray, "..."]
    fhat: Float[np.ndarray, "states ..."]
    pi: Float[np.ndarray, " states"]


def poisson_solution(
    P: Float[np.ndarray, "states states"] | Sequence[Any],
    f: Float[np.ndarray, "..."] | Sequence[Any],
) -> PoissonSolution:
    """fhat = f - fbar + P fhat (Eq. 34-37), with fbar = pi f; f is (states, ...).

    Solutions differ by constants (E15); this is the one with pi fhat = 0, which is
    (I - P + 1 pi^T)^-1 (f - fbar). (P fhat)(z) = sum over z' of P(z, z') fhat(z').

    Raises:
        ValueError: if P is no irreducible stochastic matrix, or f has not one value per state.
    """
    P, f = np.asarray(P, dtype=float), np.asarray(f, dtype=float)
    pi = stationary_distribution(P)
    if f.shape[:1] != pi.shape:
        raise ValueError(f"f should have a value for each of {len(pi)} states, got {f.shape}")
    f = array_of_shape("f", f, f.shape)
    fbar = np.tensordot(pi, f, axes=1)
    flat = (f - fbar).reshape(len(pi), -1)
    fhat = np.linalg.solve(np.eye(len(pi)) - P + pi, flat)  # + pi is + 1 pi^T by broadcasting
    return PoissonSolution(fbar, fhat.reshape(f.shape), pi)


class CriticAverages(NamedTuple):
    """gbar(theta) and Gbar(theta), the critic under the stationary distribution."""

    g: Float[np.ndarray, "... k"]
    G: Float[np.ndarray, "... k k"]


class CriticMoments(NamedTuple):
    """E[e] and E[e e^T] of the error e = w_n - w* before update n + 1, for each recorded n."""

    n: Int[np.ndarray, " times"]
    mean: Float[np.ndarray, "times k"]
    second: Float[np.ndarray, "times k k"]


@dataclass(frozen=True)
class MarkovLinearCritic:
    """w <- w + b(n) (g(Z_n; theta) - G(Z_n; theta) w + M_n+1 w): Theorem 4, Eq. 29, corrected.

    The paper has "+ G w", under which w explodes where its average Gbar is positive definite (E13).
    Z_n is a finite Markov chain with transition matrix P(theta), M_n+1 (k, k) has independent
    entries N(0, sigma_M^2). Claim: w_n - Gbar(theta_n)^-1 gbar(theta_n) -> 0 almost surely.

    P, g and G take theta (..., m) and give (..., S, S), (..., S, k) and (..., S, k, k).
    """

    P: Callable[[Slow], Chain]
    g: Callable[[Slow], Float[np.ndarray, "... states k"]]
    G: Callable[[Slow], Float[np.ndarray, "... states k k"]]
    sigma_M: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.sigma_M < np.inf:
            raise ValueError(f"sigma_M should be a standard deviation >= 0, got {self.sigma_M:g}")

    def averages(self, theta: Numbers) -> CriticAverages:
        """gbar(theta) and Gbar(theta).

        Raises:
            ValueError: if P is no irreducible stochastic matrix, Gbar not positive definite, or g
                or G has another shape.
        """
        pi, g, G = self._checked(_slow(theta))
        gbar = np.einsum("...z,...zi->...i", pi, g)
        Gbar = np.einsum("...z,...zij->...ij", pi, G)
        check_positive_definite("Gbar(theta)", Gbar, "Theorem 4, Eq. 49")
        return CriticAverages(gbar, Gbar)

    def lam(self, theta: Numbers) -> Float[np.ndarray, "... k"]:
        """lambda(theta) = Gbar(theta)^-1 gbar(theta), where w settles while theta stands still."""
        gbar, Gbar = self.averages(theta)
        return np.linalg.solve(Gbar, gbar[..., None])[..., 0]

    def noise_covariance(self, theta: Numbers) -> Float[np.ndarray, "k k"]:
        """Gamma of what moves w at lambda(theta), summed over all lags of the chain.

        With F(z) = g(z) - G(z) lambda and its Poisson solution Fhat, Fhat(Z_n+1) - (P Fhat)(Z_n)
        is a martingale difference, and Gamma = sum_z pi (Fhat Fhat^T - (P Fhat)(P Fhat)^T)
        + sigma_M^2 |lambda|^2 I. Without the Poisson equation one would take sum_z pi F F^T.
        """
        theta = _slow(theta)
        root, P = self.lam(theta), self.P(theta)
        _, Fhat, pi = poisson_solution(P, self.g(theta) - self.G(theta) @ root)
        chain = _second_moment(pi, Fhat) - _second_moment(pi, P @ Fhat)
        return chain + self.sigma_M**2 * (root @ root) * np.eye(len(root))

    def asymptotic_covariance(self, theta: Numbers) -> Float[np.ndarray, "k k"]:
        """S_w = lim Cov(w_n) / b(n) at fixed theta, n b(n) -> inf: Gbar S + S Gbar^T = Gamma."""
        _, Gbar = self.averages(theta)
        return solve_continuous_lyapunov(Gbar, self.noise_covariance(theta))

    def exact_moments(
        self,
        b: StepSizes,
        N: int,
        record: Record,
        theta: Numbers = 0.0,
        w0: Numbers | None = None,
        z0: int = 0,
    ) -> CriticMoments:
        """Moments of w_n - lambda(theta) after n = 1 ... N steps at fixed theta, no sampling.

        Carries p_z = P(Z = z), E[e 1_z] and E[e e^T 1_z]. One step is linear in them and quadratic
        in b, so its three coefficient matrices are found once, from b = -1, 0 and 1.

        Raises:
            ValueError: if a step size is not > 0, a recorded n is outside 1 ... N, z0 is no state,
                w0 has another shape, or an assumption fails.
        """
        rates = step_sizes("b", b, N)
        theta, times = _slow(theta), np.unique(recorded(record, 1, N))
        root, P = self.lam(theta), self.P(theta)
        S, k = len(P), len(root)
        F = self.g(theta) - self.G(theta) @ root
        basis = np.eye(S * (1 + k + k * k))

        def step(rate: float) -> Float[np.ndarray, "moments moments"]:
            A = np.eye(k) - rate * self.G(theta)
            p, mean, second = np.split(basis, [S, S + S * k], axis=1)
            mean, second = mean.reshape(-1, S, k), second.reshape(-1, S, k, k)
            cross = rate * np.einsum("zij,nzj,zl->nzil", A, mean, F)
            square = np.einsum("nz,zi,zj->nzij", p, F, F)
            size = p * (root @ root) + 2 * mean @ root + np.trace(second, axis1=-2, axis2=-1)
            square = square + self.sigma_M**2 * size[..., None, None] * np.eye(k)
            second = A @ second @ np.swapaxes(A, -1, -2) + cross + np.swapaxes(cross, -1, -2)
            second = second + rate**2 * square
            mean = np.einsum("zij,nzj->nzi", A, mean) + rate * p[..., None] * F
            moved = [np.einsum("nz...,zy->ny...", moment, P) for moment in (p, mean, second)]
            return np.concatenate([m.reshape(len(basis), -1) for m in moved], axis=1).T

        down, still, up = step(-1.0), step(0.0), step(1.0)
        linear, quadratic = (up - down) / 2, (up + down) / 2 - still
        e0 = array_of_shape("w0", np.zeros(k) if w0 is None else w0, (k,)) - root
        if not 0 <= z0 < S:
            raise ValueError(f"z0 should be one of the states 0 … {S - 1}, got {z0}")
        at_z0 = np.eye(S)[z0]
        state = np.concatenate(
            [at_z0, np.outer(at_z0, e0).ravel(), np.multiply.outer(at_z0, np.outer(e0, e0)).ravel()]
        )
        kept = np.empty((len(times), len(state)))
        for n, rate in enumerate(rates[: times[-1]].tolist(), start=1):
            state = still @ state + rate * (linear @ state + rate * (quadratic @ state))
            kept[times == n] = state
        mean = kept[:, S : S + S * k].reshape(-1, S, k).sum(axis=1)
        second = kept[:, S + S * k :].reshape(-1, S, k, k).sum(axis=1)
        return CriticMoments(times, mean, second)

    def _checked(self, theta: Slow) -> tuple[Any, Any, Any]:
        """pi, g and G at theta, of the shapes (..., S), (..., S, k) and (..., S, k, k)."""
        pi, g = stationary_distribution(self.P(theta)), self.g(theta)
        g = array_of_shape("g(theta)", g, (*pi.shape, np.shape(g)[-1]))
        return pi, g, array_of_shape("G(theta)", self.G(theta), (*g.shape, g.shape[-1]))

    def problem(
        self,
        m: int = 1,
        slow_field: Callable[[Any, Any], Any] | None = None,
        sigma_theta: float = 0.0,
    ) -> TwoTimeScaleProblem:
        """Eq. 29 to simulate, Z_0 = 0; the state is (z, M).

        H_n = slow_field(theta, w) + sigma_theta N(0, I); without a slow field theta stands still.

        Raises:
            ValueError: if at theta = 0 P is no irreducible stochastic matrix, or g or G has another
                shape.
        """
        _, g, _ = self._checked(np.zeros((1, m)))
        k = g.shape[-1]

        @no_type_check  # called at every update, as are the two below
        def fast_field(theta, w, state):
            z, M = state
            replica = np.arange(len(z))
            G = self.G(theta)[replica, z] - M
            return self.g(theta)[replica, z] - (G @ w[..., None])[..., 0]

        @no_type_check
        def with_new_M(rng, z):
            return z, self.sigma_M * rng.standard_normal((len(z), k, k))

        @no_type_check
        def noise(rng, replicas, n):
            return sigma_theta * rng.standard_normal((replicas, m)), np.zeros((replicas, k))

        return TwoTimeScaleProblem(
            m=m,
            k=k,
            h=lambda theta, w, _: slow_field(theta, w) if slow_field else np.zeros_like(theta),
            g=fast_field,
            noise=noise if sigma_theta else None,
            markov_init=lambda rng, replicas: with_new_M(rng, np.zeros(replicas, dtype=int)),
            markov_step=lambda rng, state, theta, w, n: with_new_M(
                rng, draw(rng, self.P(theta)[np.arange(len(theta)), state[0]])
            ),
        )


def _slow(theta: Numbers) -> Slow:
    return np.atleast_1d(np.asarray(theta, dtype=float))


def _second_moment(pi: np.ndarray, f: np.ndarray) -> Float[np.ndarray, "k k"]:
    return np.einsum("z,zi,zj->ij", pi, f, f)
