"""Samples from a trained run."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from ttur.runtime import checkpoint
from ttur.training.build import MODELS, build_networks, draw_latents
from ttur.training.config import TrainingConfig
from ttur.training.loop import BEST
from ttur.training.record import read_run
from ttur.training.scoring import to_pixels, write_grid
from ttur.training.sentences import decoded, lines


@dataclass(frozen=True)
class TrainedGenerator:
    """A generator in evaluation mode and the configuration it was trained by.

    `vocabulary` has the symbols of its sentences; it is empty if it draws images.
    """

    network: nn.Module
    config: TrainingConfig
    vocabulary: tuple[str, ...] = ()

    def latents(self, count: int, seed: int) -> Tensor:
        """The same for the same seed, whatever the count before."""
        noise = torch.Generator(next(self.network.parameters()).device).manual_seed(seed)
        # One latent at a time: torch's draws of a batch depend on its size.
        return torch.cat([draw_latents(self.config, 1, noise) for _ in range(count)])

    @torch.no_grad()
    def images(self, count: int, seed: int) -> Float[Tensor, "{count} 3 h w"]:
        """The first `count` images of a seed, on the CPU.

        Where the statistics of a batch normalise its images (spec B.5), each depends on those drawn
        with it; whole batches of an evaluation's size are drawn, so that count still does not
        matter.
        """
        together = self.config.evaluation_batch_size
        drawn = count
        if MODELS[self.config.model].SAMPLES_IN_BATCHES:
            drawn = -(-count // together) * together
        parts = self.latents(drawn, seed).split(together)
        return torch.cat([self.network(part).cpu() for part in parts])[:count]


def load_generator(run: Path, *, best: bool, device: torch.device) -> TrainedGenerator:
    """The generator of the last checkpoint of `run`, or the one with the best score.

    Raises:
        FileNotFoundError: if there is no run or nothing was saved yet.
        ValueError: if the file is damaged, or the networks were the user's own.
    """
    record = read_run(run)
    config = record.config
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
    generator, _ = build_networks(config, len(record.vocabulary))
    try:
        generator.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{run} holds weights of another network ({error})") from error
    return TrainedGenerator(generator.to(device).eval(), config, record.vocabulary)


def draw_sentences(generator: TrainedGenerator, count: int, seed: int) -> list[str]:
    """`count` sentences, without the padding at their end."""
    parts = generator.latents(count, seed).split(1000)
    codes = np.concatenate([decoded(generator.network, part) for part in parts])
    return lines(codes, generator.vocabulary)


def write_samples(
    generator: TrainedGenerator, count: int, seed: int, *, folder: Path | None, grid: Path | None
) -> Path:
    """`count` samples as single PNGs in `folder`, or together in the file `grid`; says where.

    Pixels are rounded to uint8.
    """
    if folder is not None and folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; choose an empty or new --out")
    images = generator.images(count, seed)
    if grid is not None:
        grid.parent.mkdir(parents=True, exist_ok=True)
        write_grid(images, grid)
        return grid
    assert folder is not None
    folder.mkdir(parents=True, exist_ok=True)
    for index, pixels in enumerate(to_pixels(images)):
        Image.fromarray(pixels).save(folder / f"{index:06d}.png")
    return folder
