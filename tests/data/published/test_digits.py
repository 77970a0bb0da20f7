import hashlib

import numpy as np
import pytest
from PIL import Image

from ttur.data.published.digits import digits, double


def test_there_are_1797_digits_of_ten_kinds():
    """Counts per digit as UCI states them for the test set: 178, 182, 177, ..., 180."""
    everything = digits("all")
    assert everything.images.shape == (1797, 16, 16, 3)
    assert everything.labels is not None
    counts = np.bincount(everything.labels).tolist()
    assert counts == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_train_and_test_share_nothing_and_are_everything():
    train, test, everything = (digits(split) for split in ("train", "test", "all"))
    assert (len(train.images), len(test.images)) == (1437, 360)
    assert np.array_equal(everything.images[::5], test.images)
    assert sorted(map(bytes, [*train.images, *test.images])) == sorted(
        map(bytes, everything.images)
    )


@pytest.mark.parametrize("split", ["train", "test", "all"])
def test_the_card_tells_the_truth(split):
    data = digits(split)
    card = data.card["splits"][split]
    assert card["count"] == len(data.images)
    assert data.sha256 == hashlib.sha256(data.images.tobytes()).hexdigest()
    assert data.card["licence"] == "CC BY 4.0"


def test_doubling_equals_bilinear_interpolation():
    """By hand: along a row 0, 16 the four values are 0, 4, 12, 16 sixteenths of white."""
    counts = np.array([[[0, 16], [0, 16]]])
    row = [round(255 * v / 16) for v in (0, 4, 12, 16)]
    assert double(counts)[0].tolist() == [row] * 4


def test_doubling_keeps_constants_and_reaches_white():
    for value, expected in ((0, 0), (16, 255), (8, 128)):
        assert (double(np.full((1, 3, 3), value)) == expected).all()


def test_doubling_agrees_with_pillow_to_rounding():
    """Pillow scales the same pixels bilinearly, but rounds before, between the axes and after."""
    counts = np.random.default_rng(0).integers(0, 17, (20, 8, 8))
    for digit, ours in zip(counts, double(counts), strict=True):
        grey = Image.fromarray(np.round(255 * digit / 16).astype(np.uint8))
        theirs = np.asarray(grey.resize((16, 16), Image.Resampling.BILINEAR), np.int64)
        # Half a level each for the three roundings, and they may add up: below 2.
        assert abs(ours - theirs).max() <= 1


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match="train, test, all of digits, got 'valid'"):
        digits("valid")
