"""How figures look: their size, colours and line styles, and what whoever asks for them chooses."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from matplotlib import colormaps, rc_context
from matplotlib.colors import to_hex

from ttur.analysis.bands import BANDS
from ttur.analysis.curves import AXES, published_curves
from ttur.analysis.groups import Group
from ttur.reports.names import setting_title
from ttur.reports.parts import panel_groups, rate_heading
from ttur.runtime.errors import closest
from ttur.timescales.step_sizes import rate_text

# Okabe and Ito (2008): told apart with any colour vision, and by their lightness in grey.
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, BLACK, YELLOW = "#56B4E9", "#CC79A7", "#000000", "#F0E442"
PALETTE = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK)
# As in the paper one time-scale begins with blue, orange, green, and two are red.
ONE_TIMESCALE = (BLUE, ORANGE, GREEN, PURPLE, BLACK, SKY)
TWO_TIMESCALES = (VERMILION, SKY, BLACK, PURPLE, GREEN, ORANGE)
DASHES: tuple[Any, ...] = ((4, 1.5), (5, 1.5, 1, 1.5), (1.2, 1.2), (7, 1.5, 1, 1, 1, 1.5))
SOLID: tuple[float, ...] = ()
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")


@dataclass(frozen=True)
class Size:
    """Inches of a figure's width, points of its text, panels beside each other, widths of lines."""

    width: float
    text: float
    columns: int
    line: float


SIZES = {
    "column": Size(3.4, 8, 1, 1.3),
    "page": Size(7.0, 8.5, 2, 1.6),
    "slide": Size(13.0, 16, 3, 2.6),
}


@dataclass(frozen=True)
class Mark:
    """How a setting is drawn, in every figure of a report: colour, dashes and marker."""

    colour: str
    dashes: tuple[float, ...] = SOLID
    marker: str = "o"

    @property
    def line(self) -> dict[str, Any]:
        """For `Axes.plot`."""
        return {"color": self.colour, "linestyle": (0, self.dashes) if self.dashes else "-"}


@dataclass(frozen=True)
class Style:
    """What is chosen of a report.

    `size` fits a column of a paper, its page, or a slide, with letters as they are to be there.
    `title` stands above each figure instead of model and data; "" is none. `y_limits` and `log`
    are those of the metric's axis. `labels` has other names for settings, by label or title.
    `against` names what curves are drawn over (`AXES`), `band` the band (`BANDS`); unless they are
    given they are as the paper has them.

        >>> Style(size="column", labels={"orig_5e-4": "one rate"}).width
        3.4

    Raises:
        ValueError: if there is no such size, axis or band, or limits are reversed.
    """

    size: str = "page"
    title: str | None = None
    y_limits: tuple[float, float] | None = None
    log: bool | None = None
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    against: tuple[str, ...] = ()
    band: str | None = None

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise ValueError(f"no size {self.size!r} of figures; {closest(self.size, SIZES)}")
        for name in self.against:
            if name not in AXES:
                raise ValueError(f"no axis {name!r} to draw against; {closest(name, AXES)}")
        if self.band is not None and self.band not in BANDS:
            raise ValueError(f"no band {self.band!r}; {closest(self.band, BANDS)}")
        if self.y_limits is not None and not self.y_limits[0] < self.y_limits[1]:
            raise ValueError(
                f"expected `y_limits` as LOW,HIGH, got {self.y_limits[0]:g},{self.y_limits[1]:g}"
            )

    @property
    def width(self) -> float:
        """Of a figure, in inches."""
        return SIZES[self.size].width

    @property
    def columns(self) -> int:
        """Panels of curves beside each other."""
        return SIZES[self.size].columns

    @property
    def text(self) -> float:
        """Points of the letters."""
        return SIZES[self.size].text

    @property
    def line(self) -> float:
        """Points of a mean line."""
        return SIZES[self.size].line

    @property
    def letters(self) -> int:
        """That stand beside each other in the width of a figure."""
        return int(self.width * 72 / (0.56 * self.text))

    def setting(self, group: Group) -> str:
        """What a setting is called: its name in `labels`, else with whose rate is whose."""
        return self.labels.get(group.label, self.series(group.title))

    def in_panel(self, group: Group, heading: str) -> str:
        """What it is called where the heading has the generator's rate, or not."""
        if heading != rate_heading(group) or group.label in self.labels:
            return self.setting(group)
        return f"discriminator rate {rate_text(group.first_rates[0])}"

    def series(self, title: str) -> str:
        """What a setting is called that is known by its title, as published ones are."""
        return self.labels.get(title, self.labels.get(title.lower().replace(" ", "_"))) or (
            setting_title(title)
        )

    def check_labels(self, groups: Sequence[Group]) -> None:
        """Raises: ValueError: if `labels` names a setting that there is not."""
        there = {name for group in groups for name in (group.label, group.title)}
        there |= {name for group in groups for name in published_titles(group)}
        for name in self.labels:
            if name not in there:
                raise ValueError(f"no setting {name!r} for `labels`; {closest(name, there)}")

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Figures made and written within have the letters and lines of the style."""
        small = self.text - 1
        fonts = logging.getLogger("fontTools")  # it doubts the dates of fonts that it embeds
        level = fonts.level
        fonts.setLevel(logging.ERROR)
        with rc_context(
            {
                "font.size": self.text,
                "axes.titlesize": self.text,
                "axes.labelsize": self.text,
                "figure.titlesize": self.text + 1,
                "xtick.labelsize": small,
                "ytick.labelsize": small,
                "legend.fontsize": small,
                "legend.title_fontsize": small,
                "legend.frameon": False,
                "legend.handlelength": 3.0,
                "axes.linewidth": 0.08 * self.text,
                "lines.linewidth": self.line,
                "grid.linewidth": 0.06 * self.text,
                "grid.alpha": 0.35,
                "axes.spines.top": False,
                "axes.spines.right": False,
                # Letters that a program can embed, search and edit: IEEE and ACM refuse Type 3.
                "pdf.fonttype": 42,
                "ps.fonttype": 42,
                "svg.fonttype": "path",
                "svg.hashsalt": "ttur",
                "savefig.dpi": 300,
            }
        ):
            try:
                yield
            finally:
                fonts.setLevel(level)


PLAIN = Style()


def published_titles(group: Group) -> list[str]:
    """Of the settings in the figures of the paper that are drawn beside a group."""
    figures = dict.fromkeys(group.published.curves.values())
    return [title for figure in figures for title in published_curves(figure)]


def marks(groups: Sequence[Group]) -> dict[tuple[str, str], Mark]:
    """By experiment and title, of all settings of a report and of those published beside them.

    One time-scale is broken lines, two begin with an unbroken one. Of a crowd that stands in
    panels by generator rate, the colour goes with the discriminator's, the marker with the panel.
    """
    found: dict[tuple[str, str], Mark] = {}
    parts = panel_groups(groups)
    for number, part in enumerate(parts.values() if len(parts) > 1 else ()):
        for index, group in enumerate(part):
            colour = to_hex(colormaps["viridis"](0.88 * index / max(1, len(part) - 1)))
            dashes = (SOLID, *DASHES)[index % (1 + len(DASHES))]
            found[group.experiment, group.title] = Mark(colour, dashes, MARKERS[number])
    keys = [(g.experiment, g.title, g.is_single_timescale) for g in groups]
    keys += [
        (group.experiment, title, "TTUR" not in title)
        for group in groups
        for title in published_titles(group)
    ]
    counts = {True: 0, False: 0}
    for experiment, title, is_single in keys:
        if (experiment, title) not in found:
            found[experiment, title] = _mark(counts[is_single], is_single)
            counts[is_single] += 1
    return found


def _mark(index: int, is_single: bool) -> Mark:
    """Colour and dashes change together; where the colours are used up, they meet anew."""
    colours = ONE_TIMESCALE if is_single else TWO_TIMESCALES
    dashes = (*DASHES, SOLID) if is_single else (SOLID, *DASHES)
    return Mark(
        colours[index % len(colours)],
        dashes[(index + index // len(colours)) % len(dashes)],
        MARKERS[(index + 4 * (not is_single)) % len(MARKERS)],
    )
