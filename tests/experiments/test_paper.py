import pytest

from ttur.experiments.paper import EXPERIMENTS, experiment
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
def test_settings_of_an_experiment_differ_in_rates_only(name):
    configs = [config.to_json() for config in experiment(name).settings.values()]
    for config in configs:
        config.pop("rates")
    assert all(config == configs[0] for config in configs)
    assert experiment(name).name == name


@pytest.mark.parametrize("name", [n for n in EXPERIMENTS if EXPERIMENTS[n]().published])
def test_published_series_carry_the_labels_of_the_settings(name):
    chosen = experiment(name)
    assert chosen.published is not None
    titles = {label.replace("_", " ").replace("ttur", "TTUR") for label in chosen.settings}
    assert set(published_curves(chosen.published)) == titles


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
