"""Names in a configuration → parts of the loop; one run from its configuration to its record."""

import platform
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import ttur
from ttur import losses
from ttur.data import catalogue
from ttur.data.batches import Batches
from ttur.data.dataset import DataSet
from ttur.models import dcgan
from ttur.timescales.optimizers import Adam
from ttur.timescales.orders import ORDERS
from ttur.training.config import TrainingConfig
from ttur.training.game import TwoPlayerGame
from ttur.training.loop import Cadence, Evaluator, Progress
from ttur.training.record import RunRecord, train_in
from ttur.training.scoring import Scoring, evaluator

Say = Callable[[str], None]
MODELS = {"dcgan": dcgan}
LOSSES = {"non_saturating": losses.NON_SATURATING}


def run(
    config: TrainingConfig,
    directory: Path,
    *,
    experiment: str,
    label: str,
    data_directory: Path,
    device: torch.device,
    weights: Path | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
    say: Say = lambda message: None,
) -> RunRecord:
    """Train what `config` says in `directory`, or continue there; a concluded run is read back.

    Everything that can be wrong is found before the first update.

    Raises:
        ValueError: if the folder holds a run of another configuration (names the fields), or the
            data, the metric or a checkpoint does not fit.
        FileNotFoundError: if data or weights are missing; says how to get them.
        BlockingIOError: if another process runs here.
    """
    data = catalogue.load(config.data, data_directory)
    document = {
        "experiment": experiment,
        "label": label,
        "seed": config.seed,
        "data_sha256": data.sha256,
        "configuration": config.to_json(),
        "environment": environment(device),
    }
    cadence = Cadence(
        config.updates,
        config.log_every_updates,
        config.evaluate_every_updates,
        config.checkpoint_every_updates,
    )

    def build() -> tuple[TwoPlayerGame, Evaluator]:
        game = build_game(config, data, device)
        return game, build_evaluator(config, data, device, weights, say)

    return train_in(directory, document, build, cadence, report, say)


def build_networks(config: TrainingConfig) -> tuple[nn.Module, nn.Module]:
    """(generator, discriminator), initialised as the paper did, from the seed."""
    model = MODELS[config.model]
    generator = model.Generator(config.image_size, config.width, config.latent_size)
    discriminator = model.Discriminator(config.image_size, config.width)
    noise = torch.Generator().manual_seed(stream_seed(config.seed, "weights"))
    model.initialize(generator, noise)
    model.initialize(discriminator, noise)
    return generator, discriminator


def parameter_counts(config: TrainingConfig) -> dict[str, int]:
    """Trainable parameters of both networks, counted on the networks themselves."""
    generator, discriminator = build_networks(config)
    return {
        "generator": sum(p.numel() for p in generator.parameters()),
        "discriminator": sum(p.numel() for p in discriminator.parameters()),
    }


def build_game(config: TrainingConfig, data: DataSet, device: torch.device) -> TwoPlayerGame:
    """The game of `config` before its first update."""
    if data.images.shape[1:3] != (config.image_size, config.image_size):
        raise ValueError(
            f"{config.data} has images of {data.images.shape[1:3]}, the configuration says "
            f"{config.image_size}; prepare the data at that size, or --set image_size="
            f"{data.images.shape[1]}"
        )
    generator, discriminator = (
        # Pixels lie channels last in the array; networks laid out alike save every conversion.
        network.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        for network in build_networks(config)
    )
    adam = partial(
        Adam,
        beta1=config.adam_beta1,
        beta2=config.adam_beta2,
        epsilon=config.adam_epsilon,
        form=config.adam_form,
    )
    noise = torch.Generator(device).manual_seed(stream_seed(config.seed, "training"))
    data_seed = stream_seed(config.seed, "data")
    return TwoPlayerGame(
        generator=generator,
        discriminator=discriminator,
        losses=LOSSES[config.losses],
        generator_optimizer=adam(generator.parameters()),
        discriminator_optimizer=adam(discriminator.parameters()),
        rates=config.rates,
        order=ORDERS[config.order],
        n_critic=config.n_critic,
        real=Batches(data.images, config.batch_size, seed=data_seed, device=device),
        latents=partial(draw_latents, config, config.batch_size),
        noise=noise,
        settle_moving_averages=True,
    )


def build_evaluator(
    config: TrainingConfig, data: DataSet, device: torch.device, weights: Path | None, say: Say
) -> Evaluator:
    """How `config` wants its generator scored."""
    scoring = Scoring(
        sampler=MODELS[config.model].sampler,
        latents=partial(draw_latents, config),
        seed=stream_seed(config.seed, "evaluation"),
        samples=config.evaluation_samples,
        batch_size=config.evaluation_batch_size,
        device=device,
    )
    return evaluator(config.metric, config.protocol, scoring, data, weights, say)


def stream_seed(seed: int, purpose: str) -> int:
    """A seed for one purpose, so that no two streams of a run share their numbers."""
    words = np.random.SeedSequence([seed, *purpose.encode()]).generate_state(1, np.uint64)
    return int(words[0] >> 1)  # torch and numpy both take 63 bits


def environment(device: torch.device) -> dict[str, Any]:
    """What, beside the configuration, decides the bits of a run."""
    return {
        "ttur": ttur.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
    }


def draw_latents(config: TrainingConfig, count: int, noise: torch.Generator) -> Tensor:
    """`count` latents of the configuration's distribution, on the device of `noise`."""
    draw = torch.rand if config.latent == "uniform" else torch.randn
    drawn = draw((count, config.latent_size), generator=noise, device=noise.device)
    return drawn * 2 - 1 if config.latent == "uniform" else drawn
