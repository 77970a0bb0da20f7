"""All experiments by name."""

from collections.abc import Callable

from ttur.experiments import paper, small
from ttur.experiments.experiment import Experiment
from ttur.runtime.errors import closest

EXPERIMENTS: dict[str, Callable[[], Experiment]] = {
    function.__name__: function
    for function in (
        small.demo,
        small.language_demo,
        small.mode_collapse_digits,
        small.perturbation_digits,
        small.dcgan_cifar10_small,
        small.perturbation_cifar10_small,
        small.wgan_gp_cifar10_small,
        small.began_cifar10_small,
        paper.dcgan_celeba,
        paper.dcgan_cifar10,
        paper.dcgan_svhn,
        paper.dcgan_lsun,
        paper.dcgan_celeba_single,
        paper.dcgan_celeba_losses,
        paper.dcgan_celeba_v3,
        paper.dcgan_lsun_v3,
        paper.wgan_gp_cifar10,
        paper.wgan_gp_cifar10_one_score,
        paper.wgan_gp_lsun,
        paper.began_celeba,
        paper.began_celeba_v3,
        paper.began_lsun,
        paper.began_celeba_fixed_k,
        paper.began_celeba_divergence,
        paper.language_billion_word,
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
