"""`ttur.train`: any two networks, any two losses, two learning rates."""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

from ttur.data.batches import are_pixels
from ttur.losses import NON_SATURATING, Companion, Losses, Term
from ttur.runtime import checkpoint
from ttur.runtime.description import Count, Whole, from_json, to_json
from ttur.runtime.distributed import pick_device
from ttur.runtime.errors import expected_of, kind_of
from ttur.runtime.showing import ShowProgress, takes_long
from ttur.timescales import LearningRatePair
from ttur.timescales.optimizers import Adam, Optimizer, TorchOptimizer
from ttur.timescales.orders import Order, discriminator_first
from ttur.training.assembling import Parts, conduct, environment, reporting
from ttur.training.averaging import EMA
from ttur.training.cadence import Cadence
from ttur.training.config import MonitorDescription
from ttur.training.contracts import Say
from ttur.training.drawing import DrawLatents
from ttur.training.events import Listener
from ttur.training.execution import Execution
from ttur.training.game import trainable
from ttur.training.identity import Describer
from ttur.training.listening import RunListener
from ttur.training.media import ArrayMedium, ArrayScoring, ImageMedium, ImageScoring, Medium
from ttur.training.progress import Progress
from ttur.training.record import RunDescription, RunRecord
from ttur.training.starting import claimed

OWN_NETWORKS = "own"  # the kind of model that a user brings


@takes_long
def train(
    generator: nn.Module,
    discriminator: nn.Module,
    data: np.ndarray | Tensor,
    directory: Path | str,
    *,
    rates: LearningRatePair,
    updates: int,
    experiment: str | None = None,
    losses: Losses | Term = NON_SATURATING,
    latents: int | DrawLatents = 100,
    order: Order = discriminator_first,
    n_critic: int = 1,
    batch_size: int = 64,
    seed: int = 0,
    discriminator_optimizer: Optimizer | torch.optim.Optimizer | None = None,
    generator_optimizer: Optimizer | torch.optim.Optimizer | None = None,
    companions: Sequence[Companion] = (),
    ema: EMA | None = None,
    mirror: bool = False,
    execution: Execution = Execution(),  # noqa: B008  frozen
    metric: str = "none",
    protocol: str = "tf1",
    weights: Path | str | None = None,
    evaluation_samples: int = 2_000,
    evaluate_every_updates: int = 500,
    checkpoint_every_updates: int = 500,
    log_every_updates: int = 100,
    monitor_every_updates: int | None = None,
    device: str | torch.device = "auto",
    listeners: Sequence[Listener | RunListener] = (),
    report: Callable[[Progress], None] | None = None,
    say: Say = lambda message: None,
    on_interrupt: Literal["raise", "return"] = "raise",
    progress: ShowProgress = None,
) -> RunRecord:
    """Train two networks of your own against each other in `directory`; again = continue.

        >>> import tempfile, torch, ttur
        >>> from torch import nn
        >>> points = torch.randn(512, 2)
        >>> run = ttur.train(
        ...     nn.Linear(4, 2), nn.Linear(2, 1), points, tempfile.mkdtemp(),
        ...     rates=ttur.LearningRatePair(2e-4, 5e-4), updates=3, latents=4, device="cpu",
        ... )
        >>> run.outcome, run.updates
        ('finished', 3)

    Args:
        generator: latents → samples. With images, (batch, 3, H, W) in [-1, 1].
        discriminator: samples → scores, as the losses expect them (logits by default).
        data: uint8 images (N, H, W, 3), which become float32 (batch, 3, H, W) in [-1, 1]; or any
            array or tensor (N, ...) of floats, which is used as it is.
        directory: takes config.json, events.jsonl, checkpoints and sample grids. It may be renamed,
            moved and copied.
        rates: discriminator rate b and generator rate a, numbers or sequences of step sizes.
        updates: generator updates in all. The same call with more continues the run.
        experiment: the name under which `ttur report` groups runs of several rates and seeds; the
            last part of `directory` unless it is given.
        losses: both losses, functions of the discriminator and a `Round` (`ttur.losses`).
        latents: size of a standard normal latent, or (count, rng) → latents on rng's device.
        order: who moves when (`ttur.timescales.orders`).
        discriminator_optimizer, generator_optimizer: of torch.optim, or an `Optimizer`; each holds
            the trainable parameters of its network, on the device. None is Adam with beta 0.5 and
            0.999 in TensorFlow's form. Rates are set at every update.
        ema: an average of the generator's weights, as `ttur.training.averaging.HalfLife()`: scored
            and kept beside them.
        mirror: whether half of the real images are seen as mirror images.
        companions: what changes with every update beside the players (`ttur.losses.Companion`).
        execution: how a step is computed.
        metric: fd_digits, fd_cifar10, fid, kid, …, several between commas; needs uint8 images. With
            these, "none" draws grids.
        weights: a file of the feature network's weights in place of the ones it comes with.
        monitor_every_updates: updates between probes of what the players do to each other's
            gradients, drawn by `ttur report`; 200 costs a few percent.
        listeners: called with every event of the run (`ttur.training.events`); trackers among them
            (`ttur.TensorBoard`, …) are called for it.
        report: called after every log and evaluation, and at the end, with where the run stands.
        on_interrupt: after Ctrl-C or SIGTERM the run is saved; then KeyboardInterrupt is raised, so
            that no loop around this call goes on, or with "return" the record comes back.
        progress: True shows how far it is, as `ttur.show_progress` does, which says what else it
            may be; in a notebook it is shown unless this is False.

    Samples are drawn from a copy of the generator in evaluation mode. A concluded run is read back,
    and its weights are given to the networks. When a folder is continued, everything that was
    passed is compared by value (`ttur.training.identity`); what cannot be is said, and recorded. A
    name in `Losses` stands for losses that cannot.

    Raises:
        ValueError: if the folder holds another run (names the fields), or something does not fit.
        KeyboardInterrupt: after an interruption, once everything is on disk.
    """
    target = pick_device(str(device))
    updates, n_critic, batch_size, samples = (
        _number(Count, name, value)
        for name, value in (
            ("updates", updates),
            ("n_critic", n_critic),
            ("batch_size", batch_size),
            ("evaluation_samples", evaluation_samples),
        )
    )
    seed = _number(Whole, "seed", seed)
    played: Losses = losses.build() if isinstance(losses, Term) else losses
    for name, value, is_right, expected in (
        ("rates", rates, isinstance(rates, LearningRatePair), "a ttur.LearningRatePair"),
        (
            "losses",
            played,
            isinstance(played, Losses),
            "ttur.Losses of two functions, or as ttur.losses.Hinge()",
        ),
        ("order", order, callable(order), "a function of ttur.timescales.orders"),
        ("companions", companions, _all(companions, Companion), "a list of ttur.losses.Companion"),
        ("execution", execution, hasattr(execution, "phase"), "a ttur.training Execution"),
        (
            "listeners",
            listeners,
            _all(listeners, Callable | RunListener),
            "a list of functions of an event, or of trackers",
        ),
    ):
        if not is_right:
            raise ValueError(f"expected `{name}` to be {expected}, got {kind_of(value)}")
    if ema is not None and not hasattr(ema, "build"):
        raise ValueError(
            f"expected `ema` of ttur.training.averaging, as HalfLife(), got {kind_of(ema)}"
        )
    _check_data(data)
    generator = execution.place(generator, target).train()
    discriminator = execution.place(discriminator, target).train()
    moves_generator = _optimizer("generator", generator_optimizer, generator)
    moves_discriminator = _optimizer("discriminator", discriminator_optimizer, discriminator)
    medium: Medium = ImageMedium.of_array(data) if are_pixels(data) else ArrayMedium(data)
    if isinstance(medium, ImageMedium):
        scoring = ImageScoring(
            metric=metric,
            protocol=protocol,
            evaluation_samples=samples,
            evaluation_batch_size=min(samples, 500),
        )
    elif metric == "none":
        scoring = ArrayScoring()
    else:
        raise ValueError(
            f"{metric} needs uint8 images (N, H, W, 3), got {_array_kind(data)}; convert them, or "
            "choose the metric none"
        )
    parts = Parts(
        generator=generator,
        discriminator=discriminator,
        losses=played,
        generator_optimizer=moves_generator,
        discriminator_optimizer=moves_discriminator,
        rates=rates,
        order=order,
        n_critic=n_critic,
        batch_size=batch_size,
        updates=updates,
        seed=seed,
        latents=latents
        if callable(latents)
        else _StandardNormal(_number(Count, "latents", latents)),
        evaluation_copy=_evaluation_copy,
        medium=medium,
        scoring=scoring,
        cadence=from_json(
            Cadence,
            {
                "log_every_updates": log_every_updates,
                "evaluate_every_updates": evaluate_every_updates,
                "checkpoint_every_updates": checkpoint_every_updates,
            },
        ),
        monitor=None
        if monitor_every_updates is None
        else from_json(MonitorDescription, {"monitor_every_updates": monitor_every_updates}),
        execution=execution,
        device=target,
        mirror=mirror,
        companions=(*companions, *([] if ema is None else [ema.build(generator, batch_size)])),
        users_own={
            "model.generator": generator,
            "model.discriminator": discriminator,
            "losses.0": played.discriminator,
            "losses.1": played.generator,
            "latents": latents,
            "order": order,
        },
    )
    description = _described(parts, experiment or "", say)
    with claimed(Path(directory), description, say) as claim:
        if claim.record is not None and claim.is_concluded:
            _give_weights(claim.record, claim.description.identity, generator, discriminator, say)
            return claim.record
        told = (*listeners, *reporting(report))
        record = conduct(
            claim,
            parts,
            describe=lambda: _configuration(parts, Describer()),
            weights=weights,
            listeners=told,
            say=say,
        )
    if record.outcome == "interrupted" and on_interrupt == "raise":
        raise KeyboardInterrupt(
            f"{record.directory} was interrupted at update {record.updates:,} and is saved; the "
            "same call continues it"
        )
    return record


def _described(parts: Parts, experiment: str, say: Say) -> RunDescription:
    """All that makes it this run, by value."""
    describe = Describer()
    configuration = _configuration(parts, describe)
    if missing := describe.not_compared:
        say(f"not compared when the folder is continued: {', '.join(missing)}")
    return RunDescription(
        experiment=experiment,
        label=parts.rates.label,
        seed=parts.seed,
        data_sha256=parts.medium.sha256,
        rates=parts.rates.nominal,
        is_single_timescale=parts.rates.is_single_timescale,
        configuration=configuration,
        environment=environment(parts.device),
        not_compared=tuple(missing),
    )


def _configuration(parts: Parts, describe: Describer) -> dict[str, Any]:
    named = parts.losses.name
    return {
        "model": {
            "kind": OWN_NETWORKS,
            "generator": describe(parts.generator, "generator"),
            "discriminator": describe(parts.discriminator, "discriminator"),
        },
        "rates": to_json(parts.rates),
        "losses": {"name": named}
        if named is not None
        else [
            describe(parts.losses.discriminator, "the discriminator's loss"),
            describe(parts.losses.generator, "the generator's loss"),
        ],
        "companions": [
            describe(each, f"the companion {each.name}")
            for each in (*parts.losses.companions, *parts.companions)
        ],
        "optimizers": [
            describe(parts.discriminator_optimizer, "discriminator_optimizer"),
            describe(parts.generator_optimizer, "generator_optimizer"),
        ],
        "latents": describe(parts.latents, "latents"),
        "order": describe(parts.order, "order"),
        **({"mirror": True} if parts.mirror else {}),
        "n_critic": parts.n_critic,
        "batch_size": parts.batch_size,
        "updates": parts.updates,
        "seed": parts.seed,
        "scoring": to_json(parts.scoring),
        "cadence": to_json(parts.cadence),
        "monitor": None if parts.monitor is None else to_json(parts.monitor),
        "execution": describe(parts.execution, "execution"),
    }


class _StandardNormal:
    """Draws standard normal latents (count, size)."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, count: int, rng: torch.Generator) -> Tensor:
        return torch.randn((count, self.size), generator=rng, device=rng.device)


def _evaluation_copy(generator: nn.Module, fixed_latents: Tensor) -> nn.Module:
    return copy.deepcopy(generator).requires_grad_(False).eval()


def _give_weights(
    record: RunRecord, identity: str, generator: nn.Module, discriminator: nn.Module, say: Say
) -> None:
    """Those of the last checkpoint of a run that has ended, to the networks of this call."""
    loaded = checkpoint.load(record.directory, identity)
    if loaded is None:
        say(f"{record.directory} has ended and has no checkpoint: the networks stay as they are")
        return
    for network, name in ((generator, "generator"), (discriminator, "discriminator")):
        checkpoint.give_state(network, loaded.state["game"][name])
    update = loaded.state["game"]["update"]
    say(f"{record.directory} has ended; the networks have its weights of update {update:,}")


def _optimizer(
    player: str, optimizer: Optimizer | torch.optim.Optimizer | None, network: nn.Module
) -> Optimizer:
    """What moves a player, once it is known to hold what is to be moved."""
    expected = trainable(network)
    if optimizer is None:
        return Adam(expected)
    if isinstance(optimizer, torch.optim.Optimizer):
        optimizer = TorchOptimizer(optimizer)
    if not isinstance(optimizer, Optimizer):
        raise ValueError(
            f"expected a `{player}_optimizer` of torch.optim, or an object with step(gradients, "
            f"learning_rate), state_dict and load_state_dict, got {kind_of(optimizer)}"
        )
    theirs = getattr(optimizer, "parameters", None)
    if theirs is None:
        return optimizer  # one of the user's own need not say what it holds
    if [id(p) for p in theirs] != [id(p) for p in expected]:
        raise ValueError(
            f"{player}_optimizer must hold the trainable parameters of the {player}, in their "
            f"order, got others; build it from `{player}.parameters()`"
        )
    return optimizer


def _all(values: Any, kind: Any) -> bool:
    return isinstance(values, Sequence) and all(isinstance(value, kind) for value in values)


def _number(kind: Any, name: str, value: Any) -> int:
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        reason = expected_of(error.errors()[0]["msg"])
        raise ValueError(f"`{name}`: {reason}, got {value!r}") from error


def _check_data(data: Any) -> None:
    """Samples are one array, for each is drawn once an epoch, in an order of the seed alone."""
    if isinstance(data, np.ndarray | Tensor) and len(data.shape) > 0:
        return
    remedy = "give them as one array"
    if isinstance(data, str | Path):
        remedy = "read it first: `ttur.evaluate` takes paths, training takes pixels"
    elif hasattr(data, "dataset"):
        remedy = "stack its data set: torch.stack([x for x, *_ in loader.dataset])"
    elif hasattr(data, "__getitem__"):
        remedy = "stack its samples: torch.stack([x for x, *_ in data])"
    raise ValueError(
        f"expected `data` to be an array or tensor of samples (N, ...), got {kind_of(data)}; "
        f"{remedy}"
    )


def _array_kind(data: Any) -> str:
    dtype, shape = getattr(data, "dtype", None), getattr(data, "shape", None)
    return kind_of(data) if dtype is None else f"{dtype} of shape {tuple(shape or ())}"
