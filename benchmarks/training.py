"""Updates per second and peak memory of training, beside the plain loop a user would write.

    python benchmarks/training.py [NAME ...] [--threads 2] [--seconds 10] [--turns 5] [--device cpu]
                                 [--processor-time]

The plain loops (plain_loops.py) train networks of the same functions with the same losses, orders
of updates, moving averages and data. Both take turns in one run and medians are quoted. Peak memory
is that of a process with one loop, libraries included; on a GPU, of its tensors. Where other
programs use the cores, take one thread and --processor-time.
"""

import argparse
import multiprocessing
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from noise_data import random_data, settings
from plain_loops import plain

from ttur.runtime.distributed import pick_device
from ttur.training.assembling import parts_of
from ttur.training.config import TrainingConfig
from ttur.training.media import Medium

NAMES = ("demo", "dcgan_cifar10_small", "wgan_gp_cifar10_small", "began_cifar10_small")
NAMES += ("language_demo", "dcgan_cifar10", "dcgan_lsun", "wgan_gp_cifar10", "wgan_gp_lsun")
NAMES += ("began_celeba", "language_billion_word")


def ours(config: TrainingConfig, data: Medium, device: torch.device) -> Callable[[], None]:
    game = parts_of(config, data, device).game()

    def update() -> None:
        game.play()
        if game.update % config.cadence.log_every_updates == 0:
            game.health.diagnosis()

    return update


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
    # Not ru_maxrss, which a process inherits from the one that started it.
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("utf-8"))
    return int(peak) / 1e3


def updates_per_second(
    update: Callable[[], None], seconds: float, device: torch.device, clock: Callable[[], float]
) -> float:
    started, updates = clock(), 0
    while clock() - started < seconds:
        update()
        updates += 1
        if device.type == "cuda" and updates % 100 == 0:
            torch.cuda.synchronize(device)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return updates / (clock() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description="Updates per second of training.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seconds", type=float, default=10.0, help="per network and loop, in all")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--processor-time", action="store_true")
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    clock = time.process_time if words.processor_time else time.perf_counter
    device, seconds = pick_device(words.device), words.seconds / words.turns
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"torch {torch.__version__}, {where}, {words.threads} threads, {clock.__name__}")
    print(f"{'':28} {'updates/s, medians':^32} {'peak MB':>17}")
    columns = f"{'ttur':>10} {'plain loop':>12} {'ratio':>7} {'ttur':>9} {'plain':>8}"
    print(f"{'networks':22} {'batch':>5} {columns}")
    for name in words.names or NAMES:
        config = settings(name)
        data = random_data(config)
        loops = [build(config, data, device) for build in LOOPS]
        for loop in loops:
            loop()  # allocations and kernel selection
        speeds: list[list[float]] = [[], []]
        for _ in range(words.turns):
            for loop, measured in zip(loops, speeds, strict=True):
                measured.append(updates_per_second(loop, seconds, device, clock))
        del loops
        ratio = statistics.median(x / y for x, y in zip(*speeds, strict=True))
        mine, theirs = map(statistics.median, speeds)
        peaks = []
        for loop in range(len(LOOPS)):
            with multiprocessing.get_context("spawn").Pool(1) as process:
                peaks.append(process.apply(peak_megabytes, (name, loop, words)))
        numbers = f"{mine:10.3g} {theirs:12.3g} {ratio:7.2f} {peaks[0]:9.0f} {peaks[1]:8.0f}"
        print(f"{name:22} {config.batch_size:5} {numbers}", flush=True)


if __name__ == "__main__":
    main()
