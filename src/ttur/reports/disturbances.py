"""The disturbance study in the paper's layout: FID and IND panels (A15-A20), Figure 3, tables."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ttur.evaluation.disturbances.result import CONSTANTS, DisturbanceStudy, published_values
from ttur.reports.names import metric_title
from ttur.reports.panels import entitle, legend, page, save, wrapped
from ttur.reports.style import BLUE, PLAIN, Style
from ttur.reports.table import Column, Table, number

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

STARS: dict[str, Any] = {"marker": "*", "markerfacecolor": "k", "markeredgecolor": "k"}
THUMBNAILS = 0.34  # height of the strip above a panel, in heights of the panel
GAP = 0.03


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


def draw_fid_and_ind(study: DisturbanceStudy, path: Path, style: Style = PLAIN) -> Path:
    """Figures A15-A20: for each disturbance the distance, and IND at its right."""
    names = study.disturbances
    with style.drawing():
        panels = page(style, 2 * len(names), 2 * style.columns, height=1.1)
        distances, inds = panels[::2], panels[1::2]
        for name, left, right in zip(names, distances, inds, strict=True):
            _draw_distance(left, study, name, style)
            _draw_ind(right, study, name, style)
        return _finish(study, [distances, inds], path, style)


def draw_figure_3(study: DisturbanceStudy, path: Path, style: Style = PLAIN) -> Path:
    """Figure 3: the distance alone, three beside each other where they have the width."""
    with style.drawing():
        panels = page(
            style, len(study.disturbances), max(2, min(3, style.columns + 1)), height=0.95
        )
        for name, axes in zip(study.disturbances, panels, strict=True):
            _draw_distance(axes, study, name, style)
        return _finish(study, [panels], path, style)


def study_table(study: DisturbanceStudy) -> Table:
    """Distance, score and drawn IND at the four levels, and whether they rise throughout."""
    columns = [
        Column("disturbance", folds=True, comfort=11),
        Column("quantity", folds=True, comfort=11),
        number("none", bold=True),
        number("weak", 2, bold=True),
        number("medium", 3, bold=True),
        number("strong", bold=True),
        Column("rises", 1, styles={"no": "red", "yes": "green"}),
    ]
    rows = []
    for name in study.disturbances:
        levels = study.of(name)
        reading = study.ind_reading(name)
        whole = f"{CONSTANTS[name]:g}" if reading == "constant" else "max"
        quantities = {
            study.distance_name: ([row.distance for row in levels], "distance"),
            study.score_name: ([row.score for row in levels], None),
            f"IND = {whole} − score": ([row.ind[reading] for row in levels], "ind"),
        }
        for quantity, (values, metric) in quantities.items():
            rises = "" if metric is None else "yes" if study.is_monotone(name, metric) else "no"
            rows.append([TITLES[name], quantity, *(f"{value:.4g}" for value in values), rises])
    return Table(columns, rows)


def markdown_table(study: DisturbanceStudy) -> str:
    """`study_table` in Markdown; names are code, and what does not rise stands out."""
    table = study_table(study)
    lines = [f"| {' | '.join(c.heading for c in table.columns)} |\n{'|---' * len(table.columns)}|"]
    names, loud = (study.distance_name, study.score_name), {"no": "**no**"}
    for disturbance, quantity, *values, rises in table.rows:
        shown = f"`{quantity}`" if quantity in names else quantity
        cells = (disturbance, shown, *values, loud.get(rises, rises))
        lines.append(f"| {' | '.join(cells)} |")
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


def _draw_distance(axes: Axes, study: DisturbanceStudy, name: str, style: Style) -> None:
    published = [point["fid"] for point in published_values(study.version)[name]]
    limit = LIMITS[study.version][name][0]
    values = [row.distance for row in study.of(name)]
    _draw(axes, study, name, values, published, limit, style)
    axes.set_ylabel("\n".join(wrapped(metric_title(study.distance_name), 24)))


def _draw_ind(axes: Axes, study: DisturbanceStudy, name: str, style: Style) -> None:
    reading = study.ind_reading(name)
    constant = CONSTANTS[name]
    published = [point["ind"] for point in published_values(study.version)[name]]
    whole = f"{constant:g}" if reading == "constant" else "highest score"
    limit = LIMITS[study.version][name][1] if reading == "constant" else None
    values = [row.ind[reading] for row in study.of(name)]
    _draw(axes, study, name, values, published if limit else None, limit, style)
    score = "Inception Score" if reading == "constant" else "score"
    axes.set_ylabel(f"IND\n({whole} − {score})")


def _draw(
    axes: Axes,
    study: DisturbanceStudy,
    name: str,
    values: Sequence[float],
    published: Sequence[float] | None,
    limit: float | None,
    style: Style,
) -> None:
    """One panel, its images above it. Where the metric is the published one, the published limit
    and values are there too.
    """
    top = 1.08 * max(values) or 1.0
    if study.is_published_metric and published is not None:
        top = max(top, 1.08 * max(published), limit or 0)
        axes.plot(
            range(4),
            published,
            color="0.45",
            linewidth=0.6 * style.line,
            marker="o",
            markersize=0.45 * style.text,
            markerfacecolor="white",
            label="published, CelebA",
        )
    axes.plot(range(4), values, color=BLUE, label="measured", markersize=0.9 * style.text, **STARS)
    axes.set(xlim=(-0.5, 3.5), ylim=(-0.03 * top, top), xticks=range(4))
    axes.set_title(TITLES[name], y=1 + 2 * GAP + THUMBNAILS)
    axes.set_xlabel("disturbance level")
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    for level, thumbnail in enumerate(study.thumbnails[name]):
        _draw_thumbnail(axes, thumbnail, (2 * level + 1) / 8)


def _draw_thumbnail(axes: Axes, thumbnail: np.ndarray, centre: float) -> None:
    inset = axes.inset_axes((centre - 0.12, 1 + GAP, 0.24, THUMBNAILS))
    inset.imshow(thumbnail, interpolation="nearest")  # keeps its proportions within the box
    inset.axis("off")


def _finish(
    study: DisturbanceStudy, alike: Sequence[Sequence[Axes]], path: Path, style: Style
) -> Path:
    """Panels of one quantity have one scale, where it is not that of the published ones."""
    if not study.is_published_metric:
        for panels in alike:
            top = max(axes.get_ylim()[1] for axes in panels)
            for axes in panels:
                axes.set_ylim(-0.03 * top, top)
    first = alike[0][0]
    figure = first.get_figure(root=True)
    assert figure is not None
    entitle(figure, style, style.title or "")
    handles, labels = first.get_legend_handles_labels()
    if len(labels) > 1:
        legend(figure, style, handles, labels)
    for _ in range(2):  # images above panels are as high as these: the layout needs rounds
        figure.draw_without_rendering()
    return save(figure, path)
