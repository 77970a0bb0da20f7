"""The metrics by name: what each needs of the two sides, and what it says of them.

`MEASURES` names them, and nothing else does: messages, help, directions and the names of numbers
are made from its rows.
"""

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

from ttur.evaluation.doubts import doubts_of_a_score, few_for_a_covariance, few_for_balls
from ttur.evaluation.measure import Measure, Settings, kept
from ttur.evaluation.statistics import Side, Statistics
from ttur.metrics.authenticity import authenticity
from ttur.metrics.clipped import clipped_density_coverage
from ttur.metrics.extrapolation import fid_infinity
from ttur.metrics.frechet import frechet_distance
from ttur.metrics.inception_score import SPLITS, inception_distance, inception_scores
from ttur.metrics.kernel import kernel_distance
from ttur.metrics.manifold import density_coverage, precision_recall
from ttur.metrics.mmd import BANDWIDTH, gaussian_mmd
from ttur.metrics.modes import modes_covered
from ttur.metrics.pencil import Pencil
from ttur.metrics.uncertainty import METHODS, fid_interval
from ttur.runtime.progress import task

ADM_SPLIT = 5000  # images of a part of its Inception Score
# One word for what a paper's table has together: ADM's evaluator.
SUITES = {"adm": ("fid", "sfid", "is_adm", "precision_recall")}

# Values with their details, in the order of a measure's numbers.
DetailedValues = Iterator[tuple[float, dict[str, Any]]]


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
    a, b = kept(real.statistics.spatial), kept(generated.statistics.spatial)
    yield frechet_distance(a.mean, a.covariance, b.mean, b.covariance), {}


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
    made = fid_infinity(real.statistics.moments, kept(generated.features), seed=settings.seed)
    yield _value(asdict(made), "value")


def _is(generated: Side, settings: Settings) -> DetailedValues:
    yield _value(asdict(inception_scores(kept(generated.logits))), "mean")


def _is_adm(generated: Side, settings: Settings) -> DetailedValues:
    """By parts of 5,000 images in order, of which the last may be short: at 50,000 it is `is`."""
    yield _value(asdict(inception_scores(kept(generated.logits), of=ADM_SPLIT)), "mean")


def _ind(generated: Side, settings: Settings) -> DetailedValues:
    """The reading of the paper's text: m - IS, with m the number of samples, its upper bound."""
    logits = kept(generated.logits)
    score = inception_scores(logits)
    yield inception_distance(score.mean, len(logits)), {"inception_score": score.mean}


def _kid(real: Side, generated: Side, settings: Settings) -> DetailedValues:
    made = kernel_distance(
        kept(real.features),
        kept(generated.features),
        subset_size=settings.kid_subset_size,
        seed=settings.seed,
    )
    yield _value(asdict(made), "mean")


def _mmd(real: Side, generated: Side, settings: Settings) -> DetailedValues:
    yield gaussian_mmd(kept(real.features), kept(generated.features)), {"bandwidth": BANDWIDTH}


def _precision_recall(real: Side, generated: Side, settings: Settings, k: int) -> DetailedValues:
    made = precision_recall(kept(real.features), kept(generated.features), k=k)
    yield from ((made.precision, {}), (made.recall, {}))


def _density_coverage(real: Side, generated: Side, settings: Settings, k: int) -> DetailedValues:
    made = density_coverage(kept(real.features), kept(generated.features), k=k)
    yield from ((made.density, {}), (made.coverage, {}))


def _modes(real: Side, generated: Side, settings: Settings) -> DetailedValues:
    yield float(modes_covered(kept(generated.logits), kept(real.logits))), {}


def _clipped_density_coverage(
    real: Side, generated: Side, settings: Settings, k: int
) -> DetailedValues:
    made = clipped_density_coverage(kept(real.features), kept(generated.features), k=k)
    yield from ((made.density, {}), (made.coverage, {}))


def _authenticity(real: Side, generated: Side, settings: Settings) -> DetailedValues:
    made = authenticity(kept(real.features), kept(generated.features))
    yield made.share, made.summary


def _value(details: dict[str, Any], name: str) -> tuple[float, dict[str, Any]]:
    return details.pop(name), details


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
            doubts=few_for_a_covariance,
            known_as=("frechet_inception_distance", "fd", "frechet_distance"),
        ),
        Measure(
            "fid_infinity",
            _fid_infinity,
            True,
            {"real": ("moments",), "generated": ("features",)},
            _four_per_feature,
            doubts=few_for_a_covariance,
        ),
        Measure(
            "is",
            _is,
            False,
            {"generated": ("logits",)},
            _one_per_split,
            doubts=doubts_of_a_score,
            known_as=("inception_score", "isc"),
        ),
        Measure(
            "is_adm",
            _is_adm,
            False,
            {"generated": ("logits",)},
            doubts=partial(doubts_of_a_score, of=ADM_SPLIT),
        ),
        Measure(
            "ind",
            _ind,
            True,
            {"generated": ("logits",)},
            _one_per_split,
            doubts=doubts_of_a_score,
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
            doubts=few_for_balls,
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
            doubts=few_for_balls,
            known_as=("prdc", "dc"),
        ),
        Measure(
            "sfid",
            _sfid,
            True,
            {"real": ("spatial",), "generated": ("spatial",)},
            doubts=few_for_a_covariance,
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
            doubts=few_for_balls,
        ),
        Measure("authenticity", _authenticity, False, _BOTH, doubts=few_for_balls),
    )
}
