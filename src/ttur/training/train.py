"""`ttur.train`: any two networks, any two losses, two learning rates."""

import copy
import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ttur.data.batches import Batches, are_pixels
from ttur.data.dataset import DataSet
from ttur.losses import NON_SATURATING, Losses
from ttur.runtime.distributed import pick_device
from ttur.runtime.randomness import stream
from ttur.timescales import LearningRatePair
from ttur.timescales.optimizers import Adam, Optimizer, TorchOptimizer
from ttur.timescales.orders import Order, discriminator_first
from ttur.training.build import environment, stream_seed
from ttur.training.contracts import Cadence, Evaluator, Monitor, Progress
from ttur.training.game import TwoPlayerGame, trainable
from ttur.training.monitoring import Monitoring
from ttur.training.record import OWN_NETWORKS, RunRecord, train_in
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
    experiment: str | None = None,
    losses: Losses = NON_SATURATING,
    latents: int | DrawLatents = 100,
    order: Order = discriminator_first,
    n_critic: int = 1,
    batch_size: int = 64,
    seed: int = 0,
    discriminator_optimizer: Optimizer | None = None,
    generator_optimizer: Optimizer | None = None,
    metric: str = "none",
    evaluation_samples: int = 2_000,
    evaluate_every_updates: int = 500,
    checkpoint_every_updates: int = 500,
    log_every_updates: int = 100,
    monitor_every_updates: int | None = None,
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
        experiment: the name under which `ttur report` groups runs of several rates and seeds; the
            last part of `directory` unless it is given.
        losses: both losses (`ttur.losses`); functions of the networks and samples.
        latents: size of a standard normal latent, or (count, noise) → latents on noise's device.
        order: who moves when (`ttur.timescales.orders`).
        discriminator_optimizer, generator_optimizer: each holds the trainable parameters of its
            network, on the device; None is Adam with beta 0.5 and 0.999 in TensorFlow's form.
            `TorchOptimizer` adapts any of torch.optim.
        monitor_every_updates: updates between probes of what the players do to each other's
            gradients (`ttur.timescales.monitor`), drawn by `ttur report`; 200 costs a few percent.
        metric: fd_digits, fd_cifar10, fid, ...; needs uint8 images. With these, "none" draws grids.

    Samples are drawn from a copy of the generator in evaluation mode. What is compared when a
    folder is continued: the networks' text, data, rates, seed, names and settings of the rest.

    Raises:
        ValueError: if the folder holds another run (names the fields), or something does not fit.
    """
    target = pick_device(device)
    generator, discriminator = generator.to(target).train(), discriminator.to(target).train()
    draw = latents if callable(latents) else _standard_normal(latents)
    moves_discriminator = discriminator_optimizer or Adam(trainable(discriminator))
    moves_generator = generator_optimizer or Adam(trainable(generator))
    _check_optimizer("discriminator", moves_discriminator, discriminator)
    _check_optimizer("generator", moves_generator, generator)
    cadence = Cadence(updates, log_every_updates, evaluate_every_updates, checkpoint_every_updates)
    digest = _digest(data)
    document = {
        "experiment": experiment or Path(directory).name,
        "label": rates.label,
        "seed": seed,
        "data_sha256": digest,
        "configuration": {
            "model": OWN_NETWORKS,
            "generator": repr(generator),
            "discriminator": repr(discriminator),
            "rates": [repr(rates.discriminator), repr(rates.generator), *_floor(rates)],
            "losses": [_text(losses.discriminator), _text(losses.generator)],
            "latents": latents if isinstance(latents, int) else _text(latents),
            "optimizers": [_text(moves_discriminator), _text(moves_generator)],
            "balance": losses.balance and losses.balance.settings,
            "order": _text(order),
            "n_critic": n_critic,
            "batch_size": batch_size,
            "seed": seed,
            "updates": updates,
            "metric": metric,
            "evaluation_samples": evaluation_samples,
        },
        "environment": environment(target),
    }

    def build() -> tuple[TwoPlayerGame, Evaluator, Monitor | None]:
        if losses.balance is not None:
            losses.balance.begin(target)  # it may have played before
        batches = Batches(data, batch_size, stream=stream(seed, "data"), device=target)
        game = TwoPlayerGame(
            generator=generator,
            discriminator=discriminator,
            losses=losses,
            generator_optimizer=moves_generator,
            discriminator_optimizer=moves_discriminator,
            rates=rates,
            order=order,
            n_critic=n_critic,
            real=batches,
            latents=lambda noise: draw(batch_size, noise),
            noise=torch.Generator(target).manual_seed(stream_seed(seed, "training")),
        )
        monitor = None
        if (every := monitor_every_updates) is not None:
            probe_seed = stream_seed(seed, "monitor")
            monitor = Monitoring(game, batches, game.latents, probe_seed, every)
        scoring = Scoring(
            sampler=_evaluation_copy,
            latents=draw,
            seed=stream_seed(seed, "evaluation"),
            samples=evaluation_samples,
            batch_size=min(evaluation_samples, 500),
            device=target,
        )
        real = None
        if are_pixels(data):
            card = {"splits": {"train": {"sha256": digest}}}
            real = DataSet("data", "train", np.asarray(data), None, card)
        elif metric == "none":  # points and sentences have no grid of images
            return game, Evaluator("none", None, None), monitor
        return game, evaluator(metric, "tf1", scoring, real, None, say), monitor

    return train_in(Path(directory), document, build, cadence, report, say)


def _floor(rates: LearningRatePair) -> list[str]:
    return [f"at least {rates.floor:g}"] if rates.floor else []


def _standard_normal(size: int) -> DrawLatents:
    return lambda count, noise: torch.randn((count, size), generator=noise, device=noise.device)


def _evaluation_copy(generator: nn.Module, fixed_latents: Tensor) -> nn.Module:
    return copy.deepcopy(generator).requires_grad_(False).eval()


def _check_optimizer(player: str, optimizer: Optimizer, network: nn.Module) -> None:
    theirs = getattr(optimizer, "parameters", None)
    if theirs is None:
        return  # an optimizer of the user's own need not say what it holds
    expected = trainable(network)
    if [id(p) for p in theirs] != [id(p) for p in expected]:
        raise ValueError(
            f"{player}_optimizer must hold the trainable parameters of the {player}, in their "
            f"order, got others; build it from `{player}.parameters()`"
        )


def _digest(data: np.ndarray | Tensor) -> str:
    """SHA-256 of the values of an array or of a tensor of any dtype on any device."""
    if isinstance(data, Tensor):
        data = data.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return hashlib.sha256(np.ascontiguousarray(data).data).hexdigest()


def _text(part: Any) -> str:
    """What config.json says of a function or an optimizer: its name and its settings."""
    if isinstance(part, TorchOptimizer):
        settings = {k: v for k, v in part.optimizer.defaults.items() if k != "lr"}
        return f"{type(part.optimizer).__qualname__} {settings}"
    if isinstance(part, Adam):
        return f"Adam {part.beta1} {part.beta2} {part.epsilon} {part.form}"
    name = getattr(part, "__qualname__", type(part).__qualname__)
    inner = inspect.unwrap(part) if callable(part) else part
    cells = [cell.cell_contents for cell in getattr(inner, "__closure__", None) or ()]
    settings = [value for value in cells if isinstance(value, int | float | str)]
    return f"{name} {settings}" if settings else name
