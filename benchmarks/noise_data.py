"""Experiments of the registry on noise instead of their data, for timing."""

import numpy as np

from ttur.data.dataset import DataSet
from ttur.data.vocabulary import Sentences
from ttur.experiments.registry import experiment
from ttur.training import media
from ttur.training.config import TrainingConfig
from ttur.training.media import Medium


def settings(name: str) -> TrainingConfig:
    """The first of an experiment's settings, that is the one with two learning rates."""
    return next(iter(experiment(name).settings.values()))


def random_data(config: TrainingConfig) -> Medium:
    """Noise of the right size: speed does not depend on what is in the pictures or sentences."""
    noise, card = np.random.default_rng(0), {"splits": {"train": {"sha256": ""}}}
    shape = config.medium.assumed_shape(config.model)
    if config.model.medium == "sentences":
        length, symbols = shape
        codes = noise.integers(0, symbols, (2_000, length), dtype=np.uint8)
        data = Sentences("noise", "train", codes, tuple(map(chr, range(symbols))), card)
        return media.SentenceMedium(data, lambda: data)
    pixels = noise.integers(0, 256, (2_000, *shape[1:], 3), dtype=np.uint8)
    return media.ImageMedium(DataSet("noise", "train", pixels, None, card))
