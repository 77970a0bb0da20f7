"""`ttur card`: the model card of a run."""

from pathlib import Path
from typing import Annotated

import typer

from ttur.cli.options import Data


def card(
    run: Annotated[Path, typer.Argument(help="Folder of one run.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="As RUN/README.md; printed unless it is named."),
    ] = None,
    data: Data = Path("data"),
) -> None:
    """Write a model card: results with their protocol, data, settings, how to load."""
    from ttur.reports.card import ModelCard
    from ttur.runtime.files import replacement
    from ttur.training.record import read_run

    text = ModelCard(read_run(run), data).text + "\n"
    if out is None:
        print(text, end="")
        return
    if out.exists():
        raise FileExistsError(f"{out} is there already; remove it, or choose another `out`")
    with replacement(out) as file:
        file.write(text.encode())
    print(out)
