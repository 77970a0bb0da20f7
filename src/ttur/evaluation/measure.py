"""What a metric is: which sides it looks at, what it keeps of them, which numbers it gives."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ttur.evaluation.result import Measurement
from ttur.evaluation.statistics import MOMENTS, Side
from ttur.features.designs import own_name
from ttur.metrics.uncertainty import METHODS
from ttur.runtime.progress import task

Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Settings:
    """What the caller may vary. The seed draws groups and subsets.

    `interval`: a method of `metrics.uncertainty`, True for the first of them, or False.
    """

    seed: int = 0
    interval: bool | str = True
    kid_subset_size: int = 1000

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"expected a `seed` of 0 or more, got {self.seed!r}")
        if self.interval not in (True, False, *METHODS):
            raise ValueError(
                f"expected an `interval` by {' or '.join(METHODS)}, or none (False), got "
                f"{self.interval!r}"
            )
        if self.kid_subset_size < 4:
            raise ValueError(
                f"expected KID subsets of at least 4 images, got {self.kid_subset_size}"
            )


def _two(dimension: int, settings: Settings) -> int:
    return 2


def _no_doubts(measure: "Measure", sides: Mapping[str, Side]) -> Iterator[str]:
    return iter(())


@dataclass(frozen=True)
class Measure:
    """A metric.

    `keep` is what it looks at, by side, out of `evaluation.statistics.KINDS`; a side that is not in
    it is not looked at. `compute` takes these sides by name, the settings and, of neighbours, `k`,
    and gives its `numbers`, by default one of its name, each a value with its details. `least` says
    of so many features how many images it needs on a side of which it keeps more than moments, and
    `remedy` what to do about fewer. With a `k`, any other may be in its name: `…_k5`. `doubts` are
    sentences on what its number suffers from on these sides. Elsewhere it is `known_as`.

    Its functions are functions of a module: whatever holds a measure can be pickled.
    """

    name: str
    compute: Callable[..., Iterable[tuple[float, dict[str, Any]]]]
    lower_is_better: bool
    keep: Mapping[str, tuple[str, ...]]
    least: Callable[[int, Settings], int] = _two
    remedy: str = "add images"
    numbers: tuple[str, ...] = ()
    k: int | None = None
    doubts: Callable[["Measure", Mapping[str, Side]], Iterator[str]] = _no_doubts
    known_as: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The names of its numbers, without an extractor."""
        suffix = "" if self.k is None else f"_k{self.k}"
        return tuple(f"{number}{suffix}" for number in self.numbers or (self.name,))

    def names(self, fd_name: str) -> tuple[str, ...]:
        """The full names of its numbers, by the features of the Fréchet distance `fd_name`."""
        return tuple(metric_name(kind, fd_name) for kind in self.kinds)

    def measurements(
        self, fd_name: str, sides: Mapping[str, Side], settings: Settings
    ) -> Iterator[Measurement]:
        """Its numbers of sides that kept what it needs."""
        neighbours = {} if self.k is None else {"k": self.k}
        with task(self.name):
            made = list(
                self.compute(
                    **{side: sides[side] for side in self.keep}, settings=settings, **neighbours
                )
            )
        for name, (value, details) in zip(self.names(fd_name), made, strict=True):
            yield Measurement(name, value, details | neighbours)

    def check_count(self, count: int, side: str, dimension: int, settings: Settings) -> None:
        """Raises ValueError if a side of so many images is too small."""
        whole = any(kind not in MOMENTS for kind in self.keep.get(side, ()))
        least = max(self.least(dimension, settings) if whole else 2, 1 + (self.k or 0))
        if count < least:
            asked = self.name if self.k is None else f"{self.name}_k{self.k}"
            raise ValueError(f"{asked} needs at least {least} images, got {count}; {self.remedy}")


def metric_name(kind: str, fd_name: str) -> str:
    """`kind` ("fid", "kid", …) by the features that give the Fréchet distance called `fd_name`.

    >>> metric_name("kid", "fid"), metric_name("kid", "fd_digits"), metric_name("fid", "fd_digits")
    ('kid', 'kid_digits', 'fd_digits')
    >>> metric_name("mmd", "fd_clip"), metric_name("mmd", "fd_clip[01234567]")
    ('cmmd', 'mmd_clip[01234567]')
    """
    return own_name(kind, fd_name) or f"{by_another(kind)}_{fd_name.removeprefix('fd_')}"


def by_another(kind: str) -> str:
    """A Fréchet distance by other features than Inception's is never called FID."""
    return re.sub("^fid", "fd", kind)


def kept(value: Kept | None) -> Kept:
    """What a side kept: a metric is computed only of sides that kept what it needs."""
    assert value is not None
    return value
