"""An experiment at hand: its settings replaced, its runs in order, told before they begin."""

from dataclasses import replace
from pathlib import Path

from ttur.experiments.experiment import Experiment, compare_rates
from ttur.training.config import TrainingConfig


def with_rates(
    chosen: Experiment, d_lr: float | None, g_lr: float | None, n_critic: int | None
) -> Experiment:
    """Both rates replace the settings by one; `n_critic` changes all and marks their labels.

    Raises:
        ValueError: if only one of the rates is given.
    """
    if (d_lr is None) != (g_lr is None):
        raise ValueError("expected --d-lr and --g-lr together, got one of them; give both rates")
    if d_lr is not None and g_lr is not None:
        base = next(iter(chosen.settings.values()))
        chosen = replace(chosen, settings=compare_rates(base, (d_lr, g_lr)))
    if n_critic is not None:
        settings = {
            f"{label}_critic{n_critic}": replace(config, n_critic=n_critic)
            for label, config in chosen.settings.items()
        }
        chosen = replace(chosen, settings=settings)
    return chosen


def planned(chosen: Experiment, out: Path) -> list[tuple[str, int, TrainingConfig, Path]]:
    """(label, seed, configuration, folder) of every run: all settings of a seed, then the next."""
    return [
        (label, seed, config.with_seed(seed), out / chosen.name / label / f"seed-{seed}")
        for seed in chosen.seeds
        for label, config in chosen.settings.items()
    ]


def plan_lines(chosen: Experiment) -> list[str]:
    """The question, and what is about to be run."""
    config = next(iter(chosen.settings.values()))
    scored = f"{config.evaluations} times {config.metric} of {config.evaluation_samples:,} samples"
    if config.metric == "none":
        scored = "not evaluated"
    return [
        f"{chosen.name}: {chosen.question}",
        f"{len(chosen.settings) * len(chosen.seeds)} runs ({', '.join(chosen.settings)}; "
        f"seeds {', '.join(map(str, chosen.seeds))}), each {config.updates:,} updates, {scored}",
    ]
