"""Images decoded by several threads ahead of their reader."""

from collections.abc import Iterator

import numpy as np
import pytest

from ttur.data.images import ahead as reading
from ttur.data.images.ahead import fitted_blocks


class Plain:
    """An image that is there already; one without a side is damaged."""

    def __init__(self, index: int, side: int | None = 4) -> None:
        self.where, self.index, self.side = f"image {index}", index, side

    def pixels(self) -> np.ndarray:
        if self.side is None:
            raise ValueError(f"{self.where} is damaged")
        return np.full((self.side, self.side, 3), self.index, np.uint8)


def as_it_is(pixels: np.ndarray) -> np.ndarray:
    return pixels


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("count", [0, 1, 7, 8, 100])
def test_blocks_hold_every_image_and_label_in_order(threads, count, monkeypatch):
    monkeypatch.setattr(reading, "_THREADS", threads)
    monkeypatch.setattr(reading, "_BLOCK", 8)
    blocks = list(fitted_blocks(((Plain(i), i % 3) for i in range(count)), as_it_is))
    assert [len(block.samples) for block in blocks[:-1]] == [8] * (len(blocks) - 1)
    seen = [int(image[0, 0, 0]) for block in blocks for image in block.samples]
    labels = [label for block in blocks if block.labels is not None for label in block.labels]
    assert (seen, labels) == (list(range(count)), [i % 3 for i in range(count)])


def test_only_few_images_are_taken_ahead_of_the_blocks(monkeypatch):
    """Room for two tasks of two images: these, and the two tasks that are used and filled."""
    monkeypatch.setattr(reading, "_THREADS", 1)
    monkeypatch.setattr(reading, "_BLOCK", 4)
    monkeypatch.setattr(reading, "_GROUP_BYTES", 2 * 4 * 4 * 3)
    taken = []

    def images() -> Iterator[tuple[Plain, None]]:
        for index in range(40):
            taken.append(index)
            yield Plain(index), None

    used = 0
    for block in fitted_blocks(images(), as_it_is):
        used += len(block.samples)
        assert len(taken) <= used + 2 * 4
    assert used == 40


@pytest.mark.parametrize("damaged", range(6))
def test_what_comes_before_a_damaged_image_is_used_first(damaged, monkeypatch):
    """Though one thread has the good ones and the damaged one in one task."""
    monkeypatch.setattr(reading, "_THREADS", 1)
    monkeypatch.setattr(reading, "_BLOCK", 1)
    images = ((Plain(i, None if i == damaged else 4), None) for i in range(6))
    used = []
    with pytest.raises(ValueError, match=f"image {damaged} is damaged"):
        used.extend(block.samples[0, 0, 0, 0] for block in fitted_blocks(images, as_it_is))
    assert used == list(range(damaged))
