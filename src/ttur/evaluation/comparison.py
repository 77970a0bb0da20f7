"""How two sides are looked at and compared: metrics, one extractor, settings."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ttur.evaluation.audit import findings
from ttur.evaluation.collector import Collector, side_of_images
from ttur.evaluation.measures import MEASURES, Measure, Settings, measures
from ttur.evaluation.openers import ImageSource, open_images
from ttur.evaluation.reference import reference_statistics
from ttur.evaluation.result import Evaluation
from ttur.evaluation.sources import ImageSet
from ttur.evaluation.statistics import Side, Statistics, holds_statistics, mismatches
from ttur.features.extractors import Extractor, expected_fingerprint, load_extractor
from ttur.runtime.errors import kind_of
from ttur.runtime.randomness import randomness_from

Source = ImageSource | ImageSet | Statistics
# Enough images for 2048 features, says the paper's code; for fewer features five to each will do.
ENOUGH_IMAGES, ENOUGH_PER_FEATURE = 10_000, 5


@dataclass(frozen=True)
class Comparison:
    """Looks at the two sides, "real" and "generated", and compares them.

        comparison = Comparison.of_names("fid,kid", extractor="digits")
        real = comparison.look(open_images("train/"), "real", cache=True)
        drawn = comparison.collect("generated")
        drawn.update(pixels)  # batch by batch
        comparison.of(real, drawn.side())["kid_digits"]

    Without an extractor it compares statistics alone.
    """

    metrics: tuple[Measure, ...]
    extractor: Extractor | None
    settings: Settings = field(default_factory=Settings)
    allow_protocol_mismatch: bool = False

    @classmethod
    def of_names(
        cls,
        metrics: str | Sequence[str],
        *,
        extractor: str | Extractor = "inception",
        protocol: str | None = None,
        weights: Path | str | None = None,
        precision: str = "float32",
        device: str | torch.device = "auto",
        interval: bool | str = True,
        kid_subset_size: int = 1000,
        seed: int = 0,
        allow_protocol_mismatch: bool = False,
        sides: Mapping[str, ImageSet | Statistics] | None = None,
    ) -> "Comparison":
        """With the extractor loaded; an `Extractor` brings its own protocol, weights, precision and
        device. `sides` that are known are refused as early as they can be, and an extractor that
        two statistics do not need is not loaded.

        Raises:
            ValueError: if there is no such metric, extractor, protocol or precision, or as `check`.
            OSError: if weights are not there; says how to get them or do without.
        """
        wanted = tuple(measures(metrics))
        settings, sides = Settings(seed, interval, kid_subset_size), sides or {}
        unready = cls(wanted, None, settings, allow_protocol_mismatch)
        for name, side in sides.items():
            unready.check(side, name)
        given = [side for side in sides.values() if isinstance(side, Statistics)]
        if len(given) == 2:
            return unready
        if isinstance(extractor, str):
            unready._check_alike(given, expected_fingerprint(extractor, protocol, precision))
            extractor = load_extractor(
                extractor, protocol=protocol, weights=weights, device=device, precision=precision
            )
        if not isinstance(extractor, Extractor):
            raise ValueError(
                f"expected an extractor's name or an Extractor, got {kind_of(extractor)}; "
                "make one of a network or function by Extractor.of(network, name=..., "
                "dimension=...)"
            )
        made = cls(wanted, extractor, settings, allow_protocol_mismatch)
        for name, side in sides.items():
            made.check(side, name)
        return made

    @property
    def names(self) -> tuple[str, ...]:
        """The full names of all numbers it gives."""
        return tuple(self.directions)

    @property
    def directions(self) -> dict[str, bool]:
        """Whether lower is better, by the full names of all numbers."""
        fd_name = self._network.fd_name
        return {
            name: measure.lower_is_better
            for measure in self.metrics
            for name in measure.names(fd_name)
        }

    @property
    def headline(self) -> str:
        """The full name of the first number."""
        return self.names[0]

    @property
    def lower_is_better(self) -> bool:
        """Of the headline."""
        return self.metrics[0].lower_is_better

    def requirements(self, name: str) -> tuple[str, ...]:
        """What a pass over the side of that name must keep."""
        return tuple(sorted({what for m in self.metrics for what in m.keep.get(name, ())}))

    def check(self, side: ImageSet | Statistics, name: str) -> None:
        """Refuse before an image is seen what would be refused after all are.

        Raises:
            ValueError: if it is statistics where a metric needs images, or they were not made by
                the extractor, unless the caller insists, or have another dimension, or a side has
                fewer images than a metric needs.
        """
        if isinstance(side, Statistics):
            if kept := self.requirements(name):
                without = " or ".join(m.name for m in MEASURES.values() if not m.keep)
                raise ValueError(
                    f"these metrics need the {' and '.join(kept)} of the {name} images, got their "
                    "statistics alone; give the images (those within an .npz of both as an array), "
                    f"or ask for {without} only"
                )
            if self.extractor is None:
                return
            self._check_alike([side], self.extractor.fingerprint())
            if len(side.mean) != self.extractor.dimension:
                raise ValueError(
                    f"expected {name} statistics of {self.extractor.dimension} features, as many "
                    f"as {self.extractor.name} has, got {len(side.mean)}; choose the extractor "
                    "they are of"
                )
        elif side.count is not None and self.extractor is not None:
            self.check_count(side.count, name, side.name)

    def check_count(self, count: int, name: str, source: str) -> None:
        """Refuse a number of images that a metric has too few of.

        Raises:
            ValueError: naming the `source` and the metric.
        """
        for measure in self.metrics:
            try:
                measure.check_count(count, name, self._network.dimension, self.settings)
            except ValueError as error:
                raise ValueError(f"{source}: {error}") from None

    def look(
        self,
        source: ImageSet | Statistics,
        side: str,
        *,
        cache: bool = False,
        batch_size: int = 50,
        say: Callable[[str], None] = lambda line: None,
    ) -> Side:
        """The side after a pass over its images, if one is needed. With `cache` its statistics are
        kept for the next time, unless a metric needs more of it.

        Raises:
            ValueError: as `check`; naming the source, if an image cannot be read.
        """
        self.check(source, side)
        if isinstance(source, Statistics):
            return Side(source)
        kept, seed = self.requirements(side), self.settings.seed
        if cache and not kept:
            made = reference_statistics(
                source, self._network, say=say, batch_size=batch_size, seed=seed
            )
            return Side(made)
        return side_of_images(source, self._network, kept, batch_size=batch_size, seed=seed)

    def collect(self, side: str) -> Collector:
        """For batches that come one by one."""
        return Collector(self._network, self.requirements(side), seed=self.settings.seed)

    def of(self, real: Side, generated: Side) -> Evaluation:
        """The metrics of two sides whose images were seen.

        Raises:
            ValueError: if they differ in protocol, unless the caller insists, or in dimension.
        """
        sides = {"real": real.statistics, "generated": generated.statistics}
        a, b = (side.fingerprint for side in sides.values())
        self._check_alike([real.statistics], b)
        names = {print_["metric"] for print_ in (a, b) if "metric" in print_}
        # A name is a promise of the features behind it; two names, or none, keep no promise.
        name = min(names) if len(names) == 1 else "fd_mismatched" if names else "fd_unknown"
        protocols = sorted({_protocol(print_) for print_ in (a, b) if "protocol" in print_})
        return Evaluation(
            measurements=tuple(
                made
                for measure in self.metrics
                for made in measure.measurements(name, real, generated, self.settings)
            ),
            protocol=" against ".join(protocols) or "unknown",
            counts={name: side.count for name, side in sides.items()},
            fingerprints={name: side.fingerprint for name, side in sides.items()},
            audit={name: side.audit and side.audit.to_json() for name, side in sides.items()},
            mismatches=tuple(mismatches(a, b)),
            warnings=(
                *(doubt for name, side in sides.items() for doubt in _doubts(name, side)),
                *_unequal_counts(real.statistics.count, generated.statistics.count),
                *findings(real.statistics.audit, generated.statistics.audit),
            ),
        )

    def guard_randomness(self) -> AbstractContextManager[None]:
        """The global generators of torch, numpy and Python are put back at the end."""
        return randomness_from(None, self.device)

    @property
    def device(self) -> torch.device:
        """Where features are computed."""
        return (self.extractor and self.extractor.device) or torch.device("cpu")

    @property
    def _network(self) -> Extractor:
        if self.extractor is None:
            raise ValueError("expected an extractor, got a comparison of statistics alone")
        return self.extractor

    def _check_alike(self, sides: Iterable[Statistics], wanted: dict[str, Any]) -> None:
        """Refuse statistics that were not made as wanted."""
        for side in sides:
            differing = mismatches(side.fingerprint, wanted)
            if differing and not self.allow_protocol_mismatch:
                raise ValueError(
                    f"expected both sides made in the same way, got {' and '.join(differing)}; "
                    "make the statistics again with one protocol, choose `protocol` and "
                    "`extractor` to match, or insist by `allow_protocol_mismatch`"
                )


def open_source(source: Source, **reading: Any) -> ImageSet | Statistics:
    """A path to statistics becomes those statistics; all else is opened as images."""
    if isinstance(source, Statistics):
        return source
    if isinstance(source, str | Path):
        path = Path(source)
        if path.is_file() and path.suffix.lower() == ".npz" and holds_statistics(path):
            return Statistics.load(path)
    return open_images(source, **reading)


def _protocol(fingerprint: dict[str, Any]) -> str:
    """As it stands beside a number: a lower precision than usual is part of it."""
    precision = fingerprint.get("precision", "float32")
    return fingerprint["protocol"] + ("" if precision == "float32" else f", {precision}")


def _doubts(name: str, side: Statistics) -> Iterator[str]:
    dimension = len(side.mean)
    enough = min(ENOUGH_IMAGES, ENOUGH_PER_FEATURE * dimension)
    if side.count is not None and side.count <= dimension:
        yield (
            f"{name}: {side.count:,} images for {dimension:,} features leave the covariance "
            "singular; the distance is biased upwards, compare it only with others at this count"
        )
    elif side.count is not None and side.count < enough:
        yield (
            f"{name}: {side.count:,} images are few for {dimension:,} features (expected "
            f"{enough:,}); the distance is biased upwards, compare it only at this count"
        )
    if "protocol" not in side.fingerprint:
        yield f"{name}: the statistics do not say how they were made; taken to match the other side"


def _unequal_counts(real: int | None, generated: int | None) -> Iterator[str]:
    if real is not None and generated is not None and generated != real:
        yield (
            f"counts: {generated:,} generated against {real:,} real images; the bias of the "
            "distance falls with either count, so compare it only at these"
        )
