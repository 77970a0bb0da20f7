"""Generated images as they come, in any loop and any number of processes, against one reference."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ttur.evaluation.collector import Collector
from ttur.evaluation.comparison import Comparison
from ttur.evaluation.given import Source, open_real
from ttur.evaluation.metric_names import measures
from ttur.evaluation.openers import ImageSource, name_of, open_images
from ttur.evaluation.result import Evaluation
from ttur.evaluation.shards import identity, joined_side
from ttur.evaluation.values import SideRanges, Values, range_of
from ttur.features.extractors import Extractor
from ttur.runtime.distributed import from_every_rank, world_size
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

    The real side is seen once, at the start, and may be None for metrics that do not look at it, as
    `is`; the options are those of `evaluate`. Without `audit` the generated images are neither
    hashed nor counted by kind, only looked at.

    In a `torch.distributed` group every process gives the images it made and all call `compute`,
    the only call that is collective: each image counts once, whatever the shares, and all get one
    result. Every process may have all real images, or a shard of them, as a `DistributedSampler`
    deals them: shards are merged, and a warning says so. With `sync` False `compute` is each
    process's own.

    The global generators of torch, numpy and Python stay where they are, whatever the images draw
    from them: they go on in the accumulator, from one `update` to the next.

    Raises:
        ValueError: if there is no such metric, or the real side has too few images for one, is
            statistics where it needs images, or made by another protocol.
    """

    def __init__(
        self,
        real: Source | None,
        metrics: str | Sequence[str] = ("fid",),
        *,
        extractor: str | Extractor = "inception",
        protocol: str | None = None,
        weights: Path | str | None = None,
        precision: str = "float32",
        device: str | torch.device = "auto",
        batch_size: int = 50,
        value_range: SideRanges | None = None,
        on_error: str = "fail",
        follow_links: bool = False,
        interval: bool | str = True,
        kid_subset_size: int = 1000,
        seed: int = 0,
        cache: bool = True,
        allow_protocol_mismatch: bool = False,
        audit: bool = True,
        sync: bool = True,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        wanted = measures(metrics)  # refused before a path is looked at
        reading: dict[str, Any] = {"on_error": on_error, "follow_links": follow_links}
        self._reading = {"value_range": range_of(value_range, "generated"), **reading}
        self._batch_size, self._audited = batch_size, audit
        side = open_real(real, wanted, say, seed=seed, value_range=value_range, **reading)
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
            sides={} if side is None else {"real": side},
        )
        self._noise: dict[str, Any] = {}
        self._sync = sync
        with self._apart():
            self._real = side and self._comparison.look(
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
            ValueError: if it has another extractor, or metrics that need less, or is this one.
        """
        if other is self:
            raise ValueError(
                "expected another accumulator to merge, got this one, whose images would count "
                "twice; merge those of other processes or parts"
            )
        self._generated.merge(other._generated)

    def compute(self) -> Evaluation:
        """The metrics of the images so far, of all processes; updates may go on after it.

        Raises:
            ValueError: if there are fewer than two, or too few for a metric, or the processes have
                not the same metrics, extractor and options, or not the same real images nor shards
                of them. Every process raises it, none waits for one that gives up alone.
        """
        real, generated, warnings = self._real, self._generated, ()
        if self._sync and world_size() > 1:
            identities = self._identities()
            if real is not None:
                joined = joined_side(real, identities)
                real, warnings = joined.side, joined.warnings
            everyone = from_every_rank(generated.state_dict())
            generated = self._collector_of(next(everyone))
            for state in everyone:
                generated.merge(self._collector_of(state))
        with self._comparison.guard_randomness():
            made = self._comparison.of(real, generated.side())
        return replace(made, warnings=(*warnings, *made.warnings))

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

    def _identities(self) -> list[dict[str, Any]]:
        """Of the real sides, in the order of ranks; all else must be the same in every process."""
        comparison = self._comparison
        mine = {
            "metrics": [kind for measure in comparison.metrics for kind in measure.kinds],
            "extractor": self._generated.extractor.fingerprint(),
            **asdict(comparison.settings),
            "allow_protocol_mismatch": comparison.allow_protocol_mismatch,
            "audit": self._audited,
            **self._reading,
            "groups of real images": bool(self._real and self._real.statistics.groups),
            "real": self._real and identity(self._real),
        }
        said = json.dumps(mine, sort_keys=True, default=str).encode()
        everyone = from_every_rank({"said": torch.frombuffer(bytearray(said), dtype=torch.uint8)})
        ranks = [json.loads(each["said"].numpy().tobytes()) for each in everyone]
        reals = [each.pop("real") for each in ranks]
        for name in dict.fromkeys(name for each in ranks for name in each):
            values = [json.dumps(each.get(name), sort_keys=True) for each in ranks]
            if len(set(values)) > 1:
                raise ValueError(
                    f"expected the same `{name}` in every process, got {' and '.join(values)} in "
                    "the order of ranks; make the accumulators alike"
                )
        return reals

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
