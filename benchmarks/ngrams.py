"""Counting n-grams: seconds and peak memory, and the loop over tuples in a dictionary beside it.

python benchmarks/ngrams.py                       100,000 lines, orders 1 to 6, against the loop
python benchmarks/ngrams.py --lines 10000000 --orders 6     as many as the paper's; without the loop

The lines are drawn from the 4-grams of the embedded text; one character in ten is drawn by its
frequency alone, so that long n-grams grow in number with the lines, as in text. Seconds are medians
of `--turns`; memory is the peak of the process so far.
"""

import argparse
import resource
import statistics
import time
from collections import defaultdict

import numpy as np

from ttur.data.published.speeches import speeches
from ttur.metrics.ngrams import NgramModel, jensen_shannon, ngram_models

SENTENCES = 640  # of one evaluation while training
BLOCK = 1 << 18
ASTRAY = 0.1
TEXT = speeches()
SYMBOLS = len(TEXT.vocabulary)
LENGTH = TEXT.codes.shape[1]


def sampled(lines: int, seed: int) -> np.ndarray:
    """Lines of codes: each place where the last three characters occur is equally likely."""
    windows = np.lib.stride_tricks.sliding_window_view(TEXT.codes, 4, axis=1).reshape(-1, 4)
    states = windows[:, :3] @ np.array([SYMBOLS**2, SYMBOLS, 1])
    successors = windows[np.argsort(states, kind="stable"), 3]
    occurrences = np.bincount(states, minlength=SYMBOLS**3)
    first = np.cumsum(occurrences) - occurrences
    rng = np.random.default_rng(seed)
    codes = np.empty((lines, LENGTH), np.uint8)
    for start in range(0, lines, BLOCK):
        block = codes[start : start + BLOCK]
        block[:, :3] = rng.choice(TEXT.codes[:, :3], len(block))
        state = block[:, :3] @ np.array([SYMBOLS**2, SYMBOLS, 1])
        for place in range(3, LENGTH):
            known = (occurrences[state] > 0) & (rng.random(len(block)) > ASTRAY)
            within = first[state] + (rng.random(len(block)) * occurrences[state]).astype(int)
            anywhere = rng.integers(0, len(successors), len(block))
            block[:, place] = successors[np.where(known, within, anywhere)]
            state = state % SYMBOLS**2 * SYMBOLS + block[:, place]
    return codes


def dictionary_loop(codes: np.ndarray, orders: list[int]) -> dict[int, dict[tuple[str, ...], int]]:
    lines = [tuple(map(chr, row)) for row in codes.tolist()]
    models = {}
    for order in orders:
        counts: dict[tuple[str, ...], int] = defaultdict(int)
        for line in lines:
            for start in range(len(line) - order + 1):
                counts[line[start : start + order]] += 1
        models[order] = counts
    return models


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--orders", type=int, nargs="+", default=[1, 2, 3, 4, 5, 6])
    parser.add_argument("--vocabulary", type=int, default=SYMBOLS, help="size that is stated")
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    orders = options.orders
    large = options.lines > 1_000_000
    codes = sampled(options.lines, seed=1)
    print(f"{options.lines:,} lines of {LENGTH}, vocabulary {options.vocabulary}, orders {orders}")
    print(f"{'':34} {'seconds':>9} {'peak memory':>12}")
    report("lines drawn", [0.0])
    models: dict[int, NgramModel] = {}
    seconds, ratios = [], []
    for _ in range(1 if large else options.turns):
        start = time.perf_counter()
        models = ngram_models(codes, options.vocabulary, orders)
        seconds.append(time.perf_counter() - start)
        if not large:
            start = time.perf_counter()
            expected = dictionary_loop(codes, orders)
            ratios.append((time.perf_counter() - start) / seconds[-1])
            assert all(len(models[n].keys) == len(expected[n]) for n in orders)
            del expected
    report("counted", seconds)
    if ratios:
        print(f"{'dictionary loop':34} {statistics.median(ratios):8.1f} × that, turn by turn")
    few = ngram_models(sampled(SENTENCES, seed=2), options.vocabulary, orders)
    for order, model in models.items():
        seconds = []
        for _ in range(5):
            start = time.perf_counter()
            jensen_shannon(model, few[order])
            seconds.append(time.perf_counter() - start)
        value = jensen_shannon(model, few[order])
        report(f"JSD-{order} to {SENTENCES} lines, {value:.4f}", seconds)
        print(f"    {len(model.keys):,} distinct of {model.total:,}")


def report(what: str, seconds: list[float]) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{what:34} {statistics.median(seconds):9.4f} {peak:9.2f} GB", flush=True)


if __name__ == "__main__":
    main()
