"""The command that makes data sets."""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from ttur.cli.options import Data, Json
from ttur.cli.output import print_json


def prepare(
    name: Annotated[
        str,
        typer.Argument(
            help="cifar10, mnist, svhn, celeba, lsun_bedroom or billion_word; images or text: "
            "your own."
        ),
    ],
    sources: Annotated[list[Path], typer.Argument(help="Official archive or files, folder, zip.")],
    data: Data = Path("data"),
    size: Annotated[int | None, typer.Option(min=2, help="Side of the images made.")] = None,
    crop: Annotated[
        str | None,
        typer.Option(help="Side of the centre square cut out before resizing; of celeba: began."),
    ] = None,
    lines: Annotated[
        str | None, typer.Option(help="Lines of text to read: a number, or all.")
    ] = None,
    target: Annotated[str | None, typer.Option("--name", help="Name of your own data set.")] = None,
    as_json: Json = False,
) -> None:
    """Turn official files, a folder, zip or text into a training array. The same words again go on
    where they were interrupted.
    """
    from ttur.cli.progress import progress_bar
    from ttur.data.preparing.prepare import prepare

    side = crop if crop == "began" else _number("--crop", crop, "a number of pixels or began")
    most = lines if lines == "all" else _number("--lines", lines, "a number of lines or all")
    try:
        with progress_bar(f"preparing {target or name}") as on_progress:
            card = prepare(
                name,
                sources,
                data,
                size=size,
                crop=side,
                lines=most,
                target_name=target,
                on_progress=on_progress,
            )
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        raise
    document = card.document()
    if as_json:
        print_json(document)
        return
    counts = ", ".join(f"{split} {s['count']:,}" for split, s in document["splits"].items())
    made = "" if card.fresh else "already there: "
    kind = "images" if card.vocabulary is None else "sentences"
    print(f"{made}{data / document['name']}: {counts} {kind}; licence: {document['licence']}")


def _number(option: str, value: str | None, meaning: str) -> int | None:
    if value is not None and not re.fullmatch("[1-9][0-9]{0,11}", value):
        raise ValueError(f"{option} expects {meaning}, got {value!r}")
    return None if value is None else int(value)
