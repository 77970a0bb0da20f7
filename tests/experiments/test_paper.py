# pyright: reportAttributeAccessIssue=false
import re
from contextlib import suppress
from pathlib import Path

import pytest

from ttur.analysis.curves import published_curves, published_unit
from ttur.experiments.plan import cost_line, plan_lines, published_line, with_rates
from ttur.experiments.registry import EXPERIMENTS, experiment
from ttur.losses import GradientPenalty, LossDescription, NonSaturating, Wasserstein
from ttur.models import BEGAN, DCGAN, WGANGPImage, WGANGPLanguage
from ttur.runtime.settings import setting_value
from ttur.timescales.optimizer_choice import AdamDescription
from ttur.training.assembling import parameter_counts
from ttur.training.config import TrainingConfig
from ttur.training.identity import differences


def counts_of(config: TrainingConfig, symbols: int | None = None) -> dict[str, int]:
    shape = config.medium.assumed_shape(config.model)
    return parameter_counts(config, shape if symbols is None else (*shape[:-1], symbols))


def rates(name: str) -> set[tuple[float, float]]:
    return {config.rates.at(1) for config in experiment(name).settings.values()}


def test_dcgan_cifar10_is_the_papers():
    """Spec A.3 and A.4, row CIFAR-10; J.6 and J.8 for what is evaluated and when."""
    chosen = experiment("dcgan_cifar10")
    assert rates("dcgan_cifar10") == {(1e-4, 5e-4), (1e-4, 1e-4), (2e-4, 2e-4), (5e-4, 5e-4)}
    assert set(chosen.settings) == {"ttur_1e-4_5e-4", "orig_1e-4", "orig_2e-4", "orig_5e-4"}
    for config in chosen.settings.values():
        assert config.model == DCGAN(image_size=32, width=64, latent_size=100, latent="uniform")
        assert config.optimizer == AdamDescription(
            beta1=0.5, beta2=0.999, epsilon=1e-8, form="tensorflow"
        )
        assert config.losses == LossDescription(adversarial=NonSaturating(), penalties=())
        assert (config.batch_size, config.order, config.n_critic) == (64, "discriminator_first", 1)
        assert (config.scoring.metric, config.scoring.evaluation_samples) == ("fid", 50_000)
        assert (config.cadence.evaluate_every_updates, config.updates) == (5_000, 120_000)


def test_parameters_of_the_papers_networks():
    config = next(iter(experiment("dcgan_cifar10").settings.values()))
    assert counts_of(config) == {"generator": 4_514_819, "discriminator": 4_310_401}
    wide = config.but(image_size=64)
    assert counts_of(wide) == {"generator": 5_135_363, "discriminator": 4_316_545}


def test_the_small_version_has_the_same_rates_and_differs_in_size_only():
    assert rates("dcgan_cifar10_small") == rates("dcgan_cifar10")
    full, small = (experiment(n) for n in ("dcgan_cifar10", "dcgan_cifar10_small"))
    for label, config in small.settings.items():
        theirs = full.settings[label].to_json()
        assert {path for path, _, _ in differences(theirs, config.to_json())} == {
            "model.width",
            "updates",
            "scoring.metric",
            "scoring.evaluation_samples",
            "cadence.evaluate_every_updates",
            "cadence.checkpoint_every_updates",
        }


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_settings_of_an_experiment_differ_in_what_it_compares_only(name):
    """In rates; of WGAN-GP in n_critic and in what makes up for what an update then costs."""
    costs = {"n_critic", "updates", "cadence.evaluate_every_updates"}
    compared = {
        "language_billion_word": {"n_critic"},
        "language_demo": {"n_critic", "updates"},
        "wgan_gp_cifar10": {"n_critic", "updates"},
        "wgan_gp_cifar10_one_score": {"n_critic", "updates"},
        "wgan_gp_lsun": costs,
        "wgan_gp_cifar10_small": costs,
        "began_celeba_fixed_k": {"losses.adversarial.k", "losses.adversarial.k_rate"},
        "mode_collapse_digits": {"optimizer"},
    }
    first, *others = (config.to_json() for config in experiment(name).settings.values())
    found = {path for other in others for path, _, _ in differences(first, other)}
    fields = {path for path in found if not path.startswith("rates.")}
    if name == "mode_collapse_digits":  # one has settings that the other has not
        fields = {path.partition(".")[0] for path in fields}
    assert fields == compared.get(name, set())
    assert experiment(name).name == name


# Spec A.4, B.4, B.5, D.3, I.2 and I.3, with the decisions of J.
PAPER = {
    "dcgan_celeba": ({(1e-5, 5e-4), (1e-5, 1e-5), (1e-4, 1e-4), (5e-4, 5e-4)}, 255_000, 5_000),
    "dcgan_svhn": ({(1e-5, 1e-4), (1e-5, 1e-5), (5e-5, 5e-5), (1e-4, 1e-4)}, 185_000, 5_000),
    "dcgan_lsun": ({(1e-5, 1e-4), (1e-5, 1e-5), (5e-5, 5e-5), (1e-4, 1e-4)}, 400_000, 5_000),
    "dcgan_celeba_v3": ({(1e-4, 5e-4), (1e-4, 1e-3), (5e-4, 5e-4)}, 50_000, 1_000),
    "dcgan_lsun_v3": ({(1e-4, 5e-4), (5e-4, 5e-4)}, 200_000, 1_000),
    "began_celeba_v3": ({(6e-5, 4e-5), (5e-5, 5e-5)}, 200_000, 5_000),
    "began_celeba": ({(6e-5, 4e-5), (5e-5, 5e-5), (1e-4, 1e-4)}, 270_000, 5_000),
    "began_lsun": ({(3e-5, 1e-5), (2e-5, 2e-5)}, 140_000, 500),
    "began_celeba_fixed_k": ({(1e-5, 8e-6), (1e-5, 1e-5), (5e-5, 5e-5)}, 250_000, 5_000),
    "began_celeba_divergence": ({(1e-5, 8e-6), (1e-5, 1e-5), (8e-6, 8e-6)}, 350_000, 5_000),
}


@pytest.mark.parametrize("name", PAPER)
def test_rates_and_cadence_of_the_paper(name):
    pairs, updates, every = PAPER[name]
    configs = experiment(name).settings.values()
    assert rates(name) == pairs
    assert {config.updates for config in configs} == {updates}
    assert {config.cadence.evaluate_every_updates for config in configs} == {every}


@pytest.mark.parametrize(
    ("name", "size", "share", "updates", "every"),
    [
        ("wgan_gp_cifar10", 32, 4, (150_000, 50_000), (5_000, 5_000)),
        ("wgan_gp_cifar10_one_score", 32, 1, (150_000, 50_000), (5_000, 5_000)),
        ("wgan_gp_lsun", 64, 1, (100_000, 25_009), (1_000, 333)),
    ],
)
def test_wgan_gp_is_the_papers(name, size, share, updates, every):
    """Spec B.2 to B.5 and J.3, J.9, J.12, J.21, J.22."""
    settings = experiment(name).settings
    assert rates(name) == {(3e-4, 1e-4), (1e-4, 1e-4), (5e-4, 5e-4), (7e-4, 7e-4)}
    for label, config in settings.items():
        is_orig = label.startswith("orig")
        assert config.n_critic == (5 if is_orig else 1)
        assert config.updates == updates[is_orig]
        assert config.cadence.evaluate_every_updates == every[is_orig]
        assert config.model == WGANGPImage(
            image_size=size, width=size, images_per_score=share, latent="normal", latent_size=128
        )
        assert config.losses == LossDescription(
            adversarial=Wasserstein(), penalties=(GradientPenalty(weight=10.0),)
        )
        assert (config.batch_size, config.order) == (64, "generator_first")
        assert config.optimizer == AdamDescription(beta1=0.0, beta2=0.9)
        assert config.scoring.pixels == "truncated"


def test_began_is_the_papers():
    """Spec D and J.14 to J.17; A50 keeps k at 0.08, beside one setting that lets it move."""
    for name in ("began_celeba", "began_lsun", "began_celeba_fixed_k", "began_celeba_divergence"):
        for config in experiment(name).settings.values():
            assert config.model == BEGAN(image_size=64, width=128, latent_size=64, latent="uniform")
            assert (config.batch_size, config.scoring.pixels) == (16, "clipped")
            assert config.optimizer == AdamDescription(beta1=0.9, beta2=0.999)
            assert (config.order, config.rates.floor) == ("simultaneous", 0.0)
            balance = config.losses.adversarial
            assert (balance.gamma, balance.k_batch) == (0.5, "fresh")
            assert config.losses.penalties == ()
            first, half = config.rates.at(100_000), config.rates.at(100_001)
            assert half == (first[0] / 2, first[1] / 2)
    k = {
        label: (config.losses.adversarial.k, config.losses.adversarial.k_rate)
        for label, config in experiment("began_celeba_fixed_k").settings.items()
    }
    fixed = (0.08, 0.0)
    assert k == {"ttur_1e-5_8e-6": fixed, "orig_1e-5": fixed, "orig_5e-5": (0.0, 0.001)}


def test_parameters_of_the_papers_other_networks():
    """Spec B.2 and D.1."""
    counts = {
        "wgan_gp_lsun": (8_540_483, 7_491_841),
        "wgan_gp_cifar10": (2_005_155, 1_877_121),
        "wgan_gp_cifar10_one_score": (2_005_155, 1_874_049),
        "began_celeba": (1_716_611, 13_405_379),
    }
    for name, expected in counts.items():
        config = next(iter(experiment(name).settings.values()))
        assert tuple(counts_of(config).values()) == expected
    wide = {"generator": 2_240_899, "discriminator": 16_026_883}
    wider = next(iter(experiment("began_celeba").settings.values()))
    assert counts_of(wider.but(latent_size=128)) == wide


def test_v3_scores_as_v3_did():
    """J.6, J.7, J.10; its bands are standard deviations."""
    of_v3 = ("dcgan_celeba_v3", "dcgan_lsun_v3", "began_celeba_v3")
    for name in (*of_v3, "began_lsun", "began_celeba_fixed_k"):
        chosen = experiment(name)
        assert chosen.band == "std"
        for config in chosen.settings.values():
            scoring = config.scoring
            assert (scoring.evaluation_samples, scoring.reference_images) == (5_000, 100_000)
            assert scoring.jpeg_round_trip
    for config in experiment("dcgan_celeba").settings.values():
        assert (config.scoring.reference_images, config.scoring.jpeg_round_trip) == (None, False)


@pytest.mark.parametrize("name", [n for n in EXPERIMENTS if EXPERIMENTS[n]().published])
def test_published_bests_are_those_of_the_curves(name):
    """The lowest edge of the band (spec I), to the digits that the table gives."""
    chosen = experiment(name)
    for metric, figure in chosen.published.items():
        for label, bests in chosen.published_best.items():
            title = label.replace("_", " ").replace("ttur", "TTUR")
            best = min(published_curves(figure)[title], key=lambda point: point["lower_band"])
            table = bests[metric]
            digits = len(f"{table.value:g}".partition(".")[2])
            assert table.value == pytest.approx(best["lower_band"], abs=0.6 * 10**-digits)
            at = best["x"] * (1 if published_unit(figure) == "minutes" else 1000)
            assert float(table.at.split()[0].replace(",", "")) == pytest.approx(at, abs=0.51)


def test_rates_of_ones_own_are_halved_as_the_paper_halves_its():
    (config,) = with_rates(experiment("began_celeba"), 2e-4, 1e-4, None).settings.values()
    assert [config.rates.at(n) for n in (1, 100_001)] == [(2e-4, 1e-4), (1e-4, 5e-5)]


def test_options_named_in_the_docs_are_fields():
    """Each is accepted by some experiment, and changes it."""
    text = (Path(__file__).parents[2] / "docs/numerics.md").read_text("utf-8")
    options = re.findall(r"`--set ([\w.]+)=([^`\s]+)`", text.split("contradict each other (J)")[1])
    assert len(options) >= 10
    configs = [next(iter(make().settings.values())) for make in EXPERIMENTS.values()]
    for field, value in options:
        changed = 0
        for config in configs:
            with suppress(ValueError):
                changed += config.but(**{field: setting_value(value)}) != config
        assert changed, field


def test_what_the_list_says_of_an_experiment():
    chosen = experiment("language_billion_word")
    assert published_line(chosen) == "jsd_4 0.35 TTUR, 0.38 orig; jsd_6 0.74 TTUR, 0.77 orig"
    assert cost_line(chosen) == "about 122 days on 2 cores, 400k updates"
    assert published_line(experiment("wgan_gp_lsun")) == "fid 9.5 TTUR, 20.5 orig"
    assert published_line(experiment("demo")) == ""


@pytest.mark.parametrize("name", [n for n in EXPERIMENTS if EXPERIMENTS[n]().published])
def test_published_series_carry_the_labels_of_the_settings(name):
    chosen = experiment(name)
    titles = {label.replace("_", " ").replace("ttur", "TTUR") for label in chosen.settings}
    for figure in chosen.published.values():
        assert set(published_curves(figure)) == titles


def test_language_billion_word_is_the_papers():
    """Spec C.2 to C.4 and J.24, J.26."""
    chosen = experiment("language_billion_word")
    rates_and_critic = {k: (c.rates.at(1), c.n_critic) for k, c in chosen.settings.items()}
    assert rates_and_critic == {
        "ttur_3e-4_1e-4": ((3e-4, 1e-4), 1),
        "orig_1e-4": ((1e-4, 1e-4), 10),
    }
    for config in chosen.settings.values():
        assert config.model == WGANGPLanguage(
            length=32, width=512, latent="normal", latent_size=128
        )
        assert config.losses == LossDescription(
            adversarial=Wasserstein(), penalties=(GradientPenalty(weight=10.0),)
        )
        assert (config.batch_size, config.order) == (64, "generator_first")
        assert config.optimizer == AdamDescription(beta1=0.5, beta2=0.9, form="tensorflow")
        scoring = config.scoring
        assert (scoring.metric, scoring.evaluation_samples) == ("jsd", 640)
        assert scoring.fine_evaluation_samples == 64_000
        assert scoring.fine_evaluate_every_updates == 1_000
        assert (config.cadence.evaluate_every_updates, config.updates) == (100, 200_000)


def test_parameters_of_the_papers_language_model():
    """Spec C.2: 15.28 and 13.18 million for 100 symbols, 16.28 and 14.18 for 2048."""
    config = next(iter(experiment("language_billion_word").settings.values()))
    counts = counts_of(config, symbols=100)
    assert counts == {"generator": 15_277_156, "discriminator": 13_180_417}
    wide = counts_of(config, symbols=2048)
    assert (round(wide["generator"], -4), round(wide["discriminator"], -4)) == (
        16_280_000,
        14_180_000,
    )


def test_published_curves_hold_the_papers_best_on_the_billion_words():
    """Spec I.1: best of JSD-4 0.3509 after 1,285 minutes, of JSD-6 0.7365 after 1,261."""
    for figure, minutes, value in (("lang_jsd4", 1285, 0.3509), ("lang_jsd6", 1261, 0.7365)):
        best = min(published_curves(figure)["TTUR 3e-4 1e-4"], key=lambda p: p["lower_band"])
        assert best["lower_band"] == pytest.approx(value, abs=5e-4)
        assert best["x"] == pytest.approx(minutes, abs=1)


def test_rates_of_ones_own_need_n_critic_where_the_settings_differ_in_it():
    chosen = experiment("language_demo")
    assert with_rates(chosen, 1e-3, 1e-3, None).settings == {
        "orig_1e-3": chosen.settings["orig_1e-3"]
    }
    with pytest.raises(ValueError, match=r"differ in updates, n_critic; say by `only`"):
        with_rates(chosen, 2e-4, 1e-4, 5)
    ((label, config),) = with_rates(chosen.only("orig_1e-3"), 2e-4, 1e-4, 5).settings.items()
    assert (label, config.n_critic) == ("ttur_2e-4_1e-4_critic5", 5)
    assert config.updates == chosen.settings["orig_1e-3"].updates


def test_rates_of_settings_choose_these_whatever_their_labels_say():
    chosen = with_rates(experiment("mode_collapse_digits"), 4e-3, 4e-3, None)
    assert {k: c.optimizer.kind for k, c in chosen.settings.items()} == {"sgd_orig_4e-3": "sgd"}
    with pytest.raises(ValueError, match=r"differ in optimizer\."):
        with_rates(experiment("mode_collapse_digits"), 5e-3, 4e-3, None)
    with pytest.raises(
        ValueError, match=r"differ in losses\.adversarial\.k, losses\.adversarial\.k_rate; say"
    ):
        with_rates(experiment("began_celeba_fixed_k"), 6e-5, 4e-5, None)


def test_the_plan_names_what_differs_between_settings():
    chosen = experiment("language_demo")
    updates = [f"{config.updates:,}" for config in chosen.settings.values()]
    assert f"each {' / '.join(updates)} updates" in plan_lines(chosen)[1]
    assert "and 3 times on 2,000" in plan_lines(chosen.only("orig_1e-3"))[1]
    assert (
        "each 1,000 updates, scored by fd_digits 11 times on 2,000 images"
        in plan_lines(experiment("demo"))[1]
    )


def test_published_curve_holds_the_papers_best_on_cifar10():
    """Spec I.1: best of TTUR 36.890 at 85k, best mean of orig 1e-4 45.26 at 115k."""
    curves = published_curves("dcgan_cifar10")
    ours = min(curves["TTUR 1e-4 5e-4"], key=lambda p: p["lower_band"])
    assert (ours["x"], ours["lower_band"]) == (85.0, pytest.approx(36.890, abs=0.01))
    single = min(curves["orig 1e-4"], key=lambda p: p["mean"])
    assert (single["x"], single["mean"]) == (115.0, pytest.approx(45.26, abs=0.01))


def test_an_unknown_name_offers_the_closest():
    with pytest.raises(ValueError, match="no experiment 'dcgan_cifar'; did you mean dcgan_cifar10"):
        experiment("dcgan_cifar")
