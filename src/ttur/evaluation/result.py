"""Numbers and all that must stand beside them."""

from dataclasses import dataclass
from typing import Any

from ttur.evaluation.measures import Measurement


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What two sides were and how they were looked at: it stands beside every number.

    `mismatches` is empty unless the caller insisted on comparing what differs in protocol.
    """

    protocol: str
    counts: dict[str, int | None]
    fingerprints: dict[str, dict[str, Any]]
    audit: dict[str, dict[str, Any] | None]
    mismatches: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Numbers unrounded; the same names as the fields."""
        return {
            "protocol": self.protocol,
            "counts": self.counts,
            "fingerprints": self.fingerprints,
            "audit": self.audit,
            "mismatches": list(self.mismatches),
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, kw_only=True)
class Result(Comparison):
    """One number. `details` holds its `interval`, {low, high, level, …} or None."""

    metric: str
    value: float
    details: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return Measurement(self.metric, self.value, self.details).to_json() | super().to_json()


@dataclass(frozen=True, kw_only=True)
class Evaluation(Comparison):
    """Several numbers from one pass."""

    measurements: tuple[Measurement, ...]

    def __getitem__(self, metric: str) -> float:
        """The value of a metric by its full name, as `kid_cifar10`.

        Raises:
            KeyError: if it is not among them; names those that are.
        """
        values = {made.metric: made.value for made in self.measurements}
        if metric not in values:
            raise KeyError(f"no {metric} here; there are {', '.join(values)}")
        return values[metric]

    def to_json(self) -> dict[str, Any]:
        return {"metrics": [made.to_json() for made in self.measurements]} | super().to_json()
