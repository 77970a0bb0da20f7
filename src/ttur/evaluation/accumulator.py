"""Generated images as they come, in any loop and any number of processes, against one reference."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ttur.evaluation.collector import Collector
from ttur.evaluation.comparison import Comparison, Source, open_source
from ttur.evaluation.measures import measures
from ttur.evaluation.openers import ImageSource, name_of, open_images
from ttur.evaluation.result import Evaluation
from ttur.evaluation.values import Values
from ttur.features.extractors import Extractor
from ttur.runtime.distributed import from_every_rank, rank_zero_first, world_size
from ttur.runtime.randomness import global_noise, restore_global_noise


class Accumulator:
    """Metrics of generated images that are given batch by batch.

        >>> import torch
        >>> real = torch.randint(256, (300, 3, 16, 16), dtype=torch.uint8)
        >>> options = {"extractor": "digits", "value_range": (-1.0, 1.0), "cache": False}
        >>> accumulator = ttur.Accumulator(real, "fid,is", **options)
        >>> for _ in range(4):
        ...     accumulator.update(torch.rand(50, 3, 16, 16) * 2 - 1)  # what a generator draws
        >>> list(accumulator.compute())
        ['fd_digits', 'is_digits']

    The real side is seen once, at the start; the options are those of `evaluate`. Without `audit`
    the generated images are neither hashed nor counted by kind, only looked at. In a
    `torch.distributed` group every process gives the images it made and all call `compute`: each
    image counts once, whatever the shares.

    The global generators of torch, numpy and Python stay where they are, whatever the images draw
    from them: they go on in the accumulator, from one `update` to the next.

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
        protocol: str | None = None,
        weights: Path | str | None = None,
        precision: str = "float32",
        device: str | torch.device = "auto",
        batch_size: int = 50,
        value_range: tuple[float, float] | None = None,
        on_error: str = "fail",
        interval: bool | str = True,
        kid_subset_size: int = 1000,
        seed: int = 0,
        cache: bool = True,
        allow_protocol_mismatch: bool = False,
        audit: bool = True,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        measures(metrics)  # refused before a path is looked at
        self._reading: dict[str, Any] = {"value_range": value_range, "on_error": on_error}
        self._batch_size, self._audited = batch_size, audit
        side = open_source(real, **self._reading)
        self._comparison = Comparison.of_names(
            metrics,
            extractor=extractor,
            protocol=protocol,
            weights=weights,
            precision=precision,
            device=device,
            interval=interval,
            kid_subset_size=kid_subset_size,
            seed=seed,
            allow_protocol_mismatch=allow_protocol_mismatch,
            sides={"real": side},
        )
        self._noise: dict[str, Any] = {}
        with self._apart(), rank_zero_first():
            self._real = self._comparison.look(
                side, "real", cache=cache, batch_size=batch_size, say=say
            )
        self.reset()

    def reset(self) -> None:
        """Forget the generated images; the real side stays."""
        self._generated = self._comparison.collect("generated")

    def update(self, images: ImageSource) -> None:
        """More images: an array uint8 (n, H, W, 3), a tensor uint8 (n, 3, H, W), floats in the
        `value_range`, or any other source. A tensor stays on its device.

        Raises:
            ValueError: if they are not images, or floats without a value range.
        """
        with self._apart():
            if isinstance(images, Tensor):
                values = Values(name_of(images), self._reading["value_range"])
                self._generated.read_tensor(images, values, self._batch_size, audited=self._audited)
                return
            source = open_images(images, **self._reading)
            if source.count != 0:  # the last share of a loop may be empty
                self._generated.read(source, self._batch_size, audited=self._audited)

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
            generated = self._collector_of(next(everyone))
            for state in everyone:
                generated.merge(self._collector_of(state))
        with self._comparison.guard_randomness():
            return self._comparison.of(self._real, generated.side())

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
        fingerprint = self._generated.extractor.fingerprint()
        mine = [
            [kind for measure in self._comparison.metrics for kind in measure.kinds],
            fingerprint,
        ]
        said = from_every_rank({json.dumps(mine, sort_keys=True): torch.empty(0)})
        texts = dict.fromkeys(text for names in said for text in names)
        if len(texts) > 1:
            raise ValueError(
                "every process should have the same metrics and extractor, got "
                f"{' and '.join(texts)}"
            )

    def _collector_of(self, state: dict[str, Tensor]) -> Collector:
        collector = self._comparison.collect("generated")
        collector.load_state_dict(state)
        return collector

    @contextmanager
    def _apart(self) -> Iterator[None]:
        """Global noise that goes on from one block to the next: were it put back and no more,
        images that are drawn within would be the same in each.
        """
        device = self._comparison.device
        with self._comparison.guard_randomness():
            restore_global_noise(self._noise, device)
            yield
            self._noise = global_noise(device)
