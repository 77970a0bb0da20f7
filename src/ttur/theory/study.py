"""What a study is: a theorem, a question and settings; a table, curves and a sentence come out."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from inspect import signature
from typing import Any, Literal

import numpy as np
from jaxtyping import Shaped

Scale = Literal["linear", "log"]
Style = Literal["line", "prediction", "points", "bars", "faint"]
ERRORS, SHARE = 3.0, 0.05  # within which a measurement agrees with a prediction


@dataclass(frozen=True)
class Row:
    """One number: what the theory says beside what was measured.

    `measured` is None where it does not exist (never reached), `predicted` where the theory is
    silent. `standard_error` is the Monte-Carlo error of `measured`, None where it has none (a
    trajectory without noise, linear algebra). What is given and not finite becomes None.
    """

    quantity: str
    predicted: float | None
    measured: float | None
    standard_error: float | None = None

    def __post_init__(self) -> None:
        for name in ("predicted", "measured", "standard_error"):
            if (value := getattr(self, name)) is not None and not np.isfinite(value):
                object.__setattr__(self, name, None)

    @property
    def z(self) -> float | None:
        """(measured - predicted) / standard error, None where that is not finite."""
        if self.predicted is None or self.measured is None or not self.standard_error:
            return None
        z = (self.measured - self.predicted) / self.standard_error
        return z if np.isfinite(z) else None

    @property
    def agrees(self) -> bool | None:
        """Whether it lies within three standard errors of the prediction, or within 5 % of it where
        there is no error; None where there is nothing to compare.

        Some rows are to disagree: of what the paper prints and is wrong, or what ignores an effect.
        """
        if self.z is not None:
            return abs(self.z) <= ERRORS
        if self.predicted is None or self.measured is None or self.predicted == 0:
            return None
        return abs(self.measured - self.predicted) <= SHARE * abs(self.predicted)

    def to_json(self) -> dict[str, str | float | None]:
        """Its fields and z."""
        return asdict(self) | {"z": self.z}


def standard_error(values: Shaped[np.ndarray, " replicas"]) -> float:
    """Of the mean over two or more replicas."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def mean_and_error(values: Shaped[np.ndarray, " replicas"]) -> tuple[float, float]:
    """The mean over the replicas, and its standard error."""
    return float(np.mean(values)), standard_error(values)


@dataclass(frozen=True, eq=False)
class Curve:
    """y over x, with a band if `low` and `high` are there. A prediction is drawn dashed."""

    label: str
    x: Shaped[np.ndarray, " points"]
    y: Shaped[np.ndarray, " points"]
    low: Shaped[np.ndarray, " points"] | None = None
    high: Shaped[np.ndarray, " points"] | None = None
    style: Style = "line"
    colour: int | None = None  # curves of one number share a colour; None takes the next


def averaged(
    label: str,
    x: Shaped[np.ndarray, " points"],
    values: Shaped[np.ndarray, "points replicas"],
    colour: int,
) -> Curve:
    """The mean over the replicas, with a band of two standard errors."""
    mean, error = values.mean(axis=1), values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
    return Curve(label, x, mean, mean - 2 * error, mean + 2 * error, colour=colour)


def level(
    label: str,
    x: Shaped[np.ndarray, " points"],
    y: float,
    style: Style = "faint",
    colour: int | None = None,
) -> Curve:
    """A horizontal line."""
    return Curve(label, x, np.full(len(x), y), style=style, colour=colour)


@dataclass(frozen=True, eq=False)
class Panel:
    """Curves over one pair of axes; labels carry their units. `is_equal`: one unit is as long on
    both.
    """

    title: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    x_scale: Scale = "linear"
    y_scale: Scale = "linear"
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None
    is_equal: bool = False


@dataclass(frozen=True, eq=False)
class StudyResult:
    """A table, the panels of a figure (row by row, `columns` beside each other), and a sentence.

    The sentence says what the picture shows and where it departs from the paper; it is made of the
    numbers that were measured, so that it stays true when a setting changes.
    """

    rows: tuple[Row, ...]
    panels: tuple[Panel, ...]
    sentence: str
    columns: int = 2


@dataclass(frozen=True)
class Study:
    """A theorem, a question, and the function that answers it.

    The keyword arguments of `run`, all with defaults, are what may be set. `seconds` is about what
    it takes on one core.
    """

    name: str
    theorem: str
    question: str
    seconds: float
    run: Callable[..., StudyResult]

    def __call__(self, **settings: Any) -> StudyResult:
        return self.run(**settings)

    @property
    def defaults(self) -> dict[str, Any]:
        """All that may be set, as it is unless it is."""
        return {name: each.default for name, each in signature(self.run).parameters.items()}

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "theorem": self.theorem,
            "question": self.question,
            "settings": self.defaults,
            "seconds": self.seconds,
        }
