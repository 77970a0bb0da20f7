"""A figure on its way to a file: what an axis can show, plain ticks, saving."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # figures go to files; no display is needed

from matplotlib import pyplot as plt
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

DRAWABLE = 1e100  # larger values end in infinite axes


def plain_ticks(axis: Axis) -> None:
    """Ticks of a logarithmic axis as plain numbers, also between decades where there are few."""
    low, high = axis.get_view_interval()
    axis.set_major_formatter("{x:g}")
    if high < 200 * low:
        axis.set_minor_locator(LogLocator(subs=(2, 5)))
        axis.set_minor_formatter("{x:g}")
    else:
        axis.set_minor_formatter(NullFormatter())


def save(figure: Figure, path: Path) -> Path:
    """Write and close; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path
