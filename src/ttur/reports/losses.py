"""Losses of both players, and BEGAN's k and convergence measure, against updates (Figure A51)."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ttur.analysis.curves import Series, log_series
from ttur.analysis.groups import Group
from ttur.reports.over_updates import Quantity, draw_quantities
from ttur.reports.style import PLAIN, Style
from ttur.training.record import RunRecord

LOGGED = {
    "discriminator_loss": "loss of the discriminator",
    "generator_loss": "loss of the generator",
    "k": "BEGAN's k",
    "convergence": "BEGAN's measure of convergence",
}


def draw_losses(groups: Sequence[Group], path: Path, style: Style = PLAIN) -> Path | None:
    """A panel for each quantity that was logged, every setting in it (`draw_quantities`).

    None if no run has a log.
    """
    quantities = [Quantity(title, partial(_series, name)) for name, title in LOGGED.items()]
    return draw_quantities(groups, quantities, path, style, "")


def _series(name: str, run: RunRecord) -> Series:
    return log_series(run, name)
