"""Runs as charts: each metric, loss and quantity of the monitor over all time axes."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal

from ttur.analysis.groups import Group, Point, curve
from ttur.analysis.probes import QUANTITIES
from ttur.analysis.timelines import (
    Timeline,
    logged,
    mean_timelines,
    probed,
    published_timelines,
    run_timeline,
)
from ttur.reports.html.blocks import Chart, Line, Series
from ttur.reports.names import metric_title
from ttur.reports.panels import DRAWABLE
from ttur.training.record import RunRecord

MOST_POINTS = 400  # of a line; more are averaged
LOSSES = ("discriminator_loss", "generator_loss")  # the first of what is logged
BANDS_SHOWN = {"min-max": "from the lowest to the highest run", "std": "one standard deviation"}
LINEAR = ("cosine", "momentum_load", "tracking_gap")  # quantities with zeros, or below them

Named = Callable[[Group], str]


def key_of(group: Group) -> str:
    """What a setting is called in the data of a page."""
    return f"{group.experiment}/{group.label}"


def metric_charts(groups: Sequence[Group], named: Named, band: str | None) -> Iterator[Chart]:
    """One for each metric: means with bands, single runs, real samples, and what was published."""
    for metric in dict.fromkeys(metric for group in groups for metric in group.metrics):
        some = [group for group in groups if metric in group.metrics]
        series = [
            one
            for group in some
            for one in _series(group, named(group), [curve(r, metric) for r in group.runs], band)
        ]
        series += _published(some, metric)
        for floor in sorted({g.floor[metric] for g in some if metric in g.floor}):
            series.append(_level(f"real samples ({floor:.3g})", floor))
        lower = some[0].lower_is_better(metric)
        yield Chart(
            named=f"metric {metric}",
            title=f"{metric_title(metric)} ({'lower' if lower else 'higher'} is better)",
            y_label=metric_title(metric),
            series=series,
            wide=True,
            note=_band_note(some, band),
        )


def loss_charts(groups: Sequence[Group], named: Named, band: str | None) -> Iterator[Chart]:
    """One for each quantity of the logs, the losses of both players first."""
    names = dict.fromkeys(
        n for g in groups for run in g.runs for log in run.logs for n in log.values
    )
    for name in sorted(names, key=lambda name: name not in LOSSES):
        yield _mean_chart(
            groups, named, band, f"log {name}", name.replace("_", " "), partial(logged, name=name)
        )


def monitor_charts(groups: Sequence[Group], named: Named, band: str | None) -> Iterator[Chart]:
    """One for each quantity that a probe saw, with what the theory asks it to stay below."""
    for name, quantity in QUANTITIES.items():
        chart = _mean_chart(
            groups,
            named,
            band,
            f"probe {name}",
            quantity.label,
            partial(probed, quantity=name, below=DRAWABLE),
            "linear" if name in LINEAR else "auto",
            quantity.threshold,
        )
        if any(one.role != "level" for one in chart.series):
            yield chart


def _mean_chart(
    groups: Sequence[Group],
    named: Named,
    band: str | None,
    key: str,
    title: str,
    points: Callable[[RunRecord], list[Point]],
    scale: Literal["auto", "linear", "log"] = "auto",
    threshold: float | None = None,
) -> Chart:
    series = []
    for group in groups:
        runs = [some for run in group.runs if (some := points(run))]
        series += _series(group, named(group), runs, band, single=False)
    if threshold is not None:
        series.append(_level(f"better below {threshold:g}", threshold))
    return Chart(named=key, title=title, y_label=title, series=series, scale=scale)


def _series(
    group: Group,
    label: str,
    runs: Sequence[Sequence[Point]],
    band: str | None,
    single: bool = True,
) -> Iterator[Series]:
    """The mean of a setting, and its single runs if there are several or one diverged."""
    key = key_of(group)
    means = mean_timelines(runs, band or group.band)
    if means:
        yield Series(label, "mean", [_line(part, len(runs) > 1) for part in means], key)
    if not single:
        return
    for run, points in zip(group.runs, runs, strict=True):
        diverged = run in group.diverged
        if points and (diverged or len(group.runs) > 1):
            name = f"{label}, seed {run.seed}{', diverged' * diverged}"
            yield Series(name, "run", [_line(run_timeline(points), False)], key, diverged)


def _published(groups: Sequence[Group], metric: str) -> Iterator[Series]:
    keys = {group.title: key_of(group) for group in groups}
    for series, lines in published_timelines(groups, metric).items():
        drawn = [_line(line, True) for line in lines]
        yield Series(f"{series}, published", "published", drawn, keys.get(series))


def _level(label: str, value: float) -> Series:
    return Series(label, "level", [Line({}, [value])])


def _line(made: Timeline, with_band: bool) -> Line:
    some = made.thinned(MOST_POINTS)
    band = (some.low, some.high) if with_band else (None, None)
    return Line(some.at, some.values, *band)


def _band_note(groups: Sequence[Group], band: str | None) -> str:
    told = []
    if any(len(group.runs) > 1 for group in groups):
        kinds = dict.fromkeys(BANDS_SHOWN[band or group.band] for group in groups)
        told += [
            "Thick lines are means over runs, thin ones single runs; the band is "
            f"{' or '.join(kinds)}."
        ]
    if any(group.diverged for group in groups):
        told += ["A cross is where a run diverged."]
    return " ".join(told)
