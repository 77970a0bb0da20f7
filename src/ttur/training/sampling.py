"""Samples from a trained run."""

from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import nn

from ttur.runtime import checkpoint
from ttur.training.build import build_networks, draw_latents
from ttur.training.config import TrainingConfig
from ttur.training.loop import BEST
from ttur.training.record import read_run
from ttur.training.scoring import to_pixels, write_grid


@dataclass(frozen=True)
class TrainedGenerator:
    """A generator in evaluation mode and the configuration it was trained by."""

    network: nn.Module
    config: TrainingConfig


def load_generator(run: Path, *, best: bool, device: torch.device) -> TrainedGenerator:
    """The generator of the last checkpoint of `run`, or the one with the best score.

    Raises:
        FileNotFoundError: if there is no run or nothing was saved yet.
        ValueError: if the file is damaged, or the networks were the user's own.
    """
    config = read_run(run).config
    if config is None:
        raise ValueError(
            f"{run} trained networks of your own; load them with your own code from "
            f"{run / checkpoint.NEWEST}"
        )
    if best:
        if not (run / BEST).exists():
            raise FileNotFoundError(f"{run} has no {BEST}; it is written at the first evaluation")
        weights = checkpoint.load_file(run / BEST)["generator"]
    else:
        loaded = checkpoint.load(run)
        if loaded is None:
            raise FileNotFoundError(f"{run} has no checkpoint yet; train it further first")
        weights = loaded.state["game"]["generator"]
    generator, _ = build_networks(config)
    try:
        generator.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{run} holds weights of another network ({error})") from error
    return TrainedGenerator(generator.to(device).eval(), config)


@torch.no_grad()
def write_samples(
    generator: TrainedGenerator, count: int, seed: int, *, folder: Path | None, grid: Path | None
) -> Path:
    """`count` samples as single PNGs in `folder`, or together in the file `grid`; says where.

    Pixels are rounded to uint8. The same seed gives the same samples, whatever the count before.
    """
    if folder is not None and folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; choose an empty or new --out")
    device = next(generator.network.parameters()).device
    noise = torch.Generator(device).manual_seed(seed)
    # One latent at a time: torch's draws of a batch depend on its size.
    latents = torch.cat([draw_latents(generator.config, 1, noise) for _ in range(count)])
    images = torch.cat([generator.network(part).cpu() for part in latents.split(1000)])
    if grid is not None:
        grid.parent.mkdir(parents=True, exist_ok=True)
        write_grid(images, grid)
        return grid
    assert folder is not None
    folder.mkdir(parents=True, exist_ok=True)
    for index, pixels in enumerate(to_pixels(images)):
        Image.fromarray(pixels).save(folder / f"{index:06d}.png")
    return folder
