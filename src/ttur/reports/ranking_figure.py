"""What was measured early against the distance reached later, drawn."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from ttur.analysis.ranking import LATE, PREDICTORS, Correlation, Place, Ranking
from ttur.reports.panels import DRAWABLE, plain_ticks, save, setting_colours
from ttur.reports.perturbation import PANEL
from ttur.reports.tables import ranking_title

COLUMNS = 5


def draw_ranking(ranking: Ranking, path: Path) -> Path:
    """A panel for each predictor: the late value over it, one point per setting.

    Settings of one generator rate share a colour and are joined in the order of the
    discriminator's.
    """
    reached = [place for place in ranking.places if place.late is not None]
    shown = [each for each in ranking.correlations if each.settings]
    width, height = PANEL
    rows = -(-len(shown) // COLUMNS)
    figure, panels = plt.subplots(
        rows,
        COLUMNS,
        figsize=(width * COLUMNS, height * rows + 1.0),
        squeeze=False,
        sharey=True,
        layout="constrained",
    )
    for axes, each in zip(panels.flat, shown, strict=False):
        _draw_predictor(axes, each, reached)
    for axes in panels[:, 0]:
        axes.set_ylabel(f"{ranking.metric}, last {LATE:.0%}")
    for axes in panels.flat[len(shown) :]:
        axes.axis("off")
    figure.suptitle(ranking_title(ranking))
    handles = panels[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=8, frameon=False)
    return save(figure, path)


def _draw_predictor(axes: Axes, found: Correlation, reached: Sequence[Place]) -> None:
    joined = _by_generator_rate(reached)
    for (label, places), colour in zip(joined.items(), setting_colours(len(joined)), strict=True):
        pairs = [(p.early.get(found.predictor, math.inf), p.late) for p in places]
        pairs = [(early, late) for early, late in pairs if abs(early) < DRAWABLE]
        axes.plot(
            *np.array(pairs, dtype=np.float64).reshape(-1, 2).T,
            "o-",
            color=colour,
            linewidth=0.6,
            label=label,
        )
    low, high = axes.dataLim.intervalx
    if low > 0:
        axes.set_xscale("log")
        plain_ticks(axes.xaxis)
    elif low == 0:
        axes.set_xscale("symlog", linthresh=0.1)
        axes.set_xlim(-0.02, max(1.0, 2 * high))
        axes.xaxis.set_major_formatter("{x:g}")
    if axes.dataLim.intervaly[0] > 0:
        axes.set_yscale("log")
        plain_ticks(axes.yaxis)
    title = "all equal"
    if found.spearman is not None:
        title = f"Spearman {found.spearman:+.2f}, p {found.p_value:.2g}"
    if found.at_equal_rate is not None:
        title += f"\nat equal a {found.at_equal_rate:+.2f}, p {found.at_equal_rate_p_value:.2g}"
    axes.set(xlabel=PREDICTORS[found.predictor], title=title)
    axes.grid(alpha=0.4)


def _by_generator_rate(places: Sequence[Place]) -> dict[str, list[Place]]:
    """Settings by generator rate, each in the order of b."""
    joined: dict[str, list[Place]] = {}
    for place in sorted(
        places, key=lambda place: (place.early["generator_rate"], place.early["discriminator_rate"])
    ):
        joined.setdefault(f"a = {place.early['generator_rate']:g}", []).append(place)
    return joined
