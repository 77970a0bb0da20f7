"""Numbers of several runs as text: a mean never without its spread and the number of runs."""

from collections.abc import Callable, Iterable
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


def extent(values: Iterable[Any], text: Callable[[Any], str]) -> str:
    """The lowest and the highest, `2 to 40`, or the one there is."""
    ordered = sorted(values)
    return " to ".join(dict.fromkeys(map(text, ordered[:1] + ordered[-1:]))) or "–"


def counted(count: int) -> str:
    return f"{count:,}"


def minutes(seconds: float) -> str:
    """Three digits of a few minutes, whole ones from 100 on."""
    return f"{seconds / 60:,.0f}" if seconds >= 6000 else f"{seconds / 60:.3g}"
