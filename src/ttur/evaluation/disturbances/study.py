"""FID against the Inception Distance (IND) under six disturbances at four levels (Figure 3)."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version as version_of

import numpy as np
import torch
from jaxtyping import UInt8

from ttur.evaluation.comparison import Comparison
from ttur.evaluation.disturbances.images import (
    PAPER_SIDE,
    BlackRectangles,
    Contamination,
    Disturbance,
    GaussianBlur,
    GaussianNoise,
    SaltAndPepper,
    Swirl,
    squash,
)
from ttur.evaluation.disturbances.result import CONSTANTS, DisturbanceRow, DisturbanceStudy
from ttur.evaluation.openers import ImageSource, open_images
from ttur.evaluation.statistics import Side
from ttur.features.extractors import Extractor
from ttur.metrics.inception_score import SPLITS, inception_distance
from ttur.runtime import digests
from ttur.runtime.errors import closest
from ttur.runtime.progress import task

LEVELS = range(4)


@dataclass(frozen=True)
class Version:
    """One of the two parameter sets that were published; None stands for all images.

    "v3" also passed every image through JPEG on its way to the network; here none is.
    """

    samples: int
    reference: int | None
    swirl_radius: float


VERSIONS = {"final": Version(50_000, None, 70.0), "v3": Version(5_000, 100_000, 25.0)}


def disturbance_study(
    images: UInt8[np.ndarray, "count height width 3"],
    extractor: Extractor,
    *,
    contamination: UInt8[np.ndarray, "others _ _ 3"] | None = None,
    version: str = "final",
    seed: int = 0,
    samples: int | None = None,
    batch_size: int = 100,
    say: Callable[[str], None] = lambda line: None,
) -> DisturbanceStudy:
    """Disturb `images` in six ways at four levels, and measure each against them undisturbed.

    Square images, in memory or mapped from a file; memory does not grow with their number, except
    by the class logits of one level. `version` is a key of VERSIONS; `samples` replaces its number
    of disturbed images. Without `contamination` (images of another kind, of any one size) there
    are five disturbances. Every level disturbs the same images, drawn and ordered at random: a
    folder sorted by class would give consecutive splits of one class each, and a score of 1.

    Raises:
        ValueError: if the images are not square, are too few, or the extractor has no classes.
    """
    if version not in VERSIONS:
        raise ValueError(
            f"expected a version of the study, got {version!r}; {closest(version, VERSIONS)}"
        )
    published = VERSIONS[version]
    total, side = len(images), images.shape[1]
    if images.shape[2] != side:
        raise ValueError(
            f"expected square images, got {images.shape[2]}x{side}; "
            "prepare them with a `size`, which makes them square"
        )
    count = min(total, published.samples if samples is None else samples)
    if count < SPLITS:
        raise ValueError(f"expected at least {SPLITS} images to disturb, got {count}")
    if extractor(torch.zeros(1, 3, side, side)).logits.shape[1] < 2:
        raise ValueError(
            f"expected an extractor with class logits, which the score needs; {extractor.name} "
            "has none"
        )
    # First, for it may refuse; the noise takes a pass of its own.
    last = [] if contamination is None else [Contamination(contamination, count, seed)]
    disturbances: list[Disturbance] = [
        GaussianNoise.of(count, side, seed),
        GaussianBlur(),
        BlackRectangles(seed),
        Swirl(seed, published.swirl_radius),
        SaltAndPepper(seed),
        *last,
    ]

    random = np.random.default_rng((seed, *b"study"))
    disturbed = random.permutation(total)[:count]
    reference = np.sort(random.permutation(total)[: published.reference])
    say(f"reference: {len(reference):,} of {total:,} images")
    comparison = Comparison.of_names("fid,is", extractor=extractor, interval=False)
    fd_name, is_name = comparison.names
    batches = _batches(images, reference, batch_size)
    real = _side(batches, comparison, "real", "the reference", len(reference))

    levels = 1 + len(disturbances) * (len(LEVELS) - 1)
    places = iter(range(levels))

    def measure(disturbance: Disturbance, level: int) -> tuple[float, float]:
        alpha = disturbance.alphas[level]
        batches = _disturbed_batches(images, disturbed, batch_size, disturbance, alpha)
        title, place = f"{disturbance.name} level {level}", next(places)
        with task("level", levels, "levels", done=place, later=levels - place - 1):
            made = comparison.of(real, _side(batches, comparison, "generated", title, count))
        distance, score = made[fd_name], made[is_name]
        say(f"{title} (α {alpha:g}): {fd_name} {distance:.4g}, {is_name} {score:.4g}")
        return distance, score

    # Level 0 leaves every image as it is: measured once, for all.
    undisturbed = measure(disturbances[0], 0)
    rows: list[DisturbanceRow] = []
    for disturbance in disturbances:
        values = [undisturbed, *(measure(disturbance, level) for level in LEVELS[1:])]
        rows.extend(_rows(disturbance, values, count))
    return DisturbanceStudy(
        version,
        fd_name,
        is_name,
        tuple(rows),
        counts={"reference": len(reference), "disturbed": count}
        | ({} if contamination is None else {"contamination": len(contamination)}),
        fingerprint=extractor.fingerprint()
        | {
            "side": side,
            "swirl_radius": published.swirl_radius * side / PAPER_SIDE,
            "splits": SPLITS,
            "seed": seed,
            "ddof": 1,
            "data_sha256": _digest(images),
            "contamination_sha256": None if contamination is None else _digest(contamination),
            "versions": {name: version_of(name) for name in ("ttur", "torch", "numpy", "scipy")},
        },
        thumbnails={d.name: _thumbnails(images, disturbed, d) for d in disturbances},
    )


def image_array(
    source: ImageSource, side: int | None = None
) -> UInt8[np.ndarray, "count height width 3"]:
    """All images of a source as one array: its own, in memory or mapped from disk, if it has one.

    With a `side`, images of files are squashed to that square, as the contamination is.

    Raises:
        ValueError: if they have several sizes and no `side` is given.
    """
    opened = open_images(source)
    array = opened.array()
    if array is not None:
        return array
    pictures = [
        picture if side is None else squash(picture, side)
        for batch in opened.batches(256)
        for picture in batch
    ]
    shapes = {picture.shape[:2] for picture in pictures}
    if len(shapes) > 1:
        raise ValueError(
            f"expected images of one size in {opened.name}, got {len(shapes)} sizes; "
            "prepare them with a `size`, which brings them to one"
        )
    return np.stack(pictures)


def _rows(
    disturbance: Disturbance, values: list[tuple[float, float]], count: int
) -> Iterator[DisturbanceRow]:
    highest = max(score for _, score in values)
    wholes = {"constant": CONSTANTS[disturbance.name], "samples": count, "maximum": highest}
    for level, (distance, score) in enumerate(values):
        ind = {reading: inception_distance(score, whole) for reading, whole in wholes.items()}
        alpha = disturbance.alphas[level]
        yield DisturbanceRow(disturbance.name, level, alpha, distance, score, ind, count)


def _side(
    batches: Iterable[np.ndarray], comparison: Comparison, name: str, title: str, count: int
) -> Side:
    """What a pass over batches (batch, side, side, 3) of pixels keeps."""
    collector = comparison.collect(name)
    with task(f"features of {title}", count, "images") as advance:
        for pixels in batches:
            collector.update(torch.from_numpy(pixels).movedim(-1, 1))
            advance(len(pixels))
    return collector.side()


def _batches(images: np.ndarray, indices: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(indices), batch_size):
        yield images[indices[start : start + batch_size]].astype(np.float32)


def _disturbed_batches(
    images: np.ndarray,
    indices: np.ndarray,
    batch_size: int,
    disturbance: Disturbance,
    alpha: float,
) -> Iterator[np.ndarray]:
    place = 0
    for pixels in _batches(images, indices, batch_size):
        yield disturbance(pixels, alpha, np.arange(place, place + len(pixels)))
        place += len(pixels)


def _thumbnails(
    images: np.ndarray, indices: np.ndarray, disturbance: Disturbance
) -> UInt8[np.ndarray, "4 _ _ 3"]:
    """One image at the four levels; of the contamination four images, one more replaced at each."""
    if not isinstance(disturbance, Contamination):
        pixels = images[indices[:1]].astype(np.float32)
        shown = [disturbance(pixels, alpha, np.arange(1))[0] for alpha in disturbance.alphas]
        return np.stack(shown).round().astype(np.uint8)
    # The first place replaced at each level, and one that never is: 0, 1, 2, 3 strangers of four.
    count = len(indices)
    first = [0, *(round(alpha * count) for alpha in disturbance.alphas[1:])]
    places = np.argsort(disturbance.rank)[first]
    pixels = images[indices[places]].astype(np.float32)
    shown = (disturbance(pixels, alpha, places) for alpha in disturbance.alphas)
    tiles = [np.vstack([np.hstack([*tile[:2]]), np.hstack([*tile[2:]])]) for tile in shown]
    return np.stack(tiles).astype(np.uint8)


def _digest(images: np.ndarray) -> str:
    """Of the pixels; what is mapped from disk is not read at once."""
    starts = range(0, len(images), 1000)
    return digests.of_pieces(images[start : start + 1000].tobytes() for start in starts)
