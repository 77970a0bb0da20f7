"""Commands that measure text: jsd."""

import re
from pathlib import Path
from typing import Annotated

import typer

from ttur.cli.options import Json
from ttur.cli.output import print_json, print_number, print_text

RealText = Annotated[Path, typer.Argument(help="Real text: UTF-8, a sentence a line.")]
GeneratedText = Annotated[Path, typer.Argument(help="Generated text: the same.")]


def jsd(
    real: RealText,
    generated: GeneratedText,
    orders: Annotated[
        str, typer.Option(metavar="N,N", help="Lengths of the n-grams, as 4,6 or 1-6.")
    ] = "1-6",
    length: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Characters of a line: cut, or filled with back-ticks."
        ),
    ] = 32,
    as_json: Json = False,
) -> None:
    """The Jensen–Shannon divergence of n-grams of two texts, from 0 to 1."""
    from ttur.evaluation.divergence import jsd_of_files

    result = jsd_of_files(real, generated, _orders(orders), length=length)
    if as_json:
        print_json(result.to_json())
        return
    for name, value in result.values.items():
        print_number(name, f"{value:.6g}")
    counts = ", ".join(f"{side} {count:,}" for side, count in result.counts.items())
    print_text(f"(lines of {length} characters; {counts}; {result.vocabulary_size} symbols)")


def _orders(text: str) -> list[int]:
    """The orders of `--orders 4,6` or `--orders 1-6`."""
    chosen = []
    for part in text.split(","):
        match = re.fullmatch(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", part)
        if match is None:
            raise ValueError(f"expected `orders` as 4,6 or 1-6, got {text!r}")
        first, last = (int(n) for n in (match[1], match[2] or match[1]))
        if first < 1:
            raise ValueError(f"expected `orders` from 1 on, got {text!r}")
        if last < first:
            raise ValueError(f"expected `orders` that rise, as {last}-{first}, got {text!r}")
        chosen += range(first, last + 1)
    return chosen
