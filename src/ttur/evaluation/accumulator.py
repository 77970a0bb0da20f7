"""Generated images as they come, in any loop and any number of processes, against one reference."""

import json
from collections.abc import Sequence

import torch
from torch import Tensor

from ttur.evaluation.collector import Collector
from ttur.evaluation.evaluate import Source, check_ready, kept, measured, opened, seen
from ttur.evaluation.measures import Settings, measures
from ttur.evaluation.result import Evaluation
from ttur.evaluation.sources import ImageSource, open_images
from ttur.metrics.extractors import Extractor
from ttur.metrics.extractors import extractor as named
from ttur.runtime.distributed import from_every_rank, rank_zero_first, world_size


class Accumulator:
    """Metrics of generated images that are given batch by batch.

        accumulator = Accumulator("train/", ("fid", "kid"), value_range=(-1, 1))
        for _ in range(100):
            accumulator.update(generator(latents()))
        accumulator.compute()["fid"]

    The real side is seen once, at the start; `extractor` is a name or an `Extractor`, which brings
    its protocol, weights, precision and device; the other options are those of `evaluate`. In a
    `torch.distributed` group every process gives the images it made and all call `compute`: each
    image counts once, whatever the shares.

    Raises:
        ValueError: if there is no such metric, or the real side has too few images for one, is
            statistics where it needs images, or made by another protocol.
    """

    def __init__(
        self,
        real: Source,
        metrics: str | Sequence[str] = ("fid",),
        *,
        extractor: str | Extractor = "inception",
        value_range: tuple[float, float] | None = None,
        batch_size: int = 50,
        interval: bool = True,
        kid_subset_size: int = 1000,
        seed: int = 0,
        cache: bool = True,
        allow_protocol_mismatch: bool = False,
    ) -> None:
        self._wanted = measures(metrics)
        self._settings = Settings(seed, interval, kid_subset_size)
        self._allow_protocol_mismatch = allow_protocol_mismatch
        self._value_range, self._batch_size = value_range, batch_size
        side = opened(real, value_range=value_range)
        keep = kept(self._wanted, "real", side)
        self._extractor = named(extractor) if isinstance(extractor, str) else extractor
        check_ready(
            {"real": side}, self._extractor, self._wanted, self._settings, allow_protocol_mismatch
        )
        with rank_zero_first():
            self._real = seen(
                side,
                self._extractor,
                keep,
                batch_size=batch_size,
                seed=seed,
                cache=cache,
            )
        self.reset()

    def reset(self) -> None:
        """Forget the generated images; the real side stays."""
        keep = {what for measure in self._wanted for what in measure.keep.get("generated", ())}
        self._generated = Collector(self._extractor, keep, seed=self._settings.seed)

    def update(self, images: ImageSource) -> None:
        """More images: an array uint8 (n, H, W, 3), a tensor uint8 (n, 3, H, W), floats in the
        `value_range`, or any other source.

        Raises:
            ValueError: if they are not images, or floats without a value range.
        """
        source = open_images(images, value_range=self._value_range)
        if source.count != 0:  # the last share of a loop may be empty
            self._generated.read(source, self._batch_size)

    def merge(self, other: "Accumulator") -> None:
        """Take over the images another one has seen, as if given after one's own.

        Raises:
            ValueError: if it has another extractor, or metrics that need less.
        """
        self._generated.merge(other._generated)

    def compute(self) -> Evaluation:
        """The metrics of the images so far, of all processes; updates may go on after it.

        Raises:
            ValueError: if there are fewer than two, or too few for a metric, or the processes have
                not the same metrics and extractor.
        """
        generated = self._generated
        if world_size() > 1:
            self._check_alike()
            everyone = from_every_rank(generated.state_dict())
            generated = self._restored(next(everyone))
            for state in everyone:
                generated.merge(self._restored(state))
        return measured(
            self._real,
            generated.side(),
            self._wanted,
            self._settings,
            self._allow_protocol_mismatch,
        )

    def state_dict(self) -> dict[str, Tensor]:
        """What was seen of the generated images, as tensors: for a checkpoint."""
        return self._generated.state_dict()

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue where `state` stood.

        Raises:
            ValueError: if it was made by another extractor or for other metrics, or is no state;
                what was seen before stays.
        """
        self._generated.load_state_dict(state)

    def _check_alike(self) -> None:
        """Refused by every process alike: the others would wait for one that gives up alone."""
        mine = [[measure.name for measure in self._wanted], self._extractor.fingerprint()]
        said = from_every_rank({json.dumps(mine, sort_keys=True): torch.empty(0)})
        texts = dict.fromkeys(text for names in said for text in names)
        if len(texts) > 1:
            raise ValueError(
                "every process should have the same metrics and extractor, got "
                f"{' and '.join(texts)}"
            )

    def _restored(self, state: dict[str, Tensor]) -> Collector:
        collector = Collector(self._extractor, self._generated.kept, seed=self._settings.seed)
        collector.load_state_dict(state)
        return collector
