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
from ttur.data.batches import Batches, to_one_hot
from ttur.data.catalogue import load_text
from ttur.data.dataset import DataSet
from ttur.data.text import Sentences
from ttur.models import began, dcgan, wgan_gp_image, wgan_gp_language
from ttur.runtime.randomness import stream
from ttur.timescales.optimizers import Adam, Optimizer, TorchOptimizer
from ttur.timescales.orders import ORDERS
from ttur.training.config import TrainingConfig
from ttur.training.contracts import Cadence, Evaluator, Monitor, Progress
from ttur.training.game import TwoPlayerGame
from ttur.training.monitoring import Monitoring
from ttur.training.record import RunRecord, train_in
from ttur.training.rendering import Rendering
from ttur.training.scoring import Scoring, evaluator
from ttur.training.sentences import SentenceScoring, sentence_evaluator

Say = Callable[[str], None]
Data = DataSet | Sentences
MODELS = {
    "began": began,
    "dcgan": dcgan,
    "wgan_gp_image": wgan_gp_image,
    "wgan_gp_language": wgan_gp_language,
}


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
    data = load_data(config, data_directory)
    document = {
        "experiment": experiment,
        "label": label,
        "seed": config.seed,
        "data_sha256": data.sha256,
        "configuration": config.to_json(),
        "environment": environment(device),
    }
    if isinstance(data, Sentences):
        document |= {"vocabulary": list(data.vocabulary)}  # samples are spelt without the data
    cadence = Cadence(
        config.updates,
        config.log_every_updates,
        config.evaluate_every_updates,
        config.checkpoint_every_updates,
        config.patience,
    )

    def build() -> tuple[TwoPlayerGame, Evaluator, Monitor | None]:
        game = build_game(config, data, device)
        scored = build_evaluator(config, data, device, weights, say, data_directory)
        return game, scored, build_monitor(config, game)

    return train_in(directory, document, build, cadence, report, say)


def load_data(config: TrainingConfig, data_directory: Path | None) -> Data:
    """Images or sentences, as the model of `config` needs them."""
    load = load_text if config.is_text else catalogue.load
    return load(config.data, data_directory, config.split)


def build_networks(config: TrainingConfig, symbols: int = 0) -> tuple[nn.Module, nn.Module]:
    """(generator, discriminator), initialised as the paper did, from the seed.

    `symbols` is the size of the vocabulary, which a text model takes from its data.
    """
    model = MODELS[config.model]
    sizes = (config.image_size,) if symbols == 0 else (symbols, config.length)
    generator = model.Generator(*sizes, config.width, config.latent_size)
    discriminator = model.Discriminator(*sizes, config.width, **_of_discriminator(config))
    noise = torch.Generator().manual_seed(stream_seed(config.seed, "weights"))
    model.initialize(generator, noise)
    model.initialize(discriminator, noise)
    return generator, discriminator


def _of_discriminator(config: TrainingConfig) -> dict[str, int]:
    """What some discriminators need beside their sizes."""
    return {
        "began": {"latent_size": config.latent_size},
        "wgan_gp_image": {"images_per_score": config.images_per_score},
    }.get(config.model, {})


def count_symbols(config: TrainingConfig, data_directory: Path | None) -> tuple[int, bool]:
    """Size of the vocabulary, 0 for images; and whether it is assumed because no data are there.

    The published parameter counts are for 100 symbols (spec C.2).
    """
    if not config.is_text:
        return 0, False
    try:
        return len(load_text(config.data, data_directory).vocabulary), False
    except FileNotFoundError:
        return 100, True


def parameter_counts(config: TrainingConfig, symbols: int = 0) -> dict[str, int]:
    """Trainable parameters of both networks, counted on the networks themselves."""
    generator, discriminator = build_networks(config, symbols)
    return {
        "generator": sum(p.numel() for p in generator.parameters()),
        "discriminator": sum(p.numel() for p in discriminator.parameters()),
    }


def build_game(config: TrainingConfig, data: Data, device: torch.device) -> TwoPlayerGame:
    """The game of `config` before its first update."""
    samples, form, symbols = _sentences(config, data) if config.is_text else _images(config, data)
    generator, discriminator = (
        # Pixels lie channels last in the array; networks laid out alike save every conversion.
        network.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        for network in build_networks(config, symbols)
    )
    noise = torch.Generator(device).manual_seed(stream_seed(config.seed, "training"))
    order = stream(config.seed, "data")
    return TwoPlayerGame(
        generator=generator,
        discriminator=discriminator,
        losses=build_losses(config, device),
        generator_optimizer=build_optimizer(config, generator),
        discriminator_optimizer=build_optimizer(config, discriminator),
        rates=config.rates,
        order=ORDERS[config.order],
        n_critic=config.n_critic,
        real=Batches(samples, config.batch_size, stream=order, device=device, form=form),
        latents=partial(draw_latents, config, config.batch_size),
        noise=noise,
        settle_moving_averages=MODELS[config.model].HAS_MOVING_AVERAGES,
    )


def build_monitor(config: TrainingConfig, game: TwoPlayerGame) -> Monitoring | None:
    """The probes that `config` asks for; their samples come from the data of the game."""
    if config.monitor_every_updates is None:
        return None
    assert isinstance(game.real, Batches)
    return Monitoring(
        game,
        game.real,
        game.latents,
        seed=stream_seed(config.seed, "monitor"),
        every=config.monitor_every_updates,
        tracking_every=config.tracking_gap_every_updates,
        tracking_steps=config.tracking_gap_steps,
        tracking_rate=config.tracking_gap_rate,
    )


def build_losses(config: TrainingConfig, device: torch.device) -> losses.Losses:
    """Both losses of `config`; those of BEGAN come with a balance of their own."""
    if config.losses == "began":
        k, rate = config.began_k, config.began_k_rate
        balance = losses.Balance(config.began_gamma, rate, k, config.began_k_batch)
        balance.begin(device)
        return losses.began(balance)
    if config.losses == "wasserstein_gradient_penalty":
        return losses.wasserstein_gradient_penalty()
    return losses.NON_SATURATING


def build_optimizer(config: TrainingConfig, network: nn.Module) -> Optimizer:
    """The optimizer of one player; its rate comes with every step."""
    if config.optimizer == "sgd":
        return TorchOptimizer(torch.optim.SGD(network.parameters()))
    return Adam(
        network.parameters(),
        beta1=config.adam_beta1,
        beta2=config.adam_beta2,
        epsilon=config.adam_epsilon,
        form=config.adam_form,
    )


def _images(config: TrainingConfig, data: Data) -> tuple[np.ndarray, None, int]:
    """Pixels, which `Batches` knows, checked to have the size of the networks."""
    assert isinstance(data, DataSet)
    if data.images.shape[1:3] != (config.image_size, config.image_size):
        raise ValueError(
            f"{config.data} has images of {data.images.shape[1:3]}, the configuration says "
            f"{config.image_size}; prepare the data at that size, or --set image_size="
            f"{data.images.shape[1]}"
        )
    return data.images, None, 0


def _sentences(
    config: TrainingConfig, data: Data
) -> tuple[np.ndarray, Callable[[Tensor], Tensor], int]:
    """Indices, how a batch of them becomes one-hot, and the number of symbols."""
    assert isinstance(data, Sentences)
    if data.codes.shape[1] != config.length:
        raise ValueError(
            f"{config.data} has sentences of {data.codes.shape[1]} characters, the configuration "
            f"says {config.length}; --set length={data.codes.shape[1]}"
        )
    symbols = len(data.vocabulary)
    return data.codes, partial(to_one_hot, symbols=symbols), symbols


def build_evaluator(
    config: TrainingConfig,
    data: Data,
    device: torch.device,
    weights: Path | None,
    say: Say,
    data_directory: Path | None = None,
) -> Evaluator:
    """How `config` wants its generator scored; sentences are held out in `data_directory`."""
    shared = {
        "sampler": MODELS[config.model].sampler,
        "latents": partial(draw_latents, config),
        "seed": stream_seed(config.seed, "evaluation"),
        "samples": config.evaluation_samples,
        "batch_size": config.evaluation_batch_size,
        "device": device,
    }
    if isinstance(data, DataSet):
        rendering = Rendering(config.pixels, config.jpeg_round_trip)
        scoring = Scoring(**shared, rendering=rendering, reference_images=config.reference_images)
        return evaluator(config.metric, config.protocol, scoring, data, weights, say)
    scoring = SentenceScoring(
        **shared,
        vocabulary=data.vocabulary,
        fine_samples=config.fine_evaluation_samples,
        is_fine=config.evaluates_finely,
    )
    held_out = partial(load_text, config.data, data_directory, "held_out")
    return sentence_evaluator(config.metric, scoring, data, held_out, say)


def stream_seed(seed: int, purpose: str) -> int:
    """A seed for one purpose, so that no two streams of a run share their numbers.

    Raises:
        ValueError: if `seed` is negative.
    """
    if seed < 0:
        raise ValueError(f"seed should be at least 0, got {seed}")
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
