import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image
from rich.console import Console

from ttur.experiments.paper import experiment
from ttur.reports.figures import draw_report
from ttur.reports.samples import draw_samples, write_sentences
from ttur.reports.summary import equal_time_tables, group_runs, groups_table, runs_table
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


@pytest.fixture
def drawn(monkeypatch) -> dict[str, Figure]:
    """Figures by the name of their file, which is not written."""
    figures = {}

    def keep(figure: Figure, path: Path) -> Path:
        plt.close(figure)
        figures[path.name] = figure
        return path

    monkeypatch.setattr("ttur.reports.figures.save", keep)
    return figures


def lines_of(axes: Axes) -> dict[str, Line2D]:
    return {str(line.get_label()): line for line in axes.get_lines()}


def heights(line: Line2D) -> list[float]:
    return np.asarray(line.get_ydata()).tolist()


def test_curves_show_mean_band_and_the_published_curve_dashed(drawn):
    draw_report(group_runs(RUNS), Path("curves.png"))
    (axes,) = drawn["curves.png"].axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("generator updates", "fid")
    lines = lines_of(axes)
    single = lines["orig 5e-4 (2 runs)"]
    assert single.get_ydata() == pytest.approx([65.0, 65.0])
    assert "TTUR 1e-4 5e-4 (2 runs, 1 diverged)" in lines
    published = lines["orig 5e-4, published"]
    assert published.get_linestyle() == "--"
    assert published.get_color() == single.get_color()
    bands = [c.get_paths()[0].vertices for c in axes.collections]
    assert any(v[:, 1].min() == 50 and v[:, 1].max() == 80 for v in bands)


def test_a_published_fid_is_drawn_beside_no_other_metric_and_no_other_data(drawn):
    metric = tuple({**e, "metric": "fd_cifar10"} for e in RUNS[0].evaluations)
    data = {**RUNS[0].configuration, "data": "faces"}
    for other in (replace(RUNS[0], evaluations=metric), replace(RUNS[0], configuration=data)):
        draw_report(group_runs([other]), Path("x.png"))
        (axes,) = drawn["x.png"].axes
        assert axes.get_ylabel() == other.evaluations[0]["metric"]
        assert not any("published" in label for label in lines_of(axes))


def test_runs_without_evaluations_cannot_be_drawn():
    with pytest.raises(ValueError, match="no run has an evaluation"):
        draw_report(group_runs([record("orig_1e-4", 0, {})]), Path("x.png"))


def test_an_axis_that_does_not_exist_offers_the_closest():
    with pytest.raises(ValueError, match=r"no axis 'minute'.*did you mean minutes"):
        draw_report(group_runs(RUNS), Path("x.png"), ["minute"])


def language(
    label: str, seed: int, points: list[tuple[float, ...]], name: str = "language_billion_word"
) -> RunRecord:
    """Points are (update, seconds, JSD-4, JSD-6) and JSD-4 on more sentences if there is one."""
    config = experiment(name).settings[label].with_seed(seed)
    names = ("update", "training_seconds", "value", "jsd_6", "jsd_4_fine")
    evaluations = tuple(
        {
            **dict(zip(names, map(float, point), strict=False)),
            "update": int(point[0]),
            "metric": "jsd_4",
            "discriminator_updates": int(point[0]) * config.n_critic,
        }
        for point in points
    )
    return replace(
        record("orig_1e-4", seed, {}),
        directory=Path(f"runs/{label}/seed-{seed}"),
        experiment=name,
        label=label,
        configuration=config.to_json(),
        evaluations=evaluations,
        floor={"jsd_4": 0.2, "jsd_6": 0.6, "jsd_4_fine": 0.1},
    )


SPOKEN = [
    language("ttur_3e-4_1e-4", 0, [(100, 6000, 0.6, 0.9), (300, 18000, 0.4, 0.8, 0.35)]),
    language("ttur_3e-4_1e-4", 1, [(100, 12000, 0.5, 0.9), (300, 60000, 0.3, 0.7, 0.25)]),
    language("orig_1e-4", 0, [(100, 15000, 0.7, 0.95), (200, 30000, 0.45, 0.9)]),
]


def test_sentences_are_drawn_as_figure_7_against_minutes_and_updates(drawn):
    figures = draw_report(group_runs(SPOKEN), Path("curves.png"))
    assert [path.name for path in figures] == ["curves.png", "curves-fine.png"]
    panels = drawn["curves.png"].axes
    assert [(p.get_xlabel(), p.get_ylabel()) for p in panels] == [
        ("minutes of training", "jsd_4"),
        ("minutes of training", "jsd_6"),
        ("generator updates", "jsd_4"),
        ("generator updates", "jsd_6"),
    ]
    title = "TTUR 3e-4 1e-4 (2 runs)"
    minutes, updates = lines_of(panels[0])[title], lines_of(panels[2])[title]
    # By hand: the mean of both seeds' seconds at an update, (6,000 + 12,000) / 120 minutes.
    assert minutes.get_xdata() == pytest.approx([150, 650])
    assert updates.get_xdata() == pytest.approx([100, 300])
    assert minutes.get_ydata() == pytest.approx([0.55, 0.35])
    assert lines_of(panels[1])[title].get_ydata() == pytest.approx([0.9, 0.75])
    bands = [c.get_paths()[0].vertices for c in panels[0].collections]
    assert any(v[:, 1].min() == 0.3 and v[:, 1].max() == 0.6 for v in bands)
    for panel, floor in zip(panels, (0.2, 0.6, 0.2, 0.6), strict=True):
        assert heights(lines_of(panel)[f"real samples ({floor})"]) == [floor, floor]
    (fine, _) = drawn["curves-fine.png"].axes
    assert lines_of(fine)[title].get_ydata() == pytest.approx([0.3])


def test_published_minutes_are_drawn_against_minutes_only_and_for_the_billion_words_only(drawn):
    draw_report(group_runs(SPOKEN), Path("x.png"), ["minutes", "updates", "both_players"])
    published = [
        {label for label in lines_of(panel) if "published" in label}
        for panel in drawn["x.png"].axes
    ]
    both = {"orig 1e-4, published", "TTUR 3e-4 1e-4, published"}
    assert published == [both, both, set(), set(), set(), set()]
    series = lines_of(drawn["x.png"].axes[1])["orig 1e-4, published"]
    assert min(heights(series)) > 0.75  # of JSD-6, not of JSD-4
    small = language("orig_1e-3", 0, [(100, 60000, 0.7, 0.95)], "language_demo")
    draw_report(group_runs([small]), Path("x.png"))
    assert not any("published" in k for panel in drawn["x.png"].axes for k in lines_of(panel))


def test_both_players_updates_are_added(drawn):
    draw_report(group_runs(SPOKEN), Path("x.png"), ["both_players"])
    orig = lines_of(drawn["x.png"].axes[0])["orig 1e-4 (1 run)"]
    assert orig.get_xdata() == pytest.approx([1100, 2200])


def test_the_table_has_every_value_and_its_floor():
    lines = text_of(groups_table(group_runs(SPOKEN))).splitlines()
    rows = [line.split() for line in lines if "TTUR" in line]
    assert [row[4] for row in rows] == ["jsd_4", "jsd_6", "jsd_4_fine"]
    assert rows[1][-1] == "0.6"
    assert rows[1][5:] == [
        *("2/2", "0", "0.7", "300"),
        *("0.75", "±", "0.071", "(n=2)"),
        *("0.75", "±", "0.071", "(n=2)"),
        "0.6",
    ]


def test_settings_that_cost_differently_are_compared_at_equal_time():
    """By hand: all reached 18,000 s = 300 min; there TTUR's seeds stand at 300 and 100 updates."""
    (table,) = equal_time_tables(group_runs(SPOKEN))
    lines = text_of(table).splitlines()
    assert "after 300 minutes" in lines[0]
    rows = {tuple(line.split()[:4]): line for line in lines if "jsd_4 " in line}
    ttur = rows["TTUR", "3e-4", "1e-4", "jsd_4"].split()
    assert ttur[4:] == [
        *("300,", "100", "300,", "100"),
        *("0.45", "±", "0.071", "(n=2)"),
        *("0.45", "±", "0.071", "(n=2)"),
    ]
    orig = next(line.split() for line in lines if line.split()[:3] == ["orig", "1e-4", "jsd_4"])
    assert orig[3:] == ["100", "1,000", "0.7", "(n=1)", "0.7", "(n=1)"]
    assert equal_time_tables(group_runs(RUNS)) == []
    early = language("orig_1e-4", 1, [(100, 60, 0.99, 0.99)])
    diverged = replace(early, outcome="diverged@120")  # is no reason to stop at one minute
    (same,) = equal_time_tables(group_runs([*SPOKEN, diverged]))
    assert text_of(same) == text_of(table)


def test_seeds_from_before_and_after_a_field_came_are_repetitions():
    before = {k: v for k, v in RUNS[0].configuration.items() if not k.startswith("fine")}
    assert before.keys() != RUNS[0].configuration.keys()
    assert len(group_runs([replace(RUNS[0], configuration=before), RUNS[1]])[0].runs) == 2


def test_the_last_sentences_of_each_setting_stand_side_by_side(tmp_path):
    runs = []
    for run, words in ((SPOKEN[0], ("four score", "and")), (SPOKEN[2], ("of the people",))):
        folder = tmp_path / run.label
        (folder / "samples").mkdir(parents=True)
        (folder / "samples" / "update-0000001.txt").write_text("qqq\n")
        text = "".join(f"{word}\n" for word in words)
        (folder / "samples" / "update-0000300.txt").write_text(text)
        runs.append(replace(run, directory=folder))
    path = write_sentences(group_runs(runs), tmp_path / "figures" / "report-samples.txt")
    assert path is not None
    assert path.read_text().split("\n") == [
        "orig 1e-4, 300 updates  TTUR 3e-4 1e-4, 300 updates",
        "",
        "of the people           four score",
        "                        and",
        "",
    ]
    assert write_sentences(group_runs(RUNS), tmp_path / "none.txt") is None
    assert not (tmp_path / "none.txt").exists()


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
