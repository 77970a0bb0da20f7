"""Small configurations for tests, and their games, in one line each."""

from typing import Any

import torch

from ttur.data.dataset import DataSet
from ttur.training.assembling import parts_of
from ttur.training.config import TrainingConfig
from ttur.training.game import TwoPlayerGame
from ttur.training.media import ImageMedium, Medium

CPU = torch.device("cpu")
WASSERSTEIN = {"adversarial": "wasserstein", "penalties": ["gradient_penalty"]}
BEGAN = {"adversarial": "began"}


def configuration(
    model: str | dict[str, Any] = "dcgan",
    data: str = "digits",
    *,
    losses: str | dict[str, Any] = "non_saturating",
    optimizer: str = "adam",
    rates: Any = {"discriminator": 1e-3, "generator": 5e-4},  # noqa: B006
    updates: int = 5,
    **fields: Any,
) -> TrainingConfig:
    """A configuration by kinds, with fields of the tree by their own names."""
    kind = model if isinstance(model, str) else model["kind"]
    medium = "sentences" if kind == "wgan_gp_language" else "images"
    config = TrainingConfig.from_json(
        {
            "data": data,
            "model": model,
            "losses": losses,
            "optimizer": optimizer,
            "rates": rates,
            "updates": updates,
            "scoring": {"kind": medium},
        }
    )
    return config.but(**fields)


def game_of(config: TrainingConfig, data: DataSet | Medium | None = None) -> TwoPlayerGame:
    """The game of `config` on the CPU, on its own data or on others."""
    if data is None:
        medium = config.medium.load(config.data.name, config.data.split, None, config.model)
    else:
        medium = ImageMedium(data) if isinstance(data, DataSet) else data
    return parts_of(config, medium, CPU).game()
