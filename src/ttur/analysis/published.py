"""The paper's curves as numbers, from published_curves.csv."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from importlib.resources import files


def published_curves(figure: str) -> dict[str, list[dict[str, float]]]:
    """Series of one figure of the paper: points with x, mean, lower_band and upper_band."""
    series = defaultdict(list)
    for row in _rows(figure):
        keys = ("x", "mean", "lower_band", "upper_band")
        series[row["series"]].append({key: float(row[key]) for key in keys})
    return dict(series)


def published_unit(figure: str) -> str:
    """What x of a figure counts: "thousand mini-batches" or "minutes"."""
    return next(row["x_unit"] for row in _rows(figure))


def _rows(figure: str) -> Iterator[dict[str, str]]:
    with files("ttur.analysis").joinpath("published_curves.csv").open() as file:
        yield from (row for row in csv.DictReader(file) if row["figure"] == figure)
