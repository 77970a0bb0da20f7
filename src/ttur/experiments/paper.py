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
        published="dcgan_cifar10",
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


EXPERIMENTS: dict[str, Callable[[], Experiment]] = {
    function.__name__: function for function in (demo, dcgan_cifar10_small, dcgan_cifar10)
}


def experiment(name: str) -> Experiment:
    """The experiment of that name.

    Raises:
        ValueError: if there is none; offers the closest.
    """
    if name not in EXPERIMENTS:
        raise ValueError(f"no experiment {name!r}; {closest(name, EXPERIMENTS)}")
    return EXPERIMENTS[name]()
