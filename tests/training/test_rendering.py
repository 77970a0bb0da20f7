"""What of a generator's output is scored, for every program of the paper (J.7, J.10, J.12)."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from ttur.data.dataset import DataSet
from ttur.training.rendering import Rendering, jpeg_round_trip, reference


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        ("float", [-12.75, 0.0, 127.5, 191.25, 255.0, 267.75]),
        ("clipped", [0.0, 0.0, 127.5, 191.25, 255.0, 255.0]),
        ("truncated", [0.0, 0.0, 127.0, 191.0, 255.0, 255.0]),
        ("rounded", [0.0, 0.0, 128.0, 191.0, 255.0, 255.0]),
    ],
)
def test_conversions(pixels, expected):
    images = torch.tensor([-1.1, -1.0, 0.0, 0.5, 1.0, 1.1], dtype=torch.float64)
    rendered = Rendering(pixels)(images.expand(2, 3, 4, 6))
    torch.testing.assert_close(rendered[1, 2, 3], torch.tensor(expected, dtype=torch.float64))


def test_a_jpeg_round_trip_is_a_file_of_quality_95():
    pixels = smooth_images(1)[0]
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95, subsampling=2)
    expected = np.array(Image.open(file))
    assert np.array_equal(jpeg_round_trip(pixels), expected)
    assert not np.array_equal(expected, pixels)
    images = torch.from_numpy(pixels).movedim(-1, 0)[None] / 127.5 - 1
    rendered = Rendering("float", jpeg=True)(images.float())[0].movedim(0, -1).numpy()
    assert np.array_equal(rendered, expected)


def smooth_images(count: int) -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=(count, 16, 16, 3)).cumsum(1).cumsum(2)
    return (noise * 5 + 128).clip(0, 255).astype(np.uint8)


def data_set(count: int) -> DataSet:
    card = {"splits": {"train": {"sha256": "0"}}}
    return DataSet("noise", "train", smooth_images(count), None, card)


def seen(images) -> np.ndarray:
    return np.concatenate(list(images.batches(7)))


def test_a_reference_of_all_images_is_the_data_set():
    data = data_set(20)
    for count in (None, 20, 21):
        images = reference(data, count=count, jpeg=False)
        assert np.array_equal(seen(images), data.images)


def test_a_reference_of_some_images_takes_each_once():
    data = data_set(20)
    some = seen(reference(data, count=12, jpeg=False))
    rows = {image.tobytes() for image in some}
    assert len(some) == len(rows) == 12
    assert rows < {image.tobytes() for image in data.images}
    assert np.array_equal(seen(reference(data, count=12, jpeg=False)), some)


def test_references_that_differ_have_different_keys():
    """Statistics are kept by them."""
    data = data_set(20)
    ways = [(None, False), (None, True), (12, False), (13, False), (12, True)]
    keys = {reference(data, count=c, jpeg=j).content_sha256() for c, j in ways}
    assert len(keys) == len(ways)
    through_jpeg = seen(reference(data, count=None, jpeg=True))
    assert np.array_equal(through_jpeg[5], jpeg_round_trip(data.images[5]))
