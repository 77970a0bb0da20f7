"""Every setting of an experiment for every seed, one run after the other."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ttur.experiments.experiment import Experiment
from ttur.experiments.outlook import shares_to_come
from ttur.experiments.plan import planned_runs, with_rates
from ttur.experiments.registry import EXPERIMENTS, experiment
from ttur.runtime.distributed import pick_device
from ttur.runtime.progress import task
from ttur.runtime.showing import ShowProgress, show_progress
from ttur.timescales import LearningRatePair
from ttur.training import assembling
from ttur.training.config import TrainingConfig
from ttur.training.contracts import Say
from ttur.training.events import Listener
from ttur.training.listening import RunListener
from ttur.training.progress import Progress
from ttur.training.record import Published, RunRecord


def run(
    name: str | Experiment,
    *,
    only: str | None = None,
    seeds: Sequence[int] | None = None,
    d_lr: float | None = None,
    g_lr: float | None = None,
    n_critic: int | None = None,
    settings: Mapping[str, Any] | None = None,
    out: Path | str = "runs",
    data_directory: Path | str = "data",
    device: str | torch.device = "auto",
    weights: Path | str | None = None,
    listeners: Sequence[Listener | RunListener] = (),
    report: Callable[[Progress], None] | None = None,
    say: Say = lambda message: None,
    on_start: Callable[[str, int], None] = lambda label, seed: None,
    progress: ShowProgress = None,
) -> Iterator[RunRecord]:
    """Train the settings of an experiment; the same call again continues, or reads back.

        >>> import tempfile, ttur
        >>> few = {"updates": 2, "width": 2, "metric": "none"}
        >>> runs = ttur.run("demo", seeds=[0], settings=few, out=tempfile.mkdtemp(), device="cpu")
        >>> [(run.label, run.outcome) for run in runs]
        [('ttur_1e-3_5e-4', 'finished'), ('orig_5e-4', 'finished')]

    Args:
        name: one that `ttur experiments` lists, or an `Experiment`.
        only: the label of the one setting to run.
        seeds: those of the experiment unless they are given.
        d_lr, g_lr: both rates: the settings that have them, or else one setting at these.
        n_critic: discriminator updates per generator update, of all settings.
        settings: fields of the configurations by name, as `TrainingConfig.but` takes them.
        out: the folder of `<experiment>/<label>/seed-<n>/`.
        listeners: called with every event of every run; trackers (`ttur.TensorBoard`, …) among
            them.
        on_start: told label and seed before each run.
        progress: True shows how far it is, as `ttur.show_progress` does; or a function.

    A record is yielded as soon as its run has ended: the runs happen while one iterates. A bad
    name or value is refused by the call itself.

    Raises:
        ValueError: if there is no such experiment, label or field; names the closest.
        KeyboardInterrupt: after Ctrl-C or SIGTERM, once the record of the interrupted run was
            yielded: no further run starts.
    """
    chosen = chosen_experiment(
        name, only=only, seeds=seeds, d_lr=d_lr, g_lr=g_lr, n_critic=n_critic, settings=settings
    )
    target = pick_device(str(device))

    def records() -> Iterator[RunRecord]:
        planned = planned_runs(chosen, Path(out))
        later = shares_to_come(planned)
        for place, (label, seed, config, directory) in enumerate(planned):
            on_start(label, seed)
            with show_progress(progress), _one_of(place, later):
                record = assembling.run(
                    config,
                    directory,
                    experiment=chosen.name,
                    label=label,
                    data_directory=data_directory,
                    device=target,
                    weights=weights,
                    published=published_of(chosen, label, config),
                    listeners=listeners,
                    report=report,
                    say=say,
                )
            yield record  # whoever looks at it is not looked at
            if record.outcome == "interrupted":
                raise KeyboardInterrupt(f"{directory} was interrupted; the same call continues it")

    with show_progress(progress):  # refused now
        return records()


def _one_of(place: int, later: Sequence[float]) -> AbstractContextManager[object]:
    """A run of several is one of them."""
    if len(later) == 1:
        return nullcontext()
    return task("run", len(later), "runs", done=place, later=later[place])


def rehearse(
    chosen: Experiment,
    *,
    out: Path | str = "runs",
    data_directory: Path | str = "data",
    device: str | torch.device = "auto",
    weights: Path | str | None = None,
    say: Say = lambda message: None,
) -> None:
    """All that `run` does before it trains, for every run, in seconds; nothing is left behind.

    Raises:
        ValueError, OSError: what `run` would raise.
    """
    target = pick_device(str(device))
    known: dict[TrainingConfig, Mapping[str, bool] | None] = {}
    for label, _, config, directory in planned_runs(chosen, Path(out)):
        # What differs in these alone has the same networks, data and metric.
        alike = replace(config, rates=LearningRatePair(1.0, 1.0), updates=1, seed=0)
        if alike not in known:
            known[alike] = assembling.rehearse(
                config, data_directory=data_directory, device=target, weights=weights, say=say
            )
        assembling.check_folder(
            config,
            directory,
            known[alike],
            experiment=chosen.name,
            label=label,
            data_directory=data_directory,
            device=target,
            say=say,
        )


def chosen_experiment(
    name: str | Experiment,
    *,
    only: str | None = None,
    seeds: Sequence[int] | None = None,
    d_lr: float | None = None,
    g_lr: float | None = None,
    n_critic: int | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Experiment:
    """The experiment as `run` would run it.

    Raises:
        ValueError: if there is no such experiment, label or field; names the closest.
    """
    if seeds is not None and not len(seeds):
        raise ValueError("expected `seeds` to name some, got none; leave them out for its own")
    chosen = experiment(name) if isinstance(name, str) else name
    if only is not None:
        chosen = chosen.only(only)
    chosen = with_rates(chosen, d_lr, g_lr, n_critic)
    if settings:
        before = chosen.settings
        chosen = chosen.with_configs(lambda config: config.but(**settings))
        for label, config in chosen.settings.items():
            if (first := config.rates.nominal) != before[label].rates.nominal:
                raise ValueError(
                    f"the first rates name the folder of a run; expected those of {label} to "
                    f"stay, got {first}: use `d_lr` and `g_lr`"
                )
    return chosen if seeds is None else replace(chosen, seeds=tuple(seeds))


def published_of(chosen: Experiment, label: str, config: TrainingConfig) -> Published:
    """What the paper shows in the place of this setting; nothing on data that it has not."""
    known = EXPERIMENTS[chosen.name]() if chosen.name in EXPERIMENTS else chosen
    data = {setting.data for setting in known.settings.values()}
    if config.data not in data:
        return Published(band=chosen.band)
    return known.published_of(label)
