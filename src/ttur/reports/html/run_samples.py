"""Samples of settings over their updates, beside real ones."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ttur.analysis.groups import Group, curve
from ttur.analysis.real import real_images, real_sentences
from ttur.analysis.samples import samples_over_updates, update_of
from ttur.reports.html.blocks import Frame, Gallery, Strip
from ttur.reports.html.pictures import GRID_SIDE, of_grid, of_images
from ttur.reports.html.run_charts import Named, key_of
from ttur.training.record import RunRecord

MOST_STEPS = 12  # of a setting
MOST_BYTES = 4_000_000  # of all pictures of a page
SENTENCES = 20


def sample_galleries(groups: Sequence[Group], named: Named, data: Path) -> list[Gallery]:
    """Image grids and sentences, one run a setting, the newest and no more than a few before."""
    reals = {"png": _real_grid, "txt": _real_text}
    titles = {"png": "Generated images", "txt": "Generated sentences"}
    frames = {"png": _picture, "txt": _sentences}
    found = []
    for suffix, title in titles.items():
        strips = _strips(groups, named, suffix, frames[suffix])
        if strips:
            real = [strip for strip in _real_strips(groups, data, reals[suffix]) if strip]
            found.append(Gallery(f"samples {suffix}", title, [*strips, *real]))
    return found


def _strips(
    groups: Sequence[Group],
    named: Named,
    suffix: str,
    frame: Callable[[Group, RunRecord, Path], Frame | None],
) -> list[Strip]:
    found = [(group, *some) for group in groups if (some := samples_over_updates(group, suffix))]
    sizes = [max(file.stat().st_size for file in files) for _, _, files in found]
    most = max(1, min(MOST_STEPS, MOST_BYTES // max(1, sum(sizes) * 4 // 3)))
    strips = []
    for group, run, files in found:
        kept = samples_over_updates(group, suffix, most) if most > 1 else (run, files[-1:])
        assert kept is not None
        shown = [made for file in kept[1] if (made := frame(group, run, file))]
        diverged = ", diverged" * (run in group.diverged)
        label = f"{named(group)}, seed {run.seed}{diverged}"
        if shown:
            strips.append(Strip(label, shown, key_of(group), f"samples of {label}"))
    return strips


def _picture(group: Group, run: RunRecord, file: Path) -> Frame | None:
    image = of_grid(file)
    return Frame(_caption(group, run, file), image, at=update_of(file)) if image else None


def _sentences(group: Group, run: RunRecord, file: Path) -> Frame | None:
    lines = file.read_text("utf-8", errors="replace").split("\n")[:-1][:SENTENCES]
    return Frame(_caption(group, run, file), text="\n".join(lines), at=update_of(file))


def _caption(group: Group, run: RunRecord, file: Path) -> str:
    update = update_of(file)
    scored = [p.value for p in curve(run, group.metric or "") if p.event.update == update]
    of = f", {group.metric} {scored[0]:.4g}" if scored else ""
    return f"update {update:,}{of}"


def _real_strips(
    groups: Sequence[Group], data: Path, frame: Callable[[RunRecord, Path], Frame | None]
) -> list[Strip]:
    """One of each data set, in the size of the grids."""
    runs = {run.description.data_sha256: run for group in groups for run in group.runs[:1]}
    made = (
        (run.configuration.get("data", {}).get("name"), frame(run, data)) for run in runs.values()
    )
    return [
        Strip(f"real: {name}", [shown], described=f"real samples of {name}")
        for name, shown in made
        if shown
    ]


def _real_grid(run: RunRecord, data: Path) -> Frame | None:
    images = real_images(run, data, GRID_SIDE**2)
    if images is None:
        return None
    return Frame("from the training data", of_images(images))


def _real_text(run: RunRecord, data: Path) -> Frame | None:
    lines = real_sentences(run, data, SENTENCES)
    return None if lines is None else Frame("from the training data", text="\n".join(lines))
