"""The figures and tables of the disturbance study: what is drawn, where, and beside what."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from ttur.evaluation.disturbances.result import (
    CONSTANTS,
    DisturbanceRow,
    DisturbanceStudy,
    published_values,
)
from ttur.reports import disturbances as report


def study(distance_name: str, factor: float = 1.0, version: str = "final") -> DisturbanceStudy:
    """A study that found `factor` times the published distances, and the published scores."""
    rows = []
    for name, levels in published_values(version).items():
        highest = max(level["inception_score"] for level in levels)
        for level in levels:
            score = level["inception_score"]
            whole = {"constant": CONSTANTS[name], "samples": 5000.0, "maximum": highest}
            ind = {reading: value - score for reading, value in whole.items()}
            k = int(level["level"])
            rows.append(DisturbanceRow(name, k, k / 4, factor * level["fid"], score, ind, 5000))
    side = {name: 16 if name == "contamination" else 8 for name in CONSTANTS}
    return DisturbanceStudy(
        version=version,
        distance_name=distance_name,
        score_name="is" if distance_name == "fid" else distance_name.replace("fd", "is"),
        rows=tuple(rows),
        counts={"reference": 5000, "disturbed": 5000},
        fingerprint={},
        thumbnails={n: np.full((4, s, s, 3), 99, np.uint8) for n, s in side.items()},
    )


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Figures as they would be saved; drawing them takes seconds and is left to one test."""
    kept: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: kept.append(figure))
    return kept


def panels(figure: Figure) -> list:
    return [axes for axes in figure.axes if axes.get_title()]


def test_each_disturbance_has_two_panels_and_figure_3_one(figures, tmp_path: Path):
    made = study("fid")
    report.draw_fid_and_ind(made, tmp_path / "a.png")
    report.draw_figure_3(made, tmp_path / "b.png")
    both, distances = figures
    assert [axes.get_title() for axes in panels(both)[::2]] == list(report.TITLES.values())
    assert [axes.get_title() for axes in panels(distances)] == list(report.TITLES.values())
    for axes in (*panels(both), *panels(distances)):
        assert axes.get_xlim() == (-0.5, 3.5)
        assert list(axes.get_xticks()) == [0, 1, 2, 3]
        assert axes.get_xlabel() == "disturbance level"
    grid = panels(distances)[0].get_gridspec()
    assert (grid.nrows, grid.ncols) == (2, 3)


def test_thumbnails_stand_over_their_levels_and_no_star_reaches_them(figures, tmp_path: Path):
    for made in (study("fid", factor=9), study("fd_cifar10")):
        report.draw_fid_and_ind(made, tmp_path / "a.png")
        for axes in panels(figures.pop()):
            boxes = [
                inset.get_axes_locator()(inset, None).transformed(axes.figure.transFigure)
                for inset in axes.child_axes
            ]
            inside = [box.transformed(axes.transAxes.inverted()) for box in boxes]
            centres = [(box.x0 + box.x1) / 2 for box in inside]
            assert centres == pytest.approx([1 / 8, 3 / 8, 5 / 8, 7 / 8], abs=1e-6)
            assert min(box.y0 for box in inside) > 1  # above the panel
            line = axes.get_lines()[-1]
            tops = axes.transAxes.inverted().transform(
                axes.transData.transform(np.column_stack(line.get_data()))
            )[:, 1]
            assert 0.02 < tops.min() <= tops.max() < 0.95


def test_published_limits_and_values_stand_beside_the_published_metric_only(
    figures, tmp_path: Path
):
    report.draw_fid_and_ind(study("fid"), tmp_path / "a.png")
    report.draw_fid_and_ind(study("fd_cifar10"), tmp_path / "b.png")
    ours, other = (panels(figure) for figure in figures)
    tops = [axes.get_ylim()[1] for axes in ours]
    assert tops[::2] == pytest.approx([400, 400, 400, 250, 650, 300], rel=0.02)
    assert tops[1::2] == pytest.approx([5, 1, 2, 1, 4, 80])
    for axes in ours:
        published, measured = axes.get_lines()
        assert published.get_label() == "published, CelebA"
        assert list(published.get_ydata()) == pytest.approx(list(measured.get_ydata()))
    assert ours[0].get_ylabel() == "FID"
    assert ours[1].get_ylabel() == "IND\n(4 − Inception Score)"
    assert all(len(axes.get_lines()) == 1 for axes in other)
    assert other[0].get_ylabel() == "Fréchet distance\n(CIFAR-10 features)"
    assert other[1].get_ylabel() == "IND\n(highest score − score)"
    assert not other[0].figure.legends
    for quantity in (other[::2], other[1::2]):  # no published limits: one scale for all
        assert len({axes.get_ylim() for axes in quantity}) == 1


def test_the_line_is_the_papers(figures, tmp_path: Path):
    report.draw_figure_3(study("fd_digits"), tmp_path / "a.png")
    line = panels(figures[0])[0].get_lines()[0]
    assert (line.get_marker(), line.get_markerfacecolor()) == ("*", "k")
    assert line.get_linestyle() == "-"


def test_a_score_above_its_constant_is_drawn_against_the_maximum():
    made = study("fid")
    assert made.ind_reading("swirl") == "constant"
    rows = tuple(replace(row, ind=row.ind | {"constant": -1.0}) for row in made.rows)
    assert replace(made, rows=rows).ind_reading("swirl") == "maximum"
    assert study("fd_cifar10").ind_reading("swirl") == "maximum"


def test_everything_is_written_and_the_tables_say_the_same(tmp_path: Path):
    made = study("fid")
    made = replace(made, rows=made.rows[12:20])  # swirl, salt and pepper: the rest stays empty
    written = report.write_study(made, tmp_path / "out")
    assert [path.name for path in written] == [
        "fid_and_ind.png",
        "figure_3.png",
        "disturbances.md",
        "disturbances.csv",
        "disturbances.json",
    ]
    for path in written[:2]:
        with Image.open(path) as image:
            assert image.width > 1000
    markdown = written[2].read_text("utf-8")
    assert "| salt and pepper | `fid` | 0.742 | 371.6 | 383.8 | 381.7 | **no** |" in markdown
    assert "| swirl | `fid` | 0.16 | 4.85 | 15.42 | 139.3 | yes |" in markdown
    assert "| swirl | IND = 2.5 − score | 0.252 | 0.276 | 0.398 | 0.352 | **no** |" in markdown
    table = list(csv.DictReader(written[3].read_text("utf-8").splitlines()))
    assert len(table) == 8
    assert float(table[3]["fid"]) == made.rows[3].distance
    assert float(table[3]["ind_samples"]) == made.rows[3].ind["samples"]
