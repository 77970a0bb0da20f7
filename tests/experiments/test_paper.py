import re
from contextlib import suppress
from pathlib import Path

import pytest

from ttur.experiments.plan import cost_line, plan_lines, published_line, with_rates
from ttur.experiments.registry import EXPERIMENTS, experiment
from ttur.reports.published import published_curves, published_unit
from ttur.training.build import parameter_counts


def rates(name: str) -> set[tuple[float, float]]:
    return {config.rates.at(1) for config in experiment(name).settings.values()}


def test_dcgan_cifar10_is_the_papers():
    """Spec A.3 and A.4, row CIFAR-10; J.6 and J.8 for what is evaluated and when."""
    chosen = experiment("dcgan_cifar10")
    assert rates("dcgan_cifar10") == {(1e-4, 5e-4), (1e-4, 1e-4), (2e-4, 2e-4), (5e-4, 5e-4)}
    assert set(chosen.settings) == {"ttur_1e-4_5e-4", "orig_1e-4", "orig_2e-4", "orig_5e-4"}
    for config in chosen.settings.values():
        assert (config.image_size, config.width, config.latent_size) == (32, 64, 100)
        assert (config.batch_size, config.adam_beta1, config.adam_beta2) == (64, 0.5, 0.999)
        assert (config.adam_epsilon, config.adam_form) == (1e-8, "tensorflow")
        assert (config.latent, config.order, config.n_critic) == (
            "uniform",
            "discriminator_first",
            1,
        )
        assert (config.metric, config.evaluation_samples) == ("fid", 50_000)
        assert (config.evaluate_every_updates, config.updates) == (5_000, 120_000)


def test_parameters_of_the_papers_networks():
    config = next(iter(experiment("dcgan_cifar10").settings.values()))
    assert parameter_counts(config) == {"generator": 4_514_819, "discriminator": 4_310_401}
    wide = config.with_settings({"image_size": "64"})
    assert parameter_counts(wide) == {"generator": 5_135_363, "discriminator": 4_316_545}


def test_the_small_version_has_the_same_rates_and_differs_in_size_only():
    assert rates("dcgan_cifar10_small") == rates("dcgan_cifar10")
    full, small = (experiment(n) for n in ("dcgan_cifar10", "dcgan_cifar10_small"))
    for label, config in small.settings.items():
        theirs = full.settings[label].to_json()
        changed = {k for k, v in config.to_json().items() if v != theirs[k]}
        assert changed == {
            "width",
            "updates",
            "metric",
            "evaluation_samples",
            "evaluate_every_updates",
            "checkpoint_every_updates",
        }


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_settings_of_an_experiment_differ_in_what_it_compares_only(name):
    """In rates; of WGAN-GP in n_critic and in what makes up for what an update then costs."""
    costs = {"n_critic", "updates", "evaluate_every_updates"}
    compared = {
        "language_billion_word": {"n_critic"},
        "language_demo": {"n_critic", "updates"},
        "wgan_gp_cifar10": {"n_critic", "updates"},
        "wgan_gp_cifar10_one_score": {"n_critic", "updates"},
        "wgan_gp_lsun": costs,
        "wgan_gp_cifar10_small": costs,
        "began_celeba_fixed_k": {"began_k", "began_k_rate"},
        "mode_collapse_digits": {"optimizer"},
    }
    configs = [config.to_json() for config in experiment(name).settings.values()]
    fields = {f for config in configs for f, v in config.items() if v != configs[0][f]}
    assert fields <= {"rates"} | compared.get(name, set())
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
    assert {config.evaluate_every_updates for config in configs} == {every}


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
        assert (config.updates, config.evaluate_every_updates) == (updates[is_orig], every[is_orig])
        assert (config.image_size, config.width, config.images_per_score) == (size, size, share)
        assert (config.latent, config.latent_size, config.batch_size) == ("normal", 128, 64)
        assert (config.losses, config.order) == ("wasserstein_gradient_penalty", "generator_first")
        assert (config.adam_beta1, config.adam_beta2, config.pixels) == (0.0, 0.9, "truncated")


def test_began_is_the_papers():
    """Spec D and J.14 to J.17; A50 keeps k at 0.08, beside one setting that lets it move."""
    for name in ("began_celeba", "began_lsun", "began_celeba_fixed_k", "began_celeba_divergence"):
        for config in experiment(name).settings.values():
            assert (config.image_size, config.width, config.latent_size) == (64, 128, 64)
            assert (config.latent, config.batch_size, config.pixels) == ("uniform", 16, "clipped")
            assert (config.adam_beta1, config.adam_beta2) == (0.9, 0.999)
            assert (config.order, config.began_gamma) == ("simultaneous", 0.5)
            assert (config.began_k_batch, config.rates.floor) == ("fresh", 0.0)
            first, half = config.rates.at(100_000), config.rates.at(100_001)
            assert half == (first[0] / 2, first[1] / 2)
    k = {
        label: (config.began_k, config.began_k_rate)
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
        assert tuple(parameter_counts(config).values()) == expected
    wide = {"generator": 2_240_899, "discriminator": 16_026_883}
    wider = next(iter(experiment("began_celeba").settings.values()))
    assert parameter_counts(wider.with_settings({"latent_size": "128"})) == wide


def test_v3_scores_as_v3_did():
    """J.6, J.7, J.10; its bands are standard deviations."""
    of_v3 = ("dcgan_celeba_v3", "dcgan_lsun_v3", "began_celeba_v3")
    for name in (*of_v3, "began_lsun", "began_celeba_fixed_k"):
        chosen = experiment(name)
        assert chosen.band == "std"
        for config in chosen.settings.values():
            assert (config.evaluation_samples, config.reference_images) == (5_000, 100_000)
            assert config.jpeg_round_trip
    for config in experiment("dcgan_celeba").settings.values():
        assert (config.reference_images, config.jpeg_round_trip) == (None, False)


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
    options = re.findall(r"`--set ([\w.]+)=([^`\s]+)`", text.split("## Options for")[1])
    assert len(options) >= 10
    configs = [next(iter(make().settings.values())) for make in EXPERIMENTS.values()]
    for field, value in options:
        changed = 0
        for config in configs:
            with suppress(ValueError):
                changed += config.with_settings({field: value}) != config
        assert changed, field


def test_what_the_list_says_of_an_experiment():
    chosen = experiment("language_billion_word")
    assert published_line(chosen) == "jsd_4 0.35 TTUR, 0.38 orig; jsd_6 0.74 TTUR, 0.77 orig"
    assert cost_line(chosen) == "400k updates, 141M sentences"  # 200,000 times 64 and 640
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
        assert (config.model, config.length, config.width) == ("wgan_gp_language", 32, 512)
        assert (config.latent, config.latent_size, config.batch_size) == ("normal", 128, 64)
        assert (config.losses, config.order) == (
            "wasserstein_gradient_penalty",
            "generator_first",
        )
        assert (config.adam_beta1, config.adam_beta2, config.adam_form) == (0.5, 0.9, "tensorflow")
        assert (config.metric, config.evaluation_samples) == ("jsd", 640)
        assert (config.fine_evaluation_samples, config.fine_evaluate_every_updates) == (
            64_000,
            1_000,
        )
        assert (config.evaluate_every_updates, config.updates) == (100, 200_000)


def test_parameters_of_the_papers_language_model():
    """Spec C.2: 15.28 and 13.18 million for 100 symbols, 16.28 and 14.18 for 2048."""
    config = next(iter(experiment("language_billion_word").settings.values()))
    counts = parameter_counts(config, symbols=100)
    assert counts == {"generator": 15_277_156, "discriminator": 13_180_417}
    wide = parameter_counts(config, symbols=2048)
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
    with pytest.raises(ValueError, match=r"differ in updates, n_critic; say with --only"):
        with_rates(chosen, 2e-4, 1e-4, 5)
    ((label, config),) = with_rates(chosen.only("orig_1e-3"), 2e-4, 1e-4, 5).settings.items()
    assert (label, config.n_critic) == ("ttur_2e-4_1e-4_critic5", 5)
    assert config.updates == chosen.settings["orig_1e-3"].updates


def test_rates_of_settings_choose_these_whatever_their_labels_say():
    chosen = with_rates(experiment("mode_collapse_digits"), 4e-3, 4e-3, None)
    assert {k: c.optimizer for k, c in chosen.settings.items()} == {"sgd_orig_4e-3": "sgd"}
    with pytest.raises(ValueError, match="differ in optimizer"):
        with_rates(experiment("mode_collapse_digits"), 5e-3, 4e-3, None)
    with pytest.raises(ValueError, match="differ in began_k, began_k_rate"):
        with_rates(experiment("began_celeba_fixed_k"), 6e-5, 4e-5, None)


def test_the_plan_names_what_differs_between_settings():
    chosen = experiment("language_demo")
    updates = [f"{config.updates:,}" for config in chosen.settings.values()]
    assert f"each {' / '.join(updates)} updates" in plan_lines(chosen)[1]
    assert "and 3 times of 2,000" in plan_lines(chosen.only("orig_1e-3"))[1]
    assert (
        "each 1,000 updates, 11 times fd_digits of 2,000 samples"
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
