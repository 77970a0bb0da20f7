"""What the monitor measured: how the players perturb each other, over the updates (appendix A5)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from ttur.analysis.bands import segments
from ttur.analysis.groups import Group, by_experiment
from ttur.analysis.probes import QUANTITIES, Quantity, running_median
from ttur.reports.figures import draw_mean
from ttur.reports.panels import DRAWABLE, panel_groups, plain_ticks, save, setting_colours

PANEL = (4.6, 3.5)  # inches
COLUMNS = 5


# Of the quantities whose axis is not logarithmic. Zeros of the symlog ones are common: the
# discriminator tracks.
SCALES = {"cosine": "linear", "momentum_load": "symlog", "tracking_gap": "symlog"}


def draw_monitor(groups: Sequence[Group], path: Path, band: str | None = None) -> Path | None:
    """A block of panels for each experiment, one per quantity, a colour for each setting.

    A crowd of settings has a block for each generator rate, with one scale for each quantity.
    The line is the mean over runs of each run's running median, over a twentieth of its probes;
    its band is that of the curves of the metric. A faint line is what section 10.4 of the theory
    asks a quantity to stay below. None if no run was monitored.
    """
    monitored = [group for group in groups if any(run.probes for run in group.runs)]
    blocks = {
        (name, heading): some
        for name, of_one in by_experiment(monitored).items()
        for heading, some in panel_groups(of_one).items()
    }
    if not blocks:
        return None
    width, height = PANEL
    lines = -(-len(QUANTITIES) // COLUMNS)
    figure = plt.figure(
        figsize=(width * COLUMNS, (height * lines + 0.8) * len(blocks)), layout="constrained"
    )
    parts = figure.subfigures(len(blocks), squeeze=False)[:, 0]
    of_one_scale: dict[tuple[str, str], list[Axes]] = {}
    for part, ((name, heading), some) in zip(parts, blocks.items(), strict=True):
        panels = part.subplots(lines, COLUMNS).flat
        for axes, (field, quantity) in zip(panels, QUANTITIES.items(), strict=True):
            of_one_scale.setdefault((name, field), []).append(axes)
            for group, colour in zip(some, setting_colours(len(some)), strict=True):
                _draw_group(axes, group, field, band or group.band, colour)
            _finish(axes, quantity, SCALES.get(field, "log"))
        runs = sum(len(group.runs) for group in some)
        bands = dict.fromkeys(band or group.band for group in some)
        block = f"{name}, {heading}" if heading else name
        part.suptitle(
            f"{block}: {len(some)} setting{'s' * (len(some) > 1)}, {runs} run{'s' * (runs > 1)}, "
            f"band {', '.join(bands)}; no units; where there is a black line, better below it"
        )
        lines_of = panels[0].get_legend_handles_labels()
        part.legend(*lines_of, loc="outside lower center", ncols=min(8, len(some)), frameon=False)
    for of_one in of_one_scale.values():
        # Not `sharey`: across subfigures every change of a limit would draw the whole figure.
        panels = [axes for axes in of_one if np.isfinite(axes.dataLim.intervaly).all()]
        if not panels:
            continue
        lowest, highest = np.transpose([axes.get_ylim() for axes in panels])
        for axes in panels:
            axes.set_ylim(lowest.min(), highest.max())
            if axes.get_yscale() == "log":
                plain_ticks(axes.yaxis)
    return save(figure, path)


def _draw_group(axes: Axes, group: Group, field: str, band: str, colour: Any) -> None:
    runs = [values for run in group.runs if (values := running_median(run, field, DRAWABLE))]
    draw_mean(axes, segments(runs, band), colour, group.title, width=1.6)


def _finish(axes: Axes, quantity: Quantity, scale: str) -> None:
    high = axes.dataLim.intervaly[1]
    if quantity.threshold is not None:
        axes.axhline(quantity.threshold, color="black", linewidth=0.8, alpha=0.5)
    if scale == "symlog":
        axes.set_yscale("symlog", linthresh=0.1)
        axes.set_ylim(0, max(1.0, 2 * high))
        axes.yaxis.set_major_formatter("{x:g}")
    elif scale == "linear":
        axes.set_ylim(-1.05, 1.05)
    elif high > 0:
        axes.set_yscale("log")
    axes.set(xlabel="generator updates", title=quantity.label)
    axes.grid(alpha=0.4)
