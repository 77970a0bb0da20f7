"""During training: the perturbation monitor fed with samples of its own, at its own cadence."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ttur.data.batches import Batches
from ttur.timescales.fields import Samples
from ttur.timescales.monitor import PerturbationMonitor
from ttur.timescales.orders import generator_twice
from ttur.training.game import TwoPlayerGame

HELD_OUT_BATCHES = 4
LEAST_RATE, MOST_RATE = 1e-300, 1e300  # a rate that has halved down to 0 is probed like any other


@dataclass
class Monitoring:
    """Probes a game every so many updates; what it draws depends on seed and update alone.

    So it has no state: a run that was interrupted is probed as one that was not. `every` and
    `tracking_every` count updates; the tracking gap takes `tracking_steps` updates of a copy of the
    discriminator at `tracking_rate`, and comes with the first probe after so many.

    Raises:
        ValueError: if `every` is below 1.
    """

    game: TwoPlayerGame
    batches: Batches
    latents: Callable[[torch.Generator], Tensor]  # draws one batch
    seed: int
    every: int
    tracking_every: int = 4_000
    tracking_steps: int = 50
    tracking_rate: float = 5e-4
    monitor: PerturbationMonitor = field(init=False)

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"monitor_every_updates must be at least 1, got {self.every}")
        game = self.game
        self.monitor = PerturbationMonitor(
            game.generator,
            game.discriminator,
            game.losses.discriminator,
            game.losses.generator,
            game.generator_optimizer,
            game.discriminator_optimizer,
        )

    def is_due(self, update: int) -> bool:
        return update % self.every == 0

    def before_step(self) -> None:
        self.monitor.before_step()

    def after_step(self) -> dict[str, Any]:
        """The quantities of the iteration just played, by name; None where one has no value."""
        game, draw = self.game, self._samples(self.game.update)
        b, a = (min(max(rate, LEAST_RATE), MOST_RATE) for rate in game.rates.at(game.update))
        moves = 2 if game.order is generator_twice else 1
        with self._balance_untouched():
            probe = self.monitor.after_step(
                draw(), lr_g=moves * a, lr_d=game.n_critic * b, independent=draw()
            )
            found = probe.to_json()
            if self._tracks(game.update) and game.losses.uninformative is not None:
                gap = self.monitor.tracking_gap(
                    draw,
                    [draw() for _ in range(HELD_OUT_BATCHES)],
                    uninformative=game.losses.uninformative,
                    rate=self.tracking_rate,
                    steps=self.tracking_steps,
                )
                found["tracking_gap"] = gap if np.isfinite(gap) else None
        return found

    def _tracks(self, update: int) -> bool:
        before = max(update - self.every, 0)
        return before // self.tracking_every < update // self.tracking_every

    def _samples(self, update: int) -> Callable[[], Samples]:
        chosen = np.random.default_rng([self.seed, update])
        noise = torch.Generator(self.game.noise.device).manual_seed(int(chosen.integers(2**63)))

        def draw() -> Samples:
            real = self.batches.drawn(chosen, self.batches.batch_size)
            return Samples(real, self.latents(noise), int(chosen.integers(2**63)))

        return draw

    @contextmanager
    def _balance_untouched(self) -> Iterator[None]:
        """A balance notes the losses that pass by; those of a probe are none of its business."""
        balance = self.game.losses.balance
        noted = {} if balance is None else dict(vars(balance))
        try:
            yield
        finally:
            if balance is not None:
                vars(balance).update(noted)
