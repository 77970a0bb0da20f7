"""Samples from a trained run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ttur.runtime import checkpoint
from ttur.runtime.distributed import pick_device
from ttur.runtime.progress import task
from ttur.runtime.randomness import randomness_from
from ttur.training.assembling import networks_of
from ttur.training.averaging import NAME
from ttur.training.config import TrainingConfig
from ttur.training.loop import BEST
from ttur.training.record import read_run
from ttur.training.train import OWN_NETWORKS


@dataclass(frozen=True)
class TrainedGenerator:
    """A generator in evaluation mode and the configuration it was trained by.

    `vocabulary` has the symbols of its sentences; it is empty if it draws images. `origin` says
    which weights these are.
    """

    network: nn.Module
    config: TrainingConfig
    vocabulary: tuple[str, ...] = ()
    origin: str = ""

    def latents(self, count: int, seed: int) -> Tensor:
        """The same for the same seed, whatever the count before."""
        rng = torch.Generator(next(self.network.parameters()).device).manual_seed(seed)
        # One latent at a time: torch's draws of a batch depend on its size.
        return torch.cat([self.config.model.draw_latents(1, rng) for _ in range(count)])

    def samples(self, count: int, seed: int) -> Sequence[Any]:
        """The first `count` samples of a seed: uint8 pixels (H, W, 3), or sentences.

        Where the statistics of a batch normalise its images (B.5), each depends on those drawn
        with it; whole batches of an evaluation's size are drawn, so that count still does not
        matter.
        """
        together: int = self.config.scoring.evaluation_batch_size
        drawn = count
        if self.config.model.samples_in_batches:
            drawn = -(-count // together) * together
        samples: list[Any] = []
        drawing = task("samples", drawn, self.config.medium.kind)
        with torch.no_grad(), randomness_from(seed, torch.device("cpu")), drawing as advance:
            for part in self.latents(drawn, seed).split(together):
                samples += self.config.medium.displayable(self.network(part), self.vocabulary)
                advance(len(part))
        return samples[:count]


def load_generator(
    run: Path | str,
    *,
    best: bool = False,
    raw: bool = False,
    device: str | torch.device = "auto",
) -> TrainedGenerator:
    """The generator of the last checkpoint of `run`, or the one with the best score.

    Of a run that averages its weights (`ema`), the average if that decides, unless `raw`.

        >>> import tempfile
        >>> few = {"updates": 2, "width": 2, "metric": "none"}
        >>> runs = ttur.run("demo", seeds=[0], settings=few, out=tempfile.mkdtemp(), device="cpu")
        >>> made = ttur.load_generator(next(runs).directory, device="cpu")
        >>> [image.shape for image in made.samples(2, seed=0)]
        [(16, 16, 3), (16, 16, 3)]

    Raises:
        FileNotFoundError: if there is no run or nothing was saved yet.
        ValueError: if the file is damaged, or the networks were the user's own.
    """
    run, record = Path(run), read_run(run)
    if record.configuration.get("model", {}).get("kind") == OWN_NETWORKS:
        raise ValueError(
            f"{run} trained networks of your own; call `ttur.train` again as you did: it gives "
            f"them the weights of {run / checkpoint.NEWEST}"
        )
    config = TrainingConfig.from_json(record.configuration)
    average = config.ema is not None and config.ema.decides == NAME
    if best:
        if raw and average:
            raise ValueError(
                f"{run} keeps the best by the average of its weights; ask for `best` or for `raw`"
            )
        if not (run / BEST).exists():
            raise FileNotFoundError(f"{run} has no {BEST}; it is written at the first evaluation")
        found = checkpoint.load_file(run / BEST)
        weights, origin = found["generator"], f"{BEST}, update {found['score']['update']:,}"
    else:
        loaded = checkpoint.load(run)
        if loaded is None:
            raise FileNotFoundError(f"{run} has no checkpoint yet; train it further first")
        game, average = loaded.state["game"], average and not raw
        weights = game["companions"][NAME]["network"] if average else game["generator"]
        update = game["update"]
        origin = f"{'; '.join((*loaded.problems, loaded.path.name))}, update {update:,}"
    origin += ", average of the weights" if average else ""
    shape = config.medium.assumed_shape(config.model)
    if record.vocabulary:
        shape = (*shape[:-1], len(record.vocabulary))
    generator = networks_of(config, shape).generator
    try:
        generator.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{run} holds weights of another network ({error})") from error
    target = pick_device(str(device))
    return TrainedGenerator(generator.to(target).eval(), config, record.vocabulary, origin)


def write_samples(
    generator: TrainedGenerator,
    count: int,
    seed: int,
    *,
    out: Path | None = None,
    grid: Path | None = None,
) -> str:
    """`count` samples kept at `out` or together in the file `grid`; what to print of it.

    Raises:
        ValueError: if such samples are kept in another way; says which.
        FileExistsError: if something is there already.
    """
    return generator.config.medium.write(generator.samples(count, seed), out=out, grid=grid)
