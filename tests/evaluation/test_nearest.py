"""The generated images nearest to training images, found again among all."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from evaluation.conftest import random_images
from ttur.evaluation.evaluate import evaluate
from ttur.evaluation.nearest import nearest
from ttur.reports.nearest import draw_nearest


@pytest.fixture
def training() -> np.ndarray:
    return random_images(40)


@pytest.fixture
def generated(training) -> np.ndarray:
    """Others, but for a copy of training image 9 and one that is nearly image 3."""
    images = random_images(20, seed=1)
    images[4], images[11] = training[9], training[3] ^ 1
    return images


def places(found) -> list[tuple[int, int]]:
    return [(pair.generated.index, pair.training.index) for pair in found.pairs]


def test_copies_come_first_beside_their_originals(training, generated, tiny):
    found = nearest(training, generated, count=3, extractor=tiny)
    assert places(found)[:2] == [(4, 9), (11, 3)]
    first, second, third = found.pairs
    assert (first.distance, first.is_authentic) == (0, False)
    assert 0 < second.distance < third.distance
    for pair in found.pairs:
        assert (pair.generated.pixels == generated[pair.generated.index]).all()
        assert (pair.training.pixels == training[pair.training.index]).all()
    expected = evaluate(training, generated, "authenticity", extractor=tiny, cache=False)
    assert found.evaluation == expected


def test_files_are_named_also_where_some_are_skipped(training, generated, tiny, tmp_path):
    for index, image in enumerate(generated):
        Image.fromarray(image).save(tmp_path / f"{index:02}.png")
    (tmp_path / "02.png").write_bytes(b"no image")
    found = nearest(training, tmp_path, count=2, extractor=tiny, on_error="skip", batch_size=3)
    assert places(found) == [(3, 9), (10, 3)]
    assert [pair.generated.name for pair in found.pairs] == ["04.png", "11.png"]
    assert found.pairs[0].training.name == "image 9"
    assert found.pairs[0].to_json()["generated"] == {"index": 3, "file": "04.png"}


def test_more_pairs_than_images_are_all(training, generated, tiny):
    assert len(nearest(training, generated, count=99, extractor=tiny).pairs) == 20


def test_sources_that_are_other_ones_the_second_time_are_refused(training, generated, tiny):
    class Shuffled:
        """Another order at every reading."""

        def __init__(self) -> None:
            self.rng = np.random.default_rng(0)

        def __iter__(self):
            return iter(self.rng.permutation(generated))

    with pytest.raises(ValueError, match="another order, when it is read again"):
        nearest(training, Shuffled(), extractor=tiny)
    with pytest.raises(ValueError, match="can be read twice, got an iterator"):
        nearest(training, iter(generated), extractor=tiny)
    with pytest.raises(ValueError, match="`count` of 1 or more"):
        nearest(training, generated, count=0, extractor=tiny)


def test_the_figure_shows_each_pair_with_its_distances(
    training, generated, tiny, tmp_path, monkeypatch
):
    figures = []

    def keep(figure, path):
        figures.append(figure)
        plt.close(figure)
        return path

    monkeypatch.setattr("ttur.reports.nearest.save", keep)
    found = nearest(training, generated, count=6, extractor=tiny)
    draw_nearest(found, tmp_path / "nearest.png")
    (figure,) = figures
    assert figure.get_suptitle().startswith("authenticity_patches ")
    headings = [frame for frame in figure.subfigs if frame.axes]
    assert len(headings) == 6
    assert headings[0].get_suptitle().startswith("0 (its own ")
    shown = [axes.get_images()[0].get_array() for axes in headings[1].axes]
    assert (shown[0] == generated[11]).all()
    assert (shown[1] == training[3]).all()
    assert [axes.get_xlabel() for axes in headings[0].axes] == [
        "generated\nimage 4",
        "training\nimage 9",
    ]
