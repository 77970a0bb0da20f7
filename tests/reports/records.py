"""Records of runs that never ran, for tests of what is made of them."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from ttur.analysis.probes import QUANTITIES
from ttur.runtime.run_directory import RunDirectory
from ttur.timescales.step_sizes import rate_text
from ttur.training.events import Ended, Evaluation, Log, Probe, Score, to_document
from ttur.training.record import Published, PublishedBest, RunDescription, RunRecord

DATA = {
    "dcgan_cifar10": "cifar10",
    "dcgan_celeba_losses": "celeba",
    "language_billion_word": "billion_word",
    "language_demo": "speeches",
}
# What `experiments.paper` has in the place of the settings that the tests run.
PUBLISHED = {
    ("dcgan_cifar10", "ttur_1e-4_5e-4"): (36.9, "85,000 updates (the table: 75,000)"),
    ("dcgan_cifar10", "orig_1e-4"): (37.7, "110,000 updates (the table: 100,000)"),
    ("dcgan_cifar10", "orig_5e-4"): (41.3, "80,000 updates (not in the table)"),
}
CURVES = {
    "dcgan_cifar10": {"fid": "dcgan_cifar10"},
    "language_billion_word": {"jsd_4": "lang_jsd4", "jsd_6": "lang_jsd6"},
}
DISTANCES = ("fid", "fd_cifar10", "fd_digits", "jsd_4", "jsd_6", "jsd_4_fine", "fine")
LOWER_IS_BETTER: dict[str, bool] = dict.fromkeys(DISTANCES, True)
LOWER_IS_BETTER |= {"is_digits": False, "modes_digits": False}


def record(
    label: str,
    seed: int,
    values: dict[int, float],
    outcome: str = "finished",
    *,
    name: str = "dcgan_cifar10",
    metric: str = "fid",
    seconds_per_update: float = 0.06,
) -> RunRecord:
    """A run of setting `label` with these values by update; an evaluation took 30 seconds."""
    is_language = name.startswith("language")
    rates, is_single = rates_of(label)
    n_critic = 10 if is_language and is_single else 1
    best = PUBLISHED.get((name, label))
    configuration = {
        "data": {"name": DATA.get(name, "digits"), "split": "train"},
        "model": {"kind": "wgan_gp_language" if is_language else "dcgan", "width": 64},
        "n_critic": n_critic,
        "batch_size": 64,
        "updates": 120_000,
        "seed": seed,
        "scoring": {"metric": metric},
    }
    description = RunDescription(
        experiment=name,
        label=label,
        seed=seed,
        data_sha256="",
        rates=rates,
        is_single_timescale=is_single,
        configuration=configuration,
        environment={},
        lower_is_better=LOWER_IS_BETTER,
        vocabulary=tuple("abc") if is_language else (),
        published=Published(
            best={"fid": PublishedBest(*best)} if best else {}, curves=CURVES.get(name, {})
        ),
    )
    evaluations = tuple(
        Evaluation(
            update=update,
            discriminator_updates=update * n_critic,
            training_seconds=update * seconds_per_update,
            evaluation_seconds=30.0,
            metric=metric,
            values={metric: value},
        )
        for update, value in values.items()
    )
    run = RunRecord(
        directory=Path(f"runs/{name}/{label}/seed-{seed}"),
        description=description,
        end=None,
        updates=max(values, default=0),
        discriminator_updates=max(values, default=0) * n_critic,
        evaluations=evaluations,
    )
    return ended(run, outcome)


def ended(run: RunRecord, outcome: str) -> RunRecord:
    """The same with another outcome, `diverged@7000` or "unfinished"."""
    if outcome == "unfinished":
        return replace(run, end=None)
    kinds: dict[str, Literal["finished", "diverged"]] = {"finished": "finished"}
    kind, _, update = outcome.partition("@")
    scores: list[Score] = [event.score for event in run.evaluations]
    end = Ended(
        update=int(update or run.updates),
        discriminator_updates=run.discriminator_updates,
        kind=kinds.get(kind, "diverged"),
        cause="non-finite generator loss" if update else None,
        best=min(scores, key=lambda s: s["value"]) if scores else None,
        final=scores[-1] if scores else None,
        weights_sha256=None,
    )
    return replace(run, end=end)


def rates_of(label: str) -> tuple[tuple[float, float], bool]:
    """b and a that a label names, and whether they are one; without a number 5e-4."""
    numbers = [float(number) for number in re.findall(r"\d+e-\d+", label)] or [5e-4]
    return (numbers[0], numbers[-1]), len(numbers) == 1


def described(run: RunRecord, **changes: Any) -> RunRecord:
    """The same with another description."""
    return replace(run, description=replace(run.description, **changes))


def configured(run: RunRecord, **changes: Any) -> RunRecord:
    """The same with other members of the configuration."""
    return described(run, configuration=run.configuration | changes)


def labelled(run: RunRecord, label: str) -> RunRecord:
    """The same under another label, at the rates that it names."""
    rates, is_single = rates_of(label)
    run = replace(run, directory=Path(label, f"seed-{run.seed}"))
    return described(run, label=label, rates=rates, is_single_timescale=is_single)


def at_rates(run: RunRecord, b: float, a: float) -> RunRecord:
    """The same in an experiment `grid` of learning-rate pairs."""
    rates = (float(b), float(a))
    label = "_".join(["ttur", *map(rate_text, rates)])
    run = replace(run, directory=Path(label, f"seed-{run.seed}"))
    pair = {"rates": rates, "is_single_timescale": False}
    return described(run, experiment="grid", label=label, published=Published(), **pair)


def with_events(run: RunRecord, *changes: dict[str, Any]) -> RunRecord:
    """The same with these fields of its evaluations, one after the other."""
    pairs = zip(run.evaluations, changes, strict=True)
    return replace(run, evaluations=tuple(replace(event, **change) for event, change in pairs))


def with_values(run: RunRecord, **values: float) -> RunRecord:
    """The same with these beside the value of each evaluation."""
    return with_events(run, *({"values": event.values | values} for event in run.evaluations))


def with_logs(run: RunRecord, **series: Sequence[float | None]) -> RunRecord:
    """The same with a log every 100 updates."""
    logs = [
        Log(
            update=100 * (1 + i),
            discriminator_updates=100 * (1 + i),
            training_seconds=6.0 * (1 + i),
            values=dict(zip(series, row, strict=True)),
        )
        for i, row in enumerate(zip(*series.values(), strict=True))
    ]
    return replace(run, logs=tuple(logs))


def own_networks(run: RunRecord, label: str) -> RunRecord:
    """The same of networks that are the user's own."""
    configuration = {"model": {"kind": "own"}, "n_critic": 1}
    return described(labelled(run, label), configuration=configuration, published=Published())


def written(run: RunRecord, folder: Path) -> Path:
    """The folder of the run below `folder`, as training leaves it but for networks and samples."""
    directory = RunDirectory(folder / run.label / f"seed-{run.seed}")
    directory.path.mkdir(parents=True)
    directory.write_config(run.description.to_json())
    end = () if run.end is None else (run.end,)
    for event in (*run.evaluations, *run.logs, *run.probes, *end):
        directory.append(to_document(event))
    return directory.path


RUNS = [
    record("orig_5e-4", 0, {5000: 60.0, 10000: 50.0}),
    record("orig_5e-4", 1, {5000: 70.0, 10000: 80.0}),
    record("orig_1e-4", 0, {5000: 90.0, 10000: 40.0}),
    record("ttur_1e-4_5e-4", 0, {5000: 45.0, 10000: 47.0}),
    record("ttur_1e-4_5e-4", 1, {5000: 30.0}, outcome="diverged@7000"),
]


RATES = [(b, a) for b in (1e-3, 1e-4) for a in (1e-4, 3e-4, 1e-3)]
UPDATES = 10_000


def probes(gap: float, eps: float) -> tuple[Probe, ...]:
    """Every 100 updates; the tracking gap every 2,500. After the first fifth all is 50 times it."""
    found = []
    for update in range(100, UPDATES + 1, 100):
        factor = 1.0 if update <= UPDATES / 5 else 50.0
        values = dict.fromkeys(QUANTITIES, 0.1 * factor) | {
            "cosine": -0.9,
            "time_scale_ratio": eps * factor,
            "momentum_load": 0.0,
            "tracking_gap": None if update % 2500 else gap * update / 2500,
        }
        found.append(
            Probe(
                update=update,
                discriminator_updates=update,
                training_seconds=0.06 * update,
                probe_seconds=0.1,
                values=values,
            )
        )
    return tuple(found)


def grid_run(b: float, a: float, seed: int, gap: float, eps: float, last: float) -> RunRecord:
    """A finished run whose distance is `last` in its last fifth, and 1 before."""
    scored = (2000, 4000, 6000, 7000, 8000, 9000, 10_000)
    values = {update: last if update > 8000 else 1.0 for update in scored}
    run = record("orig_5e-4", seed, values)
    return replace(at_rates(run, b, a), probes=probes(gap, eps))


def grid() -> list[RunRecord]:
    """Six settings of two seeds: the gap ranks them, eps_eff the other way round but for a swap."""
    eps = [6.0, 5.0, 4.0, 3.0, 1.0, 2.0]
    return [
        grid_run(b, a, seed, gap=0.1 * rank, eps=eps[rank - 1], last=10.0 * rank**2 + seed)
        for rank, (b, a) in enumerate(RATES, start=1)
        for seed in (0, 1)
    ]
