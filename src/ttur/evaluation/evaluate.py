"""Two sources become a number: statistics of each side, their distance, and how it was made."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Num
from torch import Tensor

from ttur.evaluation.sources import ImageSource
from ttur.evaluation.statistics import Statistics, holds_statistics, mismatches, statistics
from ttur.metrics.extractors import Extractor, Features
from ttur.metrics.extractors import extractor as named
from ttur.metrics.frechet import frechet_distance

Source = ImageSource | Statistics


@dataclass(frozen=True)
class Result:
    """A number with the protocol it was made by.

    `mismatches` is empty unless the caller insisted on comparing what differs in protocol.
    """

    metric: str
    value: float
    protocol: str
    counts: dict[str, int | None]
    fingerprints: dict[str, dict[str, Any]]
    mismatches: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Numbers unrounded; the same names as the fields."""
        return {
            "metric": self.metric,
            "value": self.value,
            "protocol": self.protocol,
            "counts": self.counts,
            "fingerprints": self.fingerprints,
            "mismatches": list(self.mismatches),
            "warnings": list(self.warnings),
        }


def fid(
    real: Source,
    generated: Source,
    *,
    extractor: str | Extractor = "inception",
    protocol: str = "tf1",
    weights: Path | None = None,
    device: str | torch.device = "cpu",
    batch_size: int = 50,
    allow_protocol_mismatch: bool = False,
) -> Result:
    """Fréchet distance of two sets of images in the features of an extractor (Heusel et al. 2017).

    A side is a folder, zip, prepared data set or .npy/.npz of images, an array (N, H, W, 3) or
    tensor (N, 3, H, W) of uint8, or statistics: a `Statistics` or an .npz with `mu` and `sigma`.
    Only images need the extractor, so two statistics are compared without any weights. An
    `Extractor` brings its own protocol, weights and device.

    Raises:
        FileNotFoundError: if there is nothing at a path.
        ValueError: if a side has fewer than two images or the sides differ in protocol.
    """
    opened = [_opened(real), _opened(generated)]
    made = [side for side in opened if isinstance(side, Statistics)]
    if len(made) < 2:
        if isinstance(extractor, str):
            # Checked before weights are loaded, and again with all that is known before images are.
            _check(made, {"extractor": extractor, "protocol": protocol}, allow_protocol_mismatch)
            extractor = named(extractor, protocol=protocol, weights=weights, device=device)
        _check(made, extractor.fingerprint(), allow_protocol_mismatch)
        made = [
            side
            if isinstance(side, Statistics)
            else statistics(side, extractor, batch_size=batch_size)
            for side in opened
        ]
    return compare(*made, allow_protocol_mismatch=allow_protocol_mismatch)


def compare(
    real: Statistics, generated: Statistics, *, allow_protocol_mismatch: bool = False
) -> Result:
    """The distance of two statistics. No network, no weights.

    Raises:
        ValueError: if they differ in protocol, unless the caller insists, or in dimension.
    """
    _check([real], generated.fingerprint, allow_protocol_mismatch)
    sides = {"real": real, "generated": generated}
    metrics, protocols = (
        sorted({side.fingerprint[field] for side in sides.values() if field in side.fingerprint})
        for field in ("metric", "protocol")
    )
    return Result(
        # A name is a promise of the features behind it; two names, or none, keep no promise.
        metric=metrics[0] if len(metrics) == 1 else "fd_mismatched" if metrics else "fd_unknown",
        value=frechet_distance(real.mean, real.covariance, generated.mean, generated.covariance),
        protocol=" against ".join(protocols) or "unknown",
        counts={name: side.count for name, side in sides.items()},
        fingerprints={name: side.fingerprint for name, side in sides.items()},
        mismatches=tuple(mismatches(real.fingerprint, generated.fingerprint)),
        warnings=tuple(warning for name, side in sides.items() for warning in _doubts(name, side)),
    )


def features_of_batches(
    batches: Iterable[Num[Tensor, "_ 3 _ _"]], extractor: Extractor
) -> Iterator[Features]:
    """Features and logits, batch by batch as they are drawn."""
    for pixels in batches:
        yield extractor(pixels)


def _opened(source: Source) -> Source:
    """A path to statistics becomes those statistics; all else stays what it is."""
    if not isinstance(source, str | Path):
        return source
    path = Path(source)
    if not path.exists():
        raise FileNotFoundError(
            f"nothing at {path}; expected a folder, zip, .npy or .npz of images, or statistics .npz"
        )
    is_npz = path.suffix.lower() == ".npz"
    return Statistics.load(path) if is_npz and holds_statistics(path) else path


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


def _doubts(name: str, side: Statistics) -> Iterator[str]:
    dimension = len(side.mean)
    if side.count is not None and side.count <= dimension:
        yield (
            f"{name}: {side.count} images for {dimension} features leave the covariance singular; "
            "the distance is biased upwards, compare it only with others at this count"
        )
    if "protocol" not in side.fingerprint:
        yield f"{name}: the statistics do not say how they were made; taken to match the other side"
