"""Commands of experiments: list, prepare, run, sample."""

import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ttur.cli.exits import DIVERGED, INTERRUPTED, in_flags
from ttur.cli.options import Data, Device, Html, Json, Weights, importable
from ttur.cli.output import console, print_json, print_table

if TYPE_CHECKING:
    from ttur.experiments.experiment import Experiment
    from ttur.training.events import Listener
    from ttur.training.record import RunRecord

MOST_SEEDS = 1000
FLAGS = {
    "seed": "--seed or --seeds",
    "rates": "--d-lr and --g-lr",
    "n_critic": "--n-critic",
    "updates": "--steps",
    "metric": "--metric",
    "evaluate_every_updates": "--evaluate-every",
    "evaluation_samples": "--samples",
}
PROBES = 200  # updates between those of --monitor
NOT_TO_SET = {"seed", "rates", "n_critic"}  # they name the folder of a run


def experiments(
    name: Annotated[str | None, typer.Argument(help="Show this one in full.")] = None,
    data: Data = Path("data"),
    as_json: Json = False,
) -> None:
    """List the experiments, or show one in full with its parameter counts."""
    from ttur.experiments.plan import cost_line, published_line
    from ttur.experiments.registry import EXPERIMENTS, experiment

    if name is None:
        chosen = [function() for function in EXPERIMENTS.values()]
        if as_json:
            print_json({"experiments": [each.to_json() for each in chosen]})
        else:
            print_table(
                ["experiment", "in the paper", "published", "one seed takes"],
                [[e.name, e.source, published_line(e), cost_line(e)] for e in chosen],
            )
        return
    from ttur.experiments.plan import sample_shape
    from ttur.runtime.description import leaves
    from ttur.training.assembling import parameter_counts

    chosen = experiment(name)
    shape, assumed = sample_shape(next(iter(chosen.settings.values())), data)
    settings = [
        {
            "label": label,
            "configuration": config.to_json(),
            "parameters": parameter_counts(config, shape),
        }
        for label, config in chosen.settings.items()
    ]
    document = chosen.to_json() | {
        "parameters": settings[0]["parameters"],
        "sample_shape": {"shape": shape, "assumed": assumed},
        "settings": settings,
    }
    if as_json:
        print_json(document)
        return
    for field in ("name", "source", "question"):
        print(f"{field:9} {document[field]}")
    counts = document["parameters"]
    of = f" for samples of {' × '.join(map(str, shape))}"
    why = f" (assumed: the data are not in {data})" if assumed else ""
    for label, bests in chosen.published_best.items():
        for metric, best in bests.items():
            print(f"published {metric} {best.value:g} ({label}, {best.at})")
    print(f"one seed  {cost_line(chosen)}")
    print(f"networks  G {counts['generator']:,}, D {counts['discriminator']:,} parameters{of}{why}")
    columns = [leaves(setting["configuration"]) for setting in settings]
    print_table(
        ["field", *(setting["label"] for setting in settings)],
        [[f, *(_short(c.get(f, "–")) for c in columns)] for f in dict.fromkeys(chain(*columns))],
    )


def run(
    name: Annotated[str, typer.Argument(help="An experiment; `ttur experiments` lists them.")],
    seed: Annotated[int | None, typer.Option(min=0, help="One seed.")] = None,
    seeds: Annotated[str | None, typer.Option(help="Several, as 0-7 or 0,2,5.")] = None,
    only: Annotated[str | None, typer.Option(help="Only the setting of this label.")] = None,
    d_lr: Annotated[
        float | None, typer.Option("--d-lr", "--dlr", help="Discriminator learning rate b.")
    ] = None,
    g_lr: Annotated[
        float | None, typer.Option("--g-lr", "--glr", help="Generator learning rate a.")
    ] = None,
    n_critic: Annotated[
        int | None, typer.Option(min=1, help="Discriminator updates per generator update.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Generator updates.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs"),
    data: Data = Path("data"),
    metric: Annotated[
        str | None,
        typer.Option(
            callback=importable,
            help="fid, kid, fd_digits, ..., several between commas; jsd of text; or none.",
        ),
    ] = None,
    weights: Weights = None,
    evaluate_every: Annotated[int | None, typer.Option(min=1, help="Updates between.")] = None,
    samples: Annotated[int | None, typer.Option(min=2, help="Per evaluation.")] = None,
    monitor: Annotated[
        bool, typer.Option("--monitor", help="Measure the perturbation between the players.")
    ] = False,
    device: Device = "auto",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Any other field.")
    ] = None,
    html: Html = None,
    dry_run: Annotated[bool, typer.Option(help="Print the plan and stop.")] = False,
    as_json: Json = False,
) -> None:
    """Train the settings of an experiment. The same words again resume."""
    from ttur.cli.page import page_writer
    from ttur.experiments.running import chosen_experiment

    flags = {
        "updates": steps,
        "metric": metric,
        "evaluate_every_updates": evaluate_every,
        "evaluation_samples": samples,
    }
    typed = {field: value for field, value in flags.items() if value is not None}
    changes = _fields(settings, typed)
    if monitor and not any(field.endswith("monitor_every_updates") for field in changes):
        changes["monitor_every_updates"] = PROBES
    chosen = chosen_experiment(
        name,
        only=only,
        seeds=_seeds(seed, seeds) or None,
        d_lr=d_lr,
        g_lr=g_lr,
        n_critic=n_critic,
        settings=changes,
    )
    in_words = partial(in_flags, command=run)
    if dry_run:
        _print_plan(chosen, out, as_json, in_words)
        return
    pages = [page_writer(html, chosen, out, data, run)] if html is not None else []
    _run(chosen, out, data, device, weights, pages, as_json, in_words)


def sample(
    run: Annotated[Path, typer.Argument(help="Folder of one run.")],
    count: Annotated[int, typer.Option(min=1, help="How many.")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="Of the latents.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for one PNG per image; file of sentences.")
    ] = None,
    grid: Annotated[Path | None, typer.Option(help="One PNG with all images.")] = None,
    best: Annotated[bool, typer.Option(help="The best generator, not the last.")] = False,
    device: Device = "auto",
) -> None:
    """Draw samples from a trained generator; sentences are printed."""
    from ttur.training.sampling import load_generator, write_samples

    generator = load_generator(run, best=best, device=device)
    print(f"weights: {generator.origin}", file=sys.stderr)
    print(write_samples(generator, count, seed, out=out, grid=grid), end="")


def _run(
    chosen: "Experiment",
    out: Path,
    data: Path,
    device: str,
    weights: Path | None,
    pages: Sequence["Listener"],
    as_json: bool,
    in_words: Callable[[str], str],
) -> None:
    """Every run, shown while it runs; then their table. Sets the exit code."""
    from ttur.cli.progress import TerminalProgress
    from ttur.experiments.plan import plan_lines
    from ttur.experiments.running import run
    from ttur.reports.tables import runs_table

    records: list[RunRecord] = []
    was_interrupted = False
    with TerminalProgress() as terminal:

        def say(line: str) -> None:
            terminal.say(in_words(line))

        for line in plan_lines(chosen):
            say(line)
        try:
            for record in run(
                chosen,
                out=out,
                data_directory=data,
                device=device,
                weights=weights,
                listeners=[terminal, *pages],
                say=say,
                on_start=lambda label, seed: terminal.start(f"{label} seed {seed}"),
            ):
                records.append(record)
                ended = f"{record.outcome} at update {record.updates:,}"
                say(f"{record.label} seed {record.seed}: {ended}")
        except KeyboardInterrupt:
            was_interrupted = True
    if as_json:
        print_json({"experiment": chosen.name, "runs": [record.to_json() for record in records]})
    else:
        console().print(runs_table(records))
    if was_interrupted:
        raise typer.Exit(INTERRUPTED)
    if any(record.outcome.startswith("diverged") for record in records):
        raise typer.Exit(DIVERGED)


def _print_plan(
    chosen: "Experiment", out: Path, as_json: bool, in_words: Callable[[str], str]
) -> None:
    from ttur.experiments.plan import plan_lines, planned_runs

    runs_to_do = planned_runs(chosen, out)
    if as_json:
        runs = [
            {
                "label": label,
                "seed": seed,
                "directory": str(directory),
                "configuration": config.to_json(),
            }
            for label, seed, config, directory in runs_to_do
        ]
        print_json({"experiment": chosen.name, "plan": runs})
        return
    lines = "\n".join(plan_lines(chosen))
    print(in_words(lines))
    for _, _, _, directory in runs_to_do:
        print(f"  {directory}")


def _fields(settings: Sequence[str] | None, flags: dict[str, Any]) -> dict[str, Any]:
    """Fields and values of `--set`, joined with those that came by a flag of their own."""
    from ttur.runtime.settings import assignments, setting_value

    pairs = assignments(settings or ())
    for path in pairs:
        field = path.rpartition(".")[2]
        flag = FLAGS.get(field)  # but rates.floor has none
        if flag is not None and (field in flags or field in NOT_TO_SET):
            raise ValueError(f"{field} has a flag of its own: use {flag}, not --set")
    return {path: setting_value(word) for path, word in pairs.items()} | flags


def _seeds(seed: int | None, seeds: str | None) -> tuple[int, ...]:
    """The seeds named by `--seed 3`, `--seeds 0-3` or `--seeds 0,2`; () if none are."""
    if seed is not None and seeds is not None:
        raise ValueError("expected --seed or --seeds, got both")
    if seeds is None:
        return () if seed is None else (seed,)
    chosen = []
    for part in seeds.split(","):
        match = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", part)
        first, last = (int(n) for n in (match[1], match[2] or match[1])) if match else (1, 0)
        if last < first or last - first >= MOST_SEEDS:
            raise ValueError(f"--seeds expects 0-7 or 0,2,5, got {seeds!r}")
        chosen += range(first, last + 1)
    return tuple(dict.fromkeys(chosen))


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
