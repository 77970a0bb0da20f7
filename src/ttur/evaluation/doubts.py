"""What a metric's number suffers from on the sides at hand, in a sentence each: too few images,
different numbers of them, an order that matters.
"""

from collections.abc import Iterator, Mapping

from ttur.evaluation.measure import Measure, kept
from ttur.evaluation.statistics import MOMENTS, Side
from ttur.metrics.inception_score import SPLITS, inception_scores, shuffled_scores

# Enough images for 2048 features, says the paper's code; for fewer features five to each will do.
ENOUGH_IMAGES, ENOUGH_PER_FEATURE = 10_000, 5
ORDER_MATTERS = 0.01  # of a score, lost by the order of the images
SCORED_IMAGES = 50_000  # what everybody takes for an Inception Score


def few_for_a_covariance(measure: Measure, sides: Mapping[str, Side]) -> Iterator[str]:
    """Of a Fréchet distance: of the sides whose moments it takes as they are, in one sentence."""
    counts, few, singular, needed = dict[str, int](), [], False, 0
    for name in (name for name, kinds in measure.keep.items() if set(kinds) & set(MOMENTS)):
        of = sides[name].statistics
        of = of if "moments" in measure.keep[name] else kept(of.spatial)
        if of.count is None:
            continue
        counts[name] = of.count
        enough = min(ENOUGH_IMAGES, ENOUGH_PER_FEATURE * len(of.mean))
        if of.count < enough:
            few.append(f"{of.count:,} {name}")
            needed, singular = enough, singular or of.count <= len(of.mean)
    if few:
        yield (
            f"counts: {' and '.join(few)} images are few (expected {needed:,})"
            + " and leave a covariance singular" * singular
            + "; the distance is biased upwards, compare it only at these counts"
        )
    elif len(set(counts.values())) > 1:
        yield (
            f"counts: {counts['generated']:,} generated against {counts['real']:,} real images; "
            "the bias of the distance falls with either count, so compare it only at these"
        )


def doubts_of_a_score(
    measure: Measure, sides: Mapping[str, Side], of: int | None = None
) -> Iterator[str]:
    """Of an Inception Score: the distribution over classes is that of each part."""
    logits = kept(sides["generated"].logits)
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


def few_for_balls(measure: Measure, sides: Mapping[str, Side]) -> Iterator[str]:
    """Of nearest neighbours: the balls shrink as a side grows."""
    counts = {name: len(kept(side.features)) for name, side in sides.items()}
    if min(counts.values()) < ENOUGH_IMAGES or len(set(counts.values())) > 1:
        of = " and ".join(f"{count:,} {name}" for name, count in counts.items())
        numbers = " and ".join(measure.numbers or (measure.name,)).replace("_", " ")
        yield (
            f"counts: {numbers} of {of} images depend on both counts; compare them only at these"
        )
