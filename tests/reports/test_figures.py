from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
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
from ttur.reports.figures import draw_report
from ttur.reports.losses import draw_losses
from ttur.reports.panels import figure_path
from ttur.reports.perturbation import draw_monitor
from ttur.reports.style import Style, marks
from ttur.training.events import Probe
from ttur.training.record import Published, RunRecord

# Deuteranopia, Machado, Oliveira, Fernandes (2009), table 1, severity 1.
MACHADO = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
)


@pytest.fixture
def drawn(monkeypatch) -> dict[str, Figure]:
    """Figures by the name of their file, which is not written."""
    figures = {}

    def keep(figure: Figure, path: Path) -> Path:
        figures[path.name] = figure
        return path

    for module in ("figures", "over_updates"):
        monkeypatch.setattr(f"ttur.reports.{module}.save", keep)
    return figures


def lines_of(axes: Axes) -> dict[str, Line2D]:
    return {str(line.get_label()): line for line in axes.get_lines()}


def heights(line: Line2D) -> list[float]:
    return np.asarray(line.get_ydata()).tolist()


def bands_of(axes: Axes) -> list[tuple[float, float]]:
    vertices = [np.asarray(band.get_paths()[0].vertices) for band in axes.collections]
    return [(v[:, 1].min(), v[:, 1].max()) for v in vertices]


def told(figure: Figure) -> str:
    """What stands above the entries of the legend."""
    (legend,) = figure.legends
    return legend.get_title().get_text().replace("\n", " ")


def entries(figure: Figure) -> list[str]:
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def test_curves_show_mean_band_single_runs_and_the_published_curve_with_its_band(drawn):
    draw_report(group_runs(RUNS), Path("curves.png"))
    (axes,) = drawn["curves.png"].axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("generator updates", "FID")
    lines = axes.get_lines()
    assert [heights(line) for line in lines[1:4]] == [[60, 50], [70, 80], [65, 65]]
    thin, single = lines[1], lines[3]
    assert thin.get_linewidth() < single.get_linewidth() / 2
    published = next(line for line in lines if line.get_label() == "published")
    assert (published.get_marker(), published.get_markerfacecolor()) == ("o", "white")
    assert (50, 80) in bands_of(axes)
    # Of orig 1e-4 the paper's figure has 105 at 10,000 updates, from 94 to 122 (spec I.3).
    high = max(high for _, high in bands_of(axes))
    assert high == pytest.approx(122, abs=1)
    assert entries(drawn["curves.png"]) == [
        "orig 1e-4 (1 run)",
        "orig 5e-4 (2 runs)",
        "TTUR, D 1e-4, G 5e-4 (2 runs, 1 diverged)",
        "published",
        "orig 2e-4, published",
    ]
    title = drawn["curves.png"].get_suptitle()
    assert title == "DCGAN on CIFAR-10"


def test_the_band_is_that_of_the_experiment_or_the_one_asked_for(drawn):
    """By hand: 50 and 80 deviate by 15 · √2."""
    groups = group_runs(RUNS[:2])
    draw_report(groups, Path("x.png"), Style(band="std"))
    (axes,) = drawn["x.png"].axes
    assert bands_of(axes)[0] == pytest.approx((65 - 15 * 2**0.5, 65 + 15 * 2**0.5))
    assert "± one standard deviation" in told(drawn["x.png"])
    as_in_v3 = [described(run, published=Published(band="std")) for run in RUNS[:2]]
    draw_report(group_runs(as_in_v3), Path("v3.png"))
    (theirs,) = drawn["v3.png"].axes
    assert bands_of(theirs)[0] == pytest.approx(bands_of(axes)[0])


def test_a_mean_over_fewer_runs_is_narrow_and_a_cross_marks_the_end_of_the_others(drawn):
    longer = record("orig_1e-4", 0, {1: 80.0, 5000: 40.0, 10000: 30.0, 15000: 20.0})
    diverged = record("orig_1e-4", 1, {1: 80.0, 5000: 90.0}, outcome="diverged@7000")
    draw_report(group_runs([longer, diverged]), Path("x.png"))
    (axes,) = drawn["x.png"].axes
    first, second, both, one, cross, *_ = axes.get_lines()
    assert both.get_label() == "orig 1e-4"
    assert (heights(first), heights(second)) == ([80, 40, 30, 20], [80, 90])
    assert (heights(both), heights(one)) == ([80, 65], [30, 20])
    assert one.get_linewidth() <= both.get_linewidth() / 2
    assert (cross.get_marker(), heights(cross)) == ("x", [90])
    said = told(drawn["x.png"])
    assert "narrow where fewer are left" in said
    assert "× orig 1e-4, seed 1, diverged at update 7,000: non-finite generator loss" in said


def test_a_published_fid_is_drawn_beside_no_other_metric_and_runs_of_the_paper_only(drawn):
    metric = record("orig_5e-4", 0, {5000: 60.0}, metric="fd_cifar10")
    for other in (metric, described(RUNS[0], published=Published())):
        draw_report(group_runs([other]), Path("x.png"))
        (axes,) = drawn["x.png"].axes
        names = {"fid": "FID", "fd_cifar10": "Fréchet distance\n(CIFAR-10 features)"}
        assert axes.get_ylabel() == names[other.evaluations[0].metric]
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
    assert {"dcgan_cifar10, orig 1e-4", "dcgan_cifar10_small, orig 1e-4"} < {*lines}


def test_runs_that_were_not_scored_have_losses_only(drawn):
    """Figure A51."""
    run = record("orig_5e-4", 0, {}, name="dcgan_celeba_losses")
    groups = group_runs([with_logs(run, discriminator_loss=[1.0], generator_loss=[2.0])])
    assert draw_report(groups, Path("x.png"), Style(against=("updates",))) == []
    assert draw_losses(groups, Path("losses.png")) == Path("losses.png")
    assert set(drawn) == {"losses.png"}


def test_a_figure_without_a_suffix_is_a_png_and_what_is_no_figure_is_refused():
    names = ("fig", "a.b/fig", "fig.pdf", "fig.svg", "fig.PNG")
    paths = [str(figure_path(Path(name))) for name in names]
    assert paths == ["fig.png", "a.b/fig.png", "fig.pdf", "fig.svg", "fig.PNG"]
    with pytest.raises(ValueError, match=r"x\.txt.*\.png, \.pdf, \.svg"):
        figure_path(Path("x.txt"))


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"size": "poster"}, r"no size 'poster'.*did you mean page"),
        ({"against": ("minute",)}, r"no axis 'minute'.*did you mean minutes"),
        ({"band": "max"}, r"no band 'max'.*min-max"),
        ({"y_limits": (5.0, 1.0)}, r"`y_limits` as LOW,HIGH, got 5,1"),
    ],
)
def test_a_style_refuses_what_there_is_not(choice, said):
    with pytest.raises(ValueError, match=said):
        Style(**choice)


def test_limits_scale_title_and_names_are_those_asked_for(drawn):
    """A name goes by the label or by the title."""
    groups = group_runs(RUNS[:3])
    labels = {"orig_5e-4": "fast", "orig 1e-4": "slow"}
    style = Style(y_limits=(10.0, 100.0), log=True, title="Mine", labels=labels)
    draw_report(groups, Path("x.png"), style)
    (axes,) = drawn["x.png"].axes
    assert axes.get_ylim() == (10, 100)
    assert axes.get_yscale() == "log"
    assert drawn["x.png"].get_suptitle() == "Mine"
    assert {"fast (2 runs)", "slow (1 run)"} < {*lines_of(axes)}
    draw_report(groups, Path("none.png"), Style(title=""))
    assert drawn["none.png"].get_suptitle() == ""
    with pytest.raises(ValueError, match=r"no setting 'orig_5e-5' for `labels`.*orig_5e-4"):
        Style(labels={"orig_5e-5": "x"}).check_labels(groups)


def test_a_figure_is_as_wide_as_its_place_and_its_letters_as_large(drawn):
    groups = group_runs(RUNS)
    for size, inches, points in (("column", 3.4, 8.0), ("page", 7.0, 8.5), ("slide", 13.0, 16.0)):
        draw_report(groups, Path("x.png"), Style(size=size))
        figure = drawn["x.png"]
        assert figure.get_figwidth() == pytest.approx(inches)
        assert figure.axes[0].xaxis.label.get_fontsize() == pytest.approx(points)


def luminance(colour: str) -> float:
    """Of linear light (IEC 61966-2-1)."""
    channels = np.array(to_rgb(colour))
    linear = np.where(channels > 0.04045, ((channels + 0.055) / 1.055) ** 2.4, channels / 12.92)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_a_setting_has_one_mark_that_survives_colour_blindness_and_grey():
    """Four settings of the paper, and two with two rates each: dashes or lightness differ."""
    both_two = [at_rates(record("orig_5e-4", 0, {5: 1.0}), b, 5e-4) for b in (1e-4, 2e-4)]
    for runs in (RUNS, both_two):
        found = list(marks(group_runs(runs)).values())
        assert len({mark.colour for mark in found}) == len(found) == len({m.dashes for m in found})
        for one, other in combinations(found, 2):
            seen = [MACHADO @ np.array(to_rgb(mark.colour)) for mark in (one, other)]
            assert np.abs(seen[0] - seen[1]).max() > 0.1
    # On white, none is too light to be seen.
    assert max(luminance(mark.colour) for mark in found) < 0.5


def test_the_mark_of_a_setting_is_the_same_in_every_figure(drawn):
    runs = [replace(with_logs(run, discriminator_loss=[1.0]), probes=(probe(0.5),)) for run in RUNS]
    groups = group_runs(runs)
    draw_report(groups, Path("x.png"))
    draw_losses(groups, Path("losses.png"))
    draw_monitor(groups, Path("monitor.png"))
    for group in groups:
        mark = marks(groups)[group.experiment, group.title]
        name = Style().setting(group)
        for figure in drawn.values():
            lines = [line for line in figure.axes[0].get_lines() if line.get_label() == name]
            named = [ln for ln in figure.axes[0].get_lines() if name in str(ln.get_label())]
            assert {line.get_color() for line in lines or named} >= {mark.colour}


def test_what_the_paper_enlarges_has_a_second_panel(drawn):
    zoomed = Published(zoom={"fid": (6000.0, 10_000.0)})
    values = {1: 400.0, 5000: 90.0, 7000: 40.0, 10_000: 30.0}
    for experiment in ("a", "b"):  # the second is over before
        run = elsewhere(record("orig_1e-4", 0, values), experiment)
        values = {1: 400.0, 5000: 90.0}
        draw_report(group_runs([described(run, published=zoomed)]), Path(f"{experiment}.png"))
    _, part = drawn["a.png"].axes
    assert part.get_xlim() == (6000, 10_000)
    assert part.get_title() == "enlarged"
    low, high = part.get_ylim()
    assert 28 < low < 30 < 40 < high < 42
    assert len(drawn["b.png"].axes) == 1


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
        ("minutes of training", "JSD, 4-grams"),
        ("minutes of training", "JSD, 6-grams"),
        ("generator updates", "JSD, 4-grams"),
        ("generator updates", "JSD, 6-grams"),
    ]
    title = "TTUR, D 3e-4, G 1e-4 (2 runs)"
    minutes, updates = lines_of(panels[0])[title], lines_of(panels[2])[title]
    # By hand: the mean of both seeds' seconds at an update, (6,000 + 12,000) / 120 minutes.
    assert minutes.get_xdata() == pytest.approx([150, 650])
    assert updates.get_xdata() == pytest.approx([100, 300])
    assert minutes.get_ydata() == pytest.approx([0.55, 0.35])
    assert lines_of(panels[1])[title].get_ydata() == pytest.approx([0.9, 0.75])
    assert (0.3, 0.6) in bands_of(panels[0])
    fine = drawn["curves-fine.png"].axes[0]
    assert lines_of(fine)[title].get_ydata() == pytest.approx([0.3])


def test_what_real_samples_score_is_drawn_if_it_is_near_and_told_if_not(drawn):
    """From 0.6 to 0.4: the floor 0.5 lies within, 0.35 just below, 0.01 far below."""
    runs = [record("orig_1e-4", 0, {1: 0.6, 9: 0.4}, metric="jsd_4")]
    for floor in (0.5, 0.35, 0.01):
        draw_report(group_runs([described(runs[0], floor={"jsd_4": floor})]), Path("x.png"))
        (axes,) = drawn["x.png"].axes
        texts = [text.get_text() for text in axes.texts]
        if floor == 0.01:
            assert texts == ["↓ real samples (0.01)"]
            assert axes.get_ylim()[0] > 0.3
        else:
            assert heights(lines_of(axes)["real samples"]) == [floor, floor]
            assert texts == []


def test_published_minutes_are_drawn_against_minutes_only_and_for_the_billion_words_only(drawn):
    """The published ones have evaluation in them (J.23), which those of training alone have not:
    there it is said."""
    axes = ["minutes", "total_minutes", "updates", "both_players"]
    draw_report(group_runs(SPOKEN), Path("x.png"), Style(against=tuple(axes)))
    published = [
        {label for label in lines_of(panel) if "published" in label}
        for panel in drawn["x.png"].axes
    ]
    told = {"published, evaluation included"}
    assert published == [told] * 2 + [{"published"}] * 2 + [set()] * 4
    series = lines_of(drawn["x.png"].axes[1])["published, evaluation included"]
    assert min(heights(series)) > 0.75  # of JSD-6, not of JSD-4
    small = language("orig_1e-3", 0, [(100, 60000, 0.7, 0.95)], "language_demo")
    draw_report(group_runs([small]), Path("x.png"))
    assert not any("published" in k for panel in drawn["x.png"].axes for k in lines_of(panel))


def test_what_curves_are_drawn_against(drawn):
    """Ten critic updates for one; each evaluation took half a minute and is in the total."""
    style = Style(against=("both_players", "total_minutes"))
    draw_report(group_runs(SPOKEN), Path("x.png"), style)
    both, _, total, _ = (
        lines_of(panel)["orig 1e-4 (1 run)"].get_xdata() for panel in drawn["x.png"].axes
    )
    assert both == pytest.approx([1100, 2200])
    assert total == pytest.approx([250.5, 501])


def test_losses_of_both_players_and_begans_quantities(drawn):
    """A panel for each, all settings in it, one legend."""
    losses = {"discriminator_loss": [1.0, 0.5], "generator_loss": [2.0, None]}
    runs = [with_logs(RUNS[2], **losses), with_logs(RUNS[3], **losses, k=[0.1, 0.2])]
    assert draw_losses(group_runs(runs), Path("losses.png")) == Path("losses.png")
    panels = drawn["losses.png"].axes
    assert [panel.get_ylabel().replace("\n", " ") for panel in panels] == [
        "loss of the discriminator",
        "loss of the generator",
        "BEGAN's k",
    ]
    lines = [lines_of(panel) for panel in panels]
    two = "TTUR, D 1e-4, G 5e-4"
    assert heights(lines[0]["orig 1e-4"]) == [1.0, 0.5]
    assert heights(lines[1]["orig 1e-4"]) == [2.0]  # a loss that is not finite has no point
    assert ([*lines[2]], heights(lines[2][two])) == ([two], [0.1, 0.2])
    assert entries(drawn["losses.png"]) == ["orig 1e-4", two]
    assert draw_losses(group_runs(RUNS), Path("none.png")) is None


def test_losses_that_are_never_finite_are_no_picture(drawn):
    run = with_logs(RUNS[4], discriminator_loss=[None], generator_loss=[None])
    assert draw_losses(group_runs([run]), Path("none.png")) is None
    assert not drawn


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
    draw_report(groups, Path("x.png"), Style(against=("updates", "both_players")))
    panels = drawn["x.png"].axes
    headings = [axes.get_title() for axes in panels]
    assert headings == [f"generator rate 1e-{power}" for power in (4, 3, 2)] * 2
    assert entries(drawn["x.png"]) == [f"discriminator rate 1e-{power}" for power in (4, 3, 2, 1)]
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
    panels = {axes.get_title(): axes for axes in drawn["x.png"].axes}
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


def test_the_monitor_of_a_crowd_has_a_column_for_every_generator_rate_on_one_scale(drawn):
    draw_monitor(group_runs(crowd(12)), Path("x.png"))
    panels = np.array(drawn["x.png"].axes).reshape(len(QUANTITIES), 3)
    assert [axes.get_title() for axes in panels[0]] == [
        f"generator rate 1e-{power}" for power in (4, 3, 2)
    ]
    for axes in panels[0]:
        assert [heights(line) for line in axes.get_lines()] == [[1e-4], [1e-3], [1e-2], [1e-1]]
    for row in panels:
        assert len({axes.get_ylim() for axes in row}) == 1
    assert panels[0, 0].get_ylim()[1] > 1e-1


def test_the_monitor_says_in_words_what_it_measured(drawn):
    draw_monitor(group_runs(crowd(2)), Path("x.png"))
    names = [axes.get_ylabel().replace("\n", " ") for axes in drawn["x.png"].axes]
    assert names[0] == r"how G's step changes D's gradient, $ρ_{\mathrm{D}}$"
    assert names[-1] == r"tracking gap: D behind its best answer, $T_{\mathrm{K}}$"


def test_a_quantity_that_no_run_has_is_no_panel(drawn):
    (run,) = (replace(run, probes=(probe(0.1, "tracking_gap"),)) for run in crowd(1))
    draw_monitor(group_runs([run]), Path("x.png"))
    assert len(drawn["x.png"].axes) == len(QUANTITIES) - 1


def test_values_beside_the_metric_have_panels_of_their_own(drawn):
    run = with_values(record("orig_1e-4", 0, {5: 7.0}, metric="modes_digits"), fd_digits=2.5)
    draw_report(group_runs([run]), Path("x.png"))
    names = [axes.get_ylabel().replace("\n", " ") for axes in drawn["x.png"].axes]
    assert names == [
        "Fréchet distance (UCI digits features)",
        "classes covered (UCI digits features)",
    ]
