"""What figures share: what stands in one panel, what an axis can show, ticks, colours, saving."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # figures go to files; no display is needed

from matplotlib import colormaps
from matplotlib import pyplot as plt
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from ttur.analysis.groups import Group, by_experiment

CROWD = 10  # settings; more in one panel are a tangle
DRAWABLE = 1e100  # larger values end in infinite axes


def row_groups(groups: Sequence[Group], columns: int) -> list[list[Group]]:
    """The groups of each experiment, at most `columns` beside each other."""
    return [
        some[start : start + columns]
        for some in by_experiment(groups).values()
        for start in range(0, len(some), columns)
    ]


def panel_groups(groups: Sequence[Group]) -> dict[str, list[Group]]:
    """What stands in one panel, by its heading: all, or of a crowd those of one experiment; of a
    crowd of one experiment those of one generator rate.
    """
    if len(groups) <= CROWD:
        return {"": list(groups)}
    experiments = by_experiment(groups)
    if len(experiments) > 1:
        return experiments
    of_rate: dict[float, list[Group]] = {}
    for group in groups:
        of_rate.setdefault(group.first_rates[1], []).append(group)
    if len(of_rate) > CROWD:
        return {"": list(groups)}
    return {f"a = {a:g}": of_rate[a] for a in sorted(of_rate)}


def setting_colours(count: int) -> list[Any]:
    """So many colours: the usual ones while they suffice, else a scale, in the order of rates."""
    if count <= 10:
        return [f"C{number}" for number in range(count)]
    return list(colormaps["turbo"]([(number + 0.5) / count for number in range(count)]))


def plain_ticks(axis: Axis) -> None:
    """Ticks of a logarithmic axis as plain numbers, also between decades where there are few."""
    low, high = axis.get_view_interval()
    axis.set_major_formatter("{x:g}")
    if high < 500 * low:
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
