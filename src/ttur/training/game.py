"""Two players and what each of them does in a phase. No data set, no model, no metric."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ttur.losses import Balance, Losses
from ttur.runtime.randomness import global_noise, restore_global_noise
from ttur.timescales import LearningRatePair
from ttur.timescales.optimizers import Optimizer
from ttur.timescales.orders import Order, Phase

# So many phases of one player in a row without any gradient mean that the game is over.
DEAD_AFTER_PHASES = 100
# So many updates of BEGAN's k in a row at 0 or 1 mean that nothing balances the players any more:
# with losses below 1 it takes more than 1000 from one limit to the other.
PINNED_AFTER_UPDATES = 10_000
NEVER = 2**62


@runtime_checkable
class Stream(Protocol):
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
        self.first_pinned = torch.full((), NEVER, device=device)
        self.pinned_at = torch.zeros((), device=device)

    @torch.no_grad()
    def watch(self, player: int, phase: Phase, update: int) -> None:
        """Note what `phase` of player 0 (discriminator) or 1 (generator) shows in `update`."""
        norms = torch._foreach_norm(phase.gradients)  # pyright: ignore[reportPrivateImportUsage]
        norm = torch.stack(norms).norm()
        silent = self.phases_without_gradient[player]
        silent.add_(1).mul_(norm == 0)
        bad = torch.stack(
            [~torch.isfinite(phase.loss), ~torch.isfinite(norm), silent >= DEAD_AFTER_PHASES]
        )
        first = self.first_update[player]
        torch.minimum(first, torch.where(bad, update, NEVER), out=first)

    @torch.no_grad()
    def watch_balance(self, balance: Balance, update: int) -> None:
        """Note when k has stood at 0 or 1 for too long, though it may come free again."""
        is_first = (balance.updates_at_limit >= PINNED_AFTER_UPDATES) & (self.first_pinned == NEVER)
        self.first_pinned = torch.where(is_first, update, self.first_pinned)
        self.pinned_at = torch.where(is_first, balance.k, self.pinned_at)

    def diagnosis(self) -> tuple[int, str] | None:
        """The first bad update and its causes, or None. Waits for the device."""
        first, pinned = int(self.first_update.min()), int(self.first_pinned)
        if pinned < first:
            return pinned, f"k pinned at {float(self.pinned_at):g}"
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
    nothing in a phase is read back to the host.
    """

    generator: nn.Module
    discriminator: nn.Module
    losses: Losses
    generator_optimizer: Optimizer
    discriminator_optimizer: Optimizer
    rates: LearningRatePair
    order: Order
    n_critic: int
    real: Stream
    latents: Callable[[torch.Generator], Tensor]  # draws one batch
    noise: torch.Generator
    settle_moving_averages: bool = False
    update: int = 0
    discriminator_updates: int = 0
    last_losses: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.health = Health(self.noise.device)
        self._generator_parameters = trainable(self.generator)
        self._discriminator_parameters = trainable(self.discriminator)

    def play(self) -> None:
        """One outer iteration."""
        self.order(self, self.n_critic)
        self.update += 1

    def wait(self) -> None:
        """Until the device has done all it was asked to."""
        if self.noise.device.type == "cuda":
            torch.cuda.synchronize(self.noise.device)

    def next_real(self) -> Tensor:
        return self.real.next()

    def draw_latents(self) -> Tensor:
        return self.latents(self.noise)

    def generate(self, latents: Tensor) -> Tensor:
        return self.generator(latents)

    def discriminator_phase(self, real: Tensor, fake: Tensor) -> Phase:
        loss = self.losses.discriminator(self.discriminator, real, fake, self.noise)
        return _phase(loss, self._discriminator_parameters)

    def generator_phase(self, fake: Tensor) -> Phase:
        loss = self.losses.generator(self.discriminator, fake)
        return _phase(loss, self._generator_parameters)

    def move_discriminator(self, phase: Phase) -> None:
        self.discriminator_updates += 1
        self.health.watch(0, phase, self.update + 1)
        rate, _ = self.rates.at(self.update + 1)
        self.discriminator_optimizer.step(phase.gradients, rate)
        self.last_losses["discriminator_loss"] = phase.loss

    def move_generator(self, phase: Phase) -> None:
        self.health.watch(1, phase, self.update + 1)
        _, rate = self.rates.at(self.update + 1)
        self.generator_optimizer.step(phase.gradients, rate)
        self.last_losses["generator_loss"] = phase.loss

    @torch.no_grad()
    def settle(self, latents: Tensor) -> None:
        """What follows from the weights that both players have moved to.

        Moving averages see them, where the model asks for it (spec A.2); a balance of the losses
        takes its step (D.2).
        """
        if self.settle_moving_averages:
            self.generator(latents)
        if (balance := self.losses.balance) is not None:
            if balance.needs_fresh_batch:
                fake = self.generate(self.draw_latents())
                balance.measure(self.discriminator, self.next_real(), fake)
            balance.move()
            self.health.watch_balance(balance, self.update + 1)
            self.last_losses |= {"k": balance.k, "convergence": balance.convergence}

    def diagnosis(self) -> tuple[int, str] | None:
        """The first bad update and its causes, or None. Waits for the device.

        Phases see the weights before their update; what the last one made of them is looked at
        here, so that nothing that is not finite is scored or saved.
        """
        if seen := self.health.diagnosis():
            return seen
        for name in ("discriminator", "generator"):
            state = getattr(self, name).state_dict().values()  # a module may add what is no tensor
            tensors = [t for t in state if isinstance(t, Tensor) and t.is_floating_point()]
            norms = torch._foreach_norm(tensors)  # pyright: ignore[reportPrivateImportUsage]
            if tensors and not torch.isfinite(torch.stack(norms)).all():
                return self.update, f"non-finite {name} weights"
        return None

    def state_dict(self) -> dict[str, Any]:
        """Everything that decides how the game goes on."""
        return {
            "update": self.update,
            "discriminator_updates": self.discriminator_updates,
            "noise": self.noise.get_state(),
            **global_noise(self.noise.device),
            **{name: part.state_dict() for name, part in self._parts().items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state` stood."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.noise.set_state(state["noise"])
        restore_global_noise(state, self.noise.device)
        self.update = state["update"]
        self.discriminator_updates = state["discriminator_updates"]

    def _parts(self) -> dict[str, Any]:
        balance = {} if self.losses.balance is None else {"balance": self.losses.balance}
        return balance | {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
            "real": self.real,
            "health": self.health,
        }


def trainable(network: nn.Module) -> tuple[nn.Parameter, ...]:
    """The parameters a player moves, in the order of its gradients."""
    return tuple(p for p in network.parameters() if p.requires_grad)


def _phase(loss: Tensor, parameters: tuple[nn.Parameter, ...]) -> Phase:
    # A parameter that this loss does not reach gets zeros: its optimizer still counts the update.
    return Phase(loss.detach(), torch.autograd.grad(loss, parameters, materialize_grads=True))
