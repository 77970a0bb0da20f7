"""Two sides become numbers: one pass over each, their metrics, and how it was all made."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from ttur.evaluation.audit import findings
from ttur.evaluation.collector import Side, side_of_images
from ttur.evaluation.measures import Measure, Settings, measures
from ttur.evaluation.reference import reference_statistics
from ttur.evaluation.result import Comparison, Evaluation, Result
from ttur.evaluation.sources import Images, ImageSource, open_images
from ttur.evaluation.statistics import Statistics, holds_statistics, mismatches
from ttur.metrics.extractors import Extractor
from ttur.metrics.extractors import extractor as named

Source = ImageSource | Images | Statistics
# Enough images for 2048 features, says the paper's code; for fewer features five to each will do.
ENOUGH_IMAGES, ENOUGH_PER_FEATURE = 10_000, 5


def fid(real: Source, generated: Source, **options: Any) -> Result:
    """Fréchet distance of two sets of images in the features of an extractor (Heusel et al. 2017).

    A side is what `open_images` takes (folder, archive, array, tensor, Dataset, DataLoader,
    iterator, generator, …) or statistics: a `Statistics` or an .npz with `mu` and `sigma`. The
    options are those of `evaluate`. Only images need the extractor: two statistics are compared
    without any weights.

    Raises:
        FileNotFoundError: if there is nothing at a path.
        ValueError: if a side has fewer than two images or the sides differ in protocol.
    """
    return _single(evaluate(real, generated, ("fid",), **options))


def evaluate(
    real: Source,
    generated: Source,
    metrics: str | Sequence[str] = ("fid",),
    *,
    extractor: str | Extractor = "inception",
    protocol: str = "tf1",
    weights: Path | str | None = None,
    precision: str = "float32",
    device: str | torch.device = "cpu",
    batch_size: int = 50,
    value_range: tuple[float, float] | None = None,
    count: int | None = None,
    on_error: str = "fail",
    interval: bool = True,
    kid_subset_size: int = 1000,
    seed: int = 0,
    cache: bool = True,
    allow_protocol_mismatch: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Evaluation:
    """Several metrics from one pass over each side: fid, fid_infinity, is, ind, kid,
    precision_recall, density_coverage (`evaluation.measures`); in one string, between commas.

    An `Extractor` brings its own protocol, weights, precision and device. `value_range` is that of
    float pixels, `count` the number to draw from a generator, `on_error` "fail" or "skip". The
    interval needs about ten Fréchet distances more. Statistics of the real side are kept in the
    cache, unless another metric needs its features or `cache` is False.

    Raises:
        FileNotFoundError: if there is nothing at a path.
        ValueError: if a side has fewer images than a metric needs, is statistics where a metric
            needs images, or the sides differ in protocol.
    """
    wanted, settings = measures(metrics), Settings(seed, interval, kid_subset_size)
    reading = {"value_range": value_range, "on_error": on_error}
    sides = {
        "real": opened(real, **reading),
        "generated": opened(generated, **reading, count=count),
    }
    keep = {name: kept(wanted, name, side) for name, side in sides.items()}
    given = [side for side in sides.values() if isinstance(side, Statistics)]
    if len(given) < 2:
        if isinstance(extractor, str):
            # Checked before weights are loaded, and again with all that is known before images are.
            asked = {"extractor": extractor, "protocol": protocol, "precision": precision}
            _check(given, asked, allow_protocol_mismatch)
            extractor = named(
                extractor, protocol=protocol, weights=weights, device=device, precision=precision
            )
        check_ready(sides, extractor, wanted, settings, allow_protocol_mismatch)

    both = {
        name: seen(
            side,
            extractor,
            keep[name],
            batch_size=batch_size,
            seed=seed,
            cache=cache and name == "real",
            say=say,
        )
        for name, side in sides.items()
    }
    return measured(both["real"], both["generated"], wanted, settings, allow_protocol_mismatch)


def check_ready(
    sides: dict[str, Images | Statistics],
    extractor: Extractor,
    wanted: Iterable[Measure],
    settings: Settings,
    allow_protocol_mismatch: bool,
) -> None:
    """Refuse before an image is seen what would be refused after all are.

    Raises:
        ValueError: if that is no extractor, statistics were not made by it, unless the caller
            insists, or have another dimension, or a side has fewer images than a metric needs.
    """
    if not isinstance(extractor, Extractor):
        raise ValueError(
            f"expected an extractor's name or an Extractor, got a {type(extractor).__name__}; "
            "make one of a network or function by Extractor.of(network, name=..., dimension=...)"
        )
    for name, side in sides.items():
        if isinstance(side, Statistics):
            _check([side], extractor.fingerprint(), allow_protocol_mismatch)
            if len(side.mean) != extractor.dimension:
                raise ValueError(
                    f"expected {name} statistics of {extractor.dimension} features, as many as "
                    f"{extractor.name} has, got {len(side.mean)}; choose the extractor they are of"
                )
        elif side.count is not None:
            for measure in wanted:
                least = measure.least(extractor.dimension, settings) if name in measure.keep else 2
                if side.count < least:
                    raise ValueError(
                        f"{side.name}: {measure.name} needs at least {least} images, got "
                        f"{side.count}; {measure.remedy}"
                    )


def seen(
    side: Images | Statistics,
    extractor: str | Extractor,
    keep: Collection[str],
    *,
    batch_size: int,
    seed: int,
    cache: bool,
    say: Callable[[str], None] = lambda line: None,
) -> Side:
    """A side after the pass over its images, if one is needed."""
    if isinstance(side, Statistics):
        return Side(side)
    assert isinstance(extractor, Extractor)
    if cache and not keep:
        return Side(
            reference_statistics(side, extractor, say=say, batch_size=batch_size, seed=seed)
        )
    return side_of_images(side, extractor, keep, batch_size=batch_size, seed=seed)


def compare(
    real: Statistics, generated: Statistics, *, allow_protocol_mismatch: bool = False
) -> Result:
    """The Fréchet distance of two statistics, without interval. No network, no weights.

    Raises:
        ValueError: if they differ in protocol, unless the caller insists, or in dimension.
    """
    settings = Settings(interval=False)
    sides = Side(real), Side(generated)
    return _single(measured(*sides, measures(["fid"]), settings, allow_protocol_mismatch))


def measured(
    real: Side,
    generated: Side,
    wanted: Iterable[Measure],
    settings: Settings,
    allow_protocol_mismatch: bool = False,
) -> Evaluation:
    """The metrics of two sides whose images were seen.

    Raises:
        ValueError: if they differ in protocol, unless the caller insists, or in dimension.
    """
    sides = {"real": real.statistics, "generated": generated.statistics}
    a, b = (side.fingerprint for side in sides.values())
    _check([real.statistics], b, allow_protocol_mismatch)
    names = {print_["metric"] for print_ in (a, b) if "metric" in print_}
    # A name is a promise of the features behind it; two names, or none, keep no promise.
    name = min(names) if len(names) == 1 else "fd_mismatched" if names else "fd_unknown"
    protocols = sorted({_protocol(print_) for print_ in (a, b) if "protocol" in print_})
    return Evaluation(
        measurements=tuple(
            made for measure in wanted for made in measure.compute(name, real, generated, settings)
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


def _single(evaluation: Evaluation) -> Result:
    (only,) = evaluation.measurements
    common = {name: getattr(evaluation, name) for name in Comparison.__dataclass_fields__}
    return Result(metric=only.metric, value=only.value, details=only.details, **common)


def opened(source: Source, **reading: Any) -> Images | Statistics:
    """A path to statistics becomes those statistics; all else is opened as images."""
    if isinstance(source, Statistics | Images):
        return source
    if isinstance(source, str | Path):
        path = Path(source)
        if path.is_file() and path.suffix.lower() == ".npz" and holds_statistics(path):
            return Statistics.load(path)
    return open_images(source, **reading)


def kept(wanted: Iterable[Measure], name: str, side: Images | Statistics) -> tuple[str, ...]:
    """What a pass over this side must keep; said at once if there will be no pass."""
    kept = sorted({what for measure in wanted for what in measure.keep.get(name, ())})
    if kept and isinstance(side, Statistics):
        raise ValueError(
            f"these metrics need the {' and '.join(kept)} of the {name} images, got their "
            "statistics alone; give the images (those within an .npz of both as an array), or ask "
            "for fid only"
        )
    return tuple(kept)


def _check(sides: Iterable[Statistics], wanted: dict[str, Any], allowed: bool) -> None:
    """Refuse statistics that were not made as wanted."""
    for side in sides:
        differing = mismatches(side.fingerprint, wanted)
        if differing and not allowed:
            raise ValueError(
                f"expected both sides made in the same way, got {' and '.join(differing)}; "
                "make the statistics again with one protocol, choose --protocol and --extractor "
                "to match, or insist with --allow-protocol-mismatch"
            )


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
