"""A table as a value, and as lines of a width: what has no room folds or is left out, and said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len

from ttur.runtime.folding import folded

GAP = 2  # between columns
HEADING, NOTE = "underline", "dim"
NONE = "–"


@dataclass(frozen=True)
class Column:
    """A heading, and how its cells are shown.

    `rank` says how well the column can be missed: where there is no room the highest goes first, 0
    stays. `folds` is true of sentences and lists, which may stand in several lines, but rather no
    narrower than `comfort`. `styles` has the style of cells that begin with a word.
    """

    heading: str
    rank: int = 0
    right: bool = False
    folds: bool = False
    comfort: int = 20
    bold: bool = False
    styles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Piece:
    """Part of a line, and its style in the words of rich."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells under columns, as many in each. `title` is a sentence above them.

    As text it is as wide as it is.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    title: str = ""

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.columns) for row in self.rows)

    def __str__(self) -> str:
        lines = ("".join(piece.text for piece in line) for line in self.lines(None))
        return "\n".join([self.title] * bool(self.title) + list(lines))

    def cells(self) -> list[dict[str, str]]:
        """The rows as {heading: cell}."""
        headings = [column.heading for column in self.columns]
        return [dict(zip(headings, row, strict=True)) for row in self.rows]

    def lines(self, width: int | None, remedy: str = "") -> list[list[Piece]]:
        """Headings and rows in `width` cells, and what stands in none of them.

        Columns that are the same in all rows go first, and are said in a line; then those of the
        highest rank, which are named in one, with `remedy` behind. None is any width.
        """
        shown, same, missed = self._shown(width)
        columns = [self.columns[index] for index in shown]
        widths = self._widths(shown, width)
        made = _row([c.heading for c in columns], columns, widths, [HEADING] * len(columns))
        for row in self.rows:
            cells = [row[index] for index in shown]
            styles = [_style(cell, column) for cell, column in zip(cells, columns, strict=True)]
            made += _row(cells, columns, widths, styles)
        notes = []
        if same:
            said = (f"{self.columns[i].heading} {self.rows[0][i]}" for i in same)
            notes.append(f"{'in all rows' if len(self.rows) > 1 else 'also'}: {', '.join(said)}")
        if missed:
            gone = ", ".join(self.columns[i].heading for i in missed)
            notes.append(f"not shown: {gone}{remedy}")
        for note in notes:
            made += [[Piece(line, NOTE)] for line in folded(note, width or cell_len(note), "  ")]
        return made

    def _shown(self, width: int | None) -> tuple[list[int], list[int], list[int]]:
        """Places of the columns shown, of those that are the same in all rows, of those missed."""
        shown, same, missed = list(range(len(self.columns))), [], []
        while width is not None and sum(self._least(shown)) > _room(shown, width):
            index = max(shown, key=lambda i: (self._can_be_said(i), self.columns[i].rank, i))
            if self.columns[index].rank == 0:
                break
            shown.remove(index)
            (same if self._can_be_said(index) else missed).append(index)
        return shown, sorted(same), sorted(missed)

    def _can_be_said(self, index: int) -> bool:
        """Whether a column of little importance is the same in all rows."""
        cells = {row[index] for row in self.rows}
        return self.columns[index].rank > 0 and len(cells) == 1

    def _widths(self, shown: Sequence[int], width: int | None) -> list[int]:
        whole = [max(map(cell_len, self._texts(index))) for index in shown]
        if width is None:
            return whole
        room, least = _room(shown, width), self._least(shown)
        if sum(least) > room:  # nothing can be missed: all cells fold, words where they must
            words = [
                max((cell_len(w) for text in self._texts(i) for w in text.split()), default=1)
                for i in shown
            ]
            least = words if sum(words) <= room else [1] * len(shown)
        return _shared(whole, least, max(room, len(shown)))

    def _least(self, shown: Sequence[int]) -> list[int]:
        """How narrow columns may be: headings fold at words, and so do sentences."""
        return [max(self._wants(index)) for index in shown]

    def _wants(self, index: int) -> list[int]:
        heading, *cells = self._texts(index)
        wants = [cell_len(word) for word in heading.split()]
        if not self.columns[index].folds:
            return [1, *wants, *map(cell_len, cells)]
        whole = max(map(cell_len, (heading, *cells)))
        wants += [cell_len(word) for cell in cells for word in cell.split()]
        return [*wants, min(whole, self.columns[index].comfort)]

    def _texts(self, index: int) -> list[str]:
        return [self.columns[index].heading, *(row[index] for row in self.rows)]


def number(heading: str, rank: int = 0, *, bold: bool = False, folds: bool = False) -> Column:
    """A column of numbers, one below the other."""
    return Column(heading, rank, right=True, bold=bold, folds=folds)


def without_empty(table: Table) -> Table:
    """The table without the columns of rank above 0 that no row fills."""
    kept = [
        index
        for index, column in enumerate(table.columns)
        if column.rank == 0 or any(row[index] not in ("", NONE) for row in table.rows)
    ]
    columns = [table.columns[index] for index in kept]
    return Table(columns, [[row[index] for index in kept] for row in table.rows], table.title)


def _room(shown: Sequence[int], width: int) -> int:
    return width - GAP * (len(shown) - 1)


def _shared(whole: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Widths from the least to the whole that fill the room: the widest give way first."""
    cap = max(whole, default=0)
    widths = list(whole)
    while sum(widths) > room and cap > 0:
        cap -= 1
        widths = [max(low, min(each, cap)) for each, low in zip(whole, least, strict=True)]
    spare = room - sum(widths)
    for index, each in enumerate(whole):  # the last step took one of several at once
        if spare > 0 and widths[index] == cap < each:
            widths[index] += 1
            spare -= 1
    return widths


def _style(cell: str, column: Column) -> str:
    return column.styles.get(cell.split(" ")[0].rstrip(":"), "bold" if column.bold else "")


def _row(
    cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int], styles: Sequence[str]
) -> list[list[Piece]]:
    """A row in as many lines as its highest cell has; no line ends in spaces."""
    stacks = [folded(cell, width) for cell, width in zip(cells, widths, strict=True)]
    made = []
    for level in range(max(map(len, stacks), default=0)):
        pieces: list[Piece] = []
        for stack, column, width, style in zip(stacks, columns, widths, styles, strict=True):
            text = stack[level] if level < len(stack) else ""
            space = " " * (width - cell_len(text))
            before, after = (space, "") if column.right else ("", space)
            pieces += [Piece(before), Piece(text, style), Piece(after + " " * GAP)]
        while pieces and not pieces[-1].text.strip():
            pieces.pop()
        made.append([piece for piece in pieces if piece.text])
    return made
