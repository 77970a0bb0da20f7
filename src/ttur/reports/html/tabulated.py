"""A table that is made for the terminal, as a block of a page."""

from collections.abc import Sequence

from ttur.reports.html.blocks import Table
from ttur.reports.table import Table as TerminalTable


def of_terminal(
    table: TerminalTable,
    title: str,
    settings: Sequence[str | None] = (),
    note: str = "",
    folded: bool = False,
) -> Table:
    """Its headings and cells; what is set to the right there is a number here."""
    headings = [column.heading for column in table.columns]
    numbers = [column.heading for column in table.columns if column.right]
    rows = [tuple(row) for row in table.rows]
    return Table(title, headings, rows, numbers, settings, folded, note)
