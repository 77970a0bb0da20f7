"""What the monitor measured: how the players perturb each other, over the updates (appendix A5)."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from ttur.analysis.bands import segments
from ttur.analysis.groups import Group, by_experiment, shares
from ttur.reports.figures import draw_mean
from ttur.reports.page import DRAWABLE, plain_ticks, save
from ttur.training.record import RunRecord

PANEL = (4.6, 3.5)  # inches
COLUMNS = 5
SMOOTHED = 20  # the part of a run's probes whose median is drawn: one in so many


class Quantity(NamedTuple):
    """A number of a probe: what it is called, its axis, and what it should be below."""

    label: str
    scale: str = "log"
    threshold: float | None = None


# What a probe is drawn as. Zeros of the symlog ones are common: the discriminator tracks.
QUANTITIES = {
    "rho_D": Quantity("ρ_D, the generator's perturbation of g"),
    "rho_G": Quantity("ρ_G, the discriminator's of h"),
    "c_D": Quantity("c_D, D's own change of g", threshold=0.5),
    "c_G": Quantity("c_G, G's own change of h"),
    "R": Quantity("R, perturbation / D's own change", threshold=1.0),
    "cos": Quantity("cosine of the two changes of g", "linear"),
    "eps_eff": Quantity("time-scale ratio ε_eff", threshold=0.5),
    "momentum_load": Quantity("momentum load ℓ", "symlog", 0.3),
    "Q": Quantity("Q, perturbation of D's output"),
    "tracking_gap": Quantity("tracking gap T_K", "symlog", 0.3),
}


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
        for heading, some in shares(of_one).items()
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
            _finish(axes, quantity)
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


def setting_colours(count: int) -> list[Any]:
    """So many colours: the usual ones while they suffice, else a scale, in the order of rates."""
    if count <= 10:
        return [f"C{number}" for number in range(count)]
    return list(colormaps["turbo"]([(number + 0.5) / count for number in range(count)]))


def running_median(run: RunRecord, field: str) -> dict[int, tuple[float, float]]:
    """(update, median of the probes around it) by update.

    Probes without a value, or with one that no axis could show, are left out.
    """
    seen = [(p.update, p.values.get(field)) for p in run.probes]
    known = [(update, v) for update, v in seen if v is not None and abs(v) < DRAWABLE]
    reach = len(known) // (2 * SMOOTHED)
    return {
        update: (
            float(update),
            median(value for _, value in known[max(0, i - reach) : i + reach + 1]),
        )
        for i, (update, _) in enumerate(known)
    }


def _draw_group(axes: Axes, group: Group, field: str, band: str, colour: Any) -> None:
    runs = [values for run in group.runs if (values := running_median(run, field))]
    draw_mean(axes, segments(runs, band), colour, group.title, width=1.6)


def _finish(axes: Axes, quantity: Quantity) -> None:
    high = axes.dataLim.intervaly[1]
    if quantity.threshold is not None:
        axes.axhline(quantity.threshold, color="black", linewidth=0.8, alpha=0.5)
    if quantity.scale == "symlog":
        axes.set_yscale("symlog", linthresh=0.1)
        axes.set_ylim(0, max(1.0, 2 * high))
        axes.yaxis.set_major_formatter("{x:g}")
    elif quantity.scale == "linear":
        axes.set_ylim(-1.05, 1.05)
    elif high > 0:
        axes.set_yscale("log")
    axes.set(xlabel="generator updates", title=quantity.label)
    axes.grid(alpha=0.4)
