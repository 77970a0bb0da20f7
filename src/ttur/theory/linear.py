"""Theorems 6 and 7 (Konda & Tsitsiklis 2004): rates of the linear two time-scale iteration."""

from typing import Any, no_type_check

import numpy as np
from jaxtyping import Float
from numpy.linalg import solve
from numpy.typing import ArrayLike
from scipy.linalg import solve_continuous_lyapunov, solve_discrete_lyapunov

from ttur.theory.checks import Numbers, check_at_least, check_hurwitz, check_in_range
from ttur.theory.covariances import Covariances, propagate
from ttur.theory.iterate import TwoTimeScaleProblem
from ttur.theory.linear_system import LinearSystem, Matrix, NoiseKind
from ttur.theory.schedule import Record, StepSizes, check_memory, recorded, step_sizes


class LinearTwoTimeScale(LinearSystem):
    """Theorems 6 and 7 about a `LinearSystem`: its covariances, in the limit and exact."""

    @classmethod
    def from_jacobians(
        cls,
        J11: Numbers,
        J12: Numbers,
        J21: Numbers,
        J22: Numbers,
        Gamma: ArrayLike,
        theta_star: Numbers = 0.0,
        w_star: Numbers = 0.0,
    ) -> "LinearTwoTimeScale":
        """The linearisation of ascent fields at (theta*, w*): J = +d field / d variable = -A."""
        A11, A12, A21, A22 = (-np.atleast_2d(np.asarray(J, float)) for J in (J11, J12, J21, J22))
        theta = np.broadcast_to(np.asarray(theta_star, float), len(A11))
        w = np.broadcast_to(np.asarray(w_star, float), len(A22))
        a1, a2 = A11 @ theta + A12 @ w, A21 @ theta + A22 @ w
        return cls(A11, A12, A21, A22, a1, a2, np.asarray(Gamma, float))

    def check_hurwitz(self, abar: float = 0.0) -> dict[str, float]:
        """A3 and A4(c) of Theorem 6: largest real part of -A22, -Delta and -(Delta - abar/2).

        Raises:
            ValueError: if one is not below 0, or abar < 0 (E17: the paper asks for abar <= 0).
        """
        _check_abar(abar)
        return {
            name: check_hurwitz(name, matrix, f"Theorem 6 {assumption}")
            for name, matrix, assumption in (
                ("-A22", -self.A22, "A3"),
                ("-Delta", -self.delta, "A3"),
                ("-(Delta - abar/2)", -self._slow(abar), "A4(c)"),
            )
        }

    def limit_covariance(self, abar: float = 0.0) -> Covariances:
        """Theorem 6, Eq. 99-101, corrected (E17, E19): the limits for a/b -> 0.

        abar = lim 1/a(n+1) - 1/a(n), which is 1/a0 for a = a0/n and 0 for slower powers.

        Raises:
            ValueError: if a Hurwitz condition fails.
        """
        self.check_hurwitz(abar)
        G11, G12, G22 = self._blocks(self.Gamma)
        S22 = solve_continuous_lyapunov(self.A22, G22)  # (101)
        S12 = solve(self.A22, (G12 - self.A12 @ S22).T).T  # (100)
        coupling = self.A12 @ S12.T
        S11 = solve_continuous_lyapunov(self._slow(abar), G11 - coupling - coupling.T)  # (99)
        return Covariances(S11, S12, S22)

    def covariance_eps(self, eps: float, abar: float = 0.0) -> Covariances:
        """The limits Sigma^(eps) for a/b -> eps > 0, which tend to those of eps = 0 (Eq. 102).

        Raises:
            ValueError: if eps <= 0 or abar < 0, or the system at this ratio is not stable.
        """
        _check_abar(abar)
        check_in_range("eps", eps, 0.0, np.inf, "A ratio a/b > 0 (limit_covariance is eps = 0)")
        scale = np.r_[np.ones(self.m), np.full(self.k, 1 / eps)]
        drift = scale[:, None] * self._A - abar / 2 * np.eye(self.m + self.k)
        check_hurwitz(f"-(A - abar/2) at a/b = {eps:g}", -drift, "Theorem 6 with eps > 0")
        S = solve_continuous_lyapunov(drift, scale[:, None] * self.Gamma * scale)
        return self._normalized(S, 1.0, 1 / eps)

    def finite_n_covariance(self, a: StepSizes, b: StepSizes, n: int) -> Covariances:
        """What Sigma^n is near: the stationary law of the recursion with its steps held at n.

        For slow powers the limit is approached like n^(alpha-1) only (E26); this is there early.

        Raises:
            ValueError: if n < 1, a step size is not positive, or the recursion is not stable at n.
        """
        check_at_least("n", n, 1)
        a_n, b_n = (step_sizes(name, s, n + 1)[-2:] for name, s in (("a", a), ("b", b)))
        D = self._per_player(a_n[0], b_n[0])
        growth = self._per_player(*(s[0] * (1 / s[1] - 1 / s[0]) / 2 for s in (a_n, b_n)))
        T = np.eye(self.m + self.k) - D[:, None] * self._A + np.diag(growth)
        if (radius := float(np.abs(np.linalg.eigvals(T)).max())) >= 1:
            raise ValueError(
                f"the recursion at n = {n} is not stable, spectral radius {radius:.6g}"
            )
        S = solve_discrete_lyapunov(T, D[:, None] * self.Gamma * D)
        return self._normalized(S, a_n[0], b_n[0])

    def exact_covariance(
        self,
        a: StepSizes,
        b: StepSizes,
        N: int,
        record: Record | None = None,
        S0: ArrayLike | None = None,
    ) -> Covariances:
        """Sigma^n after the updates 1 ... n, for n in `record` (default: N), without sampling.

        A number as `record` keeps every so many n, and N. `S0` is the second moment of
        (theta - theta*, w - w*) at the start, 0 by default.
        """
        kept = recorded([N] if record is None else record, 1, N)
        S = self.exact_second_moment(a, b, N, kept, S0)
        steps = (step_sizes(name, s, N)[kept - 1] for name, s in (("a", a), ("b", b)))
        return self._normalized(S, *(s[:, None, None] for s in steps))

    def exact_second_moment(
        self, a: StepSizes, b: StepSizes, N: int, record: Record, S0: ArrayLike | None = None
    ) -> Float[np.ndarray, "recorded size size"]:
        """E[x x^T] of x = (theta - theta*, w - w*), by S <- T S T^T + D Gamma D, T = I - D A.

        Raises:
            ValueError: if a step size is not positive, a recorded n is not among 1 ... N, or N is
                too large for the memory.
        """
        check_memory("matrices", N, 3 * (self.m + self.k) ** 2, f"{N} updates")
        D = np.repeat(
            np.stack([step_sizes("a", a, N), step_sizes("b", b, N)], axis=1), [self.m, self.k], 1
        )
        T = np.eye(self.m + self.k) - D[:, :, None] * self._A
        return propagate(T, D[:, :, None] * self.Gamma * D[:, None, :], record, S0)

    def exact_single_time_scale(
        self, a: StepSizes, N: int, record: Record | None = None
    ) -> Float[np.ndarray, "recorded m m"]:
        """Theorem 7: a(n)^-1 E[(thetabar - theta*)(...)^T] of Eq. 103-104, centred (E20).

        thetabar follows the same field with w at its equilibrium given M^w; its limit is Sigma11.
        """
        check_memory("matrices", N, 3 * self.m**2, f"{N} updates")
        kept = recorded([N] if record is None else record, 1, N)
        steps = step_sizes("a", a, N)[:, None, None]
        S = propagate(np.eye(self.m) - steps * self.delta, steps**2 * self.gamma_theta, kept)
        return S / steps[kept - 1]

    def leading_correlation(self, eps: float, abar: float = 0.0) -> Float[np.ndarray, "m k"]:
        """Correlation of theta and w at a(n)/b(n) = eps, to first order in sqrt(eps)."""
        check_in_range("eps", eps, 0.0, np.inf, "A ratio a/b > 0")
        S11, S12, S22 = self.limit_covariance(abar)
        spread = np.sqrt(np.outer(np.diag(S11), np.diag(S22)))
        return np.sqrt(eps) * (S12 - S11 @ self._response.T) / spread

    def single_time_scale_problem(self, noise: NoiseKind = "exponential") -> TwoTimeScaleProblem:
        """Eq. 103-104 for `simulate`: thetabar, with w idle. Seeds give the noise of `problem`."""
        K, delta, offset = self._K, self.delta, self.a1 - self._K @ self.a2
        both = self._noise(noise)

        @no_type_check  # called at every update
        def seen(rng, replicas, n):
            noise_theta, noise_w = both(rng, replicas, n)
            return noise_theta - noise_w @ K.T, 0.0

        return TwoTimeScaleProblem(
            self.m,
            self.k,
            h=lambda theta, w, z: offset - theta @ delta.T,
            g=lambda theta, w, z: np.zeros_like(w),
            noise=both and seen,
        )

    def _slow(self, abar: float) -> Matrix:
        return self.delta - abar / 2 * np.eye(self.m)

    def _per_player(self, slow: float, fast: float) -> Float[np.ndarray, " size"]:
        return np.repeat([slow, fast], [self.m, self.k])

    def _blocks(self, S: Any) -> tuple[Any, Any, Any]:
        m = self.m
        return S[..., :m, :m], S[..., :m, m:], S[..., m:, m:]

    def _normalized(self, S: Any, a: Any, b: Any) -> Covariances:
        """From (theta, w) to (theta, w - lambda(theta)), divided by the step sizes."""
        lag = np.block(
            [[np.eye(self.m), np.zeros((self.m, self.k))], [self._response, np.eye(self.k)]]
        )
        S11, S12, S22 = self._blocks(lag @ S @ lag.T)
        return Covariances(S11 / a, S12 / a, S22 / b)


def _check_abar(abar: float) -> None:
    if not 0 <= abar < np.inf:
        raise ValueError(f"Theorem 6 A4(a) fails: abar should be finite and >= 0, got {abar:g}")
