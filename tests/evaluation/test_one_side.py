"""Metrics that look at one side alone; warnings of what was asked and no more."""

import numpy as np
import pytest

import ttur
from ttur.evaluation.accumulator import Accumulator
from ttur.evaluation.comparison import Comparison
from ttur.evaluation.evaluate import evaluate, inception_score
from ttur.features.extractors import Extractor


def random_images(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 10, 10, 3), dtype=np.uint8)


def unread():
    raise AssertionError("an image of a side that no metric looks at was read")
    yield


def test_a_score_needs_no_real_side(images, tiny_classes: Extractor):
    alone = evaluate(None, images, "is,ind", extractor=tiny_classes)
    said = []
    both = evaluate(unread(), images, "is,ind", extractor=tiny_classes, say=said.append)
    assert alone == both
    assert any("real side is not read" in line for line in said)
    assert alone.counts == {"generated": 30}
    assert set(alone.audit) == set(alone.fingerprints) == {"generated"}
    score = inception_score(images, extractor=tiny_classes)
    assert score == alone["is_classes"]
    assert ttur.inception_score is inception_score
    accumulator = Accumulator(None, "is", extractor=tiny_classes)
    accumulator.update(images)
    assert accumulator.compute().first == score


def test_a_distance_without_a_real_side_is_refused_by_name(images, tiny: Extractor):
    for call in (evaluate, lambda *a, **k: Accumulator(None, a[2], **k)):
        with pytest.raises(ValueError, match=r"expected a `real` side for fid and kid, got None;"):
            call(None, images, "is,fid,kid", extractor=tiny)


def test_a_side_that_was_not_looked_at_is_named(images, tiny: Extractor):
    comparison = Comparison.of_names("fid", extractor=tiny)
    side = comparison.look(images, "generated")
    with pytest.raises(ValueError, match="look at the real side, got None"):
        comparison.of(None, side)


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("fid", ["biased upwards", "counts: 30 real and 20 generated images are few"]),
        ("is", ["generated: 20 images are few for an Inception Score over 12 classes"]),
        ("kid", []),
        ("precision_recall", ["precision and recall of 30 real and 20 generated images depend"]),
        ("density_coverage", ["density and coverage of 30 real and 20 generated images depend"]),
        ("modes", []),
    ],
)
def test_each_metric_brings_its_own_sentence_on_few_images(
    metric: str, said: list[str], tiny_classes: Extractor
):
    sides = random_images(30), random_images(20, seed=1)
    made = evaluate(*sides, metric, extractor=tiny_classes, kid_subset_size=10, interval=False)
    of_counts = [line for line in made.warnings if "images" in line]
    assert bool(said) == bool(of_counts)
    for words in said:
        assert any(words in line for line in of_counts), (words, of_counts)
    assert ("distance" in " ".join(of_counts)) is (metric == "fid")


def test_enough_images_for_a_score_are_no_matter_of_doubt(tiny_classes: Extractor):
    """Five to each of 12 classes in each of 10 parts."""
    made = evaluate(None, random_images(600), "is", extractor=tiny_classes)
    assert made.warnings == ()
    assert len(evaluate(None, random_images(599), "is", extractor=tiny_classes).warnings) == 1


def test_the_count_of_a_side_that_is_not_looked_at_is_no_matter(images, tiny_classes: Extractor):
    assert np.isfinite(evaluate(images[:1], images, "is", extractor=tiny_classes).first.value)


def test_images_in_the_order_of_their_classes_are_warned_of(tiny_classes: Extractor):
    """Of the one set, in order and mixed: the number is the protocol's own in either."""
    labels = np.repeat(np.arange(12), 50)
    # Class c is bright in one of the 12 quarters of channels, which are the logits.
    images = np.zeros((600, 8, 8, 3), np.uint8)
    for image, label in zip(images, labels, strict=True):
        channel, row, column = label // 4, label // 2 % 2, label % 2
        image[row * 4 :, column * 4 :][:4, :4, channel] = 255
    mixed = images[np.random.default_rng(0).permutation(600)]

    def on_order(images: np.ndarray, metric: str) -> list[str]:
        made = evaluate(None, images, metric, extractor=tiny_classes)
        return [line for line in made.warnings if "order" in line]

    for metric in ("is", "ind"):
        assert len(on_order(images, metric)) == 1
        assert on_order(mixed, metric) == []
    assert on_order(images, "is_adm") == []  # 600 images are a single part
    score = inception_score(images, extractor=tiny_classes)
    assert f"{float(score):.4g} over parts of consecutive" in on_order(images, "is")[0]


def test_an_order_by_chance_is_hardly_ever_warned_of():
    """Of 200 sets in an order by chance, of 100 images to a part and of 4."""
    from ttur.evaluation.measures import MEASURES
    from ttur.evaluation.statistics import Side, Statistics

    statistics = Statistics(np.zeros(1), np.eye(1), 2, {})
    row, warned = MEASURES["is"], 0
    for seed in range(200):
        count = 1000 if seed % 2 else 40
        logits = 4 * np.random.default_rng(seed).normal(size=(count, 10)).astype(np.float32)
        sides = {"generated": Side(statistics, logits=logits)}
        warned += any("order" in line for line in row.doubts(row, sides))
    assert warned == 0
