"""Two players and what each of them does in a phase. No data set, no model, no metric."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ttur.losses import Companion, Losses
from ttur.runtime import checkpoint
from ttur.runtime.randomness import global_noise, restore_global_noise
from ttur.runtime.undocumented import norms
from ttur.timescales import LearningRatePair
from ttur.timescales.optimizers import Optimizer
from ttur.timescales.orders import Order, Phase, Round
from ttur.training.execution import Execution
from ttur.training.unseen_state import UnseenState

# So many phases of one player in a row without any gradient mean that the game is over.
DEAD_AFTER_PHASES = 100
NEVER = 2**62


@runtime_checkable
class SampleStream(Protocol):
    """An endless, resumable supply of real samples."""

    def next(self) -> Tensor: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class Health:
    """Counters on the device that say when something first went wrong, without waiting for it."""

    CAUSES = (
        (
            "non-finite discriminator loss",
            "non-finite discriminator gradient",
            "dead discriminator: its gradient is zero",
        ),
        (
            "non-finite generator loss",
            "non-finite generator gradient",
            "dead discriminator: no gradient reaches the generator",
        ),
    )

    def __init__(self, device: torch.device):
        self.first_update = torch.full((2, 3), NEVER, device=device)
        self.phases_without_gradient = torch.zeros(2, dtype=torch.int64, device=device)

    @torch.no_grad()
    def watch(self, player: int, phase: Phase, update: int) -> None:
        """Note what `phase` of player 0 (discriminator) or 1 (generator) shows in `update`."""
        norm = torch.stack(norms(phase.gradients)).norm()
        silent = self.phases_without_gradient[player]
        silent.add_(1).mul_(norm == 0)
        bad = torch.stack(
            [~torch.isfinite(phase.loss), ~torch.isfinite(norm), silent >= DEAD_AFTER_PHASES]
        )
        first = self.first_update[player]
        torch.minimum(first, torch.where(bad, update, NEVER), out=first)

    def diagnosis(self) -> tuple[int, str] | None:
        """The first bad update and its causes, or None. Waits for the device."""
        first = int(self.first_update.min())
        if first == NEVER:
            return None
        players, kinds = torch.nonzero(self.first_update == first, as_tuple=True)
        causes = [self.CAUSES[p][k] for p, k in zip(players.tolist(), kinds.tolist(), strict=True)]
        return first, ", ".join(causes)

    def state_dict(self) -> dict[str, Tensor]:
        return {"phases_without_gradient": self.phases_without_gradient}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.phases_without_gradient.copy_(state["phases_without_gradient"])


@dataclass
class TwoPlayerGame:
    """The players, their losses, optimizers and rates, and all that changes while they play.

    A phase computes a loss and the gradients of its own player's parameters and moves nothing;
    nothing in a phase is read back to the host. `companions` change with every update beside the
    players; `unseen` is what else the user's own parts change, outside any state dict.
    """

    generator: nn.Module
    discriminator: nn.Module
    losses: Losses
    generator_optimizer: Optimizer
    discriminator_optimizer: Optimizer
    rates: LearningRatePair
    order: Order
    n_critic: int
    real: SampleStream
    latents: Callable[[torch.Generator], Tensor]  # draws one batch
    rng: torch.Generator
    companions: tuple[Companion, ...] = ()
    settle_moving_averages: bool = False
    execution: Execution = field(default_factory=Execution)
    unseen: UnseenState = field(default_factory=UnseenState)
    update: int = 0
    discriminator_updates: int = 0
    generator_updates: int = 0
    last_values: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.health = Health(self.rng.device)
        self._generator_parameters = trainable(self.generator)
        self._discriminator_parameters = trainable(self.discriminator)
        names = [companion.name for companion in self.companions]
        if len(set(names)) < len(names):  # each has its place in a checkpoint by its name
            raise ValueError(f"expected companions of different names, got {', '.join(names)}")
        for companion in self.companions:
            companion.begin(self.rng.device)

    def play(self) -> None:
        """One outer iteration."""
        self.order(self, self.n_critic)
        self.update += 1

    def wait(self) -> None:
        """Until the device has done all it was asked to."""
        if self.rng.device.type == "cuda":
            torch.cuda.synchronize(self.rng.device)

    def next_real(self) -> Tensor:
        return self.real.next()

    def draw_latents(self) -> Tensor:
        return self.latents(self.rng)

    def generate(self, latents: Tensor) -> Tensor:
        return self.generator(latents)

    def round(self, latents: Tensor, fake: Tensor) -> Round:
        """What a phase is given; its real samples are drawn when a loss asks for them."""
        update = self.update + 1
        return Round(self.next_real, fake, latents=latents, update=update, rng=self.rng)

    def discriminator_phase(self, round: Round) -> Phase:
        round = round.with_fake(round.fake.detach())
        return self.execution.phase(
            lambda: self.losses.discriminator(self.discriminator, round),
            self._discriminator_parameters,
        )

    def generator_phase(self, round: Round) -> Phase:
        return self.execution.phase(
            lambda: self.losses.generator(self.discriminator, round), self._generator_parameters
        )

    def move_discriminator(self, phase: Phase) -> None:
        self.discriminator_updates += 1
        self.health.watch(0, phase, self.update + 1)
        rate, _ = self.rates.at(self.update + 1)
        self.discriminator_optimizer.step(phase.gradients, rate)
        self.last_values["discriminator_loss"] = phase.loss

    def move_generator(self, phase: Phase) -> None:
        self.generator_updates += 1
        self.health.watch(1, phase, self.update + 1)
        _, rate = self.rates.at(self.update + 1)
        self.generator_optimizer.step(phase.gradients, rate)
        self.last_values["generator_loss"] = phase.loss

    @torch.no_grad()
    def settle(self, latents: Tensor) -> None:
        """What follows from the weights that both players have moved to.

        Moving averages see them, where the model asks for it (A.2); companions take their
        step.
        """
        if self.settle_moving_averages:
            self.generator(latents)
        for companion in self.companions:
            self.last_values |= companion.after_update(self)

    def diagnosis(self) -> tuple[int, str] | None:
        """The first bad update and its causes, or None. Waits for the device.

        Phases see the weights before their update; what the last one made of them is looked at
        here, so that nothing that is not finite is scored or saved.
        """
        found = [self.health.diagnosis(), *(each.trouble() for each in self.companions)]
        if seen := [trouble for trouble in found if trouble is not None]:
            return min(seen, key=lambda trouble: trouble[0])
        for name in ("discriminator", "generator"):
            state = getattr(self, name).state_dict().values()  # a module may add what is no tensor
            tensors = [t for t in state if isinstance(t, Tensor) and t.is_floating_point()]
            if tensors and not torch.isfinite(torch.stack(norms(tensors))).all():
                return self.update, f"non-finite {name} weights"
        return None

    def state_dict(self) -> dict[str, Any]:
        """Everything that decides how the game goes on."""
        return {
            "update": self.update,
            "discriminator_updates": self.discriminator_updates,
            "rng": self.rng.get_state(),
            **global_noise(self.rng.device),
            "companions": {each.name: each.state_dict() for each in self.companions},
            "generator": checkpoint.state_of(self.generator),
            "discriminator": checkpoint.state_of(self.discriminator),
            **{name: getattr(self, name).state_dict() for name in self._PARTS},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state` stood."""
        for name in ("generator", "discriminator"):
            checkpoint.give_state(getattr(self, name), state[name])
        for name in self._PARTS:
            getattr(self, name).load_state_dict(state[name])
        for companion in self.companions:
            companion.load_state_dict(state["companions"][companion.name])
        self.rng.set_state(state["rng"])
        restore_global_noise(state, self.rng.device)
        self.update = state["update"]
        self.discriminator_updates = state["discriminator_updates"]

    _PARTS = (
        "generator_optimizer",
        "discriminator_optimizer",
        "real",
        "health",
        "unseen",
    )


def trainable(network: nn.Module) -> tuple[nn.Parameter, ...]:
    """The parameters a player moves, in the order of its gradients."""
    return tuple(p for p in network.parameters() if p.requires_grad)
