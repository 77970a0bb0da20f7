"""Moments of random parts of a stream beside those of the whole: what an interval is made from."""

from functools import reduce
from typing import Any

import numpy as np
from jaxtyping import Num

from ttur.metrics.moments import VECTORS_AT_ONCE, Moments
from ttur.metrics.samples import as_array

GROUPS = 10
# Vectors taken at once: merging ten d × d matrices costs their size, whatever it brings.
VECTORS_PENDING = 4 * VECTORS_AT_ONCE


class GroupedMoments:
    """`Moments` of a stream of vectors, and of GROUPS random parts of it, in O(GROUPS · d²) memory.

    The part of a vector is drawn by its place in the stream and the seed alone: neither the sizes
    of the batches nor an order by class plays a role.
    """

    def __init__(self, dimension: int, seed: int = 0):
        self.seed = seed
        self._draws = 0
        self._total = Moments.empty(dimension)
        self._groups = (self._total,) * GROUPS
        self._pending = np.empty((VECTORS_PENDING, dimension))
        self._filled = 0

    def update(self, features: Num[Any, "_ _"]) -> None:
        """Take in a batch, array or tensor.

        Raises:
            ValueError: if the dimension is another; perhaps later, if a feature is not finite.
        """
        rows, dimension = as_array(features), self._pending.shape[1]
        if rows.shape[1] != dimension:
            raise ValueError(
                f"expected features of dimension {dimension}, got {rows.shape[1]}; "
                "all batches must come from the same extractor"
            )
        while len(rows):
            taken = min(len(rows), VECTORS_PENDING - self._filled)
            self._pending[self._filled : self._filled + taken] = rows[:taken]
            self._filled, rows = self._filled + taken, rows[taken:]
            if self._filled == VECTORS_PENDING:
                self._flush()

    @property
    def total(self) -> Moments:
        """To the bit `Moments.of_batches` of the same vectors."""
        # Kept beside the groups: merging them would round differently.
        rows = self._pending[: self._filled]
        blocks = (
            rows[start : start + VECTORS_AT_ONCE] for start in range(0, len(rows), VECTORS_AT_ONCE)
        )
        return reduce(Moments.merge, map(Moments.of, blocks), self._total)

    @property
    def groups(self) -> tuple[Moments, ...]:
        """GROUPS disjoint parts, of random and nearly equal size; empty ones if there are few."""
        if not self._filled:
            return self._groups
        labels = np.random.default_rng([self.seed, self._draws]).integers(
            GROUPS, size=VECTORS_PENDING
        )
        rows, labels = self._pending[: self._filled], labels[: self._filled]
        return tuple(
            group.merge(Moments.of(rows[labels == g])) for g, group in enumerate(self._groups)
        )

    def _flush(self) -> None:
        if self._filled:
            self._total, self._groups = self.total, self.groups
            self._filled, self._draws = 0, self._draws + 1

    def merge(self, other: "GroupedMoments") -> None:
        """Take over what another one saw (another process, another file), group by group."""
        self._flush()
        self._total = self._total.merge(other.total)
        self._groups = tuple(map(Moments.merge, self._groups, other.groups))

    def state_dict(self) -> dict[str, np.ndarray]:
        """All there is, as arrays."""
        parts = (self._total, *self._groups)
        return {
            "stream": np.array([self.seed, self._draws]),
            "pending": self._pending[: self._filled].copy(),
            "counts": np.array([part.count for part in parts]),
            "means": np.stack([part.mean for part in parts]),
            "scatters": np.stack([part.scatter for part in parts]),
        }

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Continue where `state` stood, to the bit.

        Raises:
            ValueError: if it is of another dimension.
        """
        pending, dimension = state["pending"], self._pending.shape[1]
        if pending.shape[1] != dimension:
            raise ValueError(
                f"expected a state of dimension {dimension}, got {pending.shape[1]}; "
                "both must come from the same extractor"
            )
        self.seed, self._draws = (int(number) for number in state["stream"])
        self._total, *groups = (
            Moments(int(count), mean.copy(), scatter.copy())
            for count, mean, scatter in zip(
                state["counts"], state["means"], state["scatters"], strict=True
            )
        )
        self._groups = tuple(groups)
        self._filled = len(pending)
        self._pending[: self._filled] = pending
