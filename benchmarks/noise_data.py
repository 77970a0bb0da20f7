"""Experiments of the registry on noise instead of their data, for timing."""

import numpy as np

from ttur.data.dataset import DataSet
from ttur.data.text import Sentences
from ttur.experiments.registry import experiment
from ttur.training.config import TrainingConfig

SYMBOLS = 100
Data = DataSet | Sentences


def settings(name: str) -> TrainingConfig:
    """The first of an experiment's settings, that is the one with two learning rates."""
    return next(iter(experiment(name).settings.values()))


def random_data(config: TrainingConfig) -> Data:
    """Noise of the right size: speed does not depend on what is in the pictures or sentences."""
    noise, card = np.random.default_rng(0), {"splits": {"train": {"sha256": ""}}}
    if config.length is not None:
        codes = noise.integers(0, SYMBOLS, (2_000, config.length), dtype=np.uint8)
        return Sentences("noise", "train", codes, tuple(map(chr, range(SYMBOLS))), card)
    assert config.image_size is not None
    size = (2_000, config.image_size, config.image_size, 3)
    return DataSet("noise", "train", noise.integers(0, 256, size, dtype=np.uint8), None, card)
