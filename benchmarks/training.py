"""Updates per second and peak memory of training, beside the plain loop a user would write.

    python benchmarks/training.py [--threads 2] [--seconds 10] [--device cpu]

The plain loop trains the same networks with the same losses, moving averages and data, by
`.backward()` and `torch.optim.Adam`, contiguous, on float images in memory. Both take turns in one
run and medians are quoted.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional as F

from ttur.data.dataset import DataSet
from ttur.experiments.paper import experiment
from ttur.runtime.distributed import pick_device
from ttur.training.build import build_game, build_networks
from ttur.training.config import TrainingConfig

TURNS = 5


def random_images(config: TrainingConfig) -> DataSet:
    """Noise of the right size: speed does not depend on what is in the pictures."""
    size = (2_000, config.image_size, config.image_size, 3)
    images = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    return DataSet("noise", "train", images, None, {"splits": {"train": {"sha256": ""}}})


def ours(config: TrainingConfig, data: DataSet, device: torch.device) -> Callable[[], None]:
    game = build_game(config, data, device)

    def update() -> None:
        game.play()
        if game.update % config.log_every_updates == 0:
            game.health.diagnosis()

    return update


def plain(config: TrainingConfig, data: DataSet, device: torch.device) -> Callable[[], None]:
    generator, discriminator = (network.to(device) for network in build_networks(config))
    b, a = config.rates.at(1)
    betas = (config.adam_beta1, config.adam_beta2)
    discriminator_adam = torch.optim.Adam(discriminator.parameters(), b, betas)
    generator_adam = torch.optim.Adam(generator.parameters(), a, betas)
    images = torch.from_numpy(data.images).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1

    def batches() -> Iterator[torch.Tensor]:
        while True:
            order = torch.randperm(len(images), device=device)
            for start in range(0, len(order) - config.batch_size + 1, config.batch_size):
                yield images[order[start : start + config.batch_size]]

    stream = batches()

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
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seconds", type=float, default=10.0, help="per network and loop, in all")
    parser.add_argument("--device", default="auto")
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    device = pick_device(words.device)
    settings = {
        name: next(iter(experiment(name).settings.values()))
        for name in ("demo", "dcgan_cifar10_small", "dcgan_cifar10")
    }
    settings["dcgan 64 px, width 64"] = replace(settings["dcgan_cifar10"], image_size=64)
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"torch {torch.__version__}, {where}, {words.threads} threads, batch 64")
    print(f"{'networks':24} {'ttur':>10} {'plain loop':>12} {'ratio':>7}   updates/s, medians")
    for name, config in settings.items():
        data = random_images(config)
        loops = [build(config, data, device) for build in (ours, plain)]
        for loop in loops:
            loop()  # allocations and kernel selection
        speeds: list[list[float]] = [[], []]
        for _ in range(TURNS):
            for loop, measured in zip(loops, speeds, strict=True):
                measured.append(updates_per_second(loop, words.seconds / TURNS, device))
        ratio = statistics.median(x / y for x, y in zip(*speeds, strict=True))
        mine, theirs = map(statistics.median, speeds)
        print(f"{name:24} {mine:10.2f} {theirs:12.2f} {ratio:7.2f}")


if __name__ == "__main__":
    main()
