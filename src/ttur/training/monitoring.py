"""During training: the perturbation monitor fed with samples of its own, at its own cadence."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ttur.data.batches import Batches
from ttur.perturbation.fields import Samples
from ttur.perturbation.monitor import PerturbationMonitor
from ttur.runtime.randomness import Stream, randomness_from
from ttur.training.config import MonitorDescription
from ttur.training.game import TwoPlayerGame

HELD_OUT_BATCHES = 4
LEAST_RATE, MOST_RATE = 1e-300, 1e300  # a rate that has halved down to 0 is probed like any other


@dataclass
class Monitoring:
    """Probes a game every so many updates; what it draws depends on stream and update alone.

    So it has no state: a run that was interrupted is probed as one that was not.
    """

    game: TwoPlayerGame
    batches: Batches
    stream: Stream
    settings: MonitorDescription
    monitor: PerturbationMonitor = field(init=False)
    _moves: tuple[int, int] = field(default=(0, 0), init=False)

    def __post_init__(self) -> None:
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
        return update % self.settings.monitor_every_updates == 0

    def before_step(self) -> None:
        self._moves = self.game.generator_updates, self.game.discriminator_updates
        self.monitor.before_step()

    def after_step(self) -> dict[str, Any]:
        """The quantities of the iteration just played, by name; None where one has no value."""
        game, draw = self.game, self.samples_at(self.game.update)
        b, a = (min(max(rate, LEAST_RATE), MOST_RATE) for rate in game.rates.at(game.update))
        # An order may leave the generator where it is; then the rate is what it would have been.
        moves_g = max(game.generator_updates - self._moves[0], 1)
        moves_d = max(game.discriminator_updates - self._moves[1], 1)
        # Latents of a user's own may draw from the global generators.
        with self._companions_untouched(), randomness_from(None, game.rng.device):
            probe = self.monitor.after_step(
                draw(),
                lr_g=moves_g * a,
                lr_d=moves_d * b,
                independent=draw(),
                update=game.update,
            )
            found = probe.to_json()
            if self._tracks(game.update) and game.losses.uninformative is not None:
                gap = self.monitor.tracking_gap(
                    draw,
                    [draw() for _ in range(HELD_OUT_BATCHES)],
                    uninformative=game.losses.uninformative,
                    rate=self.settings.tracking_gap_rate,
                    steps=self.settings.tracking_gap_steps,
                )
                found["tracking_gap"] = gap if np.isfinite(gap) else None
        return found

    def _tracks(self, update: int) -> bool:
        every = self.settings.tracking_gap_every_updates
        before = max(update - self.settings.monitor_every_updates, 0)
        return before // every < update // every

    def samples_at(self, update: int) -> Callable[[], Samples]:
        """Draws one batch after another, those of a probe of this update, from the first on."""
        chosen = self.stream.at(update).numpy()
        rng = torch.Generator(self.game.rng.device).manual_seed(int(chosen.integers(2**63)))

        def draw() -> Samples:
            real = self.batches.draw(chosen, self.batches.batch_size)
            return Samples(real, self.game.latents(rng), int(chosen.integers(2**63)))

        return draw

    @contextmanager
    def _companions_untouched(self) -> Iterator[None]:
        """A companion may note the losses that pass by; those of a probe are no business of its."""
        noted = [(each, dict(each.state_dict())) for each in self.game.companions]
        try:
            yield
        finally:
            for companion, state in noted:
                companion.load_state_dict(state)
