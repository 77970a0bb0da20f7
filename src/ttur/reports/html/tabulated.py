"""A table that is made for the terminal, as a block of a page."""

from collections.abc import Sequence

from rich.errors import MarkupError
from rich.table import Table as TerminalTable
from rich.text import Text

from ttur.reports.html.blocks import Table


def of_terminal(
    table: TerminalTable,
    title: str,
    settings: Sequence[str | None] = (),
    note: str = "",
    folded: bool = False,
) -> Table:
    """Its headings and cells as texts; what is set to the right there is a number here."""
    headings = [_text(column.header) for column in table.columns]
    columns = [[_text(cell) for cell in column.cells] for column in table.columns]
    numbers = [
        heading
        for heading, column in zip(headings, table.columns, strict=True)
        if column.justify == "right"
    ]
    rows = list(zip(*columns, strict=True))
    return Table(title, headings, rows, numbers, settings, folded, note)


def _text(cell: object) -> str:
    """Without its markup; a cell that only looks like it is what it says."""
    if isinstance(cell, Text):
        return cell.plain
    try:
        return Text.from_markup(str(cell)).plain
    except MarkupError:
        return str(cell)
