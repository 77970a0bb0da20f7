"""BEGAN: an auto-encoder's losses of reconstruction, and the weight k that balances them."""

from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from ttur.losses.functions import Loss, Losses, Network, Players, Samples, Term
from ttur.runtime.description import STRICT, Number, Share
from ttur.timescales.orders import Round

# So many updates of k in a row at 0 or 1 mean that nothing balances the players any more: with
# losses below 1 it takes more than 1000 from one limit to the other.
PINNED_AFTER_UPDATES = 10_000
NEVER = 2**62


class Balance:
    """BEGAN's k, steered so that generated samples are γ times as hard to reconstruct as real ones.

    After both players have moved, k ← clip(k + k_rate · (γ L(x) - L(G(z))), 0, 1), and the
    convergence measure is L(x) + |γ L(x) - L(G(z))| (Berthelot et al. 2017, section 3.4; D.2).
    The losses are those of a fresh batch by the moved networks, as in the code of the paper, or
    with batch="same" those that the players moved by (J.17). k_rate = 0 leaves k where it is.

    Raises:
        ValueError: if gamma or k is not in [0, 1], or k_rate is negative.
    """

    name = "balance"

    def __init__(
        self,
        gamma: float = 0.5,
        k_rate: float = 0.001,
        k: float = 0.0,
        batch: Literal["fresh", "same"] = "fresh",
    ) -> None:
        for name, value in (("gamma", gamma), ("k", k)):
            if not 0 <= value <= 1:
                raise ValueError(f"BEGAN needs 0 <= {name} <= 1, got {value}")
        if not k_rate >= 0:
            raise ValueError(f"BEGAN needs k_rate >= 0, got {k_rate}; the usual is 0.001")
        if batch not in ("fresh", "same"):
            raise ValueError(f'the batch of a balance is "fresh" or "same", got {batch!r}')
        self.gamma, self.k_rate, self.first_k, self.batch = gamma, k_rate, k, batch
        self.begin(torch.device("cpu"))

    def begin(self, device: torch.device) -> None:
        """As before the first update, on the device of the players."""
        self.k = torch.tensor(self.first_k, device=device)
        self.real_loss = torch.zeros((), device=device)
        self.fake_loss = torch.zeros((), device=device)
        self.updates_at_limit = torch.zeros((), dtype=torch.int64, device=device)
        self.first_pinned = torch.full((), NEVER, device=device)
        self.pinned_at = torch.zeros((), device=device)

    @property
    def settings(self) -> dict[str, float | str]:
        """What stays the same while k moves."""
        settings = {"gamma": self.gamma, "k_rate": self.k_rate, "k": self.first_k}
        return settings | {"batch": self.batch}

    @property
    def is_adaptive(self) -> bool:
        return self.k_rate > 0

    @property
    def needs_fresh_batch(self) -> bool:
        """Whether `measure` is to be called with new samples before `move`."""
        return self.is_adaptive and self.batch == "fresh"

    @property
    def convergence(self) -> Loss:
        """L(x) + |γ L(x) - L(G(z))|, which falls as training converges (section 3.4.1)."""
        return self.real_loss + (self.gamma * self.real_loss - self.fake_loss).abs()

    def measure(self, discriminator: Network, real: Samples, fake: Samples) -> None:
        """L(x) and L(G(z)) of these samples."""
        self.real_loss = reconstruction(discriminator, real).detach()
        self.fake_loss = reconstruction(discriminator, fake).detach()

    @torch.no_grad()
    def move(self) -> None:
        """One step of k by the last losses measured."""
        if self.is_adaptive:
            self.k = self.k + self.k_rate * (self.gamma * self.real_loss - self.fake_loss)
            self.k = self.k.clamp(0, 1)
            at_limit = (self.k == 0) | (self.k == 1)
            self.updates_at_limit = (self.updates_at_limit + 1) * at_limit

    def after_update(self, game: Players) -> dict[str, Tensor]:
        """One step of k, by samples of its own if it needs them (D.2); k and the convergence."""
        if self.needs_fresh_batch:
            fake = game.generate(game.draw_latents())
            self.measure(game.discriminator, game.next_real(), fake)
        self.move()
        # Noted when k has stood at 0 or 1 for too long, though it may come free again.
        is_first = (self.updates_at_limit >= PINNED_AFTER_UPDATES) & (self.first_pinned == NEVER)
        self.first_pinned = torch.where(is_first, game.update + 1, self.first_pinned)
        self.pinned_at = torch.where(is_first, self.k, self.pinned_at)
        return {"k": self.k, "convergence": self.convergence}

    def trouble(self) -> tuple[int, str] | None:
        """The first update at which k had stood at 0 or 1 for too long."""
        first = int(self.first_pinned)
        return None if first == NEVER else (first, f"k pinned at {float(self.pinned_at):g}")

    def state_dict(self) -> dict[str, Any]:
        """k, how long it has stood at 0 or 1, and the last losses measured."""
        return {name: getattr(self, name) for name in self._STATE}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in self._STATE:
            setattr(self, name, state[name].to(getattr(self, name)))

    _STATE = ("k", "updates_at_limit", "real_loss", "fake_loss")


def reconstruction(discriminator: Network, samples: Samples) -> Loss:
    """E[|v - D(v)|], the mean over samples and pixels of the error of an auto-encoder D (D.2)."""
    return (samples - discriminator(samples)).abs().mean()


def began(balance: Balance) -> Losses:
    """Both losses of BEGAN, L(x) - k L(G(z)) and L(G(z)) (Berthelot et al. 2017, Eq. 5)."""

    def discriminator_loss(discriminator: Network, round: Round) -> Loss:
        real_loss = reconstruction(discriminator, round.real)
        fake_loss = reconstruction(discriminator, round.fake)
        balance.real_loss, balance.fake_loss = real_loss.detach(), fake_loss.detach()
        return real_loss - balance.k * fake_loss

    def generator_loss(discriminator: Network, round: Round) -> Loss:
        return reconstruction(discriminator, round.fake)

    return Losses(discriminator_loss, generator_loss, (balance,))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Began(Term):
    """The losses of BEGAN, for discriminators that reconstruct their samples.

    `gamma` is how much harder generated samples should be to reconstruct than real ones, `k` the
    first weight of the generated samples in the discriminator's loss, `k_rate` its step, 0 for a
    fixed one, and `k_batch` says whether it moves by samples of its own or by those of the update
    (J.17).
    """

    needs: ClassVar = "reconstructions"
    ignores_slope: ClassVar = False
    gamma: Share = 0.5
    k: Share = 0.0
    k_rate: Annotated[Number, Field(ge=0)] = 0.001
    k_batch: Literal["fresh", "same"] = "fresh"
    kind: Literal["began"] = "began"

    @property
    def extra_batches(self) -> int:
        """Real batches per update beside those of the discriminator's updates."""
        return int(self.k_rate > 0 and self.k_batch == "fresh")

    def build(self) -> Losses:
        return began(Balance(self.gamma, self.k_rate, self.k, self.k_batch))
