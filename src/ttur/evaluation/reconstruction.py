"""What a tokenizer or auto-encoder loses: rFID beside PSNR and SSIM, from one pass over pairs."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from ttur.data.images.decode import Picture
from ttur.evaluation.collector import Collector
from ttur.evaluation.comparison import Comparison
from ttur.evaluation.given import Given, images_of
from ttur.evaluation.openers import ImageSource
from ttur.evaluation.pairing import Pairs
from ttur.evaluation.result import Evaluation, Measurement
from ttur.evaluation.sources import ImageSet, Outcome, check_batch_size
from ttur.evaluation.values import SideRanges
from ttur.features.extractors import Extractor
from ttur.metrics.pairs import mean_interval, psnr, ssim
from ttur.runtime.progress import counted
from ttur.runtime.showing import ShowProgress, takes_long

# Sampling errors of pairs cancel; an interval that takes the sides for independent removes a bias
# that is not there: 0 to 0 where the distance is above 0.
NO_INTERVAL = "its sides are pairs, and the interval of the distance is for independent ones"


@takes_long
def reconstruction(
    originals: ImageSource | ImageSet,
    reconstructions: ImageSource | ImageSet,
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
    interval: bool = True,
    seed: int = 0,
    progress: ShowProgress = None,
) -> Evaluation:
    """rFID, the Fréchet distance of reconstructions to their originals, beside PSNR and SSIM.

        >>> import numpy as np
        >>> images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
        >>> list(reconstruction(images, images ^ 1, extractor="digits", interval=False))
        ['rfd_digits', 'psnr', 'ssim']

    Files are paired by relative path without extension, all else by index (`evaluation.pairing`);
    `on_error` "skip" passes over what has no partner and names it. Of an original that is larger
    than its reconstruction the centre is taken, and the distance is of that part too. PSNR and SSIM
    (`metrics.pairs`) are on uint8 pixels, means over images with Student's interval; the distance
    has none, for that of `fid` is of independent sides. LPIPS is not built. Identical
    pairs have an infinite PSNR: they are counted, as `identical`, and the mean is of the others; of
    identical pairs alone no PSNR is given. The options are those of `evaluate`.

    Raises:
        FileNotFoundError: if there is nothing at a path.
        ValueError: if images have no partner, originals are smaller, or a pair is below 11 x 11
            pixels, unless such are skipped; if there are fewer than two pairs.
    """
    check_batch_size(batch_size)
    reading: dict[str, Any] = {
        "value_range": value_range,
        "on_error": on_error,
        "follow_links": follow_links,
    }
    sides = {
        "real": images_of(originals, "real", **reading),
        "generated": images_of(reconstructions, "generated", **reading),
    }
    pairs = Pairs(sides["real"], sides["generated"])
    comparison = Comparison.of_names(
        "fid",
        extractor=extractor,
        protocol=protocol,
        weights=weights,
        precision=precision,
        device=device,
        interval=False,
        seed=seed,
        sides={name: Given(images=side) for name, side in sides.items()},
    )
    with comparison.guard_randomness():
        collectors = {name: comparison.collect(name) for name in sides}
        scores = _read(pairs, collectors, batch_size)
        made = comparison.of(collectors["real"].side(), collectors["generated"].side())
    crop = "centre" if pairs.cropped else None
    common = {"pairs": len(scores), "crop": crop, "cropped": pairs.cropped.total()}
    (distance,) = made.measurements
    why = {"no_interval": NO_INTERVAL} if interval else {}
    measurements = [Measurement(f"r{distance.metric}", distance.value, distance.details | why)]
    finite = [ratio for ratio, _ in scores if math.isfinite(ratio)]
    if finite:
        identical = {"identical": len(scores) - len(finite)}
        measurements.append(_mean("psnr", finite, interval, identical))
    measurements.append(_mean("ssim", [similarity for _, similarity in scores], interval, {}))
    return replace(
        made,
        measurements=tuple(replace(m, details=m.details | common) for m in measurements),
        warnings=(*made.warnings, *_warnings(pairs, len(scores), len(finite))),
    )


def _read(
    pairs: Pairs, collectors: dict[str, Collector], batch_size: int
) -> list[tuple[float, float]]:
    """PSNR and SSIM of each pair; the collectors take both sides, batch by batch."""
    scores: list[tuple[float, float]] = []
    sides = {"real": pairs.originals, "generated": pairs.reconstructions}
    # What is skipped goes with the pictures beside it: a batch of nothing else is an error.
    batch: dict[str, list[Outcome]] = dict(zip(sides, map(list, pairs.unpaired), strict=True))
    files, in_batch = {name: side.files for name, side in sides.items()}, 0

    def flush() -> None:
        for name, outcomes in batch.items():
            images = ImageSet(
                sides[name].name, None, sides[name].on_error, _given(outcomes), files[name]
            )
            collectors[name].read(images, batch_size)
            batch[name], files[name] = [], None  # other files were passed over once

    of_pairs = counted(pairs.read(batch_size), "pairs", "pairs", sides["generated"].count)
    for pair in of_pairs:
        one, other = pair
        if isinstance(one, Picture) and isinstance(other, Picture):
            if in_batch == batch_size:
                flush()
                in_batch = 0
            in_batch += 1
            scores.append((psnr(one.pixels, other.pixels), ssim(one.pixels, other.pixels)))
        for outcomes, outcome in zip(batch.values(), pair, strict=True):
            outcomes.append(outcome)
    flush()
    return scores


def _given(outcomes: Sequence[Outcome]) -> Any:
    def read(batch_size: int) -> Iterator[Outcome]:
        return iter(outcomes)

    return read


def _mean(name: str, values: list[float], interval: bool, details: dict[str, Any]) -> Measurement:
    made = asdict(mean_interval(values)) if interval and len(values) > 1 else None
    return Measurement(name, math.fsum(values) / len(values), {"interval": made} | details)


def _warnings(pairs: Pairs, count: int, finite: int) -> Iterator[str]:
    if pairs.cropped:
        (sizes, _), *more = pairs.cropped.most_common()
        others = f" and {len(more)} other kinds" if more else ""
        yield (
            f"{pairs.cropped.total():,} of {count:,} originals cropped at the centre, {sizes}"
            f"{others}; if they were resized before they were reconstructed, give them resized"
        )
    if finite == 0:
        yield f"psnr: all {count:,} pairs are identical, which is an infinite one; no number"
    elif finite < count:
        yield (
            f"psnr: {count - finite:,} of {count:,} pairs are identical, which is an infinite one; "
            "the mean is of the others"
        )
