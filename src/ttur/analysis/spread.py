"""Numbers of several runs as text: a mean never without its spread and the number of runs."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any


@dataclass(frozen=True)
class Spread:
    """The values of some runs; as text `60 ± 14 (n=2)`."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        return cls(tuple(values))

    @property
    def mean(self) -> float | None:
        return mean(self.values) if self.values else None

    @property
    def std(self) -> float | None:
        """With n − 1; None of fewer than two."""
        return stdev(self.values) if len(self.values) > 1 else None

    def to_json(self) -> dict[str, Any]:
        return {"mean": self.mean, "std": self.std, "n": len(self.values)}

    def __str__(self) -> str:
        if self.mean is None:
            return "–"
        about = "" if self.std is None else f" ± {self.std:.2g}"
        return f"{self.mean:.4g}{about} (n={len(self.values)})"
