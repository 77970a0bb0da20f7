"""An experiment at hand: its settings replaced, its runs in order, told before they begin."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ttur.experiments.experiment import Experiment, compare_rates
from ttur.experiments.speeds import in_words
from ttur.models.description import SampleShape
from ttur.runtime.errors import counted_in_words
from ttur.training.config import TrainingConfig
from ttur.training.identity import differences


def with_rates(
    chosen: Experiment, d_lr: float | None, g_lr: float | None, n_critic: int | None
) -> Experiment:
    """Both rates replace the settings by one; `n_critic` changes all and marks their labels.

    Rates that settings have choose these settings.

    Raises:
        ValueError: if only one of the rates is given, or the settings differ in more than rates.
    """
    if (d_lr is None) != (g_lr is None):
        raise ValueError("expected `d_lr` and `g_lr` together, got one of them; give both rates")
    if d_lr is not None and g_lr is not None:
        settings = {k: c for k, c in chosen.settings.items() if c.rates.nominal == (d_lr, g_lr)}
        if not settings:
            if differing := _differing(chosen):
                raise ValueError(
                    f"the settings of {chosen.name} differ in {', '.join(differing)}; say by "
                    "`only` which of them gets rates of your own"
                )
            settings = compare_rates(next(iter(chosen.settings.values())), (d_lr, g_lr))
        chosen = replace(chosen, settings=settings)
    if n_critic is not None:
        settings = {
            f"{label}_critic{n_critic}": config.but(n_critic=n_critic)
            for label, config in chosen.settings.items()
        }
        chosen = replace(chosen, settings=settings)
    return chosen


def _differing(chosen: Experiment) -> list[str]:
    """The fields, other than rates, in which the settings differ."""
    first, *others = (config.to_json() for config in chosen.settings.values())
    paths = (path for other in others for path, _, _ in differences(first, other))
    return [path for path in dict.fromkeys(paths) if path.partition(".")[0] != "rates"]


Planned = tuple[str, int, TrainingConfig, Path]
"""Label, seed, configuration and folder of a run."""


def planned_runs(chosen: Experiment, out: Path) -> list[Planned]:
    """(label, seed, configuration, folder) of every run: all settings of a seed, then the next."""
    return [
        (label, seed, config.with_seed(seed), out / chosen.name / label / f"seed-{seed}")
        for seed in chosen.seeds
        for label, config in chosen.settings.items()
    ]


def plan_lines(chosen: Experiment) -> list[str]:
    """The question, and what is about to be run."""
    configs = list(chosen.settings.values())
    config = configs[0]
    passes = [c.evaluations for c in configs]
    times = [
        f"{_times(some.get(samples, 0) for some in passes)} on {samples:,} {config.model.medium}"
        for samples in passes[0]
    ]
    scored = f"scored by {config.scoring.metric} {' and '.join(times)}" if times else "not scored"
    seeds = f"seed{'s' * (len(chosen.seeds) > 1)} {', '.join(map(str, chosen.seeds))}"
    updates = _each(c.updates for c in configs)
    at_most = (
        ""
        if config.cadence.patience is None
        else f" or {config.cadence.patience} evaluations without a best"
    )
    return [
        f"{chosen.name}: {chosen.question}",
        f"{counted_in_words(len(configs) * len(chosen.seeds), 'run')} "
        f"({', '.join(chosen.settings)}; {seeds}), each {updates} updates{at_most}, {scored}",
        *_monitor_line(configs),
    ]


def _monitor_line(configs: Sequence[TrainingConfig]) -> list[str]:
    """How often a run is probed, and which field to set where one is too short for that."""
    config, shortest = configs[0], min(config.updates for config in configs)
    if config.monitor is None:
        return []
    probe, gap = config.monitor.monitor_every_updates, config.monitor.tracking_gap_every_updates
    every = {"probe": ("monitor_every_updates", probe)}
    if config.losses.build().uninformative is not None:
        gap = probe * math.ceil(gap / probe)  # it comes with a probe
        every["tracking gap"] = ("tracking_gap_every_updates", gap)
    told = [
        f"a {what} every {updates:,} updates"
        + f", which is never in {shortest:,}: lower `{field}`" * (updates > shortest)
        for what, (field, updates) in every.items()
    ]
    return [f"monitored: {'; '.join(told)}"]


def published_line(experiment: Experiment) -> str:
    """The best published numbers of both rules, as "fid 12.5 TTUR, 21.4 orig"; may be empty."""
    metrics = dict.fromkeys(m for bests in experiment.published_best.values() for m in bests)
    lines = []
    for metric in metrics:
        bests: dict[str, list[float]] = {}
        for label, best in experiment.published_best.items():
            rule = "TTUR" if label.startswith("ttur") else "orig"
            bests.setdefault(rule, []).append(best[metric].value)
        lines.append(f"{metric} " + ", ".join(f"{min(v):g} {rule}" for rule, v in bests.items()))
    return "; ".join(lines)


def cost_line(experiment: Experiment) -> str:
    """What one seed of all settings takes: the time on two cores, and updates."""
    is_known = not math.isnan(experiment.seconds)
    about = f"about {in_words(experiment.seconds)} on 2 cores, " if is_known else ""
    return f"{about}{_short(experiment.updates)} updates"


def sample_shape(config: TrainingConfig, data_directory: Path) -> tuple[SampleShape, bool]:
    """The shape of a sample, and whether it is assumed because no data are there."""
    assumed = config.medium.assumed_shape(config.model)
    try:
        data = config.data
        medium = config.medium.load(data.name, data.split, data_directory, config.model)
    except FileNotFoundError:
        return assumed, True
    return medium.sample_shape, False


def _short(count: int) -> str:
    for size, unit in ((10**6, "M"), (10**3, "k")):
        if count >= 0.9995 * size:  # 999,600 is 1M, not 1e+03k
            return f"{count / size:.3g}{unit}"
    return str(count)


def _times(counts: Iterable[int]) -> str:
    """`once`, `3 times`, or `3 / 4 times` where the settings differ."""
    each = _each(counts)
    return "once" if each == "1" else f"{each} times"


def _each(counts: Iterable[int]) -> str:
    """One number if the settings agree, else one for each."""
    return " / ".join(f"{count:,}" for count in dict.fromkeys(counts))
