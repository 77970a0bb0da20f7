"""What the monitor measured (appendix A5): its quantities, and how they go over the updates."""

import math
from statistics import median
from typing import NamedTuple

from ttur.analysis.curves import Series
from ttur.training.record import RunRecord

SMOOTHED = 20  # the part of a run's probes that a running median is of: one in so many


class Quantity(NamedTuple):
    """A number of a probe: its symbol, what it says, and what the theory asks it to stay below."""

    symbol: str
    says: str
    threshold: float | None = None

    @property
    def label(self) -> str:
        return f"{self.symbol}, {self.says}"


# g and h are the gradients of the discriminator D and of the generator G.
QUANTITIES = {
    "perturbation_of_discriminator": Quantity("ρ_D", "how G's step changes D's gradient"),
    "perturbation_of_generator": Quantity("ρ_G", "how D's step changes G's gradient"),
    "own_change_of_discriminator": Quantity("c_D", "how D's step changes its own gradient", 0.5),
    "own_change_of_generator": Quantity("c_G", "how G's step changes its own gradient"),
    "perturbation_ratio": Quantity("R", "G's change of D's gradient over D's own", 1.0),
    "cosine": Quantity("cos", "cosine of these two changes"),
    "time_scale_ratio": Quantity("ε_eff", "time-scale ratio, G's over D's", 0.5),
    "momentum_load": Quantity("ℓ", "momentum load", 0.3),
    "score_perturbation": Quantity("Q", "how G's step changes D's output"),
    "tracking_gap": Quantity("T_K", "tracking gap: D behind its best answer", 0.3),
}


def running_median(run: RunRecord, quantity: str, below: float = math.inf) -> Series:
    """(update, median of the probes around it) by update, over a twentieth of the probes.

    Probes without a value, or with one not `below` that size, are left out.
    """
    seen = [(p.update, p.values.get(quantity)) for p in run.probes]
    known = [(update, v) for update, v in seen if v is not None and abs(v) < below]
    reach = len(known) // (2 * SMOOTHED)
    return {
        update: (
            float(update),
            median(value for _, value in known[max(0, i - reach) : i + reach + 1]),
        )
        for i, (update, _) in enumerate(known)
    }
