"""The influence of groups of samples on the Fréchet distance, from one eigenbasis.

Z and W turn the two covariances into the same diagonal R: Zᵀ C_x Z = Wᵀ C_y W = R, Zᵀ W = 1, and
Z Zᵀ is the transport map. Derivation: `docs/numerics.md`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.linalg
from jaxtyping import Float

from ttur.metrics.debiased import root_slopes, root_trace
from ttur.metrics.frechet import EPSILON, factor_of
from ttur.metrics.moments import Moments
from ttur.metrics.pencil import Pencil

BLAS: Any = scipy.linalg.blas  # compiled: no checker knows its functions

# Rows of the Hessian that are looked at: its noise falls as one over the root of their number.
ROWS = 256
# The least pivot, of the largest, of a Cholesky factor that float32 may divide by.
LEAST_PIVOT = 1e-4


@dataclass(frozen=True, eq=False)
class Halfway:
    """Both covariances in the coordinates where they are equal, `roots` on the diagonal."""

    roots: Float[np.ndarray, " rank"]
    x: Float[np.ndarray, "d rank"]
    y: Float[np.ndarray, "d rank"]

    @classmethod
    def of(
        cls, covariance_x: np.ndarray, covariance_y: np.ndarray, pencil: Pencil | None = None
    ) -> "Halfway":
        """Of two covariances, by their `pencil` if it is well-conditioned.

        Dimensions without variance, on either side, are left out.
        """
        if pencil is not None and (pivots := np.diag(pencil.factor)).min() > (
            LEAST_PIVOT * pivots.max()
        ):
            # Columns of both have norms of 1 where the sides are alike, so that float32 will do.
            eigenvalues, vectors = pencil.eigenvalues, pencil.vectors
            kept = eigenvalues > len(eigenvalues) * EPSILON * eigenvalues[-1]
            eigenvalues, vectors = eigenvalues[kept], vectors[:, kept]
            factor = pencil.factor.astype(np.float32)
            y = BLAS.strmm(1.0, factor, vectors, lower=1)
            x = BLAS.strsm(1.0, factor, vectors, lower=1, trans_a=1)
        else:
            factor = factor_of(covariance_x)
            eigenvalues, vectors = scipy.linalg.eigh(
                factor.T @ covariance_y @ factor, driver="evd", check_finite=False
            )
            kept = eigenvalues > len(factor) * EPSILON * eigenvalues.max(initial=0)
            eigenvalues, vectors = eigenvalues[kept], vectors[:, kept]
            x, y = (factor / (factor**2).sum(axis=0)) @ vectors, factor @ vectors
        roots = np.sqrt(eigenvalues)
        x *= np.sqrt(roots).astype(x.dtype)
        y /= np.sqrt(roots).astype(y.dtype)
        return cls(roots, x, y)

    @cached_property
    def hessian(self) -> tuple[float, float]:
        """Sums of q = r_i r_j / (r_i + r_j) over all pairs, and of q²."""
        total = squares = 0.0
        for rows in np.array_split(self.roots, max(1, len(self.roots) // 128)):
            q = np.outer(rows, self.roots) / np.add.outer(rows, self.roots)
            total, squares = total + float(q.sum()), squares + float((q**2).sum())
        return total, squares


@dataclass(frozen=True, eq=False)
class SampledSide:
    """Moments of a side and of its groups; none, and infinitely many samples: it is exact."""

    moments: Moments
    count: float
    groups: Sequence[Moments] = ()

    @property
    def steps(self) -> Iterator[tuple[Moments, np.ndarray]]:
        """Each group, and how far its mean lies from that of all."""
        return ((group, group.mean - self.moments.mean) for group in self.groups)


@dataclass(frozen=True)
class Excess:
    """How much more groups differ than Gaussian ones in the noise that has no direction.

    `noise` is the variance of `value`.
    """

    value: float = 0.0
    noise: float = 0.0


def excess_of(side: SampledSide, basis: np.ndarray, roots: np.ndarray) -> Excess:
    """From the difference X of the covariances of two halves of the groups, in the basis.

    Σ X_ij² / (r_i + r_j) is what the Hessian of the distance sees of it; for samples whose
    quadratic forms do not vary, E X_ij² = r_i r_j (1/n + 1/m) off the diagonal.
    """
    if not side.groups or not len(roots):
        return Excess()
    halves = [group.count for group in side.groups]
    middle = len(halves) // 2
    n, m = sum(halves[:middle]), sum(halves[middle:])
    signs = np.array([1 / n] * middle + [-1 / m] * (len(halves) - middle))
    difference, scratch = np.zeros_like(side.moments.scatter), np.empty_like(side.moments.scatter)
    for sign, group in zip(signs, side.groups, strict=True):
        difference += np.multiply(group.scatter, sign, out=scratch)
    steps = np.stack([step for _, step in side.steps])
    rows = np.arange(0, len(roots), max(1, len(roots) // ROWS))
    made = basis[:, rows].T @ difference.astype(basis.dtype) @ basis
    made += ((steps @ basis[:, rows]).T * (signs * halves)) @ (steps @ basis)
    made *= side.count / (side.count - 1)
    sums = np.add.outer(roots[rows], roots)
    expected = np.outer(roots[rows], roots) / sums
    seen = float((made**2 / sums).sum()) / (1 / n + 1 / m)
    value = seen / float(expected.sum())
    # Pairs of two looked-at rows are there twice.
    twice = 1 + len(rows) / len(roots)
    noise = 2 * twice * value**2 * float((expected**2).sum()) / float(expected.sum()) ** 2
    return Excess(value - 1, noise)


@dataclass(frozen=True, eq=False)
class Debiased:
    """The distance without its bias, and the derivatives by which samples move it."""

    x: SampledSide
    y: SampledSide
    halfway: Halfway
    excess: tuple[Excess, Excess] = (Excess(), Excess())

    @classmethod
    def of(cls, x: SampledSide, y: SampledSide, pencil: Pencil | None = None) -> "Debiased":
        """With the excess that the groups show."""
        made = Halfway.of(x.moments.covariance, y.moments.covariance, pencil)
        excess = (excess_of(x, made.x, made.roots), excess_of(y, made.y, made.roots))
        return cls(x, y, made, excess)

    @property
    def _noise(self) -> tuple[float, float, tuple[float, float]]:
        return self.x.count - 1, self.y.count - 1, (self.excess[0].value, self.excess[1].value)

    @property
    def estimate(self) -> float:
        """|Δμ|² + (1 - 1/n) tr C_x + (1 - 1/m) tr C_y - 2 R, R without noise."""
        x, y = self.x.moments, self.y.moments
        difference = x.mean - y.mean
        traces = sum(
            float(np.trace(side.moments.scatter)) / (side.moments.count - 1) * (1 - 1 / side.count)
            for side in (self.x, self.y)
        )
        root = root_trace(self.halfway.roots**2, *self._noise)
        return float(difference @ difference) + traces - 2 * root

    @cached_property
    def slopes(self) -> Float[np.ndarray, " rank"]:
        """By the roots."""
        if not len(self.halfway.roots):
            return self.halfway.roots
        return root_slopes(self.halfway.roots**2, *self._noise)

    def gradient(self, side: str) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "d d"]]:
        """By mean and covariance of side "x" or "y": 2 (μ_x - μ_y), (1 - 1/n) - Z p Zᵀ.

        With exact sides p is 1, and the second is 1 - T with the transport map T.
        """
        own = self.x if side == "x" else self.y
        map_ = self._map(side)
        map_ *= -1
        map_[np.diag_indices_from(map_)] += 1 - 1 / own.count
        mean = 2 * (self.x.moments.mean - self.y.moments.mean)
        return (mean if side == "x" else -mean), map_

    def influences(self, side: str) -> tuple[np.ndarray, np.ndarray]:
        """Of each group: on the distance, and on the trace of `roots`, as a share of it."""
        own = self.x if side == "x" else self.y
        mean, gradient = self.gradient(side)
        keep = 1 - 1 / own.count
        on_distance, on_size = [], []
        for group, step in own.steps:
            moved = float(np.vdot(gradient, group.scatter)) / group.count + step @ gradient @ step
            trace = float(np.trace(group.scatter)) / group.count + step @ step
            on_distance.append(mean @ step + moved)
            on_size.append(keep * trace - moved)
        size = float(self.slopes @ self.halfway.roots)
        return np.array(on_distance), np.array(on_size) / (size if size > 0 else math.inf)

    def second_order(self, sizes: float) -> float:
        """The variance of the part of second order; `sizes`: that of both sides' sizes together.

        ½ Σ (X - Y)_ij² / (r_i + r_j) has Σ q² (1/n + 1/m)², and where all of a side grows at
        once, ¼ (Δ size)² tr R.
        """
        counts = zip((self.x.count, self.y.count), self.excess, strict=True)
        per_sample = sum((1 + excess.value) / count for count, excess in counts)
        _, squares = self.halfway.hessian
        return per_sample**2 * squares + (sizes * float(self.halfway.roots.sum())) ** 2 / 8

    @property
    def bias_noise(self) -> float:
        """The variance of the bias that was taken out by the excess."""
        total, _ = self.halfway.hessian
        counts = zip((self.x.count, self.y.count), self.excess, strict=True)
        return sum((total / (2 * count)) ** 2 * excess.noise for count, excess in counts)

    def _map(self, side: str) -> Float[np.ndarray, "d d"]:
        basis = self.halfway.x if side == "x" else self.halfway.y
        return ((basis * self.slopes.astype(basis.dtype)) @ basis.T).astype(np.float64)
