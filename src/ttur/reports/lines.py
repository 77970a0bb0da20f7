"""Lines of settings over updates: means, single runs, bands, what a legend says of them."""

from collections.abc import Iterable, Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ttur.analysis.bands import Segment
from ttur.analysis.curves import Series
from ttur.analysis.groups import Group
from ttur.reports.panels import plain_ticks
from ttur.reports.style import Mark, Style

BAND_TEXTS = {"min-max": "least to greatest", "std": "± one standard deviation"}
MOST_DIVERGED = 4  # that are told one by one


def draw_runs(
    axes: Axes,
    runs: Sequence[Series],
    parts: Sequence[Segment],
    mark: Mark,
    label: str,
    width: float,
) -> None:
    """The mean with its band, a third as wide where it is over fewer runs; single runs behind."""
    if not parts:
        return
    most = parts[0].runs
    for points in runs if len(runs) > 1 else ():
        axes.plot(
            [x for x, _ in points.values()],
            [y for _, y in points.values()],
            color=mark.colour,
            linewidth=0.3 * width,
            alpha=0.6,
            zorder=1.8,
        )
    for index, part in enumerate(parts):
        axes.plot(
            part.at,
            part.mean,
            **mark.line,
            linewidth=width if part.runs == most else width / 2,
            marker=mark.marker if len(part.at) == 1 else "",  # a line of one point is not seen
            label=label if index == 0 else None,
            zorder=2.5,
        )
        if most > 1:
            axes.fill_between(
                part.at, part.low, part.high, color=mark.colour, alpha=0.16, linewidth=0, zorder=1.2
            )


def entries(panels: Iterable[Axes]) -> tuple[list[Artist], list[str]]:
    """Of one legend for all panels: each label once, that of published curves in grey."""
    found: dict[str, Artist] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    for label in [label for label in found if label.startswith("published")]:
        found[label] = Line2D(
            [], [], color="0.35", linewidth=0.8, marker="o", markerfacecolor="white", markersize=4
        )
    return list(found.values()), list(found)


def note_of(groups: Sequence[Group], style: Style) -> str:
    """What lines and bands are, and which runs diverged, when and why."""
    most = max(len(group.runs) for group in groups)
    lines = []
    if most > 1:
        bands = dict.fromkeys(BAND_TEXTS[style.band or group.band] for group in groups)
        counts = {len(group.runs) for group in groups}
        runs = f"{most} runs" if len(counts) == 1 else "runs"
        are_uneven = any(len({run.updates for run in group.runs}) > 1 for group in groups)
        fewer = ", narrow where fewer are left" * are_uneven
        lines.append(f"line: mean of {runs}{fewer}; thin: each run; shaded: {', '.join(bands)}")
    diverged = [
        f"× {style.setting(group)}, seed {run.seed}, diverged at update {run.end.update:,}"
        + (f": {run.cause}" if run.cause else "")
        for group in groups
        for run in group.diverged
        if run.end is not None
    ]
    lines += diverged[:MOST_DIVERGED]
    if len(diverged) > MOST_DIVERGED:
        lines.append(f"× and {len(diverged) - MOST_DIVERGED} more diverged")
    return "\n".join(lines)


def set_scale(axes: Axes, style: Style) -> None:
    """Logarithmic where the values span decades, unless the style says."""
    low, high = axes.dataLim.intervaly
    if low > 0 and (high > 30 * low if style.log is None else style.log):
        axes.set_yscale("log")
        plain_ticks(axes.yaxis)
