"""WORDS. Parses, calls one function, prints. Results go to stdout, everything else to stderr.

torch is imported inside the commands that use it: `ttur --help` answers at once.
"""

from collections.abc import Callable
from typing import Annotated

import typer

from ttur.cli import (
    cache,
    card,
    data,
    evaluation,
    experiments,
    pairs,
    report,
    text,
    theory,
    training,
    watch,
)
from ttur.cli.exits import run_and_exit
from ttur.cli.help import Command, Group, examples
from ttur.cli.options import watched

app = typer.Typer(
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> bool:
    if wanted:
        from importlib.metadata import version

        print(f"ttur {version('ttur')}")
        raise typer.Exit
    return wanted


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Train GANs with two time-scales and measure what came out."""


TRAIN, MEASURE, THEORY, DATA = "Train", "Measure", "Theory", "Data"
# The group a command stands in, and words that may be typed as they are.
COMMANDS: tuple[tuple[str, Callable[..., None], tuple[str, ...]], ...] = (
    (TRAIN, experiments.experiments, ("ttur experiments", "ttur experiments dcgan_cifar10")),
    (
        TRAIN,
        training.run,
        (
            "ttur run demo",
            "ttur run dcgan_cifar10_small --set data=photos --seeds 0-2",
            "ttur run dcgan_cifar10 --d-lr 1e-4 --g-lr 5e-4 --steps 20000 --dry-run",
        ),
    ),
    (TRAIN, report.report, ("ttur report runs/demo", "ttur report runs --against minutes")),
    (TRAIN, watch.watch, ("ttur watch runs",)),
    (TRAIN, card.card, ("ttur card runs/demo/orig_5e-4/seed-0 --out README.md",)),
    (
        TRAIN,
        training.sample,
        ("ttur sample runs/demo/orig_5e-4/seed-0 --count 1000 --out samples",),
    ),
    (
        MEASURE,
        evaluation.fid,
        ("ttur fid photos/ samples/", "ttur fid photos.npz samples.zip --extractor cifar10"),
    ),
    (
        MEASURE,
        evaluation.evaluate,
        (
            "ttur evaluate photos/ samples/ --metrics fid,kid,precision_recall",
            "ttur evaluate samples/ --metrics is",
        ),
    ),
    (
        MEASURE,
        evaluation.statistics,
        ("ttur statistics photos/ photos.npz", "ttur fid photos.npz samples/"),
    ),
    (MEASURE, evaluation.features, ("ttur features photos/ photos-features.npz",)),
    (MEASURE, pairs.reconstruction, ("ttur reconstruction photos/ decoded/",)),
    (MEASURE, pairs.nearest, ("ttur nearest photos/ samples/ --out nearest.pdf",)),
    (MEASURE, text.jsd, ("ttur jsd real.txt generated.txt --orders 4,6",)),
    (MEASURE, evaluation.disturb, ("ttur disturb celeba --extractor cifar10 --samples 1000",)),
    (MEASURE, evaluation.selftest, ("ttur selftest", "ttur selftest --weights inception.pth")),
    (
        THEORY,
        theory.theory,
        (
            "ttur theory",
            "ttur theory flat_minimum",
            "ttur theory flat_minimum --set depth=0.2 --out deeper",
        ),
    ),
    (
        DATA,
        data.prepare,
        (
            "ttur prepare cifar10 cifar-10-python.tar.gz",
            "ttur prepare images photos/ --name photos --size 32",
            "ttur prepare text book.txt --name book",
        ),
    ),
    (DATA, cache.cache, ("ttur cache", "ttur cache --clear")),
)
for panel, command, lines in COMMANDS:
    app.command(cls=Command, rich_help_panel=panel, epilog=examples(*lines))(watched(command))


def main() -> None:
    """The command `ttur`."""
    run_and_exit(app)
