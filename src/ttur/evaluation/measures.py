"""The metrics by name: what each needs of the two sides, and what it says of them.

`MEASURES` names them, and nothing else does: messages, help, directions and the names of numbers
are made from its rows.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from ttur.evaluation.result import Measurement
from ttur.evaluation.statistics import Side, Statistics
from ttur.metrics.extrapolation import fid_infinity
from ttur.metrics.frechet import frechet_distance
from ttur.metrics.inception_score import SPLITS, inception_distance, inception_scores
from ttur.metrics.kernel import kernel_distance
from ttur.metrics.manifold import density_coverage, precision_recall
from ttur.metrics.modes import modes_covered
from ttur.metrics.pencil import Pencil
from ttur.metrics.uncertainty import METHODS, fid_interval
from ttur.runtime.errors import closest

PLAIN = "inception"  # the extractor of names that carry none
_NEIGHBOURS = " (a number of neighbours may follow, as in precision_recall_k5)"

# Values with their details, in the order of a measure's numbers.
DetailedValues = Iterator[tuple[float, dict[str, Any]]]


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
                f"expected an `interval` of True, False or {' or '.join(METHODS)}, "
                f"got {self.interval!r}"
            )
        if self.kid_subset_size < 4:
            raise ValueError(
                f"expected KID subsets of at least 4 images, got {self.kid_subset_size}"
            )


@dataclass(frozen=True)
class Measure:
    """A metric.

    `compute` takes the real and the generated side, the settings and, of neighbours, `k`, and gives
    its `numbers`, by default one of its name, each a value with its details. `keep` is what a pass
    must keep, by side; `least` says of so many features how many images it needs on these sides,
    and `remedy` what to do about fewer. With a `k`, any other may be in its name: `…_k5`.
    """

    name: str
    compute: Callable[..., Iterable[tuple[float, dict[str, Any]]]]
    lower_is_better: bool
    keep: dict[str, tuple[str, ...]] = field(default_factory=dict)
    least: Callable[[int, Settings], int] = lambda dimension, settings: 2
    remedy: str = "add images"
    numbers: tuple[str, ...] = ()
    k: int | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The names of its numbers, without an extractor."""
        suffix = "" if self.k is None else f"_k{self.k}"
        return tuple(f"{number}{suffix}" for number in self.numbers or (self.name,))

    def names(self, fd_name: str) -> tuple[str, ...]:
        """The full names of its numbers, by the features of the Fréchet distance `fd_name`."""
        return tuple(metric_name(kind, fd_name) for kind in self.kinds)

    def measurements(
        self, fd_name: str, real: Side, generated: Side, settings: Settings
    ) -> Iterator[Measurement]:
        """Its numbers of two sides that kept what it needs."""
        neighbours = {} if self.k is None else {"k": self.k}
        made = self.compute(real, generated, settings, **neighbours)
        for name, (value, details) in zip(self.names(fd_name), made, strict=True):
            yield Measurement(name, value, details | neighbours)

    def check_count(self, count: int, side: str, dimension: int, settings: Settings) -> None:
        """Raises ValueError if a side of so many images is too small."""
        least = self.least(dimension, settings) if side in self.keep else 2
        least = max(least, 1 + (self.k or 0))
        if count < least:
            asked = self.name if self.k is None else f"{self.name}_k{self.k}"
            raise ValueError(f"{asked} needs at least {least} images, got {count}; {self.remedy}")


def metric_name(kind: str, fd_name: str) -> str:
    """`kind` ("fid", "kid", …) by the features that give the Fréchet distance called `fd_name`.

    >>> metric_name("kid", "fid"), metric_name("kid", "fd_digits"), metric_name("fid", "fd_digits")
    ('kid', 'kid_digits', 'fd_digits')
    """
    if fd_name == "fid":
        return kind
    return f"{_by_another(kind)}_{fd_name.removeprefix('fd_')}"


def measures(names: str | Iterable[str]) -> list[Measure]:
    """The metrics asked for, each once; one string holds several, between commas. A number of
    neighbours may be in the name: `precision_recall_k5`.

    Raises:
        ValueError: if there is no such metric, or none is named.
    """
    wanted: dict[tuple[str, int | None], Measure] = {}
    for name in _split(names):
        measure = _measure(name)
        if measure is None:
            whole = _of_whole_name(name)
            if whole is not None:
                raise ValueError(
                    f"no metric {name!r} here, where names carry no extractor; ask for {whole[0]}, "
                    f"with {whole[1]} as `extractor`"
                )
            raise ValueError(f"no metric {name!r}{_NEIGHBOURS}; {closest(name, MEASURES)}")
        wanted[measure.name, measure.k] = measure
    return list(wanted.values())


def parse_metrics(names: str | Iterable[str]) -> tuple[tuple[str, ...], str]:
    """The metrics and the extractor of names that carry it, as a run's are asked for.

    `fid`, `is`, `kid`, … are by Inception; `fd_digits`, `precision_recall_k5_cifar10`,
    `kid_package.module:name` by the extractor that they name.

        >>> parse_metrics("fd_digits,kid_digits")
        (('fid', 'kid'), 'digits')

    Raises:
        ValueError: if there is no such metric, or they are of several extractors.
    """
    kinds, extractors = [], dict[str, None]()
    for name in _split(names):
        kind, extractor = _parse(name)
        kinds.append(kind)
        extractors[extractor] = None
    if len(extractors) > 1:
        raise ValueError(
            f"expected metrics by one extractor, got {' and '.join(extractors)}; ask for those of "
            "one of them"
        )
    return tuple(dict.fromkeys(kinds)), next(iter(extractors))


def lower_is_better(metric: str) -> bool:
    """Whether a number improves as it falls, by its full name, as `precision_k3_digits`.

    Numbers of no measure here, as the n-gram divergence `jsd_4`, are distances.
    """
    directions = {
        spelled: measure.lower_is_better
        for measure in MEASURES.values()
        for number in measure.numbers or (measure.name,)
        for spelled in (number, _by_another(number))
        if f"{metric}_".startswith(f"{spelled}_")
    }
    return directions[max(directions, key=len)] if directions else True


def _by_another(kind: str) -> str:
    """A Fréchet distance by other features than Inception's is never called FID."""
    return re.sub("^fid", "fd", kind)


def _split(names: str | Iterable[str]) -> list[str]:
    split = [name.strip() for name in (names.split(",") if isinstance(names, str) else names)]
    if not split:
        raise ValueError(f"expected metrics, got none; there are {', '.join(MEASURES)}")
    return split


def _measure(name: str) -> Measure | None:
    if name in MEASURES:
        return MEASURES[name]
    if match := re.fullmatch(r"(.+)_k([1-9][0-9]{0,3})", name):
        row = MEASURES.get(match[1])
        return replace(row, k=int(match[2])) if row and row.k is not None else None
    return None


def _parse(name: str) -> tuple[str, str]:
    if _measure(name) is not None:
        return name, PLAIN
    if (whole := _of_whole_name(name)) is not None:
        return whole
    _, _, extractor = name.rpartition("_")
    by_it = (f"{_by_another(kind)}_{extractor}" for kind in MEASURES) if "_" in name else ()
    raise ValueError(f"no metric {name!r}{_NEIGHBOURS}; {closest(name, [*MEASURES, *by_it])}")


def _of_whole_name(name: str) -> tuple[str, str] | None:
    """The metric and the extractor of a name that carries one."""
    # The longest first: fd_infinity_digits is of digits, not the distance by "infinity_digits".
    for measure in sorted(MEASURES.values(), key=lambda measure: -len(measure.name)):
        neighbours = "(_k[1-9][0-9]{0,3})?" if measure.k is not None else "()"
        match = re.fullmatch(f"{re.escape(_by_another(measure.name))}{neighbours}_(.+)", name)
        if match is not None:
            return measure.name + (match[1] or ""), match[2]
    return None


def _fid(real: Side, generated: Side, settings: Settings) -> DetailedValues:
    a, b = real.statistics, generated.statistics
    pencil = None
    if settings.interval and (a.groups or b.groups) and a.covariance.shape == b.covariance.shape:
        # One reduction serves the distance and its interval.
        pencil = Pencil.of(a.covariance, b.covariance)
    value = frechet_distance(a.mean, a.covariance, b.mean, b.covariance, pencil)
    yield value, _interval(a, b, settings, pencil) if settings.interval else {"interval": None}


def _interval(
    real: Statistics, generated: Statistics, settings: Settings, pencil: Pencil | None
) -> dict[str, Any]:
    """The interval as a document, or why there is none. A side without groups is taken as exact."""
    if not (real.groups or generated.groups):
        return {"interval": None, "no_interval": "statistics hold no samples to vary"}
    method = next(iter(METHODS)) if settings.interval is True else str(settings.interval)
    try:
        made = fid_interval(
            real.groups or real.moments,
            generated.groups or generated.moments,
            method=method,
            pencil=pencil,
        )
    except ValueError as error:
        return {"interval": None, "no_interval": str(error)}
    return {"interval": asdict(made)}


def _fid_infinity(real: Side, generated: Side, settings: Settings) -> DetailedValues:
    made = fid_infinity(real.statistics.moments, _array(generated.features), seed=settings.seed)
    yield _value(asdict(made), "value")


def _is(real: Side, generated: Side, settings: Settings) -> DetailedValues:
    yield _value(asdict(inception_scores(_array(generated.logits))), "mean")


def _ind(real: Side, generated: Side, settings: Settings) -> DetailedValues:
    """The reading of the paper's text: m - IS, with m the number of samples, its upper bound."""
    logits = _array(generated.logits)
    score = inception_scores(logits)
    yield inception_distance(score.mean, len(logits)), {"inception_score": score.mean}


def _kid(real: Side, generated: Side, settings: Settings) -> DetailedValues:
    made = kernel_distance(
        _array(real.features),
        _array(generated.features),
        subset_size=settings.kid_subset_size,
        seed=settings.seed,
    )
    yield _value(asdict(made), "mean")


def _precision_recall(real: Side, generated: Side, settings: Settings, k: int) -> DetailedValues:
    made = precision_recall(_array(real.features), _array(generated.features), k=k)
    yield from ((made.precision, {}), (made.recall, {}))


def _density_coverage(real: Side, generated: Side, settings: Settings, k: int) -> DetailedValues:
    made = density_coverage(_array(real.features), _array(generated.features), k=k)
    yield from ((made.density, {}), (made.coverage, {}))


def _modes(real: Side, generated: Side, settings: Settings) -> DetailedValues:
    yield float(modes_covered(_array(generated.logits), _array(real.logits))), {}


def _value(details: dict[str, Any], name: str) -> tuple[float, dict[str, Any]]:
    return details.pop(name), details


def _array(array: np.ndarray | None) -> np.ndarray:
    assert array is not None
    return array


# The least counts are those that the functions refuse to go below, when images have been seen.
_BOTH = {"real": ("features",), "generated": ("features",)}
_FEWER_NEIGHBOURS = "add images, or ask for a lower k"
MEASURES = {
    measure.name: measure
    for measure in (
        Measure("fid", _fid, True),
        Measure(
            "fid_infinity", _fid_infinity, True, {"generated": ("features",)}, lambda d, _: 4 * d
        ),
        Measure("is", _is, False, {"generated": ("logits",)}, lambda *_: SPLITS),
        Measure("ind", _ind, True, {"generated": ("logits",)}, lambda *_: SPLITS),
        Measure(
            "kid",
            _kid,
            True,
            _BOTH,
            lambda _, settings: settings.kid_subset_size,
            "add images, or ask for smaller subsets by `kid_subset_size`",
        ),
        Measure(
            "precision_recall",
            _precision_recall,
            False,
            _BOTH,
            numbers=("precision", "recall"),
            k=3,
            remedy=_FEWER_NEIGHBOURS,
        ),
        Measure(
            "density_coverage",
            _density_coverage,
            False,
            _BOTH,
            numbers=("density", "coverage"),
            k=5,
            remedy=_FEWER_NEIGHBOURS,
        ),
        Measure("modes", _modes, False, {"real": ("logits",), "generated": ("logits",)}),
    )
}
