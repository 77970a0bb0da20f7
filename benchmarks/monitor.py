"""What the perturbation monitor costs at its default cadence, in percent of training.

    python benchmarks/monitor.py [NAME ...] [--threads 1] [--updates 40] [--turns 5] [--device cpu]

Plain updates, probed updates and tracking gaps take turns in one process; medians are quoted. The
cost is (probe / 200 + tracking gap / 4,000) / update, where a probe is what a probed update takes
beyond a plain one. Processor time on a CPU, so that other programs matter less.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from noise_data import random_data, settings

from ttur.runtime.distributed import pick_device
from ttur.training.assembling import parts_of

NAMES = ("demo", "dcgan_cifar10_small", "wgan_gp_cifar10_small", "began_cifar10_small")
NAMES += ("language_demo", "dcgan_cifar10")
PROBE_EVERY, TRACKING_EVERY = 200, 4_000  # the defaults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--updates", type=int, default=40)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    print("experiment               update, ms  probe, updates  tracking gap, updates  cost, %")
    for name in words.names:
        update, probe, gap = measured(name, words)
        cost = 100 * (probe / PROBE_EVERY + gap / TRACKING_EVERY)
        print(f"{name:24} {1e3 * update:10.1f} {probe:15.2f} {gap:22.1f} {cost:8.2f}")


def measured(name: str, words: argparse.Namespace) -> tuple[float, float, float]:
    """Seconds of an update; a probe and a tracking gap in updates."""
    config = settings(name).but(monitor_every_updates=1, tracking_gap_every_updates=10**9)
    parts = parts_of(config, random_data(config), pick_device(words.device))
    game = parts.game()
    monitor = parts.monitoring(game)
    assert monitor is not None
    seldom = monitor.settings
    always = replace(seldom, tracking_gap_every_updates=1)

    def probed() -> None:
        monitor.before_step()
        game.play()
        monitor.after_step()

    def gap() -> None:
        monitor.settings = always
        monitor.before_step()
        game.play()
        monitor.after_step()
        monitor.settings = seldom

    for _ in range(3):
        probed()
    turns = [
        (seconds(game.play, words.updates), seconds(probed, words.updates // 8), seconds(gap, 1))
        for _ in range(words.turns)
    ]
    plain = statistics.median(turn[0] for turn in turns)
    probe = statistics.median((turn[1] - turn[0]) / turn[0] for turn in turns)
    return plain, probe, statistics.median((turn[2] - turn[1]) / turn[0] for turn in turns)


def seconds(act: Callable[[], None], times: int) -> float:
    """Of one; processor time unless a GPU works."""
    is_gpu = torch.cuda.is_available()
    clock = time.perf_counter if is_gpu else time.process_time
    start = clock()
    for _ in range(times):
        act()
    if is_gpu:
        torch.cuda.synchronize()
    return (clock() - start) / times


if __name__ == "__main__":
    main()
