"""Records of runs that never ran, for tests of what is made of them."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from ttur.experiments.registry import experiment
from ttur.runtime.run_directory import RunDirectory
from ttur.timescales import LearningRatePair
from ttur.training.record import OWN_NETWORKS, RunRecord


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
    config = experiment(name).settings[label].with_seed(seed)
    scores = [{"metric": metric, "value": v, "update": u} for u, v in values.items()]
    cost = [
        {
            "discriminator_updates": update * config.n_critic,
            "training_seconds": update * seconds_per_update,
            "evaluation_seconds": 30.0,
        }
        for update in values
    ]
    return RunRecord(
        directory=Path(f"runs/{name}/{label}/seed-{seed}"),
        experiment=name,
        label=label,
        seed=seed,
        configuration=config.to_json(),
        outcome=outcome,
        cause="non-finite generator loss" if outcome.startswith("diverged") else None,
        updates=max(values, default=0),
        discriminator_updates=max(values, default=0) * config.n_critic,
        best=min(scores, key=lambda s: s["value"]) if scores else None,
        final=scores[-1] if scores else None,
        weights_sha256=None,
        evaluations=tuple(a | b for a, b in zip(scores, cost, strict=True)),
    )


def at_rates(run: RunRecord, b: float, a: float) -> RunRecord:
    """The same in an experiment `grid` of learning-rate pairs."""
    rates = TypeAdapter(LearningRatePair).dump_python(LearningRatePair(b, a), mode="json")
    label = f"ttur_{b:g}_{a:g}"
    return replace(
        run,
        directory=Path(label, f"seed-{run.seed}"),
        experiment="grid",
        label=label,
        configuration=run.configuration | {"rates": rates},
    )


def with_values(run: RunRecord, **values: float) -> RunRecord:
    """The same with these beside the value of each evaluation."""
    return replace(run, evaluations=tuple({**event, **values} for event in run.evaluations))


def with_logs(run: RunRecord, **series: list[float | None]) -> RunRecord:
    """The same with a log every 100 updates."""
    rows = zip(*series.values(), strict=True)
    logs: list[dict[str, Any]] = [
        {"event": "log", "update": 100 * (1 + i)} | dict(zip(series, row, strict=True))
        for i, row in enumerate(rows)
    ]
    return replace(run, logs=tuple(logs))


def own_networks(run: RunRecord, label: str) -> RunRecord:
    """The same of networks that are the user's own: its rates stand in its label only."""
    configuration = {"model": OWN_NETWORKS, "n_critic": 1}
    return replace(run, label=label, configuration=configuration, directory=Path(label))


def written(run: RunRecord, folder: Path) -> Path:
    """The folder of the run below `folder`, as training leaves it but for networks and samples."""
    directory = RunDirectory(folder / run.label / f"seed-{run.seed}")
    directory.path.mkdir(parents=True)
    names = ("experiment", "label", "seed", "configuration", "floor")
    document = {name: getattr(run, name) for name in names}
    directory.write_config({**document, "data_sha256": "", "environment": {}})
    for event in run.evaluations:
        directory.append("evaluation", **event)
    for log in run.logs:
        directory.append(**log)
    end = json.loads(json.dumps(run.to_json())) | {"kind": run.outcome.split("@")[0]}
    directory.append("outcome", run.updates, **{k: v for k, v in end.items() if k != "updates"})
    return directory.path


def text_of(table: Table) -> str:
    out = io.StringIO()
    Console(file=out, width=240).print(table)
    return out.getvalue()


def cells_of(table: Table) -> list[dict[str, str]]:
    """The rows as {heading: cell}."""
    headings = [str(column.header) for column in table.columns]
    columns = [[str(cell) for cell in column.cells] for column in table.columns]
    return [dict(zip(headings, row, strict=True)) for row in zip(*columns, strict=True)]


RUNS = [
    record("orig_5e-4", 0, {5000: 60.0, 10000: 50.0}),
    record("orig_5e-4", 1, {5000: 70.0, 10000: 80.0}),
    record("orig_1e-4", 0, {5000: 90.0, 10000: 40.0}),
    record("ttur_1e-4_5e-4", 0, {5000: 45.0, 10000: 47.0}),
    record("ttur_1e-4_5e-4", 1, {5000: 30.0}, outcome="diverged@7000"),
]
