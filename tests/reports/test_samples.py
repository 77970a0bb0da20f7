from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reports.records import RUNS, at_rates, described, record
from ttur.analysis.groups import group_runs
from ttur.data import catalogue
from ttur.data.images.grid import image_grid
from ttur.reports.samples import draw_samples, draw_samples_by_distance, write_sentences
from ttur.training.record import RunRecord


@pytest.fixture
def drawn(monkeypatch) -> list:
    """The figures that were drawn; nothing is written."""
    figures = []

    def keep(figure, path):
        figures.append(figure)
        return path

    monkeypatch.setattr("ttur.reports.samples.save", keep)
    return figures


def with_grids(run: RunRecord, folder: Path) -> RunRecord:
    """The run in `folder`, with a grid for each evaluation."""
    samples = folder / run.label / str(run.seed) / "samples"
    samples.mkdir(parents=True)
    for event in run.evaluations:
        grid = np.random.default_rng(event.update).integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(grid).save(samples / f"update-{event.update:07d}.png")
    return replace(run, directory=samples.parent)


def captions(figure) -> list[tuple[str, str]]:
    return [(axes.get_title(), axes.get_xlabel()) for axes in figure.axes if axes.get_images()]


def test_the_last_grid_of_each_setting_is_shown_with_its_value(tmp_path, drawn):
    labels = ("orig_1e-4", "ttur_1e-4_5e-4")
    runs = [with_grids(record(label, 0, {1: 9.0, 2000: 2.5}), tmp_path) for label in labels]
    assert draw_samples(group_runs(runs), tmp_path / "grids.png") == tmp_path / "grids.png"
    below = "seed 0, 2,000 updates\nFID 2.5"
    assert captions(drawn[0]) == [("orig 1e-4", below), ("TTUR, D 1e-4, G 5e-4", below)]
    unscored = replace(runs[0], evaluations=())
    draw_samples(group_runs([unscored]), tmp_path / "grids.png")
    assert captions(drawn[1]) == [("orig 1e-4", "seed 0, 2,000 updates")]
    assert draw_samples(group_runs(RUNS), tmp_path / "none.png") is None


def test_more_than_three_settings_stand_in_rows(tmp_path, drawn):
    runs = [at_rates(record("orig_1e-4", 0, {9: 1.0}), b, 1e-3) for b in range(1, 8)]
    draw_samples(group_runs([with_grids(run, tmp_path) for run in runs]), tmp_path / "grids.png")
    places = [axes.get_subplotspec() for axes in drawn[0].axes if axes.get_images()]
    rows = [(place.rowspan.start, place.colspan.start) for place in places]
    assert rows == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0)]
    assert len(drawn[0].axes) == 7  # no axes without images


def test_the_run_that_is_shown_is_told_and_has_finished_if_one_has(tmp_path, drawn):
    outcomes = {0: "diverged@9", 1: "unfinished", 10: "finished", 2: "finished"}
    runs = [
        with_grids(record("orig_1e-4", seed, {9: 1.0 + seed}, outcome), tmp_path)
        for seed, outcome in outcomes.items()
    ]
    for some in (runs, runs[:2], runs[:1]):
        draw_samples(group_runs(some), tmp_path / "grids.png")
    assert [captions(figure) for figure in drawn] == [
        [("orig 1e-4", "seed 2, 9 updates\nFID 3")],
        [("orig 1e-4", "seed 1, 9 updates\nFID 2")],
        [("orig 1e-4", "seed 0, diverged at update 9, 9 updates\nFID 1")],
    ]


def test_grids_are_chosen_where_the_distance_has_fallen_by_equal_ratios(tmp_path, drawn):
    """From 160 to 10 in four steps: 80, 40, 20. The first below 40 is 15, also the first below 20.
    The run of seed 1 is worse at its best."""
    values = {1: 160.0, 10: 90.0, 20: 75.0, 30: 60.0, 40: 15.0, 50: 70.0, 60: 10.0, 70: 12.0}
    best = with_grids(record("orig_1e-4", 0, values), tmp_path)
    other = with_grids(record("orig_1e-4", 1, {1: 150.0, 10: 11.0}), tmp_path)
    assert draw_samples_by_distance(group_runs([best, other]), tmp_path / "grids.png")
    assert captions(drawn[0]) == [
        ("1 update", "FID 160"),
        ("20 updates", "FID 75"),
        ("40 updates", "FID 15"),
        ("60 updates (best)", "FID 10"),
        ("70 updates (last)", "FID 12"),
    ]
    assert drawn[0].axes[0].get_ylabel() == "orig 1e-4, seed 0"


def test_a_score_rises_and_a_distance_that_never_fell_shows_first_and_last(tmp_path, drawn):
    score = record("orig_1e-4", 0, {1: 1.0, 10: 2.0, 20: 4.0}, metric="is_digits")
    worse = record("orig_5e-4", 0, {1: 5.4, 10: 50.0})  # the ratios of 5.4 to 5.4 round to less
    groups = group_runs([with_grids(run, tmp_path) for run in (score, worse)])
    draw_samples_by_distance(groups, tmp_path / "grids.png")
    assert captions(drawn[0]) == [
        ("1 update", "Inception Score 1"),
        ("10 updates", "Inception Score 2"),
        ("20 updates (best)", "Inception Score 4"),
        ("1 update (best)", "FID 5.4"),
        ("10 updates (last)", "FID 50"),
    ]


def test_evaluations_without_a_grid_are_passed_over(tmp_path, drawn):
    run = with_grids(record("orig_1e-4", 0, {1: 9.0, 10: 1.0, 20: 2.0}), tmp_path)
    (run.directory / "samples" / "update-0000010.png").unlink()
    draw_samples_by_distance(group_runs([run]), tmp_path / "grids.png")
    assert captions(drawn[0]) == [("1 update", "FID 9"), ("20 updates (best)", "FID 2")]
    assert draw_samples_by_distance(group_runs(RUNS), tmp_path / "none.png") is None


def test_the_last_sentences_of_each_setting_stand_side_by_side(tmp_path):
    runs = []
    for run, words in ((RUNS[3], ("four score", "and")), (RUNS[2], ("of the people",))):
        folder = tmp_path / run.label
        (folder / "samples").mkdir(parents=True)
        (folder / "samples" / "update-0000001.txt").write_text("qqq\n")
        text = "".join(f"{word}\n" for word in words)
        (folder / "samples" / "update-0000300.txt").write_text(text)
        runs.append(replace(run, directory=folder))
    path = write_sentences(group_runs(runs), tmp_path / "figures" / "report-samples.txt")
    assert path is not None
    assert path.read_text().split("\n") == [
        "orig 1e-4, 300 updates  TTUR, D 1e-4, G 5e-4, 300 updates",
        "seed 0                  seed 0",
        "",
        "of the people           four score",
        "                        and",
        "",
    ]
    assert write_sentences(group_runs(RUNS), tmp_path / "none.txt") is None
    assert not (tmp_path / "none.txt").exists()


def test_real_images_stand_first_where_they_are_those_of_the_run(tmp_path, drawn):
    """The digits come with the package; another digest is of other images."""
    digits = catalogue.load("digits")
    run = with_grids(record("orig_1e-4", 0, {9: 1.0}, name="demo"), tmp_path)
    for digest in (digits.sha256, "other"):
        groups = group_runs([described(run, data_sha256=digest)])
        draw_samples(groups, tmp_path / "grids.png")
        draw_samples_by_distance(groups, tmp_path / "grids.png")
    with_real, by_distance, without, _ = (captions(figure) for figure in drawn)
    assert with_real == [("real images", "UCI digits"), *without]
    assert by_distance[-1] == ("real images", "")
    assert drawn[0].axes[0].get_images()[0].get_array().shape == (1096, 1096, 3)


def test_a_grid_without_anything_to_see_says_so_and_has_a_frame(tmp_path, drawn):
    run = with_grids(record("orig_1e-4", 0, {9: 1.0}, outcome="diverged@60"), tmp_path)
    blank = image_grid(np.full((9, 16, 16, 3), 255, np.uint8))
    Image.fromarray(blank).save(run.directory / "samples" / "update-0000009.png")
    draw_samples(group_runs([run]), tmp_path / "grids.png")
    (axes,) = drawn[0].axes
    assert [text.get_text() for text in axes.texts] == ["every image is\nof one colour"]
    assert "diverged at update 60" in axes.get_xlabel()
    assert axes.spines["top"].get_visible()
