"""What the monitor measured: how the players perturb each other, over the updates (appendix A5)."""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ttur.analysis.curves import Series
from ttur.analysis.groups import Group
from ttur.analysis.probes import QUANTITIES, running_median
from ttur.reports.over_updates import Quantity, draw_quantities
from ttur.reports.panels import DRAWABLE
from ttur.reports.style import PLAIN, Style
from ttur.training.record import RunRecord

# Of the quantities whose axis is not logarithmic. Zeros of the symlog ones are common: the
# discriminator tracks.
SCALES: dict[str, dict[str, Any]] = {
    "cosine": {"scale": "linear", "limits": (-1.05, 1.05)},
    "momentum_load": {"scale": "symlog"},
    "tracking_gap": {"scale": "symlog"},
}


def draw_monitor(groups: Sequence[Group], path: Path, style: Style = PLAIN) -> Path | None:
    """A panel for each quantity, every setting in it (`draw_quantities`).

    The line is the mean over runs of each run's running median, over a twentieth of its probes. A
    dotted line is what section 10.4 of the theory asks a quantity to stay below. None if no run was
    monitored.
    """
    quantities = [
        Quantity(
            quantity_title(name),
            partial(_series, name),
            threshold=quantity.threshold,
            **SCALES.get(name, {"scale": "log"}),
        )
        for name, quantity in QUANTITIES.items()
    ]
    note = "no units; where there is a dotted line, better below it"
    return draw_quantities(groups, quantities, path, style, note)


def quantity_title(name: str) -> str:
    """What a quantity of a probe says, and its symbol as mathematics."""
    quantity = QUANTITIES[name]
    symbol = re.sub(r"_(\w+)", r"_{\\mathrm{\1}}", quantity.symbol)
    return quantity.says if quantity.symbol == "cos" else f"{quantity.says}, ${symbol}$"


def _series(name: str, run: RunRecord) -> Series:
    return running_median(run, name, DRAWABLE)
