"""What things are called in figures: the words of the field, whose rate is whose, mathematics."""

import pytest

from reports.records import configured, record
from ttur.analysis.groups import group_runs
from ttur.evaluation.measures import MEASURES
from ttur.reports.mathematics import mathematics
from ttur.reports.names import experiment_title, metric_title, score_title, setting_title
from ttur.reports.panels import thousands, wrapped


@pytest.mark.parametrize(
    ("metric", "title"),
    [
        ("fid", "FID"),
        ("fd_cifar10", "Fréchet distance (CIFAR-10 features)"),
        ("fd_inception[0123abcd]", "Fréchet distance (Inception [0123abcd] features)"),
        ("fd_infinity_digits", "Fréchet distance, without bias (UCI digits features)"),
        ("is", "Inception Score"),
        ("is_adm", "Inception Score, as ADM computes it"),
        ("jsd_6", "JSD, 6-grams"),
        ("jsd_4_fine", "JSD, 4-grams, more sentences"),
        ("clipped_density_k3_dinov2", "clipped density, k = 3 (DINOv2 features)"),
        ("modes_digits", "classes covered (UCI digits features)"),
        ("cmmd", "CMMD"),
        ("my_own.number", "my_own.number"),
    ],
)
def test_a_number_has_the_name_of_the_field(metric, title):
    assert metric_title(metric) == title


def test_every_number_of_the_package_has_a_name():
    """By Inception and by another network."""
    for measure in MEASURES.values():
        for fd_name in ("fid", "fd_digits"):
            for name in measure.names(fd_name):
                assert "_" not in metric_title(name)


def test_a_caption_leaves_out_whose_features():
    assert score_title("fd_cifar10", 9.8765) == "Fréchet distance 9.877"


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("TTUR 1e-4 5e-4", "TTUR, D 1e-4, G 5e-4"),
        ("adam TTUR 2.5e-4 0.001", "adam TTUR, D 2.5e-4, G 0.001"),
        ("orig 5e-4", "orig 5e-4"),
        ("my net 2", "my net 2"),
    ],
)
def test_two_rates_say_whose_they_are(title, shown):
    assert setting_title(title) == shown


def test_a_figure_names_model_and_data_and_of_own_networks_the_data():
    run = record("orig_5e-4", 0, {1: 2.0})
    assert experiment_title(*group_runs([run])) == "DCGAN on CIFAR-10"
    own = configured(run, model={"kind": "own"}, data={"name": "photos"})
    assert experiment_title(*group_runs([own])) == "photos"
    none = configured(run, model={"kind": "own"}, data={})
    assert experiment_title(*group_runs([none])) == "dcgan_cifar10"


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("rms |theta - theta*|", "rms |$θ$ − $θ^{*}$|"),
        ("a ~ n^-1.5", "$a$ ~ $n^{−1.5}$"),
        ("energy f + theta'^2 t / (2 r)", "energy $f$ + $θ'^{2}$ $t$ / (2 $r$)"),
        ("sqrt(2 S_theta): limsup of a path", r"$\sqrt{2\ S_{θ}}$: limsup of a path"),
        ("|theta| / sqrt(a log sum a)", r"|$θ$| / $\sqrt{a\ \mathrm{log}\ \mathrm{sum}\ a}$"),
        ("E[(M^v)^2]", "$E$[($M^{v}$)$^{2}$]"),
        ("eps_eff", r"$ε_{\mathrm{eff}}$"),
        ("β₁ = 0.9, ĥ(θ)", r"$β_{1}$ = 0.9, $\hat{h}$($θ$)"),
        ("lr_x, Sigma11", r"$\mathrm{lr}_{x}$, $Σ_{11}$"),
        ("Adam's momentum, if a link is used up", "Adam's momentum, if a link is used up"),
        ("A2 holds, 95 %, Dirac-GAN", "A2 holds, 95 %, Dirac-GAN"),
    ],
)  # fmt: skip
def test_formulas_are_set_as_mathematics_and_words_are_not(text, made):
    assert mathematics(text) == made


def test_lines_break_at_words_and_before_brackets_and_never_within_mathematics():
    assert wrapped("Fréchet distance (CIFAR-10 features)", 26) == [
        "Fréchet distance",
        "(CIFAR-10 features)",
    ]
    assert wrapped("how it changes, $ρ_{\\mathrm{D}}$", 18) == ["how it changes, $ρ_{\\mathrm{D}}$"]
    assert wrapped("", 20) == [""]


@pytest.mark.parametrize(
    ("value", "text"),
    [(20_000, "20k"), (2_500, "2.5k"), (-3, "−3"), (0.05, "0.05"), (1e-4, "1e−4"), (0, "0")],
)
def test_numbers_on_axes(value, text):
    assert thousands(value) == text
