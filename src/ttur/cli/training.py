"""`ttur run` and `ttur sample`: training, and what came of it."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ttur.cli.exits import DIVERGED, INTERRUPTED, say_how_to_go_on
from ttur.cli.experiments import experiment_names
from ttur.cli.flags import in_flags, option_flags
from ttur.cli.options import (
    Data,
    Device,
    Html,
    Json,
    Track,
    Weights,
    extractor_names,
    importable,
    metric_names,
    named,
)
from ttur.cli.output import INDENT, print_json, print_table, print_text, say

if TYPE_CHECKING:
    from ttur.experiments.experiment import Experiment
    from ttur.experiments.outlook import Outlook
    from ttur.training.events import Listener
    from ttur.training.listening import RunListener
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
SCORING = "How it is scored"
NOT_TO_SET = {"seed", "rates", "n_critic"}  # they name the folder of a run


def run_metrics() -> Iterable[str]:
    return [*metric_names(), *(f"fd_{name}" for name in extractor_names()), "jsd", "none"]


def run(
    name: Annotated[
        str,
        typer.Argument(
            **named("NAME", experiment_names),
            help="An experiment; `ttur experiments` lists them.",
        ),
    ],
    seed: Annotated[int | None, typer.Option(min=0, metavar="N", help="One seed.")] = None,
    seeds: Annotated[
        str | None, typer.Option(metavar="N-N", help="Several seeds, as 0-7 or 0,2,5.")
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(metavar="LABEL", help="One setting, by a label of `ttur experiments NAME`."),
    ] = None,
    d_lr: Annotated[
        float | None,
        typer.Option(
            "--d-lr", "--dlr", metavar="RATE", help="Learning rate b of the discriminator."
        ),
    ] = None,
    g_lr: Annotated[
        float | None,
        typer.Option("--g-lr", "--glr", metavar="RATE", help="Learning rate a of the generator."),
    ] = None,
    n_critic: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Discriminator updates per generator update."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Generator updates.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the runs are written.")] = Path(
        "runs"
    ),
    data: Data = Path("data"),
    metric: Annotated[
        str | None,
        typer.Option(
            callback=importable,
            **named("NAMES", run_metrics),
            help="fid, kid, fd_cifar10, ..., several between commas, the first decides which "
            "generator is best; jsd of text; or none.",
            rich_help_panel=SCORING,
        ),
    ] = None,
    weights: Weights = None,
    evaluate_every: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Updates between two scores.", rich_help_panel=SCORING
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            min=2, metavar="N", help="Images or sentences in a score.", rich_help_panel=SCORING
        ),
    ] = None,
    monitor: Annotated[
        bool,
        typer.Option(
            "--monitor",
            help="Measure how the players disturb each other.",
            rich_help_panel=SCORING,
        ),
    ] = False,
    track: Track = None,
    device: Device = "auto",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Any other field of `ttur experiments NAME`; repeatable.",
        ),
    ] = None,
    html: Html = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check all, print plan and time, and stop.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train the settings of an experiment.

    The same command again goes on where it was interrupted.
    """
    from ttur.cli.page import page_writer
    from ttur.experiments.running import chosen_experiment
    from ttur.tracking.catalogue import tracker

    trackers = [tracker(word) for word in track or ()]
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
        _print_plan(chosen, out, data, device, weights, as_json, in_words)
        return
    watchers = [*trackers, *([page_writer(html, chosen, out, data, run)] if html else [])]
    _run(chosen, out, data, device, weights, watchers, as_json, in_words)


def sample(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of one run.")],
    count: Annotated[int, typer.Option(min=1, metavar="N", help="How many.")] = 64,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the latents.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Folder for a PNG of each image; file of sentences."),
    ] = None,
    grid: Annotated[
        Path | None, typer.Option(metavar="FILE", help="One PNG with all images.")
    ] = None,
    best: Annotated[bool, typer.Option("--best", help="The best generator, not the last.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="The weights, not their average.")] = False,
    device: Device = "auto",
) -> None:
    """Draw images or sentences from a trained generator."""
    from ttur.training.sampling import load_generator, write_samples

    generator = load_generator(run, best=best, raw=raw, device=device)
    say(f"weights: {generator.origin}")
    written = write_samples(generator, count, seed, out=out, grid=grid)
    if out is None and grid is None:
        print(written, end="")  # sentences themselves
        return
    kind = "sentences" if generator.vocabulary else "images"
    some = kind if count != 1 else kind.removesuffix("s")
    print_text(f"{count:,} {some} in {written.strip()}{'/' if out and out.is_dir() else ''}")


def _run(
    chosen: "Experiment",
    out: Path,
    data: Path,
    device: str,
    weights: Path | None,
    watchers: "Sequence[Listener | RunListener]",
    as_json: bool,
    in_words: Callable[[str], str],
) -> None:
    """Every run, shown while it runs; then their table. Sets the exit code."""
    from ttur.experiments.outlook import outlook
    from ttur.experiments.plan import plan_lines, planned_runs
    from ttur.experiments.running import run
    from ttur.reports.tables import runs_table
    from ttur.runtime.distributed import pick_device

    records: list[RunRecord] = []
    was_interrupted = False

    def tell(line: str) -> None:
        say(in_words(line))

    planned = planned_runs(chosen, out)
    for line in plan_lines(chosen):
        tell(line)
    say(_takes(outlook(planned, pick_device(device)), len(planned), device))
    try:
        for record in run(
            chosen,
            out=out,
            data_directory=data,
            device=device,
            weights=weights,
            listeners=watchers,
            say=tell,
        ):
            records.append(record)
            tell(f"{record.label} seed {record.seed}: {_ended(record)}")
    except KeyboardInterrupt:
        was_interrupted = True
    if as_json:
        print_json({"experiment": chosen.name, "runs": [record.to_json() for record in records]})
    else:
        print_table(runs_table(records))
    if was_interrupted:
        say_how_to_go_on()
        raise typer.Exit(INTERRUPTED)
    if any(record.outcome.startswith("diverged") for record in records):
        raise typer.Exit(DIVERGED)


def _print_plan(
    chosen: "Experiment",
    out: Path,
    data: Path,
    device: str,
    weights: Path | None,
    as_json: bool,
    in_words: Callable[[str], str],
) -> None:
    """What would be run, once it is known that it could be."""
    from ttur.experiments.outlook import outlook
    from ttur.experiments.plan import plan_lines, planned_runs
    from ttur.experiments.running import rehearse
    from ttur.experiments.speeds import whole_or_none
    from ttur.runtime.distributed import pick_device

    rehearse(
        chosen,
        out=out,
        data_directory=data,
        device=device,
        weights=weights,
        say=lambda line: say(in_words(line)),
    )
    runs_to_do = planned_runs(chosen, out)
    ahead = outlook(runs_to_do, pick_device(device))
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
        times = {
            "seconds": whole_or_none(ahead.seconds),
            "seconds_on_h100_guess": whole_or_none(ahead.on_gpu),
        }
        print_json({"experiment": chosen.name, "plan": runs, **times, "runs_to_do": ahead.runs})
        return
    for line in plan_lines(chosen):
        print_text(in_words(line), INDENT)
    print_text(_takes(ahead, len(runs_to_do), device), INDENT)
    for _, _, _, directory in runs_to_do:
        print(f"  {directory}")


def _takes(ahead: "Outlook", runs: int, device: str) -> str:
    from ttur.runtime.distributed import pick_device

    done = f" ({runs - ahead.runs} of {runs} runs are done)" if ahead.runs < runs else ""
    return f"takes {ahead.line(pick_device(device))}{done}"


def _fields(settings: Sequence[str] | None, flags: dict[str, Any]) -> dict[str, Any]:
    """Fields and values of `--set`, joined with those that came by a flag of their own."""
    from ttur.runtime.settings import assignments, setting_value

    pairs = assignments(settings or ())
    for path in pairs:
        if alone := _flag_alone(path):
            raise ValueError(f"no field {path!r} to set; it has a flag of its own: use {alone}")
        field = path.rpartition(".")[2]
        flag = FLAGS.get(field)  # but rates.floor has none
        if flag is not None and (field in flags or field in NOT_TO_SET):
            raise ValueError(f"{field} has a flag of its own: use {flag}, not --set")
    return {path: setting_value(word) for path, word in pairs.items()} | flags


def _flag_alone(word: str) -> str | None:
    """The flag of `ttur run` of that name, where no field has it."""
    from ttur.training.config import TrainingConfig

    named = option_flags(run)
    known = {field.name for field in fields(TrainingConfig)} | FLAGS.keys()
    return None if word in known else named.get(word.replace("-", "_"))


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


def _ended(record: "RunRecord") -> str:
    """`finished at update 100`, or `diverged at update 101: dead discriminator`."""
    from ttur.reports.tables import outcome_text

    text = outcome_text(record)
    return text if " at update " in text else f"{text} at update {record.updates:,}"
