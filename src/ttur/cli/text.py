"""Commands that measure text: jsd."""

import re
from pathlib import Path
from typing import Annotated

import typer

from ttur.cli.options import Json
from ttur.cli.output import print_json

RealText = Annotated[Path, typer.Argument(help="Real text: UTF-8, a sentence a line.")]
GeneratedText = Annotated[Path, typer.Argument(help="Generated text: the same.")]


def jsd(
    real: RealText,
    generated: GeneratedText,
    orders: Annotated[str, typer.Option(help="Lengths of the n-grams, as 4,6 or 1-6.")] = "1-6",
    length: Annotated[
        int, typer.Option(min=1, help="Characters of a line: cut, or filled with back-ticks.")
    ] = 32,
    as_json: Json = False,
) -> None:
    """The Jensen–Shannon divergence of the n-grams of GENERATED and REAL, from 0 to 1."""
    from ttur.evaluation.divergence import jsd_of_files

    result = jsd_of_files(real, generated, _orders(orders), length=length)
    if as_json:
        print_json(result.to_json())
        return
    for name, value in result.values.items():
        print(f"{name:6} {value:.6g}")
    counts = ", ".join(f"{side} {count:,}" for side, count in result.counts.items())
    print(f"(lines of {length} characters; {counts}; {result.vocabulary_size} symbols)")


def _orders(text: str) -> list[int]:
    """The orders of `--orders 4,6` or `--orders 1-6`."""
    chosen = []
    for part in text.split(","):
        match = re.fullmatch(r"([1-9][0-9]{0,3})(?:-([1-9][0-9]{0,3}))?", part)
        first, last = (int(n) for n in (match[1], match[2] or match[1])) if match else (1, 0)
        if last < first:
            raise ValueError(f"--orders expects 4,6 or 1-6, got {text!r}; the least order is 1")
        chosen += range(first, last + 1)
    return chosen
