"""The metrics by name: what each needs of the two sides, and what it says of them."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ttur.evaluation.collector import Side
from ttur.evaluation.statistics import Statistics
from ttur.metrics.fid import fid_infinity, fid_interval
from ttur.metrics.frechet import frechet_distance
from ttur.metrics.inception_score import inception_distance, inception_scores
from ttur.metrics.kernel import kernel_distance
from ttur.metrics.manifold import density_coverage, precision_recall
from ttur.runtime.errors import closest

SPLITS = 10  # of the Inception Score


@dataclass(frozen=True)
class Settings:
    """What the caller may vary. The seed draws groups and subsets."""

    seed: int = 0
    interval: bool = True
    kid_subset_size: int = 1000

    def __post_init__(self) -> None:
        if self.kid_subset_size < 4:
            raise ValueError(
                f"expected KID subsets of at least 4 images, got {self.kid_subset_size}"
            )


@dataclass(frozen=True)
class Measurement:
    """A number under the name of its metric and extractor; details: how sure it is, how made."""

    metric: str
    value: float
    details: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {"metric": self.metric, "value": self.value, **self.details}


@dataclass(frozen=True)
class Measure:
    """A metric as it was asked for. `keep` is what a pass must keep, by side; `least` says of so
    many features how many images it needs on these sides, and `remedy` what to do about fewer.
    """

    name: str
    compute: Callable[[str, Side, Side, Settings], Iterator[Measurement]]
    keep: dict[str, tuple[str, ...]] = field(default_factory=dict)
    least: Callable[[int, Settings], int] = lambda dimension, settings: 2
    remedy: str = "add images"


def metric_name(kind: str, fd_name: str) -> str:
    """`kind` ("fid", "kid", …) by the features that give the Fréchet distance called `fd_name`.

    "kid" by those of "fid" is `kid`, by those of "fd_digits" `kid_digits`; "fid_infinity" by those
    is `fd_infinity_digits`.
    """
    if fd_name == "fid":
        return kind
    kind = re.sub("^fid", "fd", kind)
    return f"{kind}_{fd_name.removeprefix('fd_')}"


def measures(names: str | Iterable[str]) -> list[Measure]:
    """The metrics asked for, each once; one string holds several, between commas. A number of
    neighbours may be in the name: `precision_recall_k5`.

    Raises:
        ValueError: if there is no such metric, or none is named.
    """
    split = names.split(",") if isinstance(names, str) else names
    if not (wanted := dict.fromkeys(name.strip() for name in split)):
        raise ValueError(f"expected metrics, got none; there are {', '.join(_known())}")
    return [_measure(name) for name in wanted]


def _known() -> tuple[str, ...]:
    return (*_MEASURES, *_NEIGHBOURS)


def _measure(name: str) -> Measure:
    if name in _MEASURES:
        return _MEASURES[name]
    match = re.fullmatch(r"(precision_recall|density_coverage)(?:_k([1-9][0-9]{0,3}))?", name)
    if match is None:
        raise ValueError(
            f"no metric {name!r} (a number of neighbours may follow, as in precision_recall_k5); "
            f"{closest(name, _known())}"
        )
    function, default = _NEIGHBOURS[match[1]]
    return _neighbours(name, function, int(match[2] or default))


def _fid(fd: str, real: Side, generated: Side, settings: Settings) -> Iterator[Measurement]:
    a, b = real.statistics, generated.statistics
    value = frechet_distance(a.mean, a.covariance, b.mean, b.covariance)
    yield Measurement(fd, value, _interval(a, b) if settings.interval else {"interval": None})


def _interval(real: Statistics, generated: Statistics) -> dict[str, Any]:
    """The interval as a document, or why there is none. A side without groups is taken as exact."""
    if not (real.groups or generated.groups):
        return {"interval": None, "no_interval": "statistics hold no samples to vary"}
    try:
        made = fid_interval(real.groups or real.moments, generated.groups or generated.moments)
    except ValueError as error:
        return {"interval": None, "no_interval": str(error)}
    return {"interval": asdict(made)}


def _fid_infinity(
    fd: str, real: Side, generated: Side, settings: Settings
) -> Iterator[Measurement]:
    assert generated.features is not None
    made = fid_infinity(real.statistics.moments, generated.features, seed=settings.seed)
    details = asdict(made)
    yield Measurement(metric_name("fid_infinity", fd), details.pop("value"), details)


def _is(fd: str, real: Side, generated: Side, settings: Settings) -> Iterator[Measurement]:
    details = asdict(inception_scores(_logits(generated), SPLITS))
    yield Measurement(metric_name("is", fd), details.pop("mean"), details)


def _ind(fd: str, real: Side, generated: Side, settings: Settings) -> Iterator[Measurement]:
    """The reading of the paper's text: m - IS, with m the number of samples, its upper bound."""
    logits = _logits(generated)
    score = inception_scores(logits, SPLITS)
    value = inception_distance(score.mean, len(logits))
    yield Measurement(metric_name("ind", fd), value, {"inception_score": score.mean})


def _kid(fd: str, real: Side, generated: Side, settings: Settings) -> Iterator[Measurement]:
    made = kernel_distance(
        *_features(real, generated), subset_size=settings.kid_subset_size, seed=settings.seed
    )
    details = asdict(made)
    yield Measurement(metric_name("kid", fd), details.pop("mean"), details)


def _neighbours(name: str, function: Callable[..., Any], k: int) -> Measure:
    """Both numbers of a pair, with k in the name."""

    def compute(fd: str, real: Side, generated: Side, settings: Settings) -> Iterator[Measurement]:
        made = asdict(function(*_features(real, generated), k=k))
        made.pop("k")
        for kind, value in made.items():
            yield Measurement(metric_name(f"{kind}_k{k}", fd), value, {"k": k})

    return Measure(name, compute, _BOTH, lambda *_: k + 1, "add images, or ask for a lower k")


def _features(*sides: Side) -> list[np.ndarray]:
    assert all(side.features is not None for side in sides)
    return [side.features for side in sides if side.features is not None]


def _logits(side: Side) -> np.ndarray:
    assert side.logits is not None
    return side.logits


# The least counts are those that the functions refuse to go below, when images have been seen.
_BOTH = {"real": ("features",), "generated": ("features",)}
_MEASURES = {
    measure.name: measure
    for measure in (
        Measure("fid", _fid),
        Measure("fid_infinity", _fid_infinity, {"generated": ("features",)}, lambda d, _: 4 * d),
        Measure("is", _is, {"generated": ("logits",)}, lambda *_: SPLITS),
        Measure("ind", _ind, {"generated": ("logits",)}, lambda *_: SPLITS),
        Measure(
            "kid",
            _kid,
            _BOTH,
            lambda _, settings: settings.kid_subset_size,
            "add images, or ask for smaller subsets with --kid-subset-size",
        ),
    )
}
_NEIGHBOURS = {"precision_recall": (precision_recall, 3), "density_coverage": (density_coverage, 5)}
