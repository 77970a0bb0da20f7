"""Seconds and memory of KID and of what is made of neighbours.

python benchmarks/manifold.py [--samples 10000] [--dimension 2048]
"""

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np

from ttur.metrics.authenticity import authenticity
from ttur.metrics.clipped import clipped_density_coverage
from ttur.metrics.kernel import kernel_distance
from ttur.metrics.manifold import density_coverage, precision_recall


def features(count: int, dimension: int, spread: float, seed: int) -> np.ndarray:
    """Non-negative and of low rank with noise, as features after a ReLU and pooling are."""
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(0).normal(size=(32, dimension)).astype(np.float32)
    factors = rng.normal(scale=spread, size=(count, 32)).astype(np.float32)
    noise = rng.normal(scale=0.3, size=(count, dimension)).astype(np.float32)
    return np.abs(factors @ directions / 8 + noise)


def authenticity_share(real: np.ndarray, generated: np.ndarray) -> float:
    return authenticity(real, generated).share


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--dimension", type=int, default=2048)
    options = parser.parse_args()
    count, dimension = options.samples, options.dimension
    real, generated = (features(count, dimension, s, seed) for seed, s in ((1, 1.0), (2, 1.02)))
    collapsed = np.repeat(generated[:10], -(-count // 10), axis=0)[:count]
    cases: dict[str, tuple[Callable[..., object], np.ndarray]] = {
        "KID, 100 x 1000": (kernel_distance, generated),
        "precision, recall": (precision_recall, generated),
        "density, coverage": (density_coverage, generated),
        "clipped density, coverage": (clipped_density_coverage, generated),
        "authenticity": (authenticity_share, generated),
        "precision, recall of 10 modes": (precision_recall, collapsed),
    }
    print(f"{count} against {count} vectors of {dimension} float32")
    print(f"{'metric':30} {'seconds':>8} {'peak memory':>12}  value")
    for name, (metric, samples) in cases.items():
        start = time.perf_counter()
        value = metric(real, samples)
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        print(f"{name:30} {seconds:8.1f} {peak:9.0f} MB  {value}", flush=True)


if __name__ == "__main__":
    main()
