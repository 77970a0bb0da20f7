"""Sentences: rows of symbols of a text, scored by their n-grams, written down line by line."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import UInt16
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from ttur.data import vocabulary as text
from ttur.data.batches import Batches, to_one_hot
from ttur.data.catalogue import load_text
from ttur.evaluation.divergence import reference_models
from ttur.metrics.ngrams import jensen_shannon, ngram_models
from ttur.models.description import ModelDescription, SampleShape
from ttur.runtime.description import STRICT, Count
from ttur.runtime.files import replacement
from ttur.runtime.progress import task
from ttur.runtime.randomness import Stream
from ttur.training.contracts import Evaluator, Poll, Say
from ttur.training.drawing import Drawing
from ttur.training.media.medium import Medium

ORDERS = (4, 6)  # of the n-grams; the paper shows these two
HEADLINE = "jsd_4"
FINE = "_fine"  # ends the names of the values on more sentences
MOST_PARTS_FOR_FLOOR = 10
MOST_SENTENCES_WRITTEN = 640
# The published parameter counts are for so many symbols (C.2).
ASSUMED_SYMBOLS = 100

Codes = UInt16[np.ndarray, "count length"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SentenceScoring:
    """How generated sentences are scored while training: by the divergence of their n-grams.

    So many are drawn for an evaluation, so many of them at once; beside it stands one of more
    sentences (`fine_evaluation_samples`, None for none), which comes with the first evaluation
    after so many updates, and with the last.
    """

    metric: Literal["jsd", "none"] = "jsd"
    evaluation_samples: Annotated[Count, Field(ge=2)] = 640
    evaluation_batch_size: Count = 1000
    fine_evaluation_samples: Annotated[Count, Field(ge=2)] | None = None
    fine_evaluate_every_updates: Count = 1000
    kind: Literal["sentences"] = "sentences"

    def is_fine(self, update: int, every: int, last: int) -> bool:
        """Whether the evaluation after `update`, one in `every`, is joined by that of more."""
        if self.fine_evaluation_samples is None:
            return False
        before, fine = max(update - every, 0), self.fine_evaluate_every_updates
        return update == last or before // fine < update // fine

    def passes(self, updates: Sequence[int], every: int) -> dict[int, int]:
        """How often a run is scored that looks after these updates, by the number of sentences."""
        passes = {self.evaluation_samples: len(updates)}
        if self.fine_evaluation_samples is not None:
            fine = sum(self.is_fine(update, every, updates[-1]) for update in updates)
            passes[self.fine_evaluation_samples] = fine
        return passes


class SentenceMedium(Medium):
    """A text in fixed-length rows; networks get and give a probability for each symbol."""

    kind: ClassVar = "sentences"

    def __init__(self, data: text.Sentences, held_out: Callable[[], text.Sentences]):
        self.data, self.held_out = data, held_out
        self.sha256, self.vocabulary = data.sha256, tuple(data.vocabulary)
        self.sample_shape = (data.codes.shape[1], len(data.vocabulary))

    @classmethod
    def load(
        cls, name: str, split: str, data_directory: Path | None, model: ModelDescription
    ) -> "SentenceMedium":
        data = load_text(name, data_directory, split)
        length, _ = cls.assumed_shape(model)
        if data.codes.shape[1] != length:
            raise ValueError(
                f"{name} has sentences of {data.codes.shape[1]} characters, the configuration says "
                f"{length}; set `length` to {data.codes.shape[1]}"
            )
        return cls(data, partial(load_text, name, data_directory, "held_out"))

    @classmethod
    def assumed_shape(cls, model: ModelDescription) -> SampleShape:
        length: int = getattr(model, "length")  # noqa: B009  of every model of sentences
        return (length, ASSUMED_SYMBOLS)

    def batches(
        self, batch_size: int, stream: Stream, device: torch.device, *, mirror: bool = False
    ) -> Batches:
        transform = partial(to_one_hot, symbols=len(self.vocabulary))
        return Batches(
            self.data.codes,
            batch_size,
            stream=stream,
            device=device,
            transform=transform,
            mirror=mirror,
        )

    def evaluator(
        self,
        scoring: SentenceScoring,
        drawing: Drawing,
        *,
        every: int,
        last: int,
        weights: Path | str | None,
        say: Say,
    ) -> Evaluator:
        """Counts the n-grams of all training sentences, or finds them where a run before left them.

        The floor is what held-out sentences score, as many as a generator draws.
        """

        def codes(generator: nn.Module, count: int, index: int, poll: Poll) -> Codes:
            """`count` sentences of a stream of latents; `poll` is called before each batch."""
            rng, batches = drawing.rng(index), []
            network = drawing.evaluation_copy(generator, drawing.latents(1, rng))
            with task("scoring", count, "sentences") as advance:
                for start in range(0, count, scoring.evaluation_batch_size):
                    poll()
                    some = min(scoring.evaluation_batch_size, count - start)
                    batches.append(likeliest(network(drawing.latents(some, rng))))
                    advance(some)
            return np.concatenate(batches)

        def write_samples(generator: nn.Module, path: Path) -> None:
            """The sentences that are scored, at most 640, one a line."""
            count = min(scoring.evaluation_samples, MOST_SENTENCES_WRITTEN)
            found = lines(codes(generator, count, 0, lambda: None), self.vocabulary)
            with replacement(path.with_suffix(".txt")) as file:
                file.write("".join(f"{line}\n" for line in found).encode())

        if scoring.metric == "none":
            return Evaluator("none", None, torch.no_grad()(write_samples))
        real = reference_models(self.data.codes, self.vocabulary, ORDERS, say=say)
        fine = scoring.fine_evaluation_samples

        def divergences(codes: np.ndarray, suffix: str = "") -> dict[str, float]:
            drawn = ngram_models(codes, len(self.vocabulary), ORDERS)
            return {f"jsd_{n}{suffix}": jensen_shannon(real[n], drawn[n]) for n in ORDERS}

        @torch.no_grad()
        def score(generator: nn.Module, update: int, poll: Poll) -> dict[str, float]:
            values = divergences(codes(generator, scoring.evaluation_samples, 0, poll))
            if fine is not None and scoring.is_fine(update, every, last):
                values |= divergences(codes(generator, fine, 1, poll), FINE)
            return values

        floor: dict[str, float] = {}
        for suffix, samples in (("", scoring.evaluation_samples), (FINE, fine)):
            if samples is not None:
                parts = [divergences(part, suffix) for part in self._held_out(samples, say)]
                names = parts[0] if parts else ()
                floor |= {name: float(np.mean([part[name] for part in parts])) for name in names}
        suffixes = ("",) if fine is None else ("", FINE)
        lower = {f"jsd_{n}{suffix}": True for suffix in suffixes for n in ORDERS}
        return Evaluator(HEADLINE, score, torch.no_grad()(write_samples), lower, floor)

    def _held_out(self, size: int, say: Say) -> list[np.ndarray]:
        """Disjoint parts of that size of what is held out: their mean has less noise."""
        try:
            unseen = self.held_out().codes
        except ValueError as error:  # a text of few lines, or an archive without that part
            say(f"nothing is held out: {error}")
            return []
        if size > len(unseen):
            say(f"no floor of {size:,} sentences: only {len(unseen):,} are held out")
            return []
        count = min(len(unseen) // size, MOST_PARTS_FOR_FLOOR)
        rows = np.random.default_rng(0).permutation(len(unseen))[: count * size]
        return [unseen[part] for part in np.split(rows, count)]

    @classmethod
    def displayable(cls, outputs: Tensor, vocabulary: tuple[str, ...]) -> Sequence[str]:
        return lines(likeliest(outputs), vocabulary)

    @classmethod
    def write(cls, samples: Sequence[Any], *, out: Path | None, grid: Path | None) -> str:
        if grid is not None:
            raise ValueError("sentences have no `grid`; name a file `out` to keep them")
        written = "".join(f"{line}\n" for line in samples)
        if out is None:
            return written
        if out.exists():
            raise FileExistsError(f"{out} exists; choose a new `out`")
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(written, "utf-8")
        return f"{out}\n"


def likeliest(probabilities: Tensor) -> Codes:
    """The likeliest symbol at each position (C.2), as places in the vocabulary."""
    return probabilities.argmax(2).cpu().numpy().astype(np.uint16)


def lines(codes: np.ndarray, vocabulary: Sequence[str]) -> list[str]:
    """Sentences without the padding at their end."""
    return [line.rstrip(text.PADDING) for line in text.text(codes, tuple(vocabulary))]
