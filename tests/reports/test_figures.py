from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports.records import (
    RUNS,
    at_rates,
    described,
    own_networks,
    record,
    with_events,
    with_logs,
    with_values,
)
from ttur.analysis.groups import group_runs
from ttur.analysis.probes import QUANTITIES
from ttur.reports.figures import draw_report, figure_path
from ttur.reports.losses import draw_losses
from ttur.reports.perturbation import draw_monitor
from ttur.training.events import Probe
from ttur.training.record import Published, RunRecord


@pytest.fixture
def drawn(monkeypatch) -> dict[str, Figure]:
    """Figures by the name of their file, which is not written."""
    figures = {}

    def keep(figure: Figure, path: Path) -> Path:
        plt.close(figure)
        figures[path.name] = figure
        return path

    for module in ("figures", "losses", "perturbation"):
        monkeypatch.setattr(f"ttur.reports.{module}.save", keep)
    return figures


def lines_of(axes: Axes) -> dict[str, Line2D]:
    return {str(line.get_label()): line for line in axes.get_lines()}


def heights(line: Line2D) -> list[float]:
    return np.asarray(line.get_ydata()).tolist()


def bands_of(axes: Axes) -> list[tuple[float, float]]:
    vertices = [np.asarray(band.get_paths()[0].vertices) for band in axes.collections]
    return [(v[:, 1].min(), v[:, 1].max()) for v in vertices]


def test_curves_show_mean_band_and_the_published_curve_dashed(drawn):
    draw_report(group_runs(RUNS), Path("curves.png"))
    (axes,) = drawn["curves.png"].axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("generator updates", "fid")
    lines = lines_of(axes)
    single = lines["orig 5e-4 (2 runs)"]
    assert single.get_ydata() == pytest.approx([65.0, 65.0])
    published = lines["orig 5e-4, published"]
    assert published.get_linestyle() == "--"
    assert published.get_color() == single.get_color() == "tab:orange"
    assert lines["orig 2e-4, published"].get_color() == "tab:green"  # not run: a colour of its own
    assert lines["TTUR 1e-4 5e-4, published"].get_color() == "tab:red"
    assert (50, 80) in bands_of(axes)


def test_the_band_is_that_of_the_experiment_or_the_one_asked_for(drawn):
    """By hand: 50 and 80 deviate by 15 · √2."""
    groups = group_runs(RUNS[:2])
    draw_report(groups, Path("x.png"), band="std")
    (axes,) = drawn["x.png"].axes
    assert bands_of(axes)[0] == pytest.approx((65 - 15 * 2**0.5, 65 + 15 * 2**0.5))
    legend = axes.get_legend()
    assert legend is not None
    assert "std" in legend.get_title().get_text()
    with pytest.raises(ValueError, match=r"no band 'max'.*min-max"):
        draw_report(groups, Path("x.png"), band="max")
    as_in_v3 = [described(run, published=Published(band="std")) for run in RUNS[:2]]
    draw_report(group_runs(as_in_v3), Path("v3.png"))
    (theirs,) = drawn["v3.png"].axes
    assert bands_of(theirs)[0] == pytest.approx(bands_of(axes)[0])


def test_a_mean_over_fewer_runs_is_narrow_and_a_cross_marks_the_end_of_the_others(drawn):
    longer = record("orig_1e-4", 0, {1: 80.0, 5000: 40.0, 10000: 30.0, 15000: 20.0})
    diverged = record("orig_1e-4", 1, {1: 80.0, 5000: 90.0}, outcome="diverged@7000")
    draw_report(group_runs([longer, diverged]), Path("x.png"))
    (axes,) = drawn["x.png"].axes
    label = "orig 1e-4 (2 runs, 1 diverged); narrow: fewer"
    both, one, cross, *_ = axes.get_lines()
    assert both.get_label() == label
    assert (heights(both), heights(one)) == ([80, 65], [30, 20])
    assert one.get_linewidth() < both.get_linewidth() / 2
    assert (cross.get_marker(), heights(cross)) == ("x", [90])


def test_a_published_fid_is_drawn_beside_no_other_metric_and_runs_of_the_paper_only(drawn):
    metric = record("orig_5e-4", 0, {5000: 60.0}, metric="fd_cifar10")
    for other in (metric, described(RUNS[0], published=Published())):
        draw_report(group_runs([other]), Path("x.png"))
        (axes,) = drawn["x.png"].axes
        assert axes.get_ylabel() == other.evaluations[0].metric
        assert not any("published" in label for label in lines_of(axes))


@pytest.mark.parametrize(
    ("values", "scale"), [({1: 400.0, 9: 10.0}, "log"), ({1: 40.0, 9: 10.0}, "linear")]
)
def test_values_that_span_decades_have_a_logarithmic_axis(drawn, values, scale):
    draw_report(group_runs([record("orig_1e-4", 0, values, metric="fd_digits")]), Path("x.png"))
    assert drawn["x.png"].axes[0].get_yscale() == scale


def test_experiments_in_one_panel_are_told_apart(drawn):
    other = record("orig_1e-4", 0, {5000: 3.0}, name="dcgan_cifar10_small")
    draw_report(group_runs([RUNS[2], other]), Path("x.png"))
    (axes,) = drawn["x.png"].axes
    lines = lines_of(axes)
    assert {"dcgan_cifar10, orig 1e-4 (1 run)", "dcgan_cifar10_small, orig 1e-4 (1 run)"} < {*lines}


def test_runs_that_were_not_scored_have_losses_only(drawn):
    """Figure A51."""
    run = record("orig_5e-4", 0, {}, name="dcgan_celeba_losses")
    groups = group_runs([with_logs(run, discriminator_loss=[1.0], generator_loss=[2.0])])
    assert draw_report(groups, Path("x.png"), ["updates"]) == []
    assert draw_losses(groups, Path("losses.png")) == Path("losses.png")
    assert set(drawn) == {"losses.png"}
    with pytest.raises(ValueError, match="no axis 'weeks'"):
        draw_report(groups, Path("x.png"), ["weeks"])


def test_a_figure_without_a_suffix_is_a_png_and_what_is_no_figure_is_refused():
    names = ("fig", "a.b/fig", "fig.pdf", "fig.svg", "fig.PNG")
    paths = [str(figure_path(Path(name))) for name in names]
    assert paths == ["fig.png", "a.b/fig.png", "fig.pdf", "fig.svg", "fig.PNG"]
    with pytest.raises(ValueError, match=r"x\.txt.*\.png, \.pdf, \.svg"):
        figure_path(Path("x.txt"))


def test_an_axis_that_does_not_exist_offers_the_closest():
    with pytest.raises(ValueError, match=r"no axis 'minute'.*did you mean minutes"):
        draw_report(group_runs(RUNS), Path("x.png"), ["minute"])


def language(
    label: str, seed: int, points: list[tuple[float, ...]], name: str = "language_billion_word"
) -> RunRecord:
    """Points are (update, seconds, JSD-4, JSD-6) and JSD-4 on more sentences if there is one."""
    values = {int(update): jsd for update, _, jsd, *_ in points}
    run = record(label, seed, values, name=name, metric="jsd_4")
    names = ("jsd_4", "jsd_6", "jsd_4_fine")
    changes = [
        {"training_seconds": seconds, "values": dict(zip(names, measured, strict=False))}
        for _, seconds, *measured in points
    ]
    run = with_events(run, *changes)
    return described(run, floor={"jsd_4": 0.2, "jsd_6": 0.6, "jsd_4_fine": 0.1})


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
    assert (0.3, 0.6) in bands_of(panels[0])
    for panel, floor in zip(panels, (0.2, 0.6, 0.2, 0.6), strict=True):
        assert heights(lines_of(panel)[f"real samples ({floor})"]) == [floor, floor]
    fine = drawn["curves-fine.png"].axes[0]
    assert lines_of(fine)[title].get_ydata() == pytest.approx([0.3])


def test_published_minutes_are_drawn_against_minutes_only_and_for_the_billion_words_only(drawn):
    """The published ones have evaluation in them (J.23), which those of training alone have not:
    there it is said."""
    axes = ["minutes", "total_minutes", "updates", "both_players"]
    draw_report(group_runs(SPOKEN), Path("x.png"), axes)
    published = [
        {label for label in lines_of(panel) if "published" in label}
        for panel in drawn["x.png"].axes
    ]
    both = {"orig 1e-4, published", "TTUR 3e-4 1e-4, published"}
    told = {f"{label}, evaluation included" for label in both}
    assert published == [told] * 2 + [both] * 2 + [set()] * 4
    series = lines_of(drawn["x.png"].axes[1])["orig 1e-4, published, evaluation included"]
    assert min(heights(series)) > 0.75  # of JSD-6, not of JSD-4
    small = language("orig_1e-3", 0, [(100, 60000, 0.7, 0.95)], "language_demo")
    draw_report(group_runs([small]), Path("x.png"))
    assert not any("published" in k for panel in drawn["x.png"].axes for k in lines_of(panel))


def test_what_curves_are_drawn_against(drawn):
    """Ten critic updates for one; each evaluation took half a minute and is in the total."""
    draw_report(group_runs(SPOKEN), Path("x.png"), ["both_players", "total_minutes"])
    both, _, total, _ = (
        lines_of(panel)["orig 1e-4 (1 run)"].get_xdata() for panel in drawn["x.png"].axes
    )
    assert both == pytest.approx([1100, 2200])
    assert total == pytest.approx([250.5, 501])


def test_losses_of_both_players_and_begans_quantities(drawn):
    losses = {"discriminator_loss": [1.0, 0.5], "generator_loss": [2.0, None]}
    runs = [with_logs(RUNS[2], **losses), with_logs(RUNS[3], **losses, k=[0.1, 0.2])]
    assert draw_losses(group_runs(runs), Path("losses.png")) == Path("losses.png")
    panels = drawn["losses.png"].axes
    assert [panel.get_title() for panel in panels[:2]] == [
        "dcgan_cifar10, orig 1e-4",
        "dcgan_cifar10, TTUR 1e-4 5e-4",
    ]
    lines = [lines_of(panel) for panel in panels]
    assert heights(lines[0]["discriminator loss"]) == [1.0, 0.5]
    assert heights(lines[0]["generator loss"]) == [2.0]  # a loss that is not finite has no point
    assert (lines[2], heights(lines[3]["k"])) == ({}, [0.1, 0.2])
    assert draw_losses(group_runs(RUNS), Path("none.png")) is None


def test_losses_of_many_settings_stand_in_rows_of_four_on_one_scale(drawn):
    """Ten settings: 4, 4, 2. The sixth has the highest loss, the last one alone a k."""
    runs = []
    for index in range(10):
        series: dict[str, list[float | None]] = {"k": [0.5]} if index == 9 else {}
        height = 70.0 if index == 5 else 1.0
        run = own_networks(RUNS[0], f"orig_{index + 1}e-4")
        runs.append(with_logs(run, discriminator_loss=[height], generator_loss=[0.0], **series))
    draw_losses(group_runs(runs), Path("losses.png"))
    figure = drawn["losses.png"]
    grid = figure.axes[0].get_gridspec()
    assert (grid.nrows, grid.ncols) == (4, 4)
    panels = [axes for axes in figure.axes if axes.axison]
    assert len(panels) == 4 + 4 + 2 + 2  # k has a row where one has it
    losses, k = panels[:10], panels[10:]
    assert len({axes.get_title() for axes in losses}) == 10
    assert len({axes.get_ylim() for axes in losses}) == 1
    assert losses[0].get_ylim()[1] > 70
    assert k[0].get_ylim() == k[1].get_ylim()
    assert k[0].get_ylim()[1] < 1
    assert figure.get_size_inches()[0] < 21


def crowd(settings: int) -> list[RunRecord]:
    """Monitored settings of four discriminator rates for every generator rate a, which makes the
    values.
    """
    rates = [(b, a) for a in (1e-2, 1e-3, 1e-4) for b in (1e-1, 1e-2, 1e-3, 1e-4)][:settings]
    runs: list[RunRecord] = []
    for b, a in rates:
        run = at_rates(record("orig_5e-4", 0, {10: 1000 * a, 20: 500 * a}), b, a)
        runs.append(replace(run, probes=(probe(b),)))
    return runs


def probe(value: float, *missing: str) -> Probe:
    """All quantities are `value`, but for those that are `missing`."""
    values = dict.fromkeys(QUANTITIES, value) | dict.fromkeys(missing)
    return Probe(
        update=10, discriminator_updates=10, training_seconds=1.0, probe_seconds=0.1, values=values
    )


def test_a_crowd_of_settings_has_panels_for_every_generator_rate_on_one_scale(drawn):
    groups = group_runs(crowd(12))
    draw_report(groups, Path("x.png"), against=["updates", "both_players"])
    panels = drawn["x.png"].axes
    headings = [axes.get_title().split(", ")[1] for axes in panels]
    assert headings == ["a = 0.0001", "a = 0.001", "a = 0.01"] * 2
    assert {axes.get_xlabel() for axes in panels[3:]} == {"updates of both players"}
    for axes, a in zip(panels[:3], (1e-4, 1e-3, 1e-2), strict=True):
        lines = [line for line in axes.get_lines() if heights(line)]  # no run diverged
        assert [heights(line) for line in lines] == [[1000 * a, 500 * a]] * 4
        assert len({line.get_color() for line in lines}) == 4
    assert len({axes.get_ylim() for axes in panels[:3]}) == 1


def test_a_crowd_of_several_experiments_has_a_panel_for_each(drawn):
    others = [elsewhere(run, "other") for run in crowd(2)]
    unscored = replace(elsewhere(crowd(1)[0], "none"), evaluations=())
    draw_report(group_runs([*crowd(9), *others, unscored]), Path("x.png"))
    panels = {axes.get_title(): axes for axes in drawn["x.png"].axes if axes.get_visible()}
    assert {title: len(a.get_legend_handles_labels()[1]) for title, a in panels.items()} == {
        "grid": 9,
        "other": 2,
    }


def elsewhere(run: RunRecord, experiment: str) -> RunRecord:
    return described(replace(run, directory=Path(experiment, run.label)), experiment=experiment)


def test_a_crowd_of_one_generator_rate_or_of_as_many_shares_one_panel(drawn):
    own = [own_networks(record("orig_5e-4", 0, {5: 1.0 + n}), f"net{n}") for n in range(12)]
    rates = [at_rates(record("orig_5e-4", 0, {5: 1.0}), 1e-3, 1e-3 * n) for n in range(1, 13)]
    for name, runs in (("own.png", own), ("rates.png", rates)):
        draw_report(group_runs(runs), Path(name))
        (axes,) = drawn[name].axes
        assert len(axes.get_legend_handles_labels()[1]) == 12


def test_ten_settings_share_a_panel(drawn):
    draw_report(group_runs(crowd(10)), Path("x.png"))
    (axes,) = drawn["x.png"].axes
    assert len(axes.get_legend_handles_labels()[1]) == 10


def test_the_monitor_of_a_crowd_has_a_block_for_every_generator_rate_on_one_scale(drawn):
    draw_monitor(group_runs(crowd(12)), Path("x.png"))
    blocks = drawn["x.png"].subfigs
    assert [block.get_suptitle().split(":")[0] for block in blocks] == [
        f"grid, a = {a}" for a in ("0.0001", "0.001", "0.01")
    ]
    for block in blocks:
        assert [heights(line) for line in block.axes[0].get_lines()] == [
            [1e-4], [1e-3], [1e-2], [1e-1]
        ]  # fmt: skip
    for panels in zip(*(block.axes for block in blocks), strict=True):
        assert len({axes.get_ylim() for axes in panels}) == 1
    assert blocks[0].axes[0].get_ylim()[1] > 1e-1


def test_a_block_without_values_has_no_say_in_the_scale(drawn):
    runs = [
        replace(run, probes=(probe(b, "perturbation_of_discriminator"),)) if a == 1e-2 else run
        for run in crowd(12)
        for b, a in [run.description.rates]
    ]
    draw_monitor(group_runs(runs), Path("x.png"))
    low, high = drawn["x.png"].subfigs[0].axes[0].get_ylim()
    assert 5e-5 < low < 1e-4 < 1e-1 < high < 0.2


def test_values_beside_the_metric_have_panels_of_their_own(drawn):
    run = with_values(record("orig_1e-4", 0, {5: 7.0}, metric="modes_digits"), fd_digits=2.5)
    draw_report(group_runs([run]), Path("x.png"))
    assert [axes.get_ylabel() for axes in drawn["x.png"].axes] == ["fd_digits", "modes_digits"]
