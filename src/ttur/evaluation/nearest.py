"""The generated images nearest to training images, beside these: what may be learnt by heart."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from ttur.data.images.decode import Picture
from ttur.evaluation.audit import Audit
from ttur.evaluation.comparison import Comparison
from ttur.evaluation.given import Given, images_of
from ttur.evaluation.measure import metric_name
from ttur.evaluation.openers import ImageSource
from ttur.evaluation.result import Evaluation, Measurement
from ttur.evaluation.sources import ImageSet
from ttur.evaluation.statistics import Side
from ttur.evaluation.values import SideRanges
from ttur.features.extractors import Extractor
from ttur.metrics.authenticity import Authenticity, authenticity
from ttur.runtime.progress import counted
from ttur.runtime.showing import ShowProgress, takes_long


@dataclass(frozen=True)
class Shown:
    """An image as it was read: its place among those that were, its file if it has one."""

    index: int
    file: str | None
    pixels: UInt8[np.ndarray, "height width 3"] = field(repr=False)

    @property
    def name(self) -> str:
        """The file, or the index."""
        return self.file or f"image {self.index}"


@dataclass(frozen=True)
class NearestPair:
    """A generated image and the training image nearest to it, with the distance of this one to its
    own nearest training image. The generated one is authentic if it is farther than that.
    """

    generated: Shown
    training: Shown
    distance: float
    training_distance: float

    @property
    def is_authentic(self) -> bool:
        return self.distance > self.training_distance

    def to_json(self) -> dict[str, Any]:
        """Without the pixels."""
        sides = {"generated": self.generated, "training": self.training}
        return {name: {"index": s.index, "file": s.file} for name, s in sides.items()} | {
            "distance": self.distance,
            "training_distance": self.training_distance,
            "authentic": self.is_authentic,
        }


@dataclass(frozen=True, eq=False)
class NearestPairs:
    """The authenticity of all generated images, and the nearest pairs, by rising distance."""

    evaluation: Evaluation
    pairs: tuple[NearestPair, ...]


@takes_long
def nearest(
    training: ImageSource | ImageSet,
    generated: ImageSource | ImageSet,
    *,
    count: int = 16,
    extractor: str | Extractor = "inception",
    protocol: str | None = None,
    weights: Path | str | None = None,
    precision: str = "float32",
    device: str | torch.device = "auto",
    batch_size: int = 50,
    value_range: SideRanges | None = None,
    on_error: str = "fail",
    follow_links: bool = False,
    seed: int = 0,
    progress: ShowProgress = None,
) -> NearestPairs:
    """The `count` generated images with the smallest distance to a training image.

        >>> import numpy as np
        >>> images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
        >>> found = nearest(images[:20], images[10:], count=1, extractor="digits")
        >>> [(pair.generated.index, pair.training.index, pair.distance) for pair in found.pairs]
        [(0, 10, 0.0)]

    Each side is read twice: for the features of all, which are kept, then for the few pictures.
    The options are those of `evaluate`.

    Raises:
        FileNotFoundError: if there is nothing at a path.
        ValueError: if a side has fewer than two images, or other ones when it is read again.
    """
    if count < 1:
        raise ValueError(f"expected a `count` of 1 or more pairs, got {count}")
    for source in (training, generated):
        if isinstance(source, Iterator) or (callable(source) and not hasattr(source, "__len__")):
            raise ValueError(
                "expected images that can be read twice, got an iterator or a function; give the "
                "array of what it makes"
            )
    reading: dict[str, Any] = {
        "value_range": value_range,
        "on_error": on_error,
        "follow_links": follow_links,
    }
    sides = {
        "real": images_of(training, "real", **reading),
        "generated": images_of(generated, "generated", **reading),
    }
    comparison = Comparison.of_names(
        "authenticity",
        extractor=extractor,
        protocol=protocol,
        weights=weights,
        precision=precision,
        device=device,
        seed=seed,
        sides={name: Given(images=side) for name, side in sides.items()},
    )
    with comparison.guard_randomness():
        seen = {
            name: comparison.look(side, name, batch_size=batch_size) for name, side in sides.items()
        }
        made = authenticity(seen["real"].features, seen["generated"].features)
        chosen = np.argsort(made.distances, kind="stable")[:count]
        shown = {
            "real": _shown(
                sides["real"], seen["real"], {*made.nearest[chosen].tolist()}, batch_size
            ),
            "generated": _shown(
                sides["generated"], seen["generated"], {*chosen.tolist()}, batch_size
            ),
        }
        around = comparison.circumstances(seen)
    name = metric_name("authenticity", seen["real"].statistics.fingerprint["metric"])
    measured = Measurement(name, made.share, made.summary)
    return NearestPairs(
        Evaluation.under(around, (measured,)),
        tuple(_pair(int(index), made, shown) for index in chosen),
    )


def _pair(index: int, made: Authenticity, shown: dict[str, dict[int, Shown]]) -> NearestPair:
    return NearestPair(
        shown["generated"][index],
        shown["real"][int(made.nearest[index])],
        float(made.distances[index]),
        float(made.training_distances[index]),
    )


def _shown(images: ImageSet, side: Side, wanted: set[int], batch_size: int) -> dict[int, Shown]:
    """Images by their place among those that were read, and no more of the source than needed."""
    assert side.statistics.audit is not None
    digests, found = side.statistics.audit.image_digests, dict[int, Shown]()
    index = 0
    read = counted(images.read(batch_size), "images to be shown", "images", images.count)
    for place, outcome in enumerate(read):
        if not isinstance(outcome, Picture):
            continue
        if index in wanted:
            audit = Audit()
            audit.add(outcome)
            if audit.image_digests[0] != digests[index]:
                break
            file = None if images.files is None else images.files.entries[place].path
            found[index] = Shown(index, file, outcome.pixels)
            if len(found) == len(wanted):
                return found
        index += 1
    raise ValueError(
        f"{images.name} has other images, or another order, when it is read again; give an array, "
        "or files that stay"
    )
