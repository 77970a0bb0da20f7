"""A small extractor without weights, one with, and small images."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ttur.metrics.extractors import Extractor


def patch_means(images: Tensor) -> Tensor:
    """The mean of each quarter of each channel: 12 features, no weights, no batch effects."""
    return F.avg_pool2d(images, 4).flatten(1)


@pytest.fixture
def tiny() -> Extractor:
    return Extractor.of(patch_means, name="patches", dimension=12, size=8)


@pytest.fixture
def tiny_torch() -> Extractor:
    return Extractor.of(patch_means, name="patches", dimension=12, size=8, protocol="torch")


class Weighted(nn.Module):
    """The same features with a weight, so that the extractor has a digest."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, images: Tensor) -> Tensor:
        return patch_means(images) * self.gain


@pytest.fixture
def weighted() -> Extractor:
    return Extractor.of(Weighted(), name="patches", dimension=12, size=8)


@pytest.fixture
def weighted_torch() -> Extractor:
    return Extractor.of(Weighted(), name="patches", dimension=12, size=8, protocol="torch")


def random_images(count: int, seed: int = 0, side: int = 10) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


@pytest.fixture
def images() -> np.ndarray:
    return random_images(30)


@pytest.fixture
def other_images() -> np.ndarray:
    return random_images(25, seed=1) // 2
