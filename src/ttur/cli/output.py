"""What commands print: JSON and tables on stdout, remarks on stderr; folded on a terminal alone.

In a pipe, and with `--wide`, lines are as long as they are: other programs read them.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TextIO

from ttur.cli import flags

if TYPE_CHECKING:  # rich, for which JSON and `ttur --help` do not wait
    from ttur.reports.table import Piece, Table

_IS_WIDE = ContextVar("is_wide", default=False)
INDENT = "  "  # of the second and later lines of a sentence


@contextmanager
def width_of(*, is_wide: bool) -> Iterator[None]:
    """Whether lines of the block are as long as they are."""
    token = _IS_WIDE.set(is_wide)
    try:
        yield
    finally:
        _IS_WIDE.reset(token)


def print_json(document: Any) -> None:
    print(json.dumps(document, indent=2, allow_nan=False))


def print_table(table: "Table") -> None:
    """A table and its title; what its terminal has no room for is named below it."""
    if table.title:
        print_text(table.title)
    _print(table.lines(_width(sys.stdout), "; --wide shows all"), sys.stdout)


def print_text(text: str, indent: str = "") -> None:
    """Sentences of a result, folded at words."""
    print("\n".join(_folded(text, sys.stdout, indent)))


def print_number(name: str, value: str, after: str = "") -> None:
    """A number by its name, bold; what stands after it is folded below it."""
    from ttur.reports.table import Piece

    first, *rest = _folded(f"{name} {value}{after}", sys.stdout, INDENT)
    head = f"{name} {value}"
    whole = first.startswith(head)
    pieces = [Piece(head, "bold"), Piece(first[len(head) :])] if whole else [Piece(first, "bold")]
    _print([pieces, *([Piece(line)] for line in rest)], sys.stdout)


def say(line: str) -> None:
    """Progress and doubts, beside the result; arguments in them are flags, as in errors."""
    print("\n".join(_folded(in_words(line), sys.stderr, INDENT)), file=sys.stderr)


def in_words(line: str) -> str:
    """With the flags of the command under way in place of arguments."""
    return flags.in_flags(line, flags.command.get())


def _folded(text: str, stream: TextIO, indent: str) -> Sequence[str]:
    width = _width(stream)
    if width is None:
        return [text]
    from ttur.runtime.folding import folded

    return folded(text, width, indent)


def _width(stream: TextIO) -> int | None:
    """Of the terminal that is written to; None where nothing is to be folded."""
    if _IS_WIDE.get() or not stream.isatty():
        return None
    from rich.console import Console

    return max(Console(file=stream).width, 20)


def _print(lines: "Iterable[Sequence[Piece]]", stream: TextIO) -> None:
    """Styles on a terminal, colours among them unless NO_COLOR is set."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, highlight=False)
    for line in lines:
        text = Text.assemble(*((piece.text, piece.style) for piece in line))
        console.print(text, soft_wrap=True)
