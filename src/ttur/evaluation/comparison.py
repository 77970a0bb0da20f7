"""How two sides are looked at and compared: metrics, one extractor, settings."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import torch

from ttur.evaluation.collector import Collector, side_of_images
from ttur.evaluation.findings import contradictions, findings
from ttur.evaluation.given import Given, Source, open_source
from ttur.evaluation.measure import Measure, Settings
from ttur.evaluation.measures import MEASURES
from ttur.evaluation.metric_names import extractor_of, measures
from ttur.evaluation.reference import reference_statistics
from ttur.evaluation.result import Circumstances, Evaluation
from ttur.evaluation.statistics import Side, Statistics, mismatches
from ttur.features.extractors import Extractor, expected_fingerprint, load_extractor
from ttur.runtime.errors import kind_of
from ttur.runtime.randomness import randomness_from
from ttur.runtime.surroundings import neutral_surroundings

SIDES = ("real", "generated")


@dataclass(frozen=True)
class Comparison:
    """Looks at the two sides, "real" and "generated", and compares them, or at one of them.

        comparison = Comparison.of_names("fid,kid", extractor="digits")
        real = comparison.look(open_images("train/"), "real", cache=True)
        drawn = comparison.collect("generated")
        drawn.update(pixels)  # batch by batch
        comparison.of(real, drawn.side())["kid_digits"]

    Without an extractor it compares what is known already: statistics, saved features.
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
        sides: Mapping[str, Given] | None = None,
    ) -> "Comparison":
        """With the extractor loaded; an `Extractor` brings its own protocol, weights, precision and
        device, and names of metrics may bring theirs (`extractor_of`). `sides` that are known are
        refused as early as they can be, and an extractor that they do not need is not loaded.

        Raises:
            ValueError: if there is no such metric, extractor, protocol or precision, or as `check`.
            OSError: if weights are not there; says how to get them or do without.
        """
        wanted = tuple(measures(metrics))
        settings = Settings(seed, interval, kid_subset_size)
        unready = cls(wanted, None, settings, allow_protocol_mismatch)
        given = sides or {}
        sides = {name: given[name] for name in unready.sides if name in given}
        for name, side in sides.items():
            unready.check(side, name)
        known = [side.known.statistics for side in sides.values() if side.known]
        if isinstance(extractor, Extractor):
            extractor_of(metrics, extractor.name, brought=True)
        elif (
            isinstance(extractor, str) and (named := extractor_of(metrics, extractor)) != extractor
        ):
            unready._check_alike(known, {"extractor": named})
            extractor = named
        if len(sides) == len(unready.sides) and not any(
            side.missing(unready.requirements(name)) for name, side in sides.items()
        ):
            return unready
        if isinstance(extractor, str):
            unready._check_alike(known, expected_fingerprint(extractor, protocol, precision))
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

    @property
    def sides(self) -> tuple[str, ...]:
        """The sides that a metric looks at."""
        return tuple(name for name in SIDES if self.requirements(name))

    def requirements(self, name: str) -> tuple[str, ...]:
        """What the metrics look at of the side of that name."""
        return tuple(sorted({what for m in self.metrics for what in m.keep.get(name, ())}))

    def check(self, source: Source, name: str) -> None:
        """Refuse before an image is seen what would be refused after all are.

        Raises:
            ValueError: if it is statistics where a metric needs images, or they were not made by
                the extractor, unless the caller insists, or have another dimension, or a side has
                fewer images than a metric needs.
        """
        side = open_source(source, name)
        known, missing = side.known, side.missing(self.requirements(name))
        if missing and side.images is None:
            without = [m.name for m in MEASURES.values() if not side.missing(m.keep.get(name, ()))]
            raise ValueError(
                f"these metrics need the {' and '.join(missing)} of the {name} images, got their "
                f"{side.form} alone; give the images, or ask for {' or '.join(without)} only"
            )
        if known and self.extractor is not None:
            self._check_alike([known.statistics], self.extractor.fingerprint())
            if len(known.statistics.mean) != self.extractor.dimension:
                raise ValueError(
                    f"expected {name} statistics of {self.extractor.dimension} features, as many "
                    f"as {self.extractor.name} has, got {len(known.statistics.mean)}; choose the "
                    "extractor they are of"
                )
        if side.count is not None and (self.extractor is not None or not missing):
            source = side.images.name if side.images else str(side.path or name)
            self.check_count(side.count, name, source, known and len(known.statistics.mean))

    def check_count(self, count: int, name: str, source: str, dimension: int | None = None) -> None:
        """Refuse a number of images that a metric has too few of, for features of the extractor's
        dimension if no other is said.

        Raises:
            ValueError: naming the `source` and the metric.
        """
        dimension = self._network.dimension if dimension is None else dimension
        for measure in (measure for measure in self.metrics if name in measure.keep):
            try:
                measure.check_count(count, name, dimension, self.settings)
            except ValueError as error:
                raise ValueError(f"{source}: {error}") from None

    def look(
        self,
        source: Source,
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
        given = open_source(source, side)
        self.check(given, side)
        missing, seed = given.missing(self.requirements(side)), self.settings.seed
        images, known = given.images, given.known
        if images is None or (known and not missing):
            assert known is not None
            return known
        kept = [kind for kind in missing if kind != "moments"]
        if cache and not kept:
            interval = bool(self.settings.interval)
            made = reference_statistics(
                images, self._network, say=say, batch_size=batch_size, seed=seed, interval=interval
            )
            return Side(made)
        seen = side_of_images(images, self._network, kept, batch_size=batch_size, seed=seed)
        return known.joined(seen) if known else seen

    def collect(self, side: str) -> Collector:
        """For batches that come one by one."""
        return Collector(self._network, self.requirements(side), seed=self.settings.seed)

    @neutral_surroundings()
    def of(self, real: Side | None, generated: Side | None) -> Evaluation:
        """The metrics of sides whose images were seen; one that none looks at may be None.

        Raises:
            ValueError: if they differ in protocol, unless the caller insists, or in dimension.
        """
        given = {"real": real, "generated": generated}
        sides = {name: side for name in self.sides if (side := given[name]) is not None}
        if len(sides) < len(self.sides):
            missing = " and ".join(name for name in self.sides if name not in sides)
            raise ValueError(
                f"these metrics look at the {missing} side, got None; look at it first"
            )
        around = self.circumstances(sides)
        names = {print_["metric"] for print_ in around.fingerprints.values() if "metric" in print_}
        # A name is a promise of the features behind it; two names, or none, keep no promise.
        name = min(names) if len(names) == 1 else "fd_mismatched" if names else "fd_unknown"
        made = (m.measurements(name, sides, self.settings) for m in self.metrics)
        return Evaluation.under(around, tuple(chain.from_iterable(made)))

    def circumstances(self, sides: Mapping[str, Side]) -> Circumstances:
        """What the sides are, and what is to be said of them beside the numbers.

        Raises:
            ValueError: if they differ in protocol, unless the caller insists.
        """
        prints = [side.statistics.fingerprint for side in sides.values()]
        differing = mismatches(prints[0], prints[-1])
        self._check_alike([side.statistics for side in sides.values()], prints[-1])
        protocols = sorted({_protocol(print_) for print_ in prints if "protocol" in print_})
        audits = {name: side.statistics.audit for name, side in sides.items()}
        doubts = (
            *contradictions(audits.get("real"), audits.get("generated")),
            *(doubt for name, side in sides.items() for doubt in _unstated(name, side.statistics)),
            *(doubt for measure in self.metrics for doubt in measure.doubts(measure, sides)),
            *findings(audits.get("real"), audits.get("generated")),
        )
        return Circumstances(
            protocol=" against ".join(protocols) or "unknown",
            counts={name: side.statistics.count for name, side in sides.items()},
            fingerprints={name: side.statistics.fingerprint for name, side in sides.items()},
            audit={name: audit and audit.to_json() for name, audit in audits.items()},
            mismatches=tuple(differing),
            warnings=tuple(dict.fromkeys(doubts)),
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


def _protocol(fingerprint: dict[str, Any]) -> str:
    """As it stands beside a number: a lower precision than usual is part of it."""
    precision = fingerprint.get("precision", "float32")
    return fingerprint["protocol"] + ("" if precision == "float32" else f", {precision}")


def _unstated(name: str, side: Statistics) -> Iterator[str]:
    if "protocol" not in side.fingerprint:
        yield f"{name}: the statistics do not say how they were made; taken to match the other side"
