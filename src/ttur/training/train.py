"""`ttur.train`: any two networks, any two losses, two learning rates."""

import copy
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ttur.data.batches import Batches
from ttur.data.dataset import DataSet
from ttur.losses import NON_SATURATING, Losses
from ttur.runtime.distributed import pick_device
from ttur.runtime.run_directory import RunDirectory
from ttur.timescales import LearningRatePair
from ttur.timescales.optimizers import Adam, Optimizer
from ttur.timescales.orders import Order, discriminator_first
from ttur.training.build import environment, stream_seed
from ttur.training.game import TwoPlayerGame
from ttur.training.loop import Cadence, Evaluator, Progress, run_loop
from ttur.training.record import OWN_NETWORKS, RunRecord, concluded_run, read_run
from ttur.training.scoring import Scoring, evaluator

DrawLatents = Callable[[int, torch.Generator], Tensor]


def train(
    generator: nn.Module,
    discriminator: nn.Module,
    data: np.ndarray | Tensor,
    directory: Path | str,
    *,
    rates: LearningRatePair,
    updates: int,
    losses: Losses = NON_SATURATING,
    latents: int | DrawLatents = 100,
    order: Order = discriminator_first,
    n_critic: int = 1,
    batch_size: int = 64,
    seed: int = 0,
    optimizers: tuple[Optimizer, Optimizer] | None = None,
    metric: str = "none",
    evaluation_samples: int = 2_000,
    evaluate_every_updates: int = 500,
    checkpoint_every_updates: int = 500,
    log_every_updates: int = 100,
    device: str = "auto",
    report: Callable[[Progress], None] = lambda progress: None,
    say: Callable[[str], None] = lambda message: None,
) -> RunRecord:
    """Train two networks of your own against each other in `directory`; again = continue.

    Args:
        generator: latents → samples. With images, (batch, 3, H, W) in [-1, 1].
        discriminator: samples → scores, as the losses expect them (logits by default).
        data: uint8 images (N, H, W, 3), which become float32 (batch, 3, H, W) in [-1, 1]; or any
            array or tensor (N, ...) of floats, which is used as it is.
        directory: takes config.json, events.jsonl, checkpoints and sample grids.
        rates: discriminator rate b and generator rate a, numbers or sequences of step sizes.
        updates: generator updates in all. The same call with more continues the run.
        losses: both losses (`ttur.losses`); functions of the networks and samples.
        latents: size of a standard normal latent, or (count, noise) → latents on noise's device.
        order: who moves when (`ttur.timescales.orders`).
        optimizers: of discriminator and generator, already holding their parameters; Adam with
            beta 0.5 and 0.999 in TensorFlow's form if None. `TorchOptimizer` adapts torch.optim's.
        metric: fd_digits, fd_cifar10, fid, ...; needs images. "none" only draws grids.

    Samples are drawn from a copy of the generator in evaluation mode.

    Raises:
        ValueError: if the folder holds another run (names the fields), or the data do not fit.
    """
    target = pick_device(device)
    generator, discriminator = generator.to(target), discriminator.to(target)
    draw = latents if callable(latents) else _standard_normal(latents)
    adams = Adam(discriminator.parameters()), Adam(generator.parameters())
    discriminator_optimizer, generator_optimizer = optimizers or adams
    game = TwoPlayerGame(
        generator=generator.train(),
        discriminator=discriminator.train(),
        losses=losses,
        generator_optimizer=generator_optimizer,
        discriminator_optimizer=discriminator_optimizer,
        rates=rates,
        order=order,
        n_critic=n_critic,
        real=Batches(data, batch_size, seed=stream_seed(seed, "data"), device=target),
        latents=lambda noise: draw(batch_size, noise),
        noise=torch.Generator(target).manual_seed(stream_seed(seed, "training")),
    )
    cadence = Cadence(updates, log_every_updates, evaluate_every_updates, checkpoint_every_updates)
    scoring = Scoring(
        sampler=_evaluation_copy,
        latents=draw,
        seed=stream_seed(seed, "evaluation"),
        samples=evaluation_samples,
        batch_size=min(evaluation_samples, 500),
        device=target,
    )
    array = np.asarray(data)
    digest = hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
    configuration: dict[str, Any] = {
        "model": OWN_NETWORKS,
        "generator": _architecture(generator),
        "discriminator": _architecture(discriminator),
        "rates": {"discriminator": repr(rates.discriminator), "generator": repr(rates.generator)},
        "losses": [_name(losses.discriminator), _name(losses.generator)],
        "latents": latents if isinstance(latents, int) else _name(latents),
        "optimizers": [_name(discriminator_optimizer), _name(generator_optimizer)],
        "order": _name(order),
        "n_critic": n_critic,
        "batch_size": batch_size,
        "seed": seed,
        "updates": updates,
        "metric": metric,
        "evaluation_samples": evaluation_samples,
    }
    document = {
        "experiment": Path(directory).name,
        "label": rates.label,
        "seed": seed,
        "data_sha256": digest,
        "configuration": configuration,
        "environment": environment(target),
    }
    real = None
    if array.dtype == np.uint8:
        real = DataSet("data", "train", array, None, {"splits": {"train": {"sha256": digest}}})
    with RunDirectory(Path(directory)) as folder:
        if concluded := concluded_run(folder, document, say):
            return concluded
        looking = Evaluator("none", None, None)  # points and sentences have no grid of images
        if real is not None or metric != "none":
            looking = evaluator(metric, "tf1", scoring, real, None, say)
        folder.write_config(document)
        run_loop(game, folder, cadence, looking, report, say)
    return read_run(Path(directory))


def _standard_normal(size: int) -> DrawLatents:
    return lambda count, noise: torch.randn((count, size), generator=noise, device=noise.device)


def _evaluation_copy(generator: nn.Module, fixed_latents: Tensor) -> nn.Module:
    return copy.deepcopy(generator).requires_grad_(False).eval()


def _name(part: object) -> str:
    """What config.json calls a function or an optimizer of the user's."""
    return getattr(part, "__qualname__", type(part).__qualname__)


def _architecture(network: nn.Module) -> list[str]:
    """Name and shape of every parameter and buffer: enough to know another network."""
    return [f"{name} {tuple(value.shape)}" for name, value in network.state_dict().items()]
