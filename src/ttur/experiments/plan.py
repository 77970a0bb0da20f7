"""An experiment at hand: its settings replaced, its runs in order, told before they begin."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ttur.experiments.experiment import Experiment, compare_rates
from ttur.training.config import TrainingConfig


def with_rates(
    chosen: Experiment, d_lr: float | None, g_lr: float | None, n_critic: int | None
) -> Experiment:
    """Both rates replace the settings by one; `n_critic` changes all and marks their labels.

    Rates that settings have choose these settings.

    Raises:
        ValueError: if only one of the rates is given, or the settings differ in more than rates.
    """
    if (d_lr is None) != (g_lr is None):
        raise ValueError("expected --d-lr and --g-lr together, got one of them; give both rates")
    if d_lr is not None and g_lr is not None:
        settings = {k: c for k, c in chosen.settings.items() if c.rates.at(1) == (d_lr, g_lr)}
        if not settings:
            if differing := _differing(chosen):
                raise ValueError(
                    f"the settings of {chosen.name} differ in {', '.join(differing)}; say with "
                    "--only LABEL which of them gets rates of your own"
                )
            settings = compare_rates(next(iter(chosen.settings.values())), (d_lr, g_lr))
        chosen = replace(chosen, settings=settings)
    if n_critic is not None:
        settings = {
            f"{label}_critic{n_critic}": replace(config, n_critic=n_critic)
            for label, config in chosen.settings.items()
        }
        chosen = replace(chosen, settings=settings)
    return chosen


def _differing(chosen: Experiment) -> list[str]:
    """The fields, other than rates, in which the settings differ."""
    first, *others = (config.to_json() for config in chosen.settings.values())
    return [f for f in first if f != "rates" and any(o[f] != first[f] for o in others)]


def planned(chosen: Experiment, out: Path) -> list[tuple[str, int, TrainingConfig, Path]]:
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
    times = _each(c.evaluations for c in configs)
    scored = f"{times} times {config.metric} of {config.evaluation_samples:,} samples"
    if config.fine_evaluation_samples is not None:
        fine = _each(c.fine_evaluations for c in configs)
        scored += f" and {fine} times of {config.fine_evaluation_samples:,}"
    if config.metric == "none":
        scored = "not evaluated"
    seeds = ", ".join(map(str, chosen.seeds))
    updates = _each(c.updates for c in configs)
    at_most = "" if config.patience is None else f" or {config.patience} evaluations without a best"
    return [
        f"{chosen.name}: {chosen.question}",
        f"{len(configs) * len(chosen.seeds)} runs ({', '.join(chosen.settings)}; seeds {seeds}), "
        f"each {updates} updates{at_most}, {scored}",
        *_monitor_line(configs),
    ]


def _monitor_line(configs: Sequence[TrainingConfig]) -> list[str]:
    """How often a run is probed, and which field to set where one is too short for that."""
    config, shortest = configs[0], min(config.updates for config in configs)
    probe, gap = config.monitor_every_updates, config.tracking_gap_every_updates
    if probe is None:
        return []
    every = {"probe": ("monitor_every_updates", probe)}
    if config.losses != "began":  # there no discriminator is known that knows nothing
        gap = probe * math.ceil(gap / probe)  # it comes with a probe
        every["tracking gap"] = ("tracking_gap_every_updates", gap)
    told = [
        f"a {what} every {updates:,} updates"
        + f", which is never in {shortest:,}: --set {field}=..." * (updates > shortest)
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
    """What one seed of all settings takes: updates, and real samples drawn for them."""
    kind = "sentences" if next(iter(experiment.settings.values())).is_text else "images"
    return f"{_short(experiment.updates)} updates, {_short(experiment.real_samples)} {kind}"


def _short(count: int) -> str:
    for size, unit in ((10**6, "M"), (10**3, "k")):
        if count >= 0.9995 * size:  # 999,600 is 1M, not 1e+03k
            return f"{count / size:.3g}{unit}"
    return str(count)


def _each(counts: Iterable[int]) -> str:
    """One number if the settings agree, else one for each."""
    return " / ".join(f"{count:,}" for count in dict.fromkeys(counts))
