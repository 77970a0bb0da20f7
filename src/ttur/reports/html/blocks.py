"""What a page is made of. A block is plain values; `assets/` draws it, one function a kind.

Texts are texts: whatever they hold, a page shows them and runs nothing of them. Pictures are data
URIs (`pictures.data_uri`). `named` tells a block from others of its kind, so that a page which is
renewed keeps what its reader has chosen there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

Numbers = Sequence[float | None]


@dataclass(frozen=True)
class Heading:
    """Begins a section; the list of contents is made of them."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Text:
    """A paragraph; one with `doubt` is set apart."""

    kind: ClassVar[str] = "text"
    text: str
    doubt: bool = False


@dataclass(frozen=True)
class Facts:
    """Names and what they are, line by line."""

    kind: ClassVar[str] = "facts"
    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Table:
    """Rows of texts below headings. Columns named in `numbers` are set as numbers.

    `settings` has for each row the setting it is of, if any: its mark stands before the row.
    `folded` tables are shown when they are asked for.
    """

    kind: ClassVar[str] = "table"
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[str] = ()
    settings: Sequence[str | None] = ()
    folded: bool = False
    note: str = ""


@dataclass(frozen=True)
class Code:
    """Words to type, as they are."""

    kind: ClassVar[str] = "code"
    title: str
    text: str


@dataclass(frozen=True)
class Line:
    """Points in order: `at` has their positions by axis, `low` and `high` are a band.

    Axes on which they have no position are not in `at`. `style` is that of `theory.study.Curve`.
    """

    at: Mapping[str, Sequence[float]]
    values: Numbers
    low: Numbers | None = None
    high: Numbers | None = None


@dataclass(frozen=True)
class Series:
    """Lines of one name. A mean stands over single `run`s; `published` ones are the paper's.

    A `level` is a horizontal line of one value. Those of a `setting` have its colour and line, and
    go with it; `cross` marks where they end badly.
    """

    label: str
    role: Literal["mean", "run", "published", "level"]
    lines: Sequence[Line]
    setting: str | None = None
    cross: bool = False


@dataclass(frozen=True)
class Chart:
    """Series over one of the axes of the page. Wide ones stand alone, others beside each other."""

    kind: ClassVar[str] = "chart"
    named: str
    title: str
    y_label: str
    series: Sequence[Series]
    scale: Literal["auto", "linear", "log"] = "auto"
    wide: bool = False
    note: str = ""


@dataclass(frozen=True)
class Frame:
    """A picture or sentences, at an update if a slider is to find it."""

    caption: str
    image: str = ""
    text: str = ""
    at: int | None = None


@dataclass(frozen=True)
class Strip:
    """Frames of one name, of which one is shown: the last until that of the slider."""

    label: str
    frames: Sequence[Frame]
    setting: str | None = None
    described: str = ""


@dataclass(frozen=True)
class Gallery:
    """Strips beside each other, with one slider if any has several frames.

    `small` ones stand closer.
    """

    kind: ClassVar[str] = "gallery"
    named: str
    title: str
    strips: Sequence[Strip]
    unit: str = "generator updates"
    small: bool = False


@dataclass(frozen=True)
class Figure:
    """One picture that is drawn elsewhere, and what it says for those who do not see it."""

    kind: ClassVar[str] = "figure"
    title: str
    image: str
    described: str


Block = Heading | Text | Facts | Table | Code | Chart | Gallery | Figure


@dataclass(frozen=True)
class Page:
    """A title, a line below it, and blocks in order.

    `settings` (label by key) share one switch, colour and line in all blocks; `axes` (label by
    name) are what charts may stand over, the first unless the reader chooses another.
    """

    title: str
    subtitle: str
    blocks: Sequence[Block]
    settings: Mapping[str, str] = field(default_factory=dict)
    axes: Mapping[str, str] = field(default_factory=dict)
    made: str = ""

    def to_json(self) -> dict[str, Any]:
        """As `assets/page.js` reads it."""
        return plain(self)


def plain(value: Any) -> Any:
    """Dataclasses as objects with their kind, numbers at six digits; JSON and no more."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if abs(value) < float("inf") else None
    if isinstance(value, str | int | None):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, Sequence):
        return [plain(part) for part in value]
    made = {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    return made | ({"kind": value.kind} if hasattr(value, "kind") else {})
