"""How much of one set lies in the other: precision, recall, density, coverage of features.

Products in float32, and a second look at what they leave in doubt: products in float64 take more
than twice the time at 6,000 samples, and where distances tie other numbers come out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Num

from ttur.metrics.samples import two_sides
from ttur.runtime.progress import counted

DISTANCES_AT_ONCE = 2**23  # 32 MB
NUMBERS_AT_ONCE = 2**22  # of the pairs whose distance is computed exactly: 32 MB


@dataclass(frozen=True)
class PrecisionRecall:
    """Shares in 0..1: of the generated samples among the real ones, and the reverse."""

    precision: float
    recall: float
    k: int


@dataclass(frozen=True)
class DensityCoverage:
    """`density` ≥ 0, about 1 for equal distributions and not bounded by it; `coverage` in 0..1."""

    density: float
    coverage: float
    k: int


def precision_recall(
    real: Num[Any, "real_samples d"], generated: Num[Any, "generated_samples _"], k: int = 3
) -> PrecisionRecall:
    """Improved precision and recall (Kynkäänniemi et al. 2019, Eq. 1 and 2).

    A ball around every sample reaches to its k-th nearest neighbour in its own set, itself not
    counted. Precision is the share of generated samples in some closed ball of the real ones (at a
    distance ≤ radius), recall of real samples in some ball of the generated ones. Both depend on
    the counts and on k; compare them only at equal ones.

    Every comparison is decided as float64 Σ (x - y)² decides it, duplicates included. Memory beside
    the features: one float32 copy and some 200 MB.

    Raises:
        ValueError: if k < 1, a side has k samples or fewer, a feature is not finite, or the
            dimensions differ.
    """
    real_cloud, generated_cloud = _clouds(real, generated, k)
    real_radii, generated_radii = _radii(real_cloud, k), _radii(generated_cloud, k)
    within_real = np.zeros(len(generated), dtype=bool)
    within_generated = np.zeros(len(real), dtype=bool)
    for rows, distances in _blocks(real_cloud, generated_cloud):
        within_real |= distances.within(real_radii[rows, None], closed=True).any(axis=0)
        within_generated[rows] = distances.within(generated_radii[None], closed=True).any(axis=1)
    return PrecisionRecall(float(within_real.mean()), float(within_generated.mean()), k)


def density_coverage(
    real: Num[Any, "real_samples d"], generated: Num[Any, "generated_samples _"], k: int = 5
) -> DensityCoverage:
    """Density and coverage (Naeem et al. 2020, Eq. 3 and 4).

    With the open balls of the real samples (distance < radius, radii as in `precision_recall`):
    density is the number of balls a generated sample lies in, mean over generated samples, divided
    by k; coverage is the share of real samples with a generated one in their ball. For equal
    distributions, n real and m generated samples, the expectation of coverage is
    1 - Π_{i=1..k} (n - i) / (n + m - i), about 1 - 2⁻ᵏ at n = m, and that of density 1 if n is
    large.

    Exactness, memory and errors as `precision_recall`. A real sample with k duplicates has a ball
    of radius 0, which holds nothing.
    """
    real_cloud, generated_cloud = _clouds(real, generated, k)
    radii, count, covered = _radii(real_cloud, k), 0, 0
    for rows, distances in _blocks(real_cloud, generated_cloud):
        inside = distances.within(radii[rows, None], closed=False)
        count += int(inside.sum())
        covered += int(inside.any(axis=1).sum())
    return DensityCoverage(count / (k * len(generated)), covered / len(real), k)


@dataclass(frozen=True, eq=False)
class _Cloud:
    """Samples, and a float32 copy for quick distances, moved and scaled so that it keeps digits."""

    samples: Num[np.ndarray, "n d"]
    scale: float  # a power of two: dividing by it rounds nothing
    scaled: Float[np.ndarray, "n d"]  # in -1..1
    squares: Float[np.ndarray, " n"]  # |scaled|²
    errors: Float[np.ndarray, " n"]  # a quick squared distance errs by less than that of both ends
    alike: Int[np.ndarray, " n"]  # the same number for the same sample


def _clouds(real: Any, generated: Any, k: int) -> tuple[_Cloud, _Cloud]:
    if k < 1:
        raise ValueError(f"expected k of at least 1, got {k}")
    reason = f"a {k}-th nearest neighbour needs them; add images or ask for a lower k"
    sides = two_sides(real, generated, least=k + 1, reason=reason)
    # Distances do not change with the origin; the error of |x|² + |y|² - 2xᵀy does.
    centre = np.mean([side.mean(axis=0, dtype=np.float64) for side in sides], axis=0)
    reach = max(
        np.maximum(side.max(axis=0) - centre, centre - side.min(axis=0)).max() for side in sides
    )
    scale = 2.0 ** np.frexp(reach)[1]
    real_side, generated_side = sides
    return _cloud(real_side, centre, scale), _cloud(generated_side, centre, scale)


def _cloud(
    samples: Num[np.ndarray, "n d"], centre: Float[np.ndarray, " d"], scale: float
) -> _Cloud:
    count, dimension = samples.shape
    scaled = np.empty(samples.shape, np.float32)
    for rows in _slices(count, NUMBERS_AT_ONCE // dimension):
        scaled[rows] = (samples[rows] - centre) / scale
    squares = np.einsum("nd,nd->n", scaled, scaled)
    # A product of d terms errs by d roundings at most (Higham 2002, section 3.1), each of 2⁻²⁴
    # |x||y| ≤ 2⁻²⁴ (|x|² + |y|²)/2; the sum of squares as much, and 32 pays for all the rest. What
    # underflows is less than the second term.
    errors = (2 * dimension + 32) * 2.0**-24 * (squares + 1e-30)
    rows = np.ascontiguousarray(samples).view(np.dtype((np.void, samples[0].nbytes))).ravel()
    alike = np.unique(rows, return_inverse=True)[1]
    return _Cloud(samples, scale, scaled, squares, errors.astype(np.float32), alike)


@dataclass(frozen=True, eq=False)
class _Distances:
    """Squared distances, in units of scale², of some rows of one cloud to all of another.

    The true ones, of float64 differences, lie within `error` of the `quick` ones.
    """

    x: _Cloud
    y: _Cloud
    start: int
    quick: Float[np.ndarray, "rows m"]
    error: Float[np.ndarray, "rows m"]

    def within(
        self, radii: Float[np.ndarray, "#rows #m"], *, closed: bool
    ) -> Bool[np.ndarray, "rows m"]:
        """Where distance ≤ radius (closed) or < radius (open), all squared, to the last bit."""
        excess = self.quick - radii.astype(np.float32)
        inside = excess < -self.error
        doubtful = np.nonzero(np.abs(excess) <= self.error)
        true, limits = self.true(*doubtful), np.broadcast_to(radii, excess.shape)[doubtful]
        inside[doubtful] = true <= limits if closed else true < limits
        return inside

    def nearest(self, k: int) -> Float[np.ndarray, " rows"]:
        """The k-th smallest of each row, to the last bit."""
        bounds = np.partition(self.quick + self.error, k - 1, axis=1)[:, k - 1, None]
        rows, columns = np.nonzero(self.quick - self.error <= bounds)
        true = self.true(rows, columns)
        firsts = np.searchsorted(rows, np.arange(len(self.quick)))
        return true[np.lexsort((true, rows))][firsts + k - 1]

    def true(
        self, rows: Int[np.ndarray, " pairs"], columns: Int[np.ndarray, " pairs"]
    ) -> Float[np.ndarray, " pairs"]:
        """Σ (x - y)² in float64; equal pairs once, for a collapsed generator makes millions."""
        rows = rows + self.start
        names = self.x.alike[rows] * len(self.y.alike) + self.y.alike[columns]
        _, firsts, same = np.unique(names, return_index=True, return_inverse=True)
        rows, columns, result = rows[firsts], columns[firsts], np.empty(len(firsts))
        for some in _slices(len(firsts), NUMBERS_AT_ONCE // self.x.samples.shape[1]):
            difference = self.x.samples[rows[some]].astype(np.float64)
            difference -= self.y.samples[columns[some]]
            difference /= self.x.scale
            result[some] = np.square(difference, out=difference).sum(axis=1)
        return result[same]


def _blocks(x: _Cloud, y: _Cloud) -> Iterator[tuple[slice, _Distances]]:
    """Distances by blocks of rows; those of a cloud to itself are infinite on the diagonal."""
    blocks = [*_slices(len(x.scaled), DISTANCES_AT_ONCE // len(y.scaled))]
    for rows in counted(blocks, "distances of features", "blocks"):
        quick = x.scaled[rows] @ y.scaled.T
        quick *= -2
        quick += x.squares[rows, None]
        quick += y.squares
        if x is y:
            np.fill_diagonal(quick[:, rows.start :], np.inf)
        error = x.errors[rows, None] + y.errors
        yield rows, _Distances(x, y, rows.start, quick, error)


def _radii(cloud: _Cloud, k: int) -> Float[np.ndarray, " n"]:
    """Squared distance of each sample to its k-th nearest neighbour."""
    return np.concatenate([distances.nearest(k) for _, distances in _blocks(cloud, cloud)])


def _slices(count: int, step: int) -> Iterator[slice]:
    step = max(step, 1)
    return (slice(start, min(start + step, count)) for start in range(0, count, step))
