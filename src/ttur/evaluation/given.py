"""What a side is given as: images, what is already known of them, or both."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ttur.evaluation.measure import Measure
from ttur.evaluation.measures import MEASURES
from ttur.evaluation.openers import ImageSource, open_images
from ttur.evaluation.saved_features import MEMBERS, load_side
from ttur.evaluation.sources import ImageSet
from ttur.evaluation.statistics import Side, Statistics, members
from ttur.evaluation.values import SideRanges, range_of


@dataclass(frozen=True)
class Given:
    """One side before a comparison: `known` needs no network, `images` are there for the rest."""

    known: Side | None = None
    images: ImageSet | None = None
    path: Path | None = None

    @property
    def count(self) -> int | None:
        """Of the images there are features of, or can be."""
        if self.known and self.known.features is not None:
            return len(self.known.features)
        return self.images and self.images.count

    @property
    def form(self) -> str:
        """What a message calls that which is known."""
        return "features" if self.known and self.known.holds("features") else "statistics"

    def missing(self, kinds: Iterable[str]) -> tuple[str, ...]:
        """Those of the kinds that only a pass over images can tell."""
        return tuple(kind for kind in kinds if not (self.known and self.known.holds(kind)))


Source = ImageSource | ImageSet | Statistics | Side | Given


def open_source(
    source: Source,
    side: str,
    *,
    seed: int = 0,
    value_range: SideRanges | None = None,
    **reading: Any,
) -> Given:
    """A path to saved features or statistics becomes those, beside the images of the same file, if
    it has any; all else is opened as images of that side, which is named in what is said of them.
    `seed` is of the groups of features.
    """
    if isinstance(source, Given):
        return source
    if isinstance(source, Side):
        return Given(source)
    if isinstance(source, Statistics):
        return Given(Side(source))
    if isinstance(source, str | Path):
        path = Path(source)
        if path.is_file() and path.suffix.lower() == ".npz":
            names = members(path)
            if names >= MEMBERS:
                return Given(load_side(path, seed), path=path)
            if {"mu", "sigma"} <= names:
                known = Side(Statistics.load(path))
                if "arr_0" not in names:
                    return Given(known, path=path)
                return Given(known, images_of(path, side, value_range=value_range, **reading), path)
    return Given(images=images_of(source, side, value_range=value_range, **reading))


def images_of(
    source: ImageSource | ImageSet,
    side: str,
    *,
    value_range: SideRanges | None = None,
    **reading: Any,
) -> ImageSet:
    """Opened as images of that side, which is named in what is said of them.

    What is open already keeps its name.
    """
    if isinstance(source, ImageSet):
        return source
    try:
        opened = open_images(source, value_range=range_of(value_range, side), **reading)
    except ValueError as error:
        raise ValueError(f"{side}: {error}") from error
    return replace(opened, name=f"{opened.name} ({side})")


def open_real(
    real: Source | None, metrics: Sequence[Measure], say: Callable[[str], None], **reading: Any
) -> Given | None:
    """The real side, if a metric looks at it; else None, whatever is given.

    Raises:
        ValueError: if a metric looks at it and there is none.
    """
    looking = [measure.name for measure in metrics if "real" in measure.keep]
    if not looking:
        if real is not None:
            say("the real side is not read: none of these metrics looks at it")
        return None
    if real is None:
        alone = [measure.name for measure in MEASURES.values() if "real" not in measure.keep]
        raise ValueError(
            f"expected a `real` side for {' and '.join(looking)}, got None; give its images or "
            f"statistics, or ask for {' or '.join(alone)} only"
        )
    return open_source(real, "real", **reading)
