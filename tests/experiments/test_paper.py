import pytest

from ttur.experiments.paper import EXPERIMENTS, experiment
from ttur.experiments.plan import plan_lines, with_rates
from ttur.reports.figures import published_curves
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
def test_settings_of_an_experiment_differ_in_rates_and_what_they_cost_only(name):
    """Those of sentences in n_critic, too; the demo's in updates, to take about the same time."""
    differ = {"language_billion_word": {"n_critic"}, "language_demo": {"n_critic", "updates"}}
    configs = [config.to_json() for config in experiment(name).settings.values()]
    for config in configs:
        for field in {"rates"} | differ.get(name, set()):
            config.pop(field)
    assert all(config == configs[0] for config in configs)
    assert experiment(name).name == name


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
    with pytest.raises(ValueError, match="differ in n_critic; give --n-critic"):
        with_rates(chosen, 2e-4, 1e-4, None)
    (label,) = with_rates(chosen, 2e-4, 1e-4, 5).settings
    assert label == "ttur_2e-4_1e-4_critic5"


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
