"""Curves with bands over seeds, published curves dashed behind."""

from collections.abc import Sequence
from itertools import chain, cycle
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from ttur.analysis.bands import Segment, segments
from ttur.analysis.curves import AXES, Axis, metric_series, published_series
from ttur.analysis.groups import Group, differ_in_cost
from ttur.reports.panels import CROWD, panel_groups, plain_ticks, save
from ttur.runtime.errors import closest

# The paper's colours: one time-scale by rising rate, two time-scales red.
ONE_TIMESCALE = ("tab:blue", "tab:orange", "tab:green", "tab:purple", "tab:brown", "tab:cyan")
TWO_TIMESCALES = ("tab:red", "tab:pink", "darkred", "gold")
PANEL = (6.3, 5.3)  # inches, those of the paper
SMALL_PANEL = (4.6, 4.2)
WIDE = 3.0  # a line of theirs
SUFFIXES = (".png", ".pdf", ".svg")


def figure_path(path: Path) -> Path:
    """Where a figure asked for as `path` is written: without a suffix, as PNG.

    Raises:
        ValueError: if the suffix is none of `SUFFIXES`.
    """
    if path.suffix.lower() in SUFFIXES:
        return path
    if path.suffix:
        raise ValueError(f"{path} is no figure; expected a name in {', '.join(SUFFIXES)}, or none")
    return path.with_suffix(".png")


def draw_report(
    groups: Sequence[Group], path: Path, against: Sequence[str] = (), band: str | None = None
) -> list[Path]:
    """The figures of a report, none without a value: those on more samples in their own, `…-fine`.

    Sentences, and settings that differ in n_critic, are drawn against minutes and updates unless
    `against` says otherwise (Figures 6, 7, A45), all else against updates.

    Raises:
        ValueError: if there is no such axis or band.
    """
    for name in against:
        if name not in AXES:
            raise ValueError(f"no axis {name!r} to draw against; {closest(name, AXES)}")
    metrics = list(dict.fromkeys(metric for group in groups for metric in group.metrics))
    if not metrics:
        return []
    if not against:
        are_sentences = any(run.vocabulary for group in groups for run in group.runs)
        is_timed = differ_in_cost(groups) or are_sentences
        against = ("minutes", "updates") if is_timed else ("updates",)
    fine = [metric for metric in metrics if metric.endswith("_fine")]
    drawn = [draw_curves(groups, path, [m for m in metrics if m not in fine], against, band)]
    if fine:
        path = path.with_name(f"{path.stem}-fine{path.suffix}")
        drawn.append(draw_curves(groups, path, fine, against, band))
    return drawn


def draw_curves(
    groups: Sequence[Group],
    path: Path,
    metrics: Sequence[str],
    against: Sequence[str],
    band: str | None = None,
) -> Path:
    """The mean line and the band over seeds of each setting, published curves dashed.

    A column of panels for each of `metrics`, a row for each of `against` (names of `AXES`); of a
    crowd of settings a row for each of both, and a column for each generator rate. `band` is that
    of the experiment unless it is given (`bands.BANDS`). The line is narrow where it is a mean over
    fewer runs, and a cross marks where one diverged; a dotted line is what real samples score.

    Raises:
        ValueError: if there is no such band.
    """
    parts, named = panel_groups(groups), sorted(metrics)
    whole = len(parts) == 1
    cells = [[(name, metric, *parts) for metric in named] for name in against]
    if not whole:
        cells = [[(name, metric, part) for part in parts] for name in against for metric in named]
    width, height = PANEL if whole else SMALL_PANEL
    figure, panels = plt.subplots(
        len(cells),
        len(cells[0]),
        figsize=(width * len(cells[0]), height * len(cells)),
        sharey=False if whole else "row",
        squeeze=False,
        layout="constrained",
    )
    for axes, (name, metric, part) in zip(panels.flat, chain(*cells), strict=True):
        shown = [group for group in parts[part] if metric in group.metrics]
        axes.set_visible(bool(shown))
        axes.tick_params(which="both", labelleft=True)  # the first of a row may be empty
        if shown:
            _draw_panel(axes, shown, metric, AXES[name], band, part)
    return save(figure, path)


def draw_mean(
    axes: Axes, parts: Sequence[Segment], colour: str, label: str, width: float = WIDE
) -> None:
    """A mean and its band; a third as wide where it is over fewer runs, and so labelled."""
    if not parts:
        return
    most = parts[0].runs
    if parts[-1].runs < most:
        label = f"{label}; narrow: fewer"
    for index, part in enumerate(parts):
        axes.plot(
            part.at,
            part.mean,
            color=colour,
            linewidth=width if part.runs == most else width / 3,
            marker="." if len(part.at) == 1 else "",  # a line of one point is not seen
            label=label if index == 0 else None,
        )
        axes.fill_between(part.at, part.low, part.high, color=colour, alpha=0.2, linewidth=0)


def _draw_panel(
    axes: Axes, groups: Sequence[Group], metric: str, axis: Axis, band: str | None, heading: str
) -> None:
    published = published_series(groups, metric, axis)
    names = list(dict.fromkeys(group.experiment for group in groups))
    titles = [group.title for group in groups]
    others = [series for series in published if series not in titles]
    are_single = [group.is_single_timescale for group in groups]
    are_single += ["TTUR" not in series for series in others]
    one, two = cycle(ONE_TIMESCALE), cycle(TWO_TIMESCALES)
    colours = [next(one if is_single else two) for is_single in are_single]
    colour_of = dict(zip([*titles, *others], colours, strict=True))
    for group, colour in zip(groups, colours, strict=False):
        prefix = f"{group.experiment}, " if len(names) > 1 else ""
        _draw_group(axes, group, metric, axis, band or group.band, colour, prefix)
    for floor in sorted({g.floor[metric] for g in groups if metric in g.floor}):
        axes.axhline(floor, color="black", linestyle=":", label=f"real samples ({floor:.3g})")
    limit = axes.get_xlim()[1]
    for series, points in published.items():
        seen = [(x, mean) for x, mean in points.values() if x <= limit]
        label = f"{series}, published{axis.remark}"
        _draw_published(axes, label, seen, colour_of[series])
    titled = [*names, heading] if heading else names
    axes.set(xlabel=axis.label, ylabel=metric, title=", ".join(dict.fromkeys(titled)))
    _set_scale(axes)
    axes.grid(alpha=0.4)
    bands = dict.fromkeys(band or group.band for group in groups)
    legend_title = f"mean over runs, band {', '.join(bands)}"
    if len(groups) > CROWD:
        axes.legend(title=legend_title, loc="upper left", bbox_to_anchor=(1, 1))
    else:
        axes.legend(title=legend_title)


def _draw_group(
    axes: Axes, group: Group, metric: str, axis: Axis, band: str, colour: str, prefix: str
) -> None:
    runs = [metric_series(run, metric, axis) for run in group.runs]
    draw_mean(axes, segments(runs, band), colour, f"{prefix}{group.title} ({group.tally})")
    diverged = [metric_series(run, metric, axis) for run in group.diverged]
    ends = [list(points.values())[-1] for points in diverged if points]
    axes.plot([x for x, _ in ends], [y for _, y in ends], "x", color=colour, markersize=9)


def _draw_published(
    axes: Axes, label: str, points: Sequence[tuple[float, float]], colour: str
) -> None:
    axes.plot(
        [x for x, _ in points],
        [mean for _, mean in points],
        color=colour,
        linestyle="--",
        linewidth=1.2,
        zorder=1.5,  # behind ours
        label=label if points else None,
    )


def _set_scale(axes: Axes) -> None:
    """Logarithmic where the values span decades."""
    low, high = axes.dataLim.intervaly
    if low > 0 and high > 30 * low:
        axes.set_yscale("log")
        plain_ticks(axes.yaxis)
