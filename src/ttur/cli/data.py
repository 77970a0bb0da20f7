"""The command that makes data sets."""

import re
from pathlib import Path
from typing import Annotated

import typer

from ttur.cli.exits import say_how_to_go_on
from ttur.cli.options import Data, Json
from ttur.cli.output import print_json

_NUMBER = "[1-9][0-9]{0,11}"


def prepare(
    name: Annotated[
        str,
        typer.Argument(
            help="A published data set, '?' lists them, or of your own: images, or text."
        ),
    ],
    sources: Annotated[
        list[Path] | None, typer.Argument(help="Official archive or files, folder, zip.")
    ] = None,
    data: Data = Path("data"),
    size: Annotated[int | None, typer.Option(min=2, help="Side of the images made.")] = None,
    crop: Annotated[
        str | None,
        typer.Option(
            help="Side of the centre square cut out before resizing, or a crop that has a name."
        ),
    ] = None,
    pad: Annotated[
        bool, typer.Option("--pad", help="Black around what is not square, in place of a crop.")
    ] = False,
    lines: Annotated[
        str | None, typer.Option(help="Lines of text to read: a number, or all.")
    ] = None,
    target: Annotated[str | None, typer.Option("--name", help="Name of your own data set.")] = None,
    as_json: Json = False,
) -> None:
    """Turn official files, a folder, zip or text into a training array. The same words again go on
    where they were interrupted.
    """
    from ttur.data.preparing.prepare import prepare

    side = int(crop) if crop and re.fullmatch(_NUMBER, crop) else crop
    most = int(lines) if lines and re.fullmatch(_NUMBER, lines) else lines
    if isinstance(most, str) and most != "all":
        raise ValueError(f"--lines expects a number of lines or all, got {lines!r}")
    try:
        card = prepare(
            name,
            sources or [],
            data,
            size=size,
            crop=side,
            pad=pad,
            lines=most,
            target_name=target,
        )
    except KeyboardInterrupt:
        say_how_to_go_on()
        raise
    document = card.document()
    if as_json:
        print_json(document)
        return
    counts = ", ".join(f"{split} {s['count']:,}" for split, s in document["splits"].items())
    made = "" if card.fresh else "already there: "
    kind = "images" if card.vocabulary is None else "sentences"
    print(f"{made}{data / document['name']}: {counts} {kind}; licence: {document['licence']}")
