"""WORDS. Parses, calls one function, prints. Results go to stdout, everything else to stderr.

torch is imported inside the commands that use it: `ttur --help` answers at once.
"""

from typing import Annotated

import typer

from ttur.cli import cache, data, evaluation, pairs, report, text, theory, training, watch
from ttur.cli.exits import run_and_exit
from ttur.cli.options import watched

app = typer.Typer(
    help="Train GANs with two time-scales and measure what came out.",
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
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it."),
    ] = False,
) -> None:
    """Train GANs with two time-scales and measure what came out."""


for command in (
    training.experiments,
    data.prepare,
    training.run,
    report.report,
    watch.watch,
    training.sample,
    evaluation.fid,
    evaluation.evaluate,
    evaluation.statistics,
    evaluation.features,
    pairs.reconstruction,
    pairs.nearest,
    text.jsd,
    evaluation.disturb,
    evaluation.selftest,
    theory.theory,
    cache.cache,
):
    app.command()(watched(command))


def main() -> None:
    """The command `ttur`."""
    run_and_exit(app)
