"""The command that makes data sets."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ttur.cli.exits import say_how_to_go_on
from ttur.cli.options import Data, Json, named
from ttur.cli.output import INDENT, print_json, print_text

if TYPE_CHECKING:
    from ttur.data.dataset import Card

_NUMBER = "[1-9][0-9]{0,11}"


def data_set_names() -> list[str]:
    from ttur.data.catalogue import KNOWN

    return [name for name, known in KNOWN.items() if known.load is None]


def prepare(
    name: Annotated[
        str,
        typer.Argument(
            **named("NAME", data_set_names),
            help="A published data set, ? lists them; or of your own: images, or text.",
        ),
    ],
    sources: Annotated[
        list[Path] | None, typer.Argument(help="Official archive or files, folder, zip.")
    ] = None,
    data: Data = Path("data"),
    size: Annotated[
        int | None, typer.Option(min=2, metavar="N", help="Side of the images made.")
    ] = None,
    crop: Annotated[
        str | None,
        typer.Option(
            metavar="N|NAME",
            help="Side of the centre square cut out before resizing, or a crop that has a name.",
        ),
    ] = None,
    pad: Annotated[
        bool, typer.Option("--pad", help="Black around what is not square, in place of a crop.")
    ] = False,
    lines: Annotated[
        str | None, typer.Option(metavar="N|all", help="Lines of text to read.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="What your own data set is to be called."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a data set to train on of official files, a folder, a zip or a text.

    The same command again goes on where it was interrupted.
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
    folder = data / document["name"]
    kind = "images" if card.vocabulary is None else "sentences"
    splits = ", ".join(f"{split} {s['count']:,}" for split, s in document["splits"].items())
    shape = " × ".join(map(str, next(iter(card.splits.values())).size))
    of = f"{kind} of {shape}" if card.vocabulary is None else f"{kind} of {shape} characters"
    print_text(f"{'made' if card.fresh else 'already there'}: {folder}: {splits} {of}", INDENT)
    print_text(f"licence: {document['licence']}", INDENT)
    print_text(f"next: {_next_command(card)}", INDENT)


def _next_command(card: "Card") -> str:
    """What trains on a data set: the small experiment for such samples."""
    size = next(iter(card.splits.values())).size
    named = "" if card.name == "cifar10" else f" --set data={card.name}"
    if card.vocabulary is not None:
        return f"ttur run language_demo{named}"
    if len(set(size)) > 1 or size[0] % 16:
        return "prepare them with --size 32 (or 48, 64, ...), the sizes that networks here have"
    sized = {16: ("demo", " --metric fd_cifar10"), 32: ("dcgan_cifar10_small", "")}
    name, more = sized.get(size[0], ("dcgan_cifar10_small", f" --set image_size={size[0]}"))
    return f"ttur run {name}{named}{more}"
