"""Updates per second and peak memory of training, beside the plain loop a user would write.

    python benchmarks/training.py [NAME ...] [--threads 2] [--seconds 10] [--device cpu]

The plain loop trains the same networks with the same losses, moving averages and data, by
`.backward()` and `torch.optim.Adam`, contiguous, on float images in memory; the language model's is
made of `nn.Conv1d`. Both take turns in one run and medians are quoted. Peak memory is that of a
process with one loop, libraries included; on a GPU, of its tensors.
"""

import argparse
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ttur.data.dataset import DataSet
from ttur.data.text import Sentences
from ttur.experiments.paper import experiment
from ttur.runtime.distributed import pick_device
from ttur.training.build import build_game, build_networks
from ttur.training.config import TrainingConfig

TURNS = 5
SYMBOLS = 100
NAMES = ("demo", "dcgan_cifar10_small", "dcgan_cifar10", "dcgan_64", "language_demo")
NAMES += ("language_billion_word",)
Data = DataSet | Sentences


def settings(name: str) -> TrainingConfig:
    """The first of an experiment's settings, that is the one with two learning rates."""
    if name == "dcgan_64":
        return replace(settings("dcgan_cifar10"), image_size=64)
    return next(iter(experiment(name).settings.values()))


def random_data(config: TrainingConfig) -> Data:
    """Noise of the right size: speed does not depend on what is in the pictures or sentences."""
    noise, card = np.random.default_rng(0), {"splits": {"train": {"sha256": ""}}}
    if config.length is not None:
        codes = noise.integers(0, SYMBOLS, (2_000, config.length), dtype=np.uint8)
        return Sentences("noise", "train", codes, tuple(map(chr, range(SYMBOLS))), card)
    assert config.image_size is not None
    size = (2_000, config.image_size, config.image_size, 3)
    return DataSet("noise", "train", noise.integers(0, 256, size, dtype=np.uint8), None, card)


def ours(config: TrainingConfig, data: Data, device: torch.device) -> Callable[[], None]:
    game = build_game(config, data, device)

    def update() -> None:
        game.play()
        if game.update % config.log_every_updates == 0:
            game.health.diagnosis()

    return update


def plain(config: TrainingConfig, data: Data, device: torch.device) -> Callable[[], None]:
    return (
        plain_text(config, data, device) if config.is_text else plain_images(config, data, device)
    )


def plain_images(config: TrainingConfig, data: Data, device: torch.device) -> Callable[[], None]:
    assert isinstance(data, DataSet)
    generator, discriminator = (network.to(device) for network in build_networks(config))
    discriminator_adam, generator_adam = adams(config, generator, discriminator)
    images = torch.from_numpy(data.images).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1

    stream = batches(images, config.batch_size)

    def update() -> None:
        latents = torch.rand(config.batch_size, config.latent_size, device=device) * 2 - 1
        fake = generator(latents)
        discriminator_adam.zero_grad()
        real_loss = F.softplus(-discriminator(next(stream))).mean()
        (real_loss + F.softplus(discriminator(fake.detach())).mean()).backward()
        discriminator_adam.step()
        generator_adam.zero_grad()
        F.softplus(-discriminator(fake)).mean().backward()
        generator_adam.step()
        with torch.no_grad():
            generator(latents)

    return update


class PlainNetwork(nn.Module):
    """Both networks of the language model out of `nn.Conv1d`."""

    def __init__(self, config: TrainingConfig, generates: bool):
        super().__init__()
        assert config.length is not None
        width, self.generates = config.width, generates
        units = width * config.length
        self.linear = nn.Linear(config.latent_size, units) if generates else nn.Linear(units, 1)
        self.conv = nn.Conv1d(width, SYMBOLS, 1) if generates else nn.Conv1d(SYMBOLS, width, 1)

        def conv() -> nn.Conv1d:
            return nn.Conv1d(width, width, 5, padding=2)

        branches = [nn.Sequential(nn.ReLU(), conv(), nn.ReLU(), conv()) for _ in range(5)]
        self.branches = nn.ModuleList(branches)

    def residual(self, x: Tensor) -> Tensor:
        for branch in self.branches:
            x = x + 0.3 * branch(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        if self.generates:
            x = self.linear(x).view(len(x), self.conv.in_channels, -1)
            return self.conv(self.residual(x)).transpose(1, 2).softmax(2)
        return self.linear(self.residual(self.conv(x.transpose(1, 2))).flatten(1))


def plain_text(config: TrainingConfig, data: Data, device: torch.device) -> Callable[[], None]:
    assert isinstance(data, Sentences)
    generator, critic = (PlainNetwork(config, generates).to(device) for generates in (True, False))
    critic_adam, generator_adam = adams(config, generator, critic)
    stream = batches(torch.from_numpy(data.codes).to(device), config.batch_size)

    def latents() -> Tensor:
        return torch.randn(config.batch_size, config.latent_size, device=device)

    def update() -> None:
        generator_adam.zero_grad()
        (-critic(generator(latents())).mean()).backward()
        generator_adam.step()
        for _ in range(config.n_critic):
            real = F.one_hot(next(stream).long(), SYMBOLS).float()
            fake = generator(latents()).detach()
            u = torch.rand(len(real), 1, 1, device=device)
            mixed = (real + u * (fake - real)).requires_grad_()
            (slope,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
            penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
            critic_adam.zero_grad()
            (critic(fake).mean() - critic(real).mean() + 10 * penalty).backward()
            critic_adam.step()

    return update


def batches(samples: Tensor, size: int) -> Iterator[Tensor]:
    while True:
        order = torch.randperm(len(samples), device=samples.device)
        for start in range(0, len(order) - size + 1, size):
            yield samples[order[start : start + size]]


def adams(
    config: TrainingConfig, generator: nn.Module, discriminator: nn.Module
) -> tuple[torch.optim.Adam, torch.optim.Adam]:
    """(discriminator's, generator's)"""
    b, a = config.rates.at(1)
    betas = (config.adam_beta1, config.adam_beta2)
    return (
        torch.optim.Adam(discriminator.parameters(), b, betas),
        torch.optim.Adam(generator.parameters(), a, betas),
    )


LOOPS = (ours, plain)


def peak_megabytes(name: str, loop: int, words: argparse.Namespace) -> float:
    """Of three updates; to be called in a process of its own."""
    torch.set_num_threads(words.threads)
    config, device = settings(name), pick_device(words.device)
    update = LOOPS[loop](config, random_data(config), device)
    for _ in range(3):
        update()
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def updates_per_second(update: Callable[[], None], seconds: float, device: torch.device) -> float:
    started, updates = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        update()
        updates += 1
        if device.type == "cuda" and updates % 100 == 0:
            torch.cuda.synchronize(device)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return updates / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description="Updates per second of training.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seconds", type=float, default=10.0, help="per network and loop, in all")
    parser.add_argument("--device", default="auto")
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    device = pick_device(words.device)
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"torch {torch.__version__}, {where}, {words.threads} threads, batch 64")
    print(f"{'':22} {'updates/s, medians':^32} {'peak MB':>17}")
    print(f"{'networks':22} {'ttur':>10} {'plain loop':>12} {'ratio':>7} {'ttur':>9} {'plain':>8}")
    for name in words.names or NAMES:
        config = settings(name)
        data = random_data(config)
        loops = [build(config, data, device) for build in LOOPS]
        for loop in loops:
            loop()  # allocations and kernel selection
        speeds: list[list[float]] = [[], []]
        for _ in range(TURNS):
            for loop, measured in zip(loops, speeds, strict=True):
                measured.append(updates_per_second(loop, words.seconds / TURNS, device))
        del loops
        ratio = statistics.median(x / y for x, y in zip(*speeds, strict=True))
        mine, theirs = map(statistics.median, speeds)
        peaks = []
        for loop in range(len(LOOPS)):
            with multiprocessing.get_context("spawn").Pool(1) as process:
                peaks.append(process.apply(peak_megabytes, (name, loop, words)))
        print(f"{name:22} {mine:10.2f} {theirs:12.2f} {ratio:7.2f} {peaks[0]:9.0f} {peaks[1]:8.0f}")


if __name__ == "__main__":
    main()
