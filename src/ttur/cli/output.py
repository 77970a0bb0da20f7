"""What commands print: JSON and tables on stdout, remarks on stderr."""

import json
import sys
from typing import Any

from ttur.cli import exits


def print_json(document: Any) -> None:
    print(json.dumps(document, indent=2, allow_nan=False))


def print_table(headings: list[str], rows: list[list[str]]) -> None:
    from rich.table import Table

    table = Table(*headings, box=None)
    for row in rows:
        table.add_row(*row)
    console().print(table)


def say(line: str) -> None:
    """Progress and doubts, beside the result; arguments in them are flags, as in errors."""
    print(in_words(line), file=sys.stderr)


def in_words(line: str) -> str:
    """With the flags of the command under way in place of arguments."""
    return exits.in_flags(line, exits.command.get())


def console() -> Any:
    from rich.console import Console

    # Wide enough to keep tables whole: a narrow terminal wraps lines, but cuts no label or path.
    return Console(highlight=False, width=260)
