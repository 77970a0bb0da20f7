"""What the monitor measured (appendix A5): its quantities, and how they go over the updates."""

import math
from statistics import median
from typing import NamedTuple

from ttur.analysis.curves import Series
from ttur.training.record import RunRecord

SMOOTHED = 20  # the part of a run's probes that a running median is of: one in so many


class Quantity(NamedTuple):
    """A number of a probe: what it is called, and what the theory asks it to stay below."""

    label: str
    threshold: float | None = None


QUANTITIES = {
    "rho_D": Quantity("ρ_D, the generator's perturbation of g"),
    "rho_G": Quantity("ρ_G, the discriminator's of h"),
    "c_D": Quantity("c_D, D's own change of g", 0.5),
    "c_G": Quantity("c_G, G's own change of h"),
    "R": Quantity("R, perturbation / D's own change", 1.0),
    "cos": Quantity("cosine of the two changes of g"),
    "eps_eff": Quantity("time-scale ratio ε_eff", 0.5),
    "momentum_load": Quantity("momentum load ℓ", 0.3),
    "Q": Quantity("Q, perturbation of D's output"),
    "tracking_gap": Quantity("tracking gap T_K", 0.3),
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
