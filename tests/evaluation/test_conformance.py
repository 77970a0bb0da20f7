"""What every metric of `MEASURES` must do: it runs on small sides, its names and numbers hold."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch.nn.functional as F
from PIL import Image, ImageFilter
from torch import Tensor, nn

from ttur.data.published.digits import digits
from ttur.evaluation.accumulator import Accumulator
from ttur.evaluation.comparison import SIDES
from ttur.evaluation.evaluate import evaluate
from ttur.evaluation.measures import MEASURES
from ttur.evaluation.metric_names import measures
from ttur.evaluation.reference import save_features, statistics
from ttur.evaluation.result import Evaluation
from ttur.evaluation.statistics import KINDS, MOMENTS
from ttur.features.extractors import Extractor, load_extractor

# Train against test digits; the 64 features need four images each for fid_infinity.
REAL, GENERATED = digits("train").images[:600], digits("train").images[600:900]


class WithPlaces(nn.Module):
    """A network that says where things are, too: what sFID looks at."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return (*self.network(images), F.avg_pool2d(images.mean(1), 4).flatten(1))


def means_thrice(images: Tensor) -> tuple[Tensor, ...]:
    features = F.avg_pool2d(images, 4).flatten(1)
    return features, features, features


@pytest.fixture
def embedded() -> Extractor:
    digits_network = load_extractor("digits")
    return replace(digits_network, network=WithPlaces(digits_network.network))


@pytest.fixture
def tiny_classes() -> Extractor:
    """Features, classes and places; no batch effects."""
    return Extractor.of(means_thrice, name="classes", dimension=12, size=8)


def blurred(images: np.ndarray) -> np.ndarray:
    filtered = (Image.fromarray(image).filter(ImageFilter.GaussianBlur(3)) for image in images)
    return np.stack([np.array(image) for image in filtered])


def measured(name: str, generated: np.ndarray, extractor: Extractor, **options) -> Evaluation:
    options = {"kid_subset_size": 50, "interval": False, "cache": False} | options
    return evaluate(REAL, generated, name, extractor=extractor, **options)


@pytest.fixture(params=list(MEASURES))
def name(request) -> str:
    return request.param


def test_its_numbers_are_finite_and_named_as_it_says(name: str, embedded: Extractor):
    made = measured(name, GENERATED, embedded)
    (measure,) = measures(name)
    assert tuple(made) == measure.names("fd_digits")
    assert np.isfinite(list(made.values())).all()


def test_names_of_all_are_different():
    kinds = [kind for measure in MEASURES.values() for kind in measure.kinds]
    assert len(set(kinds)) == len(kinds)


def test_its_direction_is_right_on_worse_samples(name: str, embedded: Extractor):
    """Blurred until few digits can be told apart. Modes, where one sample in ten suffices, and the
    classes that they leave: all samples of one digit. Authenticity: the training images.
    """
    worse = REAL[:300] if name == "authenticity" else blurred(GENERATED)
    if name == "modes":
        train = digits("train")
        assert train.labels is not None
        worse = train.images[train.labels == 3][:100]
    (measure,) = measures(name)
    good, bad = measured(name, GENERATED, embedded), measured(name, worse, embedded)
    for metric in good:
        assert (good[metric] < bad[metric]) is measure.lower_is_better, metric


def test_the_batch_size_is_no_part_of_it(name: str, tiny_classes: Extractor):
    """To the bit, where features of an image do not depend on those beside it."""
    whole, parts = (measured(name, GENERATED, tiny_classes, batch_size=size) for size in (300, 7))
    assert whole.measurements == parts.measurements


def test_too_few_images_are_refused_by_its_name(name: str, embedded: Extractor):
    (measure,) = measures(name)
    with pytest.raises(ValueError, match=f"{measure.name}.*needs at least .* images, got 1"):
        measured(name, GENERATED[:1], embedded)


def test_it_looks_at_sides_and_kinds_that_there_are(name: str):
    measure = MEASURES[name]
    assert measure.keep
    assert set(measure.keep) <= set(SIDES)
    assert {kind for kept in measure.keep.values() for kind in kept} <= set(KINDS)
    assert pickle.loads(pickle.dumps(measure)).names("fid") == measure.names("fid")


def test_it_is_of_the_sides_it_looks_at(name: str, tiny_classes: Extractor):
    made = measured(name, GENERATED, tiny_classes)
    sides = list(MEASURES[name].keep)
    assert list(made.counts) == list(made.fingerprints) == list(made.audit) == sides
    document = json.loads(json.dumps(made.to_json(), allow_nan=False))
    assert [each["metric"] for each in document["metrics"]] == list(made)
    if "real" not in sides:
        options = {"extractor": tiny_classes, "kid_subset_size": 50, "interval": False}
        assert evaluate(None, GENERATED, name, **options) == made


def test_statistics_do_where_it_keeps_moments_alone(name: str, tiny_classes: Extractor):
    known = statistics(REAL, tiny_classes)
    kept = MEASURES[name].keep.get("real", ())
    call = {"extractor": tiny_classes, "kid_subset_size": 50, "interval": False}
    if set(kept) <= {"moments"}:
        assert dict(evaluate(known, GENERATED, name, **call)) == dict(
            measured(name, GENERATED, tiny_classes)
        )
    else:
        with pytest.raises(ValueError, match=f"need the {kept[0]} of the real images, got their"):
            evaluate(known, GENERATED, name, **call)
    assert set(MOMENTS) < set(KINDS)


def test_saved_features_and_parts_give_the_same(name: str, tiny_classes: Extractor, tmp_path: Path):
    direct = measured(name, GENERATED, tiny_classes)
    files = tmp_path / "real.npz", tmp_path / "generated.npz"
    for images, file in zip((REAL, GENERATED), files, strict=True):
        save_features(images, file, extractor=tiny_classes)
    options = {"kid_subset_size": 50, "interval": False, "cache": False}
    # The spatial moments of a file are moments, not features: all is to the bit.
    assert evaluate(*files, name, **options) == direct
    parts = Accumulator(REAL, name, extractor=tiny_classes, **options)
    for start in range(0, 300, 130):
        parts.update(GENERATED[start : start + 130])
    assert parts.compute() == direct
