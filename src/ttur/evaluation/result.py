"""Numbers and all that must stand beside them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, SupportsFloat


@dataclass(frozen=True)
class Measurement:
    """A number under the name of its metric and extractor; details: how sure it is, how made."""

    metric: str
    value: float
    details: dict[str, Any]

    def __str__(self) -> str:
        interval = self.details.get("interval")
        if interval is None:
            return f"{self.metric} {self.value:.6g}"
        bounds = f"{interval['low']:.6g} to {interval['high']:.6g}"
        return f"{self.metric} {self.value:.6g}, {interval['level']:.0%} interval {bounds}"

    def to_json(self) -> dict[str, Any]:
        return {"metric": self.metric, "value": self.value, **self.details}


@dataclass(frozen=True, kw_only=True)
class Circumstances:
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


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Result(Circumstances):
    """One number. `details` holds its `interval`, {low, high, level, …} or None.

    It counts as its number: `float(result)`, `f"{result:.2f}"`, `result < 10`, `result - 1`,
    `round(result)`. Two results are equal if all they say is; a result equals a number that is its
    value.
    """

    metric: str
    value: float
    details: dict[str, Any]

    @property
    def measurement(self) -> Measurement:
        return Measurement(self.metric, self.value, self.details)

    def __float__(self) -> float:
        return float(self.value)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else str(self)

    def __str__(self) -> str:
        return f"{self.measurement} (protocol {self.protocol})"

    def __repr__(self) -> str:
        return f"Result({self.metric!r}, {self.value!r}, protocol={self.protocol!r})"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Result):
            return vars(self) == vars(other)
        return bool(self.value == other) if isinstance(other, Real) else NotImplemented

    def __lt__(self, other: object) -> bool:
        return self.value < float(other) if isinstance(other, SupportsFloat) else NotImplemented

    def __le__(self, other: object) -> bool:
        return self.value <= float(other) if isinstance(other, SupportsFloat) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return self.value > float(other) if isinstance(other, SupportsFloat) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return self.value >= float(other) if isinstance(other, SupportsFloat) else NotImplemented

    def __add__(self, other: SupportsFloat) -> float:
        return self.value + float(other)

    def __radd__(self, other: SupportsFloat) -> float:
        return float(other) + self.value

    def __sub__(self, other: SupportsFloat) -> float:
        return self.value - float(other)

    def __rsub__(self, other: SupportsFloat) -> float:
        return float(other) - self.value

    def __mul__(self, other: SupportsFloat) -> float:
        return self.value * float(other)

    def __rmul__(self, other: SupportsFloat) -> float:
        return float(other) * self.value

    def __truediv__(self, other: SupportsFloat) -> float:
        return self.value / float(other)

    def __rtruediv__(self, other: SupportsFloat) -> float:
        return float(other) / self.value

    def __pow__(self, other: SupportsFloat) -> float:
        return self.value ** float(other)

    def __neg__(self) -> float:
        return -self.value

    def __abs__(self) -> float:
        return abs(self.value)

    def __round__(self, digits: int | None = None) -> int | float:
        return round(self.value, digits)

    def to_json(self) -> dict[str, Any]:
        return self.measurement.to_json() | super().to_json()


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Evaluation(Circumstances, Mapping[str, float]):
    """Several numbers from one pass: a mapping of full names, as `kid_cifar10`, to values.

    Two evaluations are equal if all they say is; one equals a mapping of the same names to values.
    """

    measurements: tuple[Measurement, ...]

    @classmethod
    def under(
        cls, circumstances: Circumstances, measurements: tuple[Measurement, ...]
    ) -> "Evaluation":
        """Numbers, and what stands beside them."""
        common = {each.name: getattr(circumstances, each.name) for each in fields(Circumstances)}
        return cls(measurements=measurements, **common)

    def __getitem__(self, metric: str) -> float:
        """The value of a metric by its full name.

        Raises:
            KeyError: if it is not among them; names those that are.
        """
        for made in self.measurements:
            if made.metric == metric:
                return made.value
        raise KeyError(f"no {metric} here; there are {', '.join(self)}")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Evaluation):
            return vars(self) == vars(other)
        return dict(self) == dict(other) if isinstance(other, Mapping) else NotImplemented

    def __iter__(self) -> Iterator[str]:
        return (made.metric for made in self.measurements)

    def __len__(self) -> int:
        return len(self.measurements)

    def __str__(self) -> str:
        return "\n".join(f"{made} (protocol {self.protocol})" for made in self.measurements)

    def __repr__(self) -> str:
        return f"Evaluation({dict(self)!r}, protocol={self.protocol!r})"

    @property
    def first(self) -> Result:
        """Its first number alone."""
        common = {field.name: getattr(self, field.name) for field in fields(Circumstances)}
        first = self.measurements[0]
        return Result(metric=first.metric, value=first.value, details=first.details, **common)

    def to_json(self) -> dict[str, Any]:
        return {"metrics": [made.to_json() for made in self.measurements]} | super().to_json()
