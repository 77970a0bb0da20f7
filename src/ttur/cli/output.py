"""What commands print on stdout: JSON, tables."""

import json
from typing import Any


def print_json(document: Any) -> None:
    print(json.dumps(document, indent=2, allow_nan=False))


def print_table(headings: list[str], rows: list[list[str]]) -> None:
    from rich.table import Table

    table = Table(*headings, box=None)
    for row in rows:
        table.add_row(*row)
    console().print(table)


def console() -> Any:
    from rich.console import Console

    # Wide enough to keep tables whole: a narrow terminal wraps lines, but cuts no label or path.
    return Console(highlight=False, width=260)
