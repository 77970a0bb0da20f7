"""What every metric of `MEASURES` must do: it runs on small sides, its names and numbers hold."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from ttur.data.published.digits import digits
from ttur.evaluation.evaluate import evaluate
from ttur.evaluation.measures import MEASURES, measures
from ttur.evaluation.result import Evaluation
from ttur.features.extractors import Extractor

# Train against test digits; the 64 features need four images each for fid_infinity.
REAL, GENERATED = digits("train").images[:600], digits("train").images[600:900]


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
