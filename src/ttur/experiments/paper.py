"""Every experiment as a function that returns it complete. A variant changes its parent."""

from collections.abc import Callable
from dataclasses import replace

from ttur.experiments.experiment import Experiment, compare_rates
from ttur.runtime.names import closest
from ttur.timescales import LearningRatePair
from ttur.training.config import TrainingConfig


def dcgan_cifar10() -> Experiment:
    """Figure 5 and Table 1, CIFAR-10: 32 px, the rates of spec A.4, plotted to 120,000 updates."""
    base = TrainingConfig(
        data="cifar10",
        image_size=32,
        rates=LearningRatePair(discriminator=1e-4, generator=5e-4),
        updates=120_000,
    )
    return Experiment(
        name="dcgan_cifar10",
        source="Figure 5 (top right), Table 1 row DCGAN CIFAR-10",
        question="Does DCGAN reach a lower FID on CIFAR-10 with two learning rates than with one?",
        settings=compare_rates(base, (1e-4, 5e-4), (1e-4, 1e-4), (2e-4, 2e-4), (5e-4, 5e-4)),
        published={"fid": "dcgan_cifar10"},
    )


def dcgan_cifar10_small() -> Experiment:
    """dcgan_cifar10 for two cores: a quarter of the width, an embedded extractor, fewer updates."""

    def small(config: TrainingConfig) -> TrainingConfig:
        return replace(
            config,
            width=16,
            updates=10_000,
            metric="fd_cifar10",
            evaluation_samples=5_000,
            evaluate_every_updates=500,
            checkpoint_every_updates=500,
        )

    return replace(
        dcgan_cifar10().changed(small),
        name="dcgan_cifar10_small",
        source="none: Figure 5 (top right) at width 16, scored by fd_cifar10",
        question="Does the comparison of dcgan_cifar10 come out alike at a quarter of the width?",
        seeds=(0, 1),
    )


def demo() -> Experiment:
    """The embedded digits, a small DCGAN, TTUR beside one time-scale: minutes on two cores.

    Each rule has the best of five settings of its own, tried on another seed (docs/evidence.md).
    """
    base = TrainingConfig(
        data="digits",
        image_size=16,
        rates=LearningRatePair(discriminator=1e-3, generator=5e-4),
        width=16,
        updates=1_000,
        metric="fd_digits",
        evaluation_samples=2_000,
        evaluate_every_updates=100,
        checkpoint_every_updates=500,
        log_every_updates=50,
    )
    return Experiment(
        name="demo",
        source="none: a first look at Figure 5's question on the UCI digits",
        question="Does the Fréchet distance fall, and how do the two rules compare?",
        settings=compare_rates(base, (1e-3, 5e-4), (5e-4, 5e-4)),
        seeds=(0, 1),
    )


def language_billion_word() -> Experiment:
    """Figure 7 and Table 1, language: WGAN-GP on characters, spec C.3.

    One time-scale takes ten discriminator updates per generator update, two take one. 200,000
    iterations are the upper limit; the published runs were stopped after about 1,330 minutes, at
    some 41,000 (orig) and 113,000 (TTUR) of them.
    """
    base = TrainingConfig(
        data="billion_word",
        rates=LearningRatePair(discriminator=3e-4, generator=1e-4),
        updates=200_000,
        model="wgan_gp_language",
        length=32,
        width=512,
        latent_size=128,
        latent="normal",
        losses="wasserstein_gradient_penalty",
        order="generator_first",
        adam_beta1=0.5,
        adam_beta2=0.9,
        evaluate_every_updates=100,
        checkpoint_every_updates=1_000,
        metric="jsd",
        evaluation_samples=640,
        fine_evaluation_samples=64_000,
    )
    return Experiment(
        name="language_billion_word",
        source="Figure 7, Table 1 rows WGAN-GP BillW.",
        question="Are the n-grams of the text better with two learning rates, in the same time?",
        settings=_one_critic_update_or_ten(base, (3e-4, 1e-4), (1e-4, 1e-4)),
        published={"jsd_4": "lang_jsd4", "jsd_6": "lang_jsd6"},
    )


def language_demo() -> Experiment:
    """language_billion_word for two cores: small, on the embedded speeches, in minutes.

    A sixteenth of the width, half the batch and ten times the rates; the settings have as many
    updates as take them about the same time.
    """
    large = next(iter(language_billion_word().settings.values()))
    base = replace(
        large,
        data="speeches",
        width=32,
        batch_size=32,
        updates=6_000,
        log_every_updates=50,
        evaluate_every_updates=50,
        checkpoint_every_updates=250,
        fine_evaluation_samples=2_000,
        fine_evaluate_every_updates=250,
    )
    settings = _one_critic_update_or_ten(base, (3e-3, 1e-3), (1e-3, 1e-3))
    settings["orig_1e-3"] = replace(settings["orig_1e-3"], updates=700)
    return Experiment(
        name="language_demo",
        source="none: Figure 7 at width 32, on presidential speeches",
        question="Does the comparison of language_billion_word come out alike in minutes?",
        settings=settings,
        seeds=(0, 1),
    )


def _one_critic_update_or_ten(
    base: TrainingConfig, two: tuple[float, float], one: tuple[float, float]
) -> dict[str, TrainingConfig]:
    """Two time-scales with n_critic 1 beside one time-scale with n_critic 10 (spec C.3)."""
    return compare_rates(base, two) | compare_rates(replace(base, n_critic=10), one)


EXPERIMENTS: dict[str, Callable[[], Experiment]] = {
    function.__name__: function
    for function in (
        demo,
        language_demo,
        dcgan_cifar10_small,
        dcgan_cifar10,
        language_billion_word,
    )
}


def experiment(name: str) -> Experiment:
    """The experiment of that name.

    Raises:
        ValueError: if there is none; offers the closest.
    """
    if name not in EXPERIMENTS:
        raise ValueError(f"no experiment {name!r}; {closest(name, EXPERIMENTS)}")
    return EXPERIMENTS[name]()
