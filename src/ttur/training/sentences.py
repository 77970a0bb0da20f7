"""During training: draw sentences from fixed latents, compare their n-grams, write them down."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt16
from torch import Tensor

from ttur.data.text import PADDING, Sentences, text
from ttur.evaluation.text import reference_models
from ttur.metrics.ngrams import jensen_shannon, ngram_models
from ttur.runtime.files import replaced
from ttur.training.contracts import Evaluator
from ttur.training.game import TwoPlayerGame

ORDERS = (4, 6)  # of the n-grams; the paper shows these two
HEADLINE = "jsd_4"
FINE = "_fine"  # ends the names of the values on more sentences
MOST_PARTS_FOR_FLOOR = 10
MOST_SENTENCES_WRITTEN = 640

# (generator, latents) → the copy that draws
Sampler = Callable[[Any, Tensor], Callable[[Tensor], Tensor]]
Codes = UInt16[np.ndarray, "count length"]


@dataclass(frozen=True)
class SentenceScoring:
    """Draws from one generator after another, always from the same latents.

    `latents` draws a batch of them. A sentence is the arg-max of each position's probabilities
    (spec C.2). `fine_samples` are drawn beside `samples` where `is_fine` says so of an update.
    """

    sampler: Sampler
    latents: Callable[[int, torch.Generator], Tensor]
    seed: int
    samples: int
    batch_size: int
    device: torch.device
    vocabulary: tuple[str, ...]
    fine_samples: int | None
    is_fine: Callable[[int], bool]

    def codes(
        self, generator: Any, count: int, stream: int, poll: Callable[[], None] = lambda: None
    ) -> Codes:
        """`count` sentences as indices; `poll` is called before each batch."""
        noise = torch.Generator(self.device).manual_seed(self.seed + stream)
        drawing = self.sampler(generator, self.latents(1, noise))
        batches = []
        for start in range(0, count, self.batch_size):
            poll()
            latents = self.latents(min(self.batch_size, count - start), noise)
            batches.append(decoded(drawing, latents))
        return np.concatenate(batches)

    def write_samples(self, game: TwoPlayerGame, path: Path) -> None:
        """The sentences that are scored, at most 640, one a line; `path` gets the suffix."""
        codes = self.codes(game.generator, min(self.samples, MOST_SENTENCES_WRITTEN), 0)
        with replaced(path.with_suffix(".txt")) as file:
            file.write("".join(f"{line}\n" for line in lines(codes, self.vocabulary)).encode())


def sentence_evaluator(
    metric: str,
    scoring: SentenceScoring,
    data: Sentences,
    held_out: Callable[[], Sentences],
    say: Callable[[str], None],
) -> Evaluator:
    """The loop's evaluator for `jsd` or `none`.

    Counts the n-grams of all training sentences, or finds them where a run before left them, and
    measures the floor: what held-out sentences score, as many as a generator draws.

    Raises:
        ValueError: if there is no such metric.
    """
    if metric == "none":
        return Evaluator("none", None, scoring.write_samples)
    if metric != "jsd":
        raise ValueError(f"no metric {metric!r} for sentences; expected jsd or none")
    real = reference_models(data.codes, data.vocabulary, ORDERS, say=say)

    def divergences(codes: np.ndarray, suffix: str = "") -> dict[str, float]:
        drawn = ngram_models(codes, len(data.vocabulary), ORDERS)
        return {f"jsd_{n}{suffix}": jensen_shannon(real[n], drawn[n]) for n in ORDERS}

    def score(game: TwoPlayerGame, poll: Callable[[], None]) -> dict[str, float]:
        values = divergences(scoring.codes(game.generator, scoring.samples, 0, poll))
        if scoring.fine_samples is not None and scoring.is_fine(game.update):
            codes = scoring.codes(game.generator, scoring.fine_samples, 1, poll)
            values |= divergences(codes, FINE)
        return values

    floor: dict[str, float] = {}
    try:
        unseen = held_out().codes
    except ValueError as error:  # a text of few lines, or an archive without that part
        say(f"nothing is held out: {error}")
        unseen = data.codes[:0]
    for suffix, samples in (("", scoring.samples), (FINE, scoring.fine_samples)):
        if samples is not None and samples > len(unseen):
            say(f"no floor of {samples:,} sentences: only {len(unseen):,} are held out")
        elif samples is not None:
            parts = [divergences(part, suffix) for part in _parts(unseen, samples)]
            floor |= {name: float(np.mean([part[name] for part in parts])) for name in parts[0]}
    return Evaluator(HEADLINE, score, scoring.write_samples, floor=floor)


@torch.no_grad()
def decoded(network: Callable[[Tensor], Tensor], latents: Tensor) -> Codes:
    """The likeliest symbol at each position."""
    return network(latents).argmax(2).cpu().numpy().astype(np.uint16)


def lines(codes: np.ndarray, vocabulary: Sequence[str]) -> list[str]:
    """Sentences without the padding at their end."""
    return [line.rstrip(PADDING) for line in text(codes, tuple(vocabulary))]


def _parts(codes: np.ndarray, size: int) -> list[np.ndarray]:
    """Disjoint parts of that size, at most ten: their mean is a floor with less noise."""
    count = min(len(codes) // size, MOST_PARTS_FOR_FLOOR)
    rows = np.random.default_rng(0).permutation(len(codes))[: count * size]
    return [codes[part] for part in np.split(rows, count)]
