"""The page of a disturbance study: pictures, the distance and IND over the levels, the table."""

from collections.abc import Iterator, Sequence

import numpy as np

from ttur.evaluation.disturbances.result import DisturbanceStudy, published_values
from ttur.reports.disturbances import TITLES
from ttur.reports.html.blocks import (
    Block,
    Chart,
    Facts,
    Frame,
    Gallery,
    Heading,
    Line,
    Page,
    Series,
    Strip,
    Table,
    Text,
)
from ttur.reports.html.pictures import of_pixels

LEVELS = ("none", "weak", "medium", "strong")


def disturbance_page(study: DisturbanceStudy, title: str) -> Page:
    """All six disturbances; published values where the metric is the published one."""
    counts = ", ".join(f"{side} {count:,}" for side, count in study.counts.items())
    blocks: list[Block] = [
        Heading("What was asked"),
        Text("Does the number rise with every disturbance, as a person would say that it should?"),
        Facts([("Parameters", f"of the paper's {study.version}"), ("Images", counts)]),
        Heading("Images"),
        _pictures(study),
        Heading("Curves"),
        *_charts(study),
        Heading("Numbers"),
        _table(study),
    ]
    axes = {"level": "disturbance level (0 none to 3 strong)"}
    return Page(title, f"{study.distance_name} and {study.score_name}", blocks, axes=axes)


def _pictures(study: DisturbanceStudy) -> Gallery:
    strips = [
        Strip(
            TITLES[name],
            [Frame(", ".join(LEVELS), of_pixels(np.concatenate(list(pictures), axis=1)))],
            described=f"one image under {TITLES[name]}",
        )
        for name, pictures in study.thumbnails.items()
    ]
    return Gallery("disturbed", "One image at each level", strips)


def _charts(study: DisturbanceStudy) -> Iterator[Chart]:
    for name in study.disturbances:
        distance = _series("measured", "mean", [row.distance for row in study.of(name)])
        published = [each["fid"] for each in _known(study, name)]
        distance += _series("published, CelebA", "published", published)
        title = f"{TITLES[name]}: {study.distance_name}"
        yield Chart(f"distance {name}", title, study.distance_name, distance, "linear")
    for name in study.disturbances:
        reading, known = study.ind_reading(name), _known(study, name)
        ind = _series("measured", "mean", [row.ind[reading] for row in study.of(name)])
        if reading == "constant":
            ind += _series("published, CelebA", "published", [each["ind"] for each in known])
        yield Chart(f"ind {name}", f"{TITLES[name]}: IND ({reading})", "IND", ind, "linear")


def _known(study: DisturbanceStudy, name: str) -> list[dict[str, float]]:
    """The published levels, where the metric is the published one."""
    return published_values(study.version)[name] if study.is_published_metric else []


def _series(label: str, role: str, values: Sequence[float]) -> list[Series]:
    line = Line({"level": [float(level) for level in range(len(values))]}, values)
    return [Series(label, role, [line])] if values else []  # pyright: ignore[reportArgumentType]


def _table(study: DisturbanceStudy) -> Table:
    rows = []
    for name in study.disturbances:
        of, reading = study.of(name), study.ind_reading(name)
        rises = {metric: study.is_monotone(name, metric) for metric in ("distance", "ind")}
        quantities = {
            study.distance_name: ([row.distance for row in of], rises["distance"]),
            study.score_name: ([row.score for row in of], None),
            f"IND ({reading})": ([row.ind[reading] for row in of], rises["ind"]),
        }
        for quantity, (values, rising) in quantities.items():
            told = "" if rising is None else "yes" if rising else "no"
            cells = (f"{value:.4g}" for value in values)
            rows.append((TITLES[name], quantity, *cells, told))
    columns = ("disturbance", "quantity", *LEVELS, "rises throughout")
    return Table("At the four levels", columns, rows, LEVELS)
