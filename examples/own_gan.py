"""A GAN of your own on the embedded digits: your networks, losses and optimizers, two rates.

    python examples/own_gan.py [--updates 800] [--seeds 2] [--out runs/own_gan]

Trains it with one time-scale and with two, a few seeds each, in less than a minute, and reports the
runs as `ttur report runs/own_gan` does. The same words again continue what was interrupted.
The rates were picked by hand and the runs are short: they show how, not which rule is better.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import ttur
from ttur.analysis.groups import group_runs
from ttur.data.published.digits import digits
from ttur.losses import Network, gradient_penalty, wasserstein_generator
from ttur.reports.figures import draw_report
from ttur.reports.samples import draw_samples
from ttur.reports.tables import groups_table
from ttur.training.record import RunRecord

LATENT_SIZE = 32
ONE_TIMESCALE = ttur.LearningRatePair(discriminator=5e-4, generator=5e-4)
TWO_TIMESCALES = ttur.LearningRatePair(discriminator=5e-4, generator=1e-3)


def generator_network(width: int = 128) -> nn.Module:
    """Latents (batch, 32) → images (batch, 3, 16, 16) in [-1, 1]."""
    return nn.Sequential(
        *(nn.Linear(LATENT_SIZE, width), nn.BatchNorm1d(width), nn.ReLU()),
        *(nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU()),
        *(nn.Linear(width, 3 * 16 * 16), nn.Tanh(), nn.Unflatten(1, (3, 16, 16))),
    )


def discriminator_network(width: int = 128) -> nn.Module:
    """Images (batch, 3, 16, 16) → scores (batch, 1), above 0 if they look real."""
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(3 * 16 * 16, width), nn.LeakyReLU(0.2)),
        *(nn.Linear(width, width), nn.LeakyReLU(0.2)),
        nn.Linear(width, 1),
    )


def hinge(discriminator: Network, round: ttur.Round) -> Tensor:
    """A loss of your own, with a penalty of `ttur.losses`.

    It gets the network itself, so that it may differentiate it, and a round: `real` and `fake`
    samples, the number of the update, and `rng`. What it draws, it draws from that, which is saved:
    a run that was interrupted goes on to the bit.
    """
    real, fake = discriminator(round.real), discriminator(round.fake)
    return (
        F.relu(1 - real).mean() + F.relu(1 + fake).mean() + gradient_penalty(discriminator, round)
    )


def rmsprop(network: nn.Module) -> torch.optim.Optimizer:
    """Any of torch.optim will do. Its rate is set at every update, from the pair of rates."""
    return torch.optim.RMSprop(network.parameters(), alpha=0.9)


def train(rates: ttur.LearningRatePair, seed: int, updates: int, out: Path) -> RunRecord:
    """One run in a folder of its own. Ctrl-C saves it and ends the program, not only this run."""
    torch.manual_seed(seed)  # of the weights; `seed` below is that of everything else
    generator, discriminator = generator_network(), discriminator_network()
    return ttur.train(
        generator,
        discriminator,
        digits().images,
        out / rates.label / f"seed-{seed}",
        rates=rates,
        updates=updates,
        experiment="own_gan",
        seed=seed,
        losses=ttur.Losses(hinge, wasserstein_generator),
        latents=LATENT_SIZE,
        discriminator_optimizer=rmsprop(discriminator),
        generator_optimizer=rmsprop(generator),
        metric="fd_digits",
        evaluation_samples=500,
        evaluate_every_updates=max(updates // 8, 1),
        say=print,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="A GAN of your own on the embedded digits.")
    parser.add_argument("--updates", type=int, default=800, help="of the generator, in each run")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/own_gan"))
    words = parser.parse_args()
    runs = []
    for rates in (ONE_TIMESCALE, TWO_TIMESCALES):
        for seed in range(words.seeds):
            run = train(rates, seed, words.updates, words.out)
            print(f"{run.label} seed {seed}: {run.outcome} at update {run.updates:,}")
            runs.append(run)
    groups = group_runs(runs)
    print(groups_table(groups))
    print(*draw_report(groups, words.out / "report.png"))
    print(draw_samples(groups, words.out / "report-samples.png"))


if __name__ == "__main__":
    main()
