"""Who lies how near to whom, among two sets of features, decided to the last bit.

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


@dataclass(frozen=True, eq=False)
class Cloud:
    """Samples, and a float32 copy for quick distances, moved and scaled so that it keeps digits."""

    samples: Num[np.ndarray, "n d"]
    scale: float  # a power of two: dividing by it rounds nothing
    scaled: Float[np.ndarray, "n d"]  # in -1..1
    squares: Float[np.ndarray, " n"]  # |scaled|²
    errors: Float[np.ndarray, " n"]  # a quick squared distance errs by less than that of both ends
    alike: Int[np.ndarray, " n"]  # the same number for the same sample


def clouds(real: Any, generated: Any, k: int) -> tuple[Cloud, Cloud]:
    """Both sides, in one scale, each with enough samples for a k-th neighbour.

    Raises:
        ValueError: if k < 1, a side has k samples or fewer, a feature is not finite, or the
            dimensions differ.
    """
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


def _cloud(samples: Num[np.ndarray, "n d"], centre: Float[np.ndarray, " d"], scale: float) -> Cloud:
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
    return Cloud(samples, scale, scaled, squares, errors.astype(np.float32), alike)


@dataclass(frozen=True, eq=False)
class Nearest:
    """Of each sample a neighbour: its squared distance, in units of scale², and its index."""

    squares: Float[np.ndarray, " n"]
    indices: Int[np.ndarray, " n"]


@dataclass(frozen=True, eq=False)
class Distances:
    """Squared distances, in units of scale², of some rows of one cloud to all of another.

    The true ones, of float64 differences, lie within `error` of the `quick` ones.
    """

    x: Cloud
    y: Cloud
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

    def nearest(self, k: int) -> "Nearest":
        """The k-th nearest of each row, to the last bit; of equally near ones the earlier first."""
        bounds = np.partition(self.quick + self.error, k - 1, axis=1)[:, k - 1, None]
        rows, columns = np.nonzero(self.quick - self.error <= bounds)
        true = self.true(rows, columns)
        firsts = np.searchsorted(rows, np.arange(len(self.quick)))
        found = np.lexsort((columns, true, rows))[firsts + k - 1]
        return Nearest(true[found], columns[found])

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


def blocks(x: Cloud, y: Cloud) -> Iterator[tuple[slice, Distances]]:
    """Distances by blocks of rows; those of a cloud to itself are infinite on the diagonal."""
    parts = [*_slices(len(x.scaled), DISTANCES_AT_ONCE // len(y.scaled))]
    for rows in counted(parts, "distances of features", "blocks"):
        quick = x.scaled[rows] @ y.scaled.T
        quick *= -2
        quick += x.squares[rows, None]
        quick += y.squares
        if x is y:
            np.fill_diagonal(quick[:, rows.start :], np.inf)
        error = x.errors[rows, None] + y.errors
        yield rows, Distances(x, y, rows.start, quick, error)


def neighbours(x: Cloud, y: Cloud, k: int) -> Nearest:
    """Of each sample of x the k-th nearest of y; a sample is no neighbour of itself (y is x)."""
    found = [distances.nearest(k) for _, distances in blocks(x, y)]
    return Nearest(
        np.concatenate([each.squares for each in found]),
        np.concatenate([each.indices for each in found]),
    )


def radii(cloud: Cloud, k: int) -> Float[np.ndarray, " n"]:
    """Squared distance of each sample to its k-th nearest neighbour."""
    return neighbours(cloud, cloud, k).squares


def _slices(count: int, step: int) -> Iterator[slice]:
    step = max(step, 1)
    return (slice(start, min(start + step, count)) for start in range(0, count, step))
