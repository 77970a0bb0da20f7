import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from ttur.experiments.paper import experiment
from ttur.reports.figures import draw_curves, draw_samples
from ttur.reports.summary import group_runs, groups_table, runs_table
from ttur.reports.terminal import TerminalProgress
from ttur.training.loop import Progress, Score
from ttur.training.record import RunRecord


def record(label: str, seed: int, values: dict[int, float], outcome: str = "finished") -> RunRecord:
    scores = [{"metric": "fid", "value": v, "update": u} for u, v in values.items()]
    return RunRecord(
        directory=Path(f"runs/{label}/seed-{seed}"),
        experiment="dcgan_cifar10",
        label=label,
        seed=seed,
        configuration=experiment("dcgan_cifar10").settings[label].with_seed(seed).to_json(),
        outcome=outcome,
        cause="non-finite generator loss" if outcome != "finished" else None,
        updates=max(values, default=0),
        discriminator_updates=max(values, default=0),
        best=min(scores, key=lambda s: s["value"]) if scores else None,
        final=scores[-1] if scores else None,
        weights_sha256=None,
        evaluations=tuple(scores),
    )


RUNS = [
    record("orig_5e-4", 0, {5000: 60.0, 10000: 50.0}),
    record("orig_5e-4", 1, {5000: 70.0, 10000: 80.0}),
    record("orig_1e-4", 0, {5000: 90.0, 10000: 40.0}),
    record("ttur_1e-4_5e-4", 0, {5000: 45.0, 10000: 47.0}),
    record("ttur_1e-4_5e-4", 1, {5000: 30.0}, outcome="diverged@7000"),
]


def text_of(table) -> str:
    out = io.StringIO()
    Console(file=out, width=220).print(table)
    return out.getvalue()


def test_settings_come_in_the_papers_order():
    assert [group.title for group in group_runs(RUNS)] == [
        "orig 1e-4",
        "orig 5e-4",
        "TTUR 1e-4 5e-4",
    ]


def test_best_of_all_stands_beside_means_of_finished_runs_only():
    """By hand: orig 5e-4 best 50 @ 10,000; bests 50, 70: 60 ± 14; finals 50, 80: 65 ± 21.
    The diverged TTUR run has the best value of all, and enters no mean."""
    lines = text_of(groups_table(group_runs(RUNS))).splitlines()
    single = next(line for line in lines if "orig 5e-4" in line).split()
    assert single[4:] == [
        "2/2",
        "0",
        "50",
        "10,000",
        *["60", "±", "14", "(n=2)"],
        *["65", "±", "21", "(n=2)"],
    ]
    ttur = next(line for line in lines if "TTUR" in line).split()
    assert ttur[5:] == ["1/2", "1", "30", "5,000", "45", "(n=1)", "47", "(n=1)"]


def test_runs_that_are_no_repetitions_are_not_averaged():
    """A width or a metric of its own makes another experiment; the same seed twice is one run."""
    wide = replace(RUNS[1], configuration={**RUNS[1].configuration, "width": 32})
    with pytest.raises(ValueError, match="differ in width"):
        group_runs([RUNS[0], wide])
    scored = replace(RUNS[1], configuration={**RUNS[1].configuration, "metric": "is"})
    with pytest.raises(ValueError, match="differ in metric"):
        group_runs([RUNS[0], scored])
    with pytest.raises(ValueError, match="the same seed"):
        group_runs([RUNS[0], replace(RUNS[0], directory=Path("elsewhere"))])
    longer = replace(RUNS[1], configuration={**RUNS[1].configuration, "updates": 7})
    assert len(group_runs([RUNS[0], RUNS[0], longer])[0].runs) == 2


def test_runs_are_listed_with_their_outcome_and_cause():
    text = text_of(runs_table(RUNS))
    assert "diverged@7000 (non-finite generator loss)" in text
    assert "fid 30 @ 5,000" in text


def test_curves_show_mean_band_and_the_published_curve_dashed(tmp_path, monkeypatch):
    from ttur.reports import figures

    drawn = {}
    monkeypatch.setattr(figures, "_save", lambda figure, path: drawn.update(figure=figure) or path)
    draw_curves(group_runs(RUNS), "dcgan_cifar10", tmp_path / "curves.png")
    (axes,) = drawn["figure"].axes
    lines = {line.get_label(): line for line in axes.get_lines()}
    single = lines["orig 5e-4 (2 runs)"]
    assert single.get_ydata() == pytest.approx([65.0, 65.0])
    assert "TTUR 1e-4 5e-4 (2 runs, 1 diverged)" in lines
    published = lines["orig 5e-4, published"]
    assert published.get_linestyle() == "--"
    assert published.get_color() == single.get_color()
    bands = [c.get_paths()[0].vertices for c in axes.collections]
    assert any(v[:, 1].min() == 50 and v[:, 1].max() == 80 for v in bands)


def test_a_published_fid_is_not_drawn_beside_another_metric(tmp_path, monkeypatch):
    from ttur.reports import figures

    drawn = {}
    monkeypatch.setattr(figures, "_save", lambda figure, path: drawn.update(figure=figure) or path)
    other = tuple({**e, "metric": "fd_cifar10"} for e in RUNS[0].evaluations)
    draw_curves(
        group_runs([replace(RUNS[0], evaluations=other)]), "dcgan_cifar10", tmp_path / "x.png"
    )
    (axes,) = drawn["figure"].axes
    assert axes.get_ylabel() == "fd_cifar10"
    assert not any("published" in str(line.get_label()) for line in axes.get_lines())


def test_runs_without_evaluations_cannot_be_drawn(tmp_path):
    with pytest.raises(ValueError, match="no run has an evaluation"):
        draw_curves(group_runs([record("orig_1e-4", 0, {})]), None, tmp_path / "x.png")


def test_the_last_grid_of_each_setting_is_shown(tmp_path):
    runs = []
    for label in ("orig_1e-4", "ttur_1e-4_5e-4"):
        folder = tmp_path / label
        (folder / "samples").mkdir(parents=True)
        for update in (1, 200):
            Image.new("RGB", (16, 16)).save(folder / "samples" / f"update-{update:07d}.png")
        runs.append(replace(record(label, 0, {1: 1.0}), directory=folder))
    assert draw_samples(group_runs(runs), tmp_path / "grids.png") == tmp_path / "grids.png"
    assert draw_samples(group_runs(RUNS), tmp_path / "none.png") is None


def test_a_log_line_says_speed_losses_scores_and_time_left(capsys):
    terminal = TerminalProgress()
    terminal.start("orig_5e-4 seed 0")
    losses = {"discriminator_loss": 1.25, "generator_loss": None}
    with terminal:
        terminal.update(
            Progress(
                500, 2000, 12.5, losses, Score("fd_digits", 9.5, 400), Score("fd_digits", 8.0, 300)
            )
        )
    line = " ".join(capsys.readouterr().err.split())
    for part in ("500/2,000", "12.5 updates/s", "2:00 left", "D 1.250", "fd_digits 9.5", "8 @ 300"):
        assert part in line
