"""This edition beside another one: processor time of updates and of features, in turns.

    python benchmarks/editions.py --other OLD/src [NAME ...] [--turns 9] [--seconds 2]

A worker for each edition, with one thread, does the same work in turns: updates of an experiment's
first setting on noise, and features of images by each extractor (Inception with made-up weights).
The ratio is the other edition's time by ours, of medians: 1.05 is five percent faster than it was.
Processor time, so that other programs matter less.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

RUNS = ("demo", "dcgan_cifar10_small", "wgan_gp_cifar10_small", "began_cifar10_small")
RUNS += ("language_demo",)
FEATURES = ("features digits", "features cifar10", "features inception")
WORKER = """
import json, sys, time
import numpy as np, torch

torch.set_num_threads(1)
CPU, noise = torch.device("cpu"), np.random.default_rng(0)

def updates(name):
    from ttur.data.dataset import DataSet
    try:  # the edition of 980e01c
        from ttur.data.text import Sentences
    except ImportError:
        from ttur.data.vocabulary import Sentences
    from ttur.experiments.registry import experiment

    config = next(iter(experiment(name).settings.values()))
    model = getattr(config, "model", config)
    sizes = config if isinstance(model, str) else model
    card = {"splits": {"train": {"sha256": ""}}}
    if getattr(sizes, "length", None):
        codes = noise.integers(0, 100, (2_000, sizes.length), dtype=np.uint8)
        data = Sentences("noise", "train", codes, tuple(map(chr, range(100))), card)
    else:
        shape = (2_000, sizes.image_size, sizes.image_size, 3)
        pixels = noise.integers(0, 256, shape, dtype=np.uint8)
        data = DataSet("noise", "train", pixels, None, card)
    try:  # the edition of 980e01c
        from ttur.training.build import build_game
        return build_game(config, data, CPU).play
    except ImportError:
        from ttur.training.assembling import parts_of
        from ttur.training.media import ImageMedium, SentenceMedium
        if isinstance(data, DataSet):
            medium = ImageMedium(data)
        else:
            medium = SentenceMedium(data, lambda: data)
        return parts_of(config, medium, CPU).game().play

def features(name):
    try:  # the edition of 980e01c
        from ttur.metrics.extractors import extractor as load
        from ttur.metrics.inception import Inception
    except ImportError:
        from ttur.features.extractors import load_extractor as load
        from ttur.features.inception import Inception
    weights, count = None, 200
    if name == "inception":
        import tempfile
        from safetensors.torch import save_file
        torch.manual_seed(0)
        weights, count = tempfile.mktemp(suffix=".safetensors"), 4
        save_file(Inception().state_dict(), weights)
    network = load(name, weights=weights, device="cpu")
    pixels = torch.from_numpy(noise.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8))
    return lambda: network(pixels)

words = sys.argv[1].split()
work = features(words[1]) if words[0] == "features" else updates(words[0])
for _ in range(3):
    work()
print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    count, started = int(line), time.process_time()
    for _ in range(count):
        work()
    print(json.dumps(time.process_time() - started), flush=True)
"""


class Worker:
    """One edition at one work, waiting for its turns."""

    def __init__(self, source: Path, name: str) -> None:
        own = {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, name],
            env=os.environ | own,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def seconds(self, count: int) -> float:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return float(self._answer())

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())


def main() -> None:
    parser = argparse.ArgumentParser(description="This edition beside another one.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(RUNS + FEATURES))
    parser.add_argument("--other", type=Path, required=True, help="`src` of the other edition")
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2.0, help="of a turn, about")
    words = parser.parse_args()
    ours = Path(__file__).resolve().parents[1] / "src"
    print(f"{'':24} {'other':>10} {'ours':>10}  ratio, quartiles", flush=True)
    for name in words.names or RUNS + FEATURES:
        workers = [Worker(source.resolve(), name) for source in (words.other, ours)]
        each = min(worker.seconds(2) / 2 for worker in workers)
        count = max(round(words.seconds / each), 1)
        turns = [[w.seconds(count) / count for w in workers] for _ in range(words.turns)]
        for worker in workers:
            worker.end()
        times = [median(turn[index] for turn in turns) for index in range(2)]
        ratios = sorted(other / own for other, own in turns)
        quartiles = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
        print(
            f"{name:24} {times[0] * 1e3:8.2f}ms {times[1] * 1e3:8.2f}ms  {median(ratios):.3f}, "
            f"{quartiles[0]:.3f} to {quartiles[1]:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
