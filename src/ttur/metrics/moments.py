"""Running mean and covariance that merge: one formula for batches, processes and files."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Num

from ttur.metrics.samples import as_array

# So that a merge (d²) is nothing beside their product (block · d²).
VECTORS_AT_ONCE = 1024


@dataclass(frozen=True, eq=False)
class Moments:
    """Count, mean and scatter S = Σ (x - mean)(x - mean)ᵀ of the vectors seen so far, in float64.

    O(d²) memory whatever the count.
    """

    count: int
    mean: Float[np.ndarray, " d"]
    scatter: Float[np.ndarray, "d d"]

    @classmethod
    def empty(cls, dimension: int) -> "Moments":
        """The neutral element of `merge`."""
        return cls(0, np.zeros(dimension), np.zeros((dimension, dimension)))

    @classmethod
    def of(cls, features: Num[Any, "samples d"]) -> "Moments":
        """The moments of an array or of a tensor on any device.

        Raises:
            ValueError: if a feature is NaN or infinite.
        """
        return cls.of_batches([features], features.shape[1])

    @classmethod
    def of_batches(cls, batches: Iterable[Num[Any, "_ d"]], dimension: int) -> "Moments":
        """The moments of many batches, to the bit those of their concatenation.

        Raises:
            ValueError: if a feature is NaN or infinite.
        """
        moments, block, filled = cls.empty(dimension), np.empty((VECTORS_AT_ONCE, dimension)), 0
        for batch in batches:
            rows = as_array(batch)
            while len(rows):
                taken = min(len(rows), VECTORS_AT_ONCE - filled)
                block[filled : filled + taken] = rows[:taken]
                filled, rows = filled + taken, rows[taken:]
                if filled == VECTORS_AT_ONCE:
                    moments, filled = moments.merge(cls._of_block(block)), 0
        return moments.merge(cls._of_block(block[:filled])) if filled else moments

    @classmethod
    def _of_block(cls, block: Float[np.ndarray, "samples d"]) -> "Moments":
        if not np.isfinite(block).all():
            bad = int((~np.isfinite(block)).any(axis=1).sum())
            raise ValueError(
                f"expected finite features, got NaN or infinity in {bad} of {len(block)} vectors; "
                "look for NaN pixels, weights of another network, or overflow in half precision"
            )
        mean = block.mean(axis=0)
        centred = block - mean
        return cls(len(block), mean, centred.T @ centred)

    def merge(self, other: "Moments") -> "Moments":
        """Chan, Golub & LeVeque 1979: S = S_x + S_y + δδᵀ n_x n_y / n, with δ = mean_y - mean_x.

        Sums of squares are never formed, so a large common offset costs no digits.

        Raises:
            ValueError: if the two have different dimensions.
        """
        if self.mean.shape != other.mean.shape:
            raise ValueError(
                f"expected moments of one dimension, got {len(self.mean)} and {len(other.mean)}; "
                "both sides must come from the same extractor"
            )
        if self.count == 0 or other.count == 0:
            return other if self.count == 0 else self
        count = self.count + other.count
        delta = other.mean - self.mean
        weighted = delta * math.sqrt(self.count / count * other.count)
        scatter = np.outer(weighted, weighted)
        scatter += self.scatter
        scatter += other.scatter
        return Moments(count, self.mean + delta * (other.count / count), scatter)

    @property
    def covariance(self) -> Float[np.ndarray, "d d"]:
        """S / (n - 1).

        Raises:
            ValueError: if fewer than two vectors were seen.
        """
        if self.count < 2:
            raise ValueError(
                f"a covariance needs at least 2 samples, got {self.count}; add images to this side"
            )
        return self.scatter / (self.count - 1)
