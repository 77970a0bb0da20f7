"""What the disturbance study found, and what the paper printed of the same study."""

import csv
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import UInt8

# What the paper plots as IND is this constant minus the Inception Score.
CONSTANTS = {
    "gaussian_noise": 4.0,
    "gaussian_blur": 2.5,
    "black_rectangles": 3.0,
    "swirl": 2.5,
    "salt_and_pepper": 4.0,
    "contamination": 50.0,
}


@dataclass(frozen=True)
class DisturbanceRow:
    """One disturbance at one level: `count` disturbed images against the reference.

    `ind` has the three readings of IND: "constant" (the paper's figures: c - score), "samples"
    (its text: count - score) and "maximum" (the largest score of the four levels - score).
    """

    disturbance: str
    level: int
    alpha: float
    distance: float
    score: float
    ind: dict[str, float]
    count: int


@dataclass(frozen=True)
class DisturbanceStudy:
    """All rows, what their numbers are called, and how they were made.

    `thumbnails` shows one image at the four levels, for the contamination a tile of four.
    """

    version: str
    distance_name: str
    score_name: str
    rows: tuple[DisturbanceRow, ...]
    counts: dict[str, int]
    fingerprint: dict[str, Any]
    thumbnails: dict[str, UInt8[np.ndarray, "4 _ _ 3"]] = field(compare=False, repr=False)

    @property
    def disturbances(self) -> tuple[str, ...]:
        """Their names, in the order of the paper."""
        return tuple(dict.fromkeys(row.disturbance for row in self.rows))

    @property
    def is_published_metric(self) -> bool:
        """Whether the published values are values of the same metric (of other images, perhaps)."""
        return self.distance_name == "fid"

    def of(self, disturbance: str) -> tuple[DisturbanceRow, ...]:
        """The four levels of one disturbance."""
        return tuple(row for row in self.rows if row.disturbance == disturbance)

    def is_monotone(self, disturbance: str, metric: str) -> bool:
        """Whether "distance" or "ind" strictly rises from each level to the next.

        All three readings of IND rise together: they are constants minus the score.

        Raises:
            ValueError: if the metric is neither.
        """
        if metric not in ("distance", "ind"):
            raise ValueError(f"expected distance or ind, got {metric!r}")
        rows = self.of(disturbance)
        values = [row.distance if metric == "distance" else -row.score for row in rows]
        return all(low < high for low, high in pairwise(values))

    def ind_reading(self, disturbance: str) -> str:
        """The reading of IND that is drawn: "constant" where the paper's constants apply.

        They are chosen for scores of Inception on CelebA; elsewhere, and where a score exceeds its
        constant, it is "maximum", which is never negative.
        """
        fits = all(row.ind["constant"] >= 0 for row in self.of(disturbance))
        return "constant" if self.is_published_metric and fits else "maximum"

    def to_json(self) -> dict[str, Any]:
        """Numbers unrounded; the names of the fields, without the thumbnails."""
        return {
            "version": self.version,
            "distance_name": self.distance_name,
            "score_name": self.score_name,
            "counts": self.counts,
            "is_monotone": {
                name: {metric: self.is_monotone(name, metric) for metric in ("distance", "ind")}
                for name in self.disturbances
            },
            "rows": [asdict(row) for row in self.rows],
            "fingerprint": self.fingerprint,
        }


def published_values(version: str) -> dict[str, list[dict[str, float]]]:
    """For each disturbance the four published levels: `level`, `fid`, `inception_score`, `ind`.

    On CelebA at 64x64; `ind` is the constant minus the score. "final" is read from the points of
    the figures, "v3" is Table A7.
    """
    table: dict[str, list[dict[str, float]]] = {}
    with files("ttur.evaluation.disturbances").joinpath("published.csv").open() as file:
        for row in csv.DictReader(file):
            if row["version"] == version:
                name, keys = row["disturbance"], ("level", "fid", "inception_score")
                point = {key: float(row[key]) for key in keys}
                point["ind"] = CONSTANTS[name] - point["inception_score"]
                table.setdefault(name, []).append(point)
    return table
