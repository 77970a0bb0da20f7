"""The parts of a run, from a configuration or from a user, put together and played to the end."""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ttur.data.batches import Batches
from ttur.losses import Companion, Losses, augmented
from ttur.models.description import Networks, SampleShape
from ttur.runtime.files import check_can_be_made
from ttur.runtime.progress import task
from ttur.runtime.randomness import stream
from ttur.timescales import LearningRatePair
from ttur.timescales.optimizer_choice import of_player
from ttur.timescales.optimizers import Optimizer
from ttur.timescales.orders import ORDERS, Order
from ttur.training.averaging import AveragedGenerator, beside_average, named_twice
from ttur.training.cadence import Cadence
from ttur.training.config import MonitorDescription, TrainingConfig
from ttur.training.contracts import Evaluator, Say
from ttur.training.drawing import Drawing, DrawLatents, EvaluationCopy
from ttur.training.events import Listener
from ttur.training.execution import Execution
from ttur.training.game import TwoPlayerGame, trainable
from ttur.training.listening import RunListener, listeners_of_run
from ttur.training.loop import run_loop
from ttur.training.media import Medium
from ttur.training.monitoring import Monitoring
from ttur.training.progress import Progress, ProgressListener, noted
from ttur.training.record import Published, RunDescription, RunRecord, read_run
from ttur.training.starting import Claim, claimed
from ttur.training.unseen_state import UnseenState


@dataclass(frozen=True, kw_only=True)
class Parts:
    """All that a run is made of. Networks lie on the device, and optimizers hold their parameters.

    `users_own` are the parts that may keep state where no state dict shows it, by the place that
    they have in the configuration.
    """

    generator: nn.Module
    discriminator: nn.Module
    losses: Losses
    generator_optimizer: Optimizer
    discriminator_optimizer: Optimizer
    rates: LearningRatePair
    order: Order
    n_critic: int
    batch_size: int
    updates: int
    seed: int
    latents: DrawLatents
    evaluation_copy: EvaluationCopy
    medium: Medium
    scoring: Any
    cadence: Cadence
    monitor: MonitorDescription | None
    execution: Execution
    device: torch.device
    companions: tuple[Companion, ...] = ()
    mirror: bool = False
    settle_moving_averages: bool = False
    users_own: dict[str, Any] | None = None

    def game(self) -> TwoPlayerGame:
        """The game before its first update."""
        companions = (*self.losses.companions, *self.companions)
        known = (*companions, self.generator_optimizer, self.discriminator_optimizer)
        return TwoPlayerGame(
            generator=self.generator,
            discriminator=self.discriminator,
            losses=self.losses,
            generator_optimizer=self.generator_optimizer,
            discriminator_optimizer=self.discriminator_optimizer,
            rates=self.rates,
            order=self.order,
            n_critic=self.n_critic,
            real=self.medium.batches(
                self.batch_size, stream(self.seed, "data"), self.device, mirror=self.mirror
            ),
            latents=partial(self.latents, self.batch_size),
            rng=stream(self.seed, "training").torch(self.device),
            companions=companions,
            settle_moving_averages=self.settle_moving_averages,
            execution=self.execution,
            unseen=UnseenState(self.users_own, known),
        )

    def evaluator(self, weights: Path | str | None, say: Say) -> Evaluator:
        """How the generator is looked at; what is missing for it is missed now."""
        evaluations = stream(self.seed, "evaluation")
        evaluator = self.medium.evaluator(
            self.scoring,
            Drawing(self.evaluation_copy, self.latents, evaluations, self.device),
            every=self.cadence.evaluate_every_updates,
            last=self.updates,
            weights=weights,
            say=say,
        )
        for companion in self.companions:
            if isinstance(companion, AveragedGenerator):
                evaluator = beside_average(evaluator, companion)
        return evaluator

    def monitoring(self, game: TwoPlayerGame) -> Monitoring | None:
        """The probes that are asked for; their samples come from the data of the game."""
        if self.monitor is None:
            return None
        assert isinstance(game.real, Batches)  # of which a medium makes the stream
        return Monitoring(game, game.real, stream(self.seed, "monitor"), self.monitor)


def conduct(
    claim: Claim,
    parts: Parts,
    *,
    describe: Callable[[], dict[str, Any]] | None = None,
    weights: Path | str | None = None,
    listeners: Sequence[Listener | RunListener] = (),
    say: Say,
) -> RunRecord:
    """Play the parts to the end in the folder that is claimed for them.

    `describe` gives the configuration by the parts as they are when it is called.
    """
    title = f"{claim.description.label} seed {parts.seed}"
    with task(title, parts.updates, "updates") as under_way:
        game = parts.game()
        evaluator = parts.evaluator(weights, say)
        monitor = parts.monitoring(game)
        claim.describe(evaluator)
        told = listeners_of_run(listeners, claim.description, claim.folder.path, say)
        try:
            run_loop(
                game,
                claim.folder,
                parts.updates,
                parts.cadence,
                evaluator,
                identity=claim.description.identity,
                monitor=monitor,
                listeners=(noted(under_way), *told),
                say=say,
                under_way=under_way,
            )
        finally:  # the same objects may be called with again, however this ended
            if describe is not None:
                claim.note_changing(describe())
    return read_run(claim.folder.path)


def run(
    config: TrainingConfig,
    directory: Path | str,
    *,
    experiment: str = "",
    label: str | None = None,
    data_directory: Path | str | None = None,
    device: torch.device,
    weights: Path | str | None = None,
    published: Published | None = None,
    listeners: Sequence[Listener | RunListener] = (),
    report: Callable[[Progress], None] | None = None,
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
    medium = _medium(config, data_directory)
    description = _description(config, medium, experiment, label, device, published)
    with claimed(Path(directory), description, say, TrainingConfig.completed) as claim:
        if claim.record is not None and claim.is_concluded:
            return claim.record
        parts = parts_of(config, medium, device)
        told = (*listeners, *reporting(report))
        return conduct(claim, parts, weights=weights, listeners=told, say=say)


def rehearse(
    config: TrainingConfig,
    *,
    data_directory: Path | str | None = None,
    device: torch.device,
    weights: Path | str | None = None,
    say: Say = lambda message: None,
) -> Mapping[str, bool] | None:
    """Do what `run` does before its first update, but for what takes long: the data are opened, the
    networks built, the metric made ready. Nothing is downloaded; what would have to be is said.

    The numbers that the run would be scored by, as `Evaluator.lower_is_better`; None if that is not
    known yet.

    Raises:
        ValueError, OSError: what `run` would raise.
    """
    medium = _medium(config, data_directory)
    for network in networks_of(config, medium.sample_shape):
        config.execution.place(network, device)
    data = stream(config.seed, "data")
    medium.batches(config.batch_size, data, device, mirror=config.data.mirror)
    scored = medium.rehearse(config.scoring, device=device, weights=weights, say=say)
    return scored if config.ema is None or scored is None else named_twice(scored)


def check_folder(
    config: TrainingConfig,
    directory: Path | str,
    scored: Mapping[str, bool] | None,
    *,
    experiment: str = "",
    label: str | None = None,
    data_directory: Path | str | None = None,
    device: torch.device,
    say: Say = lambda message: None,
) -> None:
    """Whether `run` could begin or go on in this folder, `scored` by these numbers.

    Raises:
        ValueError, OSError: what `run` would raise.
    """
    directory = Path(directory)
    if not directory.exists():
        check_can_be_made(directory)
        return
    medium = _medium(config, data_directory)
    description = _description(config, medium, experiment, label, device)
    with claimed(directory, description, say, TrainingConfig.completed) as claim:
        if scored is not None and not claim.is_concluded:
            claim.check_scoring(scored)


def _medium(config: TrainingConfig, data_directory: Path | str | None) -> Medium:
    place = None if data_directory is None else Path(data_directory)
    return config.medium.load(config.data.name, config.data.split, place, config.model)


def _description(
    config: TrainingConfig,
    medium: Medium,
    experiment: str,
    label: str | None,
    device: torch.device,
    published: Published | None = None,
) -> RunDescription:
    return RunDescription(
        experiment=experiment,
        label=config.rates.label if label is None else label,
        seed=config.seed,
        data_sha256=medium.sha256,
        rates=config.rates.nominal,
        is_single_timescale=config.rates.is_single_timescale,
        configuration=config.to_json(),
        environment=environment(device),
        vocabulary=medium.vocabulary,
        published=published or Published(),
    )


def parts_of(config: TrainingConfig, medium: Medium, device: torch.device) -> Parts:
    """What `config` describes, on `device`."""
    generator, discriminator = (
        config.execution.place(network, device)
        for network in networks_of(config, medium.sample_shape)
    )
    discriminators = of_player(config.optimizer, "discriminator")
    averages = () if config.ema is None else (config.ema.build(generator, config.batch_size),)
    losses = config.losses.build()
    if config.augmentation is not None:
        losses = augmented(losses, config.augmentation)
    return Parts(
        generator=generator,
        discriminator=discriminator,
        losses=losses,
        generator_optimizer=of_player(config.optimizer, "generator").build(trainable(generator)),
        discriminator_optimizer=discriminators.build(trainable(discriminator)),
        rates=config.rates,
        order=ORDERS[config.order],
        n_critic=config.n_critic,
        batch_size=config.batch_size,
        updates=config.updates,
        seed=config.seed,
        latents=config.model.draw_latents,
        evaluation_copy=config.model.evaluation_copy,
        medium=medium,
        scoring=config.scoring,
        cadence=config.cadence,
        monitor=config.monitor,
        execution=config.execution,
        companions=averages,
        mirror=config.data.mirror,
        settle_moving_averages=config.model.has_moving_averages,
        device=device,
    )


def networks_of(config: TrainingConfig, sample_shape: SampleShape) -> Networks:
    """The two players of `config`, initialised as the paper did, from the seed."""
    networks = config.model.networks(sample_shape)
    rng = stream(config.seed, "weights").torch()
    for network in networks:
        config.model.initialize(network, rng)
    return networks


def parameter_counts(config: TrainingConfig, sample_shape: SampleShape) -> dict[str, int]:
    """Parameters of both networks, counted on the networks themselves."""
    networks = config.model.networks(sample_shape)._asdict()
    return {name: sum(p.numel() for p in n.parameters()) for name, n in networks.items()}


def reporting(report: Callable[[Progress], None] | None) -> tuple[Listener, ...]:
    """`report` as a listener, if there is one."""
    return () if report is None else (ProgressListener(report),)


def environment(device: torch.device) -> dict[str, Any]:
    """What, beside the configuration, decides the bits of a run."""
    return {
        "ttur": version("ttur"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
    }
