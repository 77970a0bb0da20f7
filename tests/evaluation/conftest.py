"""A small extractor of one's own, an embedded one, and small images."""

import numpy as np
import pytest
import torch.nn.functional as F
from torch import Tensor

from ttur.features.extractors import Extractor, load_extractor


def patch_means(images: Tensor) -> Tensor:
    """The mean of each quarter of each channel: 12 features, no weights, no batch effects."""
    return F.avg_pool2d(images, 4).flatten(1)


@pytest.fixture
def tiny() -> Extractor:
    return Extractor.of(patch_means, name="patches", dimension=12, size=8)


@pytest.fixture
def tiny_torch() -> Extractor:
    return Extractor.of(patch_means, name="patches", dimension=12, size=8, protocol="torch")


@pytest.fixture
def embedded() -> Extractor:
    """One of ours: its statistics may be kept."""
    return load_extractor("digits")


@pytest.fixture
def embedded_torch() -> Extractor:
    return load_extractor("digits", protocol="torch")


def random_images(count: int, seed: int = 0, side: int = 10) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


@pytest.fixture
def images() -> np.ndarray:
    return random_images(30)


@pytest.fixture
def other_images() -> np.ndarray:
    return random_images(25, seed=1) // 2


@pytest.fixture
def tiny_classes() -> Extractor:
    """The same, and its features as logits of classes."""

    def twice(images: Tensor) -> tuple[Tensor, Tensor]:
        features = patch_means(images)
        return features, features

    return Extractor.of(twice, name="classes", dimension=12, size=8)
