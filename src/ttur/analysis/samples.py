"""Which samples of a setting to look at: the last of a run, those of one as it improves."""

from pathlib import Path

import numpy as np

from ttur.analysis.groups import Group, Point, curve
from ttur.training.record import RunRecord

STAGES = 5  # of the distance on its way down, the first and the best among them


def last_samples(group: Group, suffix: str) -> tuple[RunRecord, Path] | None:
    """A run and the file of its last samples, "png" or "txt"; None if there are none.

    The run is the first seed that finished, or else one that still goes on, or else a diverged one.
    """
    found = samples_over_updates(group, suffix)
    return found and (found[0], found[1][-1])


def samples_over_updates(
    group: Group, suffix: str, most: int | None = None
) -> tuple[RunRecord, list[Path]] | None:
    """That run and the files of its samples by update; no more than `most`, evenly among them.

    The first and the last are among them. None if there are none.
    """

    def preference(run: RunRecord) -> tuple[bool, bool, int]:
        return run in group.diverged, run not in group.finished, run.seed

    for run in sorted(group.runs, key=preference):
        found = sorted((run.directory / "samples").glob(f"update-*.{suffix}"))
        if found and most is not None and len(found) > most:
            found = [found[round(place)] for place in np.linspace(0, len(found) - 1, most)]
        if found:
            return run, found
    return None


def update_of(samples: Path) -> int:
    """The update that a file of samples is of."""
    return int(samples.stem.removeprefix("update-"))


def grid_of(run: RunRecord, point: Point) -> Path:
    """Where the sample grid of an evaluation lies, if there is one."""
    return run.directory / "samples" / f"update-{point.event.update:07d}.png"


def stages(group: Group) -> list[tuple[RunRecord, Point, str]]:
    """Scored grids of the group's best run, by update, with "best" or "last" of those that are.

    The first, the first ones past equal ratios of the value on its way to the best, the best, and
    the last if that came later. Empty if no grid was scored.
    """
    metric = group.metric or ""
    scored = {
        run.seed: [point for point in curve(run, metric) if grid_of(run, point).exists()]
        for run in group.runs
    }
    best = group.best(metric, [point for points in scored.values() for point in points])
    if best is None:
        return []
    run = next(run for run in group.runs if best in scored[run.seed])
    points = scored[run.seed]
    until = points[: points.index(best) + 1]
    sign = 1 if group.lower_is_better(metric) else -1
    space = np.geomspace if min(points[0].value, best.value) > 0 else np.linspace
    targets = space(points[0].value, best.value, STAGES)[1:-1]
    reached = [
        next((p for p in until if sign * p.value <= sign * target), best)  # targets are rounded
        for target in targets
    ]
    chosen = {p.event.update: p for p in (points[0], *reached, best, points[-1])}
    remarks = {points[-1].event.update: "last", best.event.update: "best"}
    return [(run, chosen[update], remarks.get(update, "")) for update in sorted(chosen)]
