"""The model card of a run: what it is, how good by which protocol, from what, and how to load it.

Its head is Hugging Face's metadata (https://huggingface.co/docs/hub/model-cards): a `model-index`
with evaluation results. It lies in the folder of the run, and names no other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ttur.data.catalogue import KNOWN
from ttur.data.dataset import Card
from ttur.reports.front_matter import fenced, front_matter, words
from ttur.runtime import digests
from ttur.runtime.description import leaves
from ttur.training.events import Evaluation, Score
from ttur.training.record import RunRecord

TASKS = {"images": "unconditional-image-generation", "sentences": "text-generation"}
_UNSURE = {
    "interrupted": "It was interrupted, and goes on when it is called again.",
    "unfinished": "It goes on, or its process was killed.",
}
WITH_TTUR = """import ttur

generator = ttur.load_generator(".")  # the last weights; best=True for those of best.pt
samples = generator.samples(16, seed=0)"""
WITH_TORCH = """import torch

saved = torch.load("checkpoint.pt", map_location="cpu", weights_only=True)
weights = saved["state"]["game"]{place}  # for load_state_dict of the generator"""
PLACES = {"raw": '["generator"]', "ema": '["companions"]["ema"]["network"]'}


@dataclass(frozen=True)
class DataOrigin:
    """Which data a run saw, as far as it can be said: the digest of their samples always can."""

    name: str
    title: str
    split: str
    licence: str
    url: str | None = None


@dataclass(frozen=True)
class ModelCard:
    """The card of one run; `text` is the whole file.

    Data sets are looked for in `data_directory`, by the names and digests of the run.
    """

    run: RunRecord
    data_directory: Path

    @property
    def name(self) -> str:
        return f"{self.run.experiment} {self.run.label} seed {self.run.seed}"

    @property
    def text(self) -> str:
        sections = (
            self._introduction(),
            self._outcome(),
            self._measured(),
            self._loading(),
            self._data(),
            self._training(),
            self._use(),
            self._files(),
        )
        head = front_matter(self.metadata)
        return "\n\n".join([head, *("\n\n".join(lines) for lines in map(list, sections) if lines)])

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """Hugging Face's. The licence of the weights is not ours to state."""
        tags = ["gan", "ttur", "two-time-scale-update-rule"]
        document: dict[str, Any] = {"library_name": "ttur", "tags": tags}
        if self._task is not None:
            document["pipeline_tag"] = self._task
        index = [self._entry(which, evaluation) for which, evaluation in self.evaluations.items()]
        return document | ({"model-index": index} if index else {})

    @cached_property
    def evaluations(self) -> dict[str, Evaluation]:
        """Of the last weights, and of the best where they are others; of a diverged run none."""
        if self.run.end is None or self.run.end.kind == "diverged":
            return {}
        found: dict[str, Evaluation] = {}
        scores: dict[str, Score | None] = {"last": self.run.final, "best": self.run.best}
        by_update = {evaluation.update: evaluation for evaluation in self.run.evaluations}
        for which, score in scores.items():
            if score is not None and by_update.get(score.update) not in (None, *found.values()):
                found[which] = by_update[score.update]
        return found

    @cached_property
    def data(self) -> DataOrigin:
        data = self.run.configuration.get("data")
        if not isinstance(data, Mapping):
            return DataOrigin("own", "an array that was passed", "train", "not stated")
        name, split = str(data["name"]), str(data["split"])
        known = KNOWN.get(name)
        if known is not None:
            return DataOrigin(name, known.title, split, known.licence, known.url)
        card = self._prepared(name, split)
        if card is None:
            return DataOrigin(name, name, split, "not stated: its data card was not found")
        return DataOrigin(name, name, split, card.licence)

    def _prepared(self, name: str, split: str) -> Card | None:
        """The card beside prepared data, if these are the data of the run."""
        path = self.data_directory / name / "card.json"
        card = Card.read(path) if path.is_file() else None
        if card is None or split not in card.splits:
            return None
        return card if card.splits[split].sha256 == self.run.description.data_sha256 else None

    @property
    def _scoring(self) -> Mapping[str, Any]:
        return self.run.configuration.get("scoring") or {}

    @property
    def _task(self) -> str | None:
        return TASKS.get(str(self._scoring.get("kind")))

    @property
    def _protocol(self) -> str:
        """Beside every number: "tf1, 50,000 samples"."""
        samples = self._scoring.get("evaluation_samples")
        parts = [self._scoring.get("protocol"), samples and f"{samples:,} samples"]
        return ", ".join(part for part in parts if part)

    def _entry(self, which: str, evaluation: Evaluation) -> dict[str, Any]:
        data = self.data
        metrics = [
            {"type": name, "name": f"{name} ({self._protocol})", "value": value}
            for name, value in evaluation.values.items()
        ]
        result = {
            "task": {"type": self._task or "other"},
            "dataset": {
                "type": data.name,
                "name": data.title,
                "split": data.split,
                "args": {"sha256": self.run.description.data_sha256},
            },
            "metrics": metrics,
        }
        name = f"{self.name}, {which} weights, update {evaluation.update}"
        return {"name": name, "results": [result]}

    def _introduction(self) -> Iterator[str]:
        description = self.run.description
        discriminator, generator = description.rates
        kind = {"images": "images", "sentences": "sentences"}.get(
            str(self._scoring.get("kind")), "samples"
        )
        scales = "one learning rate" if description.is_single_timescale else "two learning rates"
        yield f"# {words(self.name)}"
        yield (
            f"A generator of {kind}, trained against a discriminator with {scales}: "
            f"{discriminator:g} for the discriminator, {generator:g} for the generator (at "
            "first, or after a warm-up). The rule is that of Heusel et al. 2017 "
            "(https://arxiv.org/abs/1706.08500), the program ttur "
            f"{words(str(description.environment.get('ttur', '')))}."
        )
        grids = sorted((self.run.directory / "samples").glob("update-*.png"))
        if grids and not self._diverged:
            yield f"![samples, not chosen](samples/{grids[-1].name})"

    @property
    def _diverged(self) -> bool:
        return self.run.outcome.startswith("diverged")

    def _outcome(self) -> Iterator[str]:
        run, planned = self.run, self.run.configuration["updates"]
        cause = f": {words(run.cause)}" if run.cause else ""
        yield "## Outcome"
        if self._diverged:
            assert run.end is not None
            yield (
                f"**This run diverged at update {run.end.update:,} of {planned:,}{cause}.** No "
                "number is quoted for it, and its weights are not meant to be used."
            )
            return
        done = f"{run.outcome} at update {run.updates:,} of {planned:,}{cause}."
        yield " ".join(filter(None, [done[0].upper() + done[1:], _UNSURE.get(run.outcome)]))

    def _measured(self) -> Iterator[str]:
        if not self.evaluations:
            return
        yield "## What was measured"
        better = {
            name: "lower" if is_lower else "higher"
            for name, is_lower in self.run.description.lower_is_better.items()
        }
        rows = [
            f"| {words(name)} | {value:.6g} | {which}{', averaged' * name.endswith('_ema')}, "
            f"update {evaluation.update:,} | {better.get(name, '')} |"
            for which, evaluation in self.evaluations.items()
            for name, value in evaluation.values.items()
        ]
        yield "\n".join(["| metric | value | weights | better |", "|---|---|---|---|", *rows])
        scoring = leaves({k: v for k, v in self._scoring.items() if k != "kind"})
        yield (
            "Only numbers of the same protocol and of as many samples compare. `fid` is that of "
            "the Inception network of 2015-12-05; other features are in the name. The protocol:"
        )
        yield _listed(scoring)

    def _loading(self) -> Iterator[str]:
        if self._diverged or not (self.run.directory / "checkpoint.pt").exists():
            return
        yield "## How to load it"
        yield "In the folder of this file, where `checkpoint.pt` and `config.json` are:"
        if self.run.configuration.get("model", {}).get("kind") != "own":
            yield fenced(WITH_TTUR, "python")
            yield "The weights alone, in plain PyTorch:"
        decides = (self.run.configuration.get("ema") or {}).get("decides", "raw")
        yield fenced(WITH_TORCH.format(place=PLACES[decides]), "python")

    def _data(self) -> Iterator[str]:
        data = self.data
        yield "## Data"
        where = f", {data.url}" if data.url else ""
        yield "\n".join(
            [
                f"- {words(data.title)}{where}; split {words(data.split)}",
                f"- Licence of the data: {words(data.licence)}",
                f"- SHA-256 of the samples: `{self.run.description.data_sha256}`",
            ]
        )

    def _training(self) -> Iterator[str]:
        run = self.run
        yield "## How it was trained"
        looked = {"scoring", "data"}
        if run.configuration.get("model", {}).get("kind") == "own":
            looked |= {"model", "losses", "companions", "optimizers", "latents", "order"}
            yield "The networks and losses are the author's own; `config.json` describes them."
        settings = {k: v for k, v in run.configuration.items() if k not in looked}
        yield _listed(leaves(settings))
        yield "On:"
        yield _listed(dict(run.description.environment))

    def _use(self) -> Iterator[str]:
        yield "## Intended use and limits"
        yield (
            "For research on the training of generative networks. Samples show what the data "
            "above show, with their gaps and their biases; whether training samples are repeated "
            "was not examined (`ttur nearest` shows the closest). One run of one seed says little "
            "of a method: compare several. The licence of the weights is for whoever publishes "
            "them to state, as `license` in the head of this file, in keeping with that of the "
            "data."
        )

    def _files(self) -> Iterator[str]:
        files = {path.name: digests.of_file(path) for path in self.run.directory.glob("*.pt")}
        weights = {} if self._diverged else self.run.weights_sha256 or {}
        rows = [f"{digest}  {name}" for name, digest in sorted(files.items())]
        if not rows and not weights:
            return
        yield "## Digests"
        if rows:
            yield "SHA-256 of the files, as `sha256sum -c` reads them:"
            yield fenced("\n".join(rows))
        if weights:
            yield "Of the last weights, whatever the file:"
            yield _listed(weights)


def _listed(values: Mapping[str, Any]) -> str:
    """One value a line, as it stands in config.json."""
    return fenced("\n".join(f"{name}: {_shown(value)}" for name, value in values.items()))


def _shown(value: Any) -> str:
    return " ".join(str(value).split()) if isinstance(value, str) else repr(value)
