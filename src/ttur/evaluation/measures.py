"""The metrics by name: what each needs of the two sides, and what it says of them.

`MEASURES` names them, and nothing else does: messages, help, directions and the names of numbers
are made from its rows.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ttur.evaluation.result import Measurement
from ttur.evaluation.statistics import MOMENTS, Side, Statistics
from ttur.features.designs import own_name, own_names, owner
from ttur.metrics.authenticity import authenticity
from ttur.metrics.clipped import clipped_density_coverage
from ttur.metrics.extrapolation import fid_infinity
from ttur.metrics.frechet import frechet_distance
from ttur.metrics.inception_score import (
    SPLITS,
    inception_distance,
    inception_scores,
    shuffled_scores,
)
from ttur.metrics.kernel import kernel_distance
from ttur.metrics.manifold import density_coverage, precision_recall
from ttur.metrics.mmd import BANDWIDTH, gaussian_mmd
from ttur.metrics.modes import modes_covered
from ttur.metrics.pencil import Pencil
from ttur.metrics.uncertainty import METHODS, fid_interval
from ttur.runtime.errors import closest
from ttur.runtime.progress import task

PLAIN = "inception"  # the extractor of names that carry none
_NEIGHBOURS = " (a number of neighbours may follow, as in precision_recall_k5)"
# Enough images for 2048 features, says the paper's code; for fewer features five to each will do.
ENOUGH_IMAGES, ENOUGH_PER_FEATURE = 10_000, 5
ADM_SPLIT = 5000  # images of a part of its Inception Score
# One word for what a paper's table has together: ADM's evaluator.
SUITES = {"adm": ("fid", "sfid", "is_adm", "precision_recall")}
ORDER_MATTERS = 0.01  # of a score, lost by the order of the images
SCORED_IMAGES = 50_000  # what everybody takes for an Inception Score

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
                f"expected an `interval` by {' or '.join(METHODS)}, True for the first of them or "
                f"False, got {self.interval!r}"
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
    return own_name(kind, fd_name) or f"{_by_another(kind)}_{fd_name.removeprefix('fd_')}"


def measures(names: str | Iterable[str]) -> list[Measure]:
    """The metrics asked for, each once; one string holds several, between commas. A number of
    neighbours may be in the name, `precision_recall_k5`, and whose features, which `extractor_of`
    reads.

    Raises:
        ValueError: if there is no such metric, or none is named.
    """
    wanted: dict[tuple[str, int | None], Measure] = {}
    for name in _split(names):
        measure = _measure(_parse(name)[0])
        assert measure is not None
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


def extractor_of(names: str | Iterable[str], extractor: str, *, brought: bool = False) -> str:
    """Whose features the metrics are of, where the extractor is apart from them.

    Names that carry an extractor, as `fd_digits` and `cmmd`, bring it if that of the caller is the
    usual one, not `brought` as an object; else they must carry the caller's.

        >>> extractor_of("cmmd", "inception"), extractor_of("fid,kid", "digits")
        ('clip', 'digits')

    Raises:
        ValueError: if there is no such metric, or names carry several extractors, or another one.
    """
    if extractor == PLAIN and not brought:
        return parse_metrics(names)[1]
    for name in _split(names):
        kind, carried = _parse(name)
        if carried not in (PLAIN, extractor, extractor.rpartition(":")[2]):
            raise ValueError(
                f"expected metrics by {extractor}, got {name}, which is by {carried}; ask for "
                f"{kind}, or for {carried} as `extractor`"
            )
    return extractor


def lower_is_better(metric: str) -> bool:
    """Whether a number improves as it falls, by its full name, as `precision_k3_digits`.

    Numbers of no measure here, as the n-gram divergence `jsd_4`, are distances.
    """
    directions = {
        spelled: measure.lower_is_better
        for measure in MEASURES.values()
        for number in measure.numbers or (measure.name,)
        for spelled in (number, _by_another(number), *own_names(number))
        if f"{metric}_".startswith(f"{spelled}_")
    }
    return directions[max(directions, key=len)] if directions else True


def _by_another(kind: str) -> str:
    """A Fréchet distance by other features than Inception's is never called FID."""
    return re.sub("^fid", "fd", kind)


def _split(names: str | Iterable[str]) -> list[str]:
    split = [name.strip() for name in (names.split(",") if isinstance(names, str) else names)]
    split = [each for name in split for each in SUITES.get(name, (name,))]
    if not split:
        raise ValueError(f"expected metrics, got none; there are {', '.join(MEASURES)}")
    return split


def _closest(name: str, others: Iterable[str] = ()) -> str:
    """By what it is called elsewhere or by one of its numbers, else by spelling."""
    plain = re.sub("[^a-z0-9]+", "_", name.lower())
    for measure in MEASURES.values():
        if plain in (measure.name, *measure.numbers, *measure.known_as):
            return f"did you mean {measure.name}?"
    return closest(name, [*MEASURES, *SUITES, *others])


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
    if (whole := owner(name, MEASURES) or _of_whole_name(name)) is not None:
        return whole
    _, _, extractor = name.rpartition("_")
    by_it = (f"{_by_another(kind)}_{extractor}" for kind in MEASURES) if "_" in name else ()
    raise ValueError(f"no metric {name!r}{_NEIGHBOURS}; {_closest(name, by_it)}")


def _of_whole_name(name: str) -> tuple[str, str] | None:
    """The metric and the extractor of a name that carries one."""
    # The longest first: fd_infinity_digits is of digits, not the distance by "infinity_digits".
    for measure in sorted(MEASURES.values(), key=lambda measure: -len(measure.name)):
        neighbours = "(_k[1-9][0-9]{0,3})?" if measure.k is not None else "()"
        match = re.fullmatch(f"{re.escape(_by_another(measure.name))}{neighbours}_(.+)", name)
        if match is not None:
            return measure.name + (match[1] or ""), match[2]
    return None


def _few_for_a_covariance(measure: Measure, sides: Mapping[str, Side]) -> Iterator[str]:
    """Of a Fréchet distance: of the sides whose moments it takes as they are."""
    counts = {}
    for name in (name for name, kept in measure.keep.items() if set(kept) & set(MOMENTS)):
        of = sides[name].statistics
        of = of if "moments" in measure.keep[name] else _spatial(of)
        count, dimension = of.count, len(of.mean)
        counts[name] = count
        enough = min(ENOUGH_IMAGES, ENOUGH_PER_FEATURE * dimension)
        if count is not None and count <= dimension:
            yield (
                f"{name}: {count:,} images for {dimension:,} features leave the covariance "
                "singular; the distance is biased upwards, compare it only with others at this "
                "count"
            )
        elif count is not None and count < enough:
            yield (
                f"{name}: {count:,} images are few for {dimension:,} features (expected "
                f"{enough:,}); the distance is biased upwards, compare it only at this count"
            )
    real, generated = counts.get("real"), counts.get("generated")
    if real is not None and generated is not None and generated != real:
        yield (
            f"counts: {generated:,} generated against {real:,} real images; the bias of the "
            "distance falls with either count, so compare it only at these"
        )


def _doubts_of_a_score(
    measure: Measure, sides: Mapping[str, Side], of: int | None = None
) -> Iterator[str]:
    """Of an Inception Score: the distribution over classes is that of each part."""
    logits = _array(sides["generated"].logits)
    count, classes = logits.shape
    enough = min(SCORED_IMAGES, ENOUGH_PER_FEATURE * classes * SPLITS)
    if count < enough:
        yield (
            f"generated: {count:,} images are few for an Inception Score over {classes:,} classes "
            f"(expected {enough:,}); it is biased downwards, compare it only at this count"
        )
    score, shuffled = inception_scores(logits, of=of), shuffled_scores(logits, of=of)
    # Of several standard errors of either, which an order by chance never is.
    spread = max(score.standard_deviation, shuffled.standard_deviation)
    least = 4 * spread / max(score.splits - 1, 1) ** 0.5
    if shuffled.mean - score.mean > max(least, ORDER_MATTERS * shuffled.mean):
        yield (
            f"generated: the images come in an order that the Inception Score depends on, as that "
            f"of classes: {score.mean:.4g} over parts of consecutive images, {shuffled.mean:.4g} "
            "over parts of shuffled ones; shuffle the images"
        )


def _few_for_balls(measure: Measure, sides: Mapping[str, Side]) -> Iterator[str]:
    """Of nearest neighbours: the balls shrink as a side grows."""
    counts = {name: len(_array(side.features)) for name, side in sides.items()}
    if min(counts.values()) < ENOUGH_IMAGES or len(set(counts.values())) > 1:
        of = " and ".join(f"{count:,} {name}" for name, count in counts.items())
        numbers = " and ".join(measure.numbers or (measure.name,)).replace("_", " ")
        yield (
            f"counts: {numbers} of {of} images depend on both counts; compare them only at these"
        )


def _fid(real: Side, generated: Side, settings: Settings) -> DetailedValues:
    a, b = real.statistics, generated.statistics
    pencil = None
    if settings.interval and (a.groups or b.groups) and a.covariance.shape == b.covariance.shape:
        # One reduction serves the distance and its interval.
        pencil = Pencil.of(a.covariance, b.covariance)
    value = frechet_distance(a.mean, a.covariance, b.mean, b.covariance, pencil)
    yield value, _interval(a, b, settings, pencil) if settings.interval else {"interval": None}


def _sfid(real: Side, generated: Side, settings: Settings) -> DetailedValues:
    """Of positions in an earlier layer (Nash et al. 2021); ADM quotes it beside FID."""
    a, b = _spatial(real.statistics), _spatial(generated.statistics)
    yield frechet_distance(a.mean, a.covariance, b.mean, b.covariance), {}


def _spatial(statistics: Statistics) -> Statistics:
    assert statistics.spatial is not None
    return statistics.spatial


def _interval(
    real: Statistics, generated: Statistics, settings: Settings, pencil: Pencil | None
) -> dict[str, Any]:
    """The interval as a document, or why there is none. A side without groups is taken as exact."""
    if not (real.groups or generated.groups):
        return {"interval": None, "no_interval": "statistics hold no samples to vary"}
    method = next(iter(METHODS)) if settings.interval is True else str(settings.interval)
    try:
        with task("interval"):
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


def _is(generated: Side, settings: Settings) -> DetailedValues:
    yield _value(asdict(inception_scores(_array(generated.logits))), "mean")


def _is_adm(generated: Side, settings: Settings) -> DetailedValues:
    """By parts of 5,000 images in order, of which the last may be short: at 50,000 it is `is`."""
    yield _value(asdict(inception_scores(_array(generated.logits), of=ADM_SPLIT)), "mean")


def _ind(generated: Side, settings: Settings) -> DetailedValues:
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


def _mmd(real: Side, generated: Side, settings: Settings) -> DetailedValues:
    yield gaussian_mmd(_array(real.features), _array(generated.features)), {"bandwidth": BANDWIDTH}


def _precision_recall(real: Side, generated: Side, settings: Settings, k: int) -> DetailedValues:
    made = precision_recall(_array(real.features), _array(generated.features), k=k)
    yield from ((made.precision, {}), (made.recall, {}))


def _density_coverage(real: Side, generated: Side, settings: Settings, k: int) -> DetailedValues:
    made = density_coverage(_array(real.features), _array(generated.features), k=k)
    yield from ((made.density, {}), (made.coverage, {}))


def _modes(real: Side, generated: Side, settings: Settings) -> DetailedValues:
    yield float(modes_covered(_array(generated.logits), _array(real.logits))), {}


def _clipped_density_coverage(
    real: Side, generated: Side, settings: Settings, k: int
) -> DetailedValues:
    made = clipped_density_coverage(_array(real.features), _array(generated.features), k=k)
    yield from ((made.density, {}), (made.coverage, {}))


def _authenticity(real: Side, generated: Side, settings: Settings) -> DetailedValues:
    made = authenticity(_array(real.features), _array(generated.features))
    yield made.share, made.summary


def _value(details: dict[str, Any], name: str) -> tuple[float, dict[str, Any]]:
    return details.pop(name), details


def _array(array: np.ndarray | None) -> np.ndarray:
    assert array is not None
    return array


# The least counts are those that the functions refuse to go below, when images have been seen.


def _four_per_feature(dimension: int, settings: Settings) -> int:
    return 4 * dimension


def _one_per_split(dimension: int, settings: Settings) -> int:
    return SPLITS


def _one_subset(dimension: int, settings: Settings) -> int:
    return settings.kid_subset_size


_BOTH = {"real": ("features",), "generated": ("features",)}
_FEWER_NEIGHBOURS = "add images, or ask for a lower k"
MEASURES = {
    measure.name: measure
    for measure in (
        Measure(
            "fid",
            _fid,
            True,
            {"real": ("moments",), "generated": ("moments",)},
            doubts=_few_for_a_covariance,
            known_as=("frechet_inception_distance", "fd", "frechet_distance"),
        ),
        Measure(
            "fid_infinity",
            _fid_infinity,
            True,
            {"real": ("moments",), "generated": ("features",)},
            _four_per_feature,
            doubts=_few_for_a_covariance,
        ),
        Measure(
            "is",
            _is,
            False,
            {"generated": ("logits",)},
            _one_per_split,
            doubts=_doubts_of_a_score,
            known_as=("inception_score", "isc"),
        ),
        Measure(
            "is_adm",
            _is_adm,
            False,
            {"generated": ("logits",)},
            doubts=partial(_doubts_of_a_score, of=ADM_SPLIT),
        ),
        Measure(
            "ind",
            _ind,
            True,
            {"generated": ("logits",)},
            _one_per_split,
            doubts=_doubts_of_a_score,
            known_as=("inception_distance",),
        ),
        Measure(
            "kid",
            _kid,
            True,
            _BOTH,
            _one_subset,
            "add images, or ask for smaller subsets by `kid_subset_size`",
            known_as=("kernel_inception_distance", "kernel_distance", "kd"),
        ),
        Measure(
            "precision_recall",
            _precision_recall,
            False,
            _BOTH,
            numbers=("precision", "recall"),
            k=3,
            remedy=_FEWER_NEIGHBOURS,
            doubts=_few_for_balls,
            known_as=("prc", "pr"),
        ),
        Measure(
            "density_coverage",
            _density_coverage,
            False,
            _BOTH,
            numbers=("density", "coverage"),
            k=5,
            remedy=_FEWER_NEIGHBOURS,
            doubts=_few_for_balls,
            known_as=("prdc", "dc"),
        ),
        Measure(
            "sfid",
            _sfid,
            True,
            {"real": ("spatial",), "generated": ("spatial",)},
            doubts=_few_for_a_covariance,
            known_as=("spatial_fid",),
        ),
        Measure("mmd", _mmd, True, _BOTH),
        Measure("modes", _modes, False, {"real": ("logits",), "generated": ("logits",)}),
        Measure(
            "clipped_density_coverage",
            _clipped_density_coverage,
            False,
            _BOTH,
            numbers=("clipped_density", "clipped_coverage"),
            k=5,
            remedy=_FEWER_NEIGHBOURS,
            doubts=_few_for_balls,
        ),
        Measure("authenticity", _authenticity, False, _BOTH, doubts=_few_for_balls),
    )
}
