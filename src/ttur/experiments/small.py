"""Experiments of the paper's questions for two cores: less width, embedded extractors, minutes."""

from dataclasses import replace
from itertools import product

from ttur.experiments import paper
from ttur.experiments.experiment import Experiment, compare_critics, compare_rates
from ttur.models import DCGAN
from ttur.timescales import LearningRatePair
from ttur.timescales.step_sizes import Halving
from ttur.training.cadence import Cadence
from ttur.training.config import TrainingConfig, TrainingData
from ttur.training.media import ImageScoring


def demo() -> Experiment:
    """The embedded digits, a small DCGAN, TTUR beside one time-scale: minutes on two cores.

    Each rule has the best of five settings of its own, tried on another seed (docs/evidence.md).
    """
    base = TrainingConfig(
        data=TrainingData(name="digits"),
        model=DCGAN(image_size=16, width=16),
        rates=LearningRatePair(discriminator=1e-3, generator=5e-4),
        updates=1_000,
        scoring=ImageScoring(metric="fd_digits", evaluation_samples=2_000),
        cadence=Cadence(
            evaluate_every_updates=100, checkpoint_every_updates=500, log_every_updates=50
        ),
    )
    return Experiment(
        name="demo",
        source="none: a first look at Figure 5's question on the UCI digits",
        question="Does the Fréchet distance fall, and how do the two rules compare?",
        settings=compare_rates(base, (1e-3, 5e-4), (5e-4, 5e-4)),
        seeds=(0, 1),
    )


def mode_collapse_digits() -> Experiment:
    """The demo's network by Adam and by plain gradient descent: how many digits does it draw?

    The paper says that Adam can reduce mode collapse (section 3), and that it was seen on MNIST;
    how is not described (J.34). Both players have one rate, which spans the same range for each
    optimizer: a twenty-fifth of the largest to the largest.
    """
    adam = next(iter(demo().settings.values())).but(metric="modes_digits,fd_digits")
    sgd = adam.but(optimizer="sgd")
    settings = {
        f"{config.optimizer.kind}_{label}": config
        for base, rates in ((adam, (2e-4, 1e-3, 5e-3)), (sgd, (4e-3, 2e-2, 1e-1)))
        for label, config in compare_rates(base, *((rate, rate) for rate in rates)).items()
    }
    return Experiment(
        name="mode_collapse_digits",
        source="a remark in section 3, on the UCI digits",
        question="Does Adam cover more modes than stochastic gradient descent?",
        settings=settings,
        seeds=tuple(range(5)),
    )


def perturbation_digits() -> Experiment:
    """The demo's network at 25 pairs of rates, probed early and often: appendix A5 on real runs."""
    base = next(iter(demo().settings.values()))
    rates = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
    return _perturbation("perturbation_digits", "on the UCI digits", base, rates, gap_every=50)


def perturbation_cifar10_small() -> Experiment:
    """dcgan_cifar10_small at 16 pairs of rates, a sixth as long, probed early and often."""
    base = next(iter(dcgan_cifar10_small().settings.values())).but(
        updates=1_600,
        evaluation_samples=2_000,
        evaluate_every_updates=200,
        log_every_updates=50,
    )
    rates = (1e-4, 3e-4, 1e-3, 3e-3)
    where = "on CIFAR-10 at width 16"
    return _perturbation("perturbation_cifar10_small", where, base, rates, gap_every=100)


def _perturbation(
    name: str, where: str, base: TrainingConfig, rates: tuple[float, ...], gap_every: int
) -> Experiment:
    """Every pair of `rates`, for two seeds, with a probe every 25 updates."""
    probed = base.but(
        checkpoint_every_updates=1_000,
        monitor_every_updates=25,
        tracking_gap_every_updates=gap_every,
    )
    return Experiment(
        name=name,
        source=f"none: the hypothesis of appendix A5 {where}",
        question="Does the perturbation measured early tell which pair of rates does well later?",
        settings=compare_rates(probed, *product(rates, rates)),
        seeds=(0, 1),
    )


def dcgan_cifar10_small() -> Experiment:
    """dcgan_cifar10 for two cores: a quarter of the width, an embedded extractor, fewer updates."""

    def small(config: TrainingConfig) -> TrainingConfig:
        return config.but(
            width=16,
            updates=10_000,
            metric="fd_cifar10",
            evaluation_samples=5_000,
            evaluate_every_updates=500,
            checkpoint_every_updates=500,
        )

    return replace(
        paper.dcgan_cifar10().with_configs(small),
        name="dcgan_cifar10_small",
        source="none: Figure 5 (top right) at width 16, scored by fd_cifar10",
        question="Does the comparison of dcgan_cifar10 come out alike at a quarter of the width?",
        seeds=(0, 1),
        published_best={},
    )


def wgan_gp_cifar10_small() -> Experiment:
    """wgan_gp_cifar10_one_score for two cores: a quarter of the width, half the batch.

    Both rules train about equally long, each with the best of the rates tried (docs/evidence.md).
    """
    large = next(iter(paper.wgan_gp_cifar10_one_score().settings.values()))
    base = large.but(
        width=8,
        batch_size=32,
        updates=4_000,
        metric="fd_cifar10",
        evaluation_samples=5_000,
        evaluate_every_updates=400,
        checkpoint_every_updates=400,
        log_every_updates=50,
    )
    return Experiment(
        name="wgan_gp_cifar10_small",
        source="none: Figure 6 (left) at width 8, scored by fd_cifar10",
        question="Does the comparison of wgan_gp_cifar10 come out alike at a quarter of the width?",
        settings=compare_critics(
            base,
            (3e-3, 1e-3),
            3e-3,
            n_critic=5,
            updates=1_000,
            evaluate_every_updates=100,
        ),
        seeds=(0, 1),
    )


def began_cifar10_small() -> Experiment:
    """began_celeba for two cores: CIFAR-10 at 32 px, an eighth of the width, five times the rates,
    which are halved once.
    """
    large = next(iter(paper.began_celeba().settings.values()))
    rate = Halving(initial=1e-4, every=4_000)
    base = large.but(
        data="cifar10",
        image_size=32,
        width=16,
        rates=LearningRatePair(discriminator=rate, generator=rate),
        updates=8_000,
        metric="fd_cifar10",
        evaluation_samples=5_000,
        evaluate_every_updates=800,
        checkpoint_every_updates=800,
        log_every_updates=50,
    )
    return Experiment(
        name="began_cifar10_small",
        source="none: v3 Figure 5 on CIFAR-10 at width 16, scored by fd_cifar10",
        question="Does the comparison of began_celeba come out alike on small images?",
        settings=compare_rates(base, (3e-4, 2e-4), (2.5e-4, 2.5e-4)),
        seeds=(0, 1),
    )


def language_demo() -> Experiment:
    """language_billion_word for two cores: small, on the embedded speeches, in minutes.

    A sixteenth of the width, half the batch and ten times the rates; the settings have as many
    updates as take them about the same time.
    """
    large = next(iter(paper.language_billion_word().settings.values()))
    base = large.but(
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
    return Experiment(
        name="language_demo",
        source="none: Figure 7 at width 32, on presidential speeches",
        question="Does the comparison of language_billion_word come out alike in minutes?",
        settings=compare_critics(base, (3e-3, 1e-3), 1e-3, n_critic=10, updates=700),
        seeds=(0, 1),
    )
