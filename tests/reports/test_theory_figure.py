"""The figure of a study: what its legend says, and that lines on each other are seen."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from ttur.reports.theory import draw_study
from ttur.theory.study import Curve, Panel, StudyResult

X = np.arange(1.0, 4.0)


@pytest.fixture
def drawn(monkeypatch) -> list[Figure]:
    """Figures that would be saved."""
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))
    return figures


def axes_of(drawn: list[Figure], tmp_path: Path, *curves: Curve):
    panel = Panel("theta follows", "update n", "|theta|", curves)
    draw_study(StudyResult((), (panel,), ""), tmp_path / "x.png", "Why?", "Theorem 1")
    (axes,) = drawn[-1].axes
    return axes


def test_what_was_predicted_is_in_the_legend_in_no_colour(drawn, tmp_path):
    curves = [Curve(f"a = {c}", X, X + c, colour=c) for c in (0, 1)]
    curves += [Curve("", X, X, style="prediction", colour=c) for c in (0, 1)]
    curves += [Curve("limit", X, X - c, style="faint", colour=c) for c in (0, 1)]
    axes = axes_of(drawn, tmp_path, *curves)
    legend = axes.get_legend()
    assert legend is not None
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["$a$ = 0", "$a$ = 1", "limit", "predicted"]
    assert [line.get_color() for line in legend.get_lines()][2:] == ["0.3", "0.3"]
    assert legend.get_lines()[3].get_linestyle() == "--"
    assert axes.get_title() == "$θ$ follows"
    assert drawn[0].get_suptitle() == "Why?"
    assert drawn[0].get_supxlabel() == "Theorem 1"


def test_the_legend_stands_below_the_panel(drawn, tmp_path):
    axes = axes_of(drawn, tmp_path, Curve("one", X, X))
    figure = drawn[0]
    figure.draw_without_rendering()
    legend = axes.get_legend()
    assert legend is not None
    assert legend.get_window_extent().y1 < axes.get_window_extent().y0


def test_lines_that_cover_each_other_are_of_falling_width(drawn, tmp_path):
    axes = axes_of(drawn, tmp_path, *(Curve(name, X, X) for name in "abc"))
    widths = [line.get_linewidth() for line in axes.get_lines()]
    assert widths == sorted(set(widths), reverse=True)


def test_more_curves_than_colours_differ_in_their_dashes(drawn, tmp_path):
    axes = axes_of(drawn, tmp_path, *(Curve(str(k), X, k * X) for k in range(9)))
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.get_lines()}
    assert len(looks) == 9
