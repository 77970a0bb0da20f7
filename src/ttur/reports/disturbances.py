"""The disturbance study in the paper's layout: FID and IND panels (A15-A20), Figure 3, tables."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ttur.evaluation.disturbances.result import CONSTANTS, DisturbanceStudy, published_values
from ttur.reports.panels import save

TITLES = {
    "gaussian_noise": "Gaussian noise",
    "gaussian_blur": "Gaussian blur",
    "black_rectangles": "black rectangles",
    "swirl": "swirl",
    "salt_and_pepper": "salt and pepper",
    "contamination": "contamination",
}
# Upper ends of the published axes (FID, IND), where the metric is theirs.
LIMITS = {
    "final": {
        "gaussian_noise": (400.0, 5.0),
        "gaussian_blur": (400.0, 1.0),
        "black_rectangles": (400.0, 2.0),
        "swirl": (250.0, 1.0),
        "salt_and_pepper": (650.0, 4.0),
        "contamination": (300.0, 80.0),
    },
}
LIMITS["v3"] = LIMITS["final"] | {"swirl": (20.0, 1.0), "contamination": (300.0, 60.0)}

STARS = {"marker": "*", "markersize": 11, "markerfacecolor": "k", "markeredgecolor": "k"}
THUMBNAILS_AT = 0.83  # of the height, by their centres
THUMBNAIL_HEIGHT = 0.27
BELOW_THUMBNAILS = 0.63  # no marker is higher


def write_study(study: DisturbanceStudy, directory: Path) -> list[Path]:
    """`fid_and_ind.png`, `figure_3.png`, `disturbances.md`, `.csv` and `.json`; their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    texts = {
        "disturbances.md": markdown_table(study),
        "disturbances.csv": csv_table(study),
        "disturbances.json": json.dumps(study.to_json(), indent=2) + "\n",
    }
    for name, text in texts.items():
        (directory / name).write_text(text, "utf-8")
    figures = [
        draw_fid_and_ind(study, directory / "fid_and_ind.png"),
        draw_figure_3(study, directory / "figure_3.png"),
    ]
    return [*figures, *(directory / name for name in texts)]


def draw_fid_and_ind(study: DisturbanceStudy, path: Path) -> Path:
    """Figures A15-A20: one row for each disturbance, the distance on the left, IND on the right."""
    names = study.disturbances
    figure, panels = plt.subplots(
        len(names), 2, figsize=(10.4, 3.7 * len(names)), squeeze=False, layout="constrained"
    )
    for name, (left, right) in zip(names, panels, strict=True):
        _draw_distance(left, study, name)
        _draw_ind(right, study, name)
    return _save_with_legend(figure, path)


def draw_figure_3(study: DisturbanceStudy, path: Path) -> Path:
    """Figure 3: the distance alone, two rows of three."""
    figure, panels = plt.subplots(2, 3, figsize=(15.0, 7.4), layout="constrained")
    for name, axes in zip(study.disturbances, panels.flat, strict=False):
        _draw_distance(axes, study, name)
    for axes in panels.flat[len(study.disturbances) :]:
        axes.axis("off")
    return _save_with_legend(figure, path)


def markdown_table(study: DisturbanceStudy) -> str:
    """Distance, score and drawn IND at the four levels, and whether they rise throughout."""
    lines = [
        f"| disturbance | quantity | none | weak | medium | strong | rises |\n{'|---' * 7}|",
    ]
    for name in study.disturbances:
        rows = study.of(name)
        reading = study.ind_reading(name)
        whole = f"{CONSTANTS[name]:g}" if reading == "constant" else "max"
        quantities = {
            f"`{study.distance_name}`": ([row.distance for row in rows], "distance"),
            f"`{study.score_name}`": ([row.score for row in rows], None),
            f"IND = {whole} − score": ([row.ind[reading] for row in rows], "ind"),
        }
        for quantity, (values, metric) in quantities.items():
            numbers = " | ".join(f"{value:.4g}" for value in values)
            rises = "" if metric is None else "yes" if study.is_monotone(name, metric) else "**no**"
            lines.append(f"| {TITLES[name]} | {quantity} | {numbers} | {rises} |")
    return "\n".join(lines) + "\n"


def csv_table(study: DisturbanceStudy) -> str:
    """One line for each disturbance and level; numbers unrounded, all three readings of IND."""
    text = io.StringIO()
    columns = ("disturbance", "level", "alpha", study.distance_name, study.score_name)
    readings = ("constant", "samples", "maximum")
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*columns, *(f"ind_{reading}" for reading in readings), "count"])
    for row in study.rows:
        values = (row.disturbance, row.level, row.alpha, row.distance, row.score)
        table.writerow([*values, *(row.ind[reading] for reading in readings), row.count])
    return text.getvalue()


def _draw_distance(axes: Axes, study: DisturbanceStudy, name: str) -> None:
    published = [point["fid"] for point in published_values(study.version)[name]]
    label = "FID" if study.is_published_metric else study.distance_name
    limit = LIMITS[study.version][name][0]
    _draw(axes, study, name, [row.distance for row in study.of(name)], published, limit, label)


def _draw_ind(axes: Axes, study: DisturbanceStudy, name: str) -> None:
    reading = study.ind_reading(name)
    constant = CONSTANTS[name]
    published = [point["ind"] for point in published_values(study.version)[name]]
    whole = f"{constant:g}" if reading == "constant" else "max"
    score = "IS" if study.is_published_metric else study.score_name
    label = f"IND  ({whole} − {score})"
    limit = LIMITS[study.version][name][1] if reading == "constant" else None
    values = [row.ind[reading] for row in study.of(name)]
    _draw(axes, study, name, values, published if limit else None, limit, label)


def _draw(
    axes: Axes,
    study: DisturbanceStudy,
    name: str,
    values: Sequence[float],
    published: Sequence[float] | None,
    limit: float | None,
    label: str,
) -> None:
    """One panel. The published limit and values are taken where the metric is the published one."""
    highest = max(values)
    if study.is_published_metric and published is not None:
        highest = max(highest, *published)
        axes.plot(range(4), published, "--", color="grey", linewidth=1.4, label="published, CelebA")
    axes.plot(range(4), values, color="blue", linewidth=2, label="measured", **STARS)
    top = highest / BELOW_THUMBNAILS or 1.0
    if study.is_published_metric and limit is not None:
        top = max(top, limit)
    axes.set(xlim=(-0.5, 3.5), ylim=(-0.03 * top, top), xticks=range(4), title=TITLES[name])
    axes.set(xlabel="disturbance level", ylabel=label)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    for level, thumbnail in enumerate(study.thumbnails[name]):
        _draw_thumbnail(axes, thumbnail, (2 * level + 1) / 8)


def _draw_thumbnail(axes: Axes, thumbnail: np.ndarray, centre: float) -> None:
    corner = (centre - 0.12, THUMBNAILS_AT - THUMBNAIL_HEIGHT / 2)
    inset = axes.inset_axes((*corner, 0.24, THUMBNAIL_HEIGHT))
    inset.imshow(thumbnail, interpolation="nearest")  # keeps its proportions within the box
    inset.axis("off")


def _save_with_legend(figure: Figure, path: Path) -> Path:
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return save(figure, path)
