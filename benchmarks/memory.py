"""Peak memory of an FID of 10,000 and of 100,000 images a side, each in a process of its own.

python benchmarks/memory.py [--counts 10000 100000] [--side 8] [--source npy|folder|generator]
    [--interval]

A cheap extractor of 2048 features (one random projection of the pixels), so that what is measured
is what is kept: moments, groups, audit, reading. "private" is the peak of memory that is the
process's own; "resident" also counts pages of the file of images that the system has cached and
may drop at any time.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

DIMENSION = 2048
LIMIT = 50  # MB
HEADER = "images a side  seconds  private MB  resident MB"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--side", type=int, default=8)
    parser.add_argument("--source", choices=("npy", "folder", "generator"), default="npy")
    parser.add_argument("--interval", action="store_true", help="with a confidence interval")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(json.loads(options.child))
        return
    peaks: dict[str, list[float]] = {}
    shape = f"{options.side}×{options.side} pixels, {DIMENSION} features"
    print(f"{options.source}, {shape}, {'with' if options.interval else 'without'} interval")
    print(HEADER)
    with tempfile.TemporaryDirectory() as folder:
        for count in options.counts:
            sources = [
                source(options.source, Path(folder) / f"{name}-{count}", seed, count, options.side)
                for seed, name in enumerate(("real", "generated"))
            ]
            task = {"sources": sources, "interval": options.interval, "side": options.side}
            command = [sys.executable, __file__, "--child", json.dumps(task)]
            made = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            print(
                f"{count:13,} {made['seconds']:8.1f} {made['private']:11.1f} "
                f"{made['resident']:12.1f}",
                flush=True,
            )
            for kind in ("private", "resident"):
                peaks.setdefault(kind, []).append(made[kind])
    for label, values in peaks.items():
        difference = max(values) - min(values)
        verdict = "below" if difference < LIMIT else "NOT below"
        print(f"{label}: counts differ by {difference:.1f} MB, {verdict} {LIMIT} MB")


def source(kind: str, path: Path, seed: int, count: int, side: int) -> dict[str, int | str]:
    """Written in pieces: this process is not measured, but it need not be large either."""
    if kind == "npy":
        path = path.with_suffix(".npy")
        array = np.lib.format.open_memmap(path, "w+", np.uint8, (count, side, side, 3))
        for start in range(0, count, 10_000):
            array[start : start + 10_000] = pixels(seed + start, len(array[start:][:10_000]), side)
        array.flush()
    elif kind == "folder":
        from PIL import Image

        path.mkdir()
        for start in range(0, count, 10_000):
            for index, image in enumerate(pixels(seed + start, min(10_000, count - start), side)):
                Image.fromarray(image).save(path / f"{start + index:06}.png")
    return {"kind": kind, "path": str(path), "seed": seed, "count": count}


def pixels(seed: int, count: int, side: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), np.uint8)


def child(task: dict) -> None:
    """One FID in this process; its peaks as JSON."""
    import torch

    from ttur.evaluation.evaluate import evaluate
    from ttur.features.extractors import Extractor

    inputs = 3 * task["side"] ** 2
    projection = torch.randn(inputs, DIMENSION, generator=torch.Generator().manual_seed(0)) / (
        255 * inputs**0.5
    )

    def cheap(images: torch.Tensor) -> torch.Tensor:
        return (images.flatten(1) @ projection).relu()

    extractor = Extractor.of(cheap, name="projection", dimension=DIMENSION)
    real, generated = (opened(description, task["side"]) for description in task["sources"])
    watch = PrivatePeak()
    start = time.perf_counter()
    evaluate(
        real,
        generated,
        extractor=extractor,
        interval=task["interval"],
        cache=False,
    )
    seconds = time.perf_counter() - start
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "resident": resident, "private": watch.stop()}))


def opened(description: dict, side: int) -> str | Iterator[np.ndarray]:
    if description["kind"] != "generator":
        return description["path"]
    batch = 500
    return (
        pixels(description["seed"] + start, min(batch, description["count"] - start), side)
        for start in range(0, description["count"], batch)
    )


class PrivatePeak:
    """The largest RssAnon (Linux) that a look every 10 ms has seen, in MB."""

    def __init__(self) -> None:
        self.peak = 0.0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def stop(self) -> float:
        self.done.set()
        self.thread.join()
        return self.peak

    def _watch(self) -> None:
        status = Path(f"/proc/{os.getpid()}/status")
        while not self.done.wait(0.01):
            line = next(x for x in status.read_text().splitlines() if x.startswith("RssAnon"))
            self.peak = max(self.peak, int(line.split()[1]) / 1024)


if __name__ == "__main__":
    main()
