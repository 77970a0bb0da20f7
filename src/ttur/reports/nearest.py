"""Generated images beside the training images nearest to them."""

from pathlib import Path

from matplotlib.figure import Figure, SubFigure

from ttur.evaluation.nearest import NearestPair, NearestPairs, Shown
from ttur.reports.panels import save
from ttur.reports.style import PLAIN, VERMILION

COLUMNS = 4  # pairs beside each other
DOTS_PER_INCH = 300  # as figures are saved
LEAST_SIDE = 1.3  # inches; smaller images are enlarged, pixel by pixel
LONGEST_NAME = 22


def draw_nearest(found: NearestPairs, path: Path) -> Path:
    """The pairs row by row, by rising distance: generated on the left, training on the right.

    Above each pair the distance of the two, and that of the training image to its own nearest one;
    a red heading marks those that are not authentic.
    """
    pairs = found.pairs
    columns = min(COLUMNS, len(pairs))
    rows = -(-len(pairs) // columns)
    longest = max(max(s.pixels.shape[:2]) for p in pairs for s in (p.generated, p.training))
    side = max(LEAST_SIDE, longest / DOTS_PER_INCH)
    size = ((2 * side + 0.5) * columns, (side + 0.75) * rows + 0.6)
    (measured,) = found.evaluation.measurements
    count = found.evaluation.counts["generated"]
    with PLAIN.drawing():
        figure = Figure(figsize=size, layout="constrained")
        figure.suptitle(
            f"{measured.metric} {measured.value:.4g} of {count:,} generated images; the "
            f"{len(pairs)} nearest to a training image"
        )
        frames = figure.subfigures(rows, columns, squeeze=False)
        for frame, pair in zip(frames.flat, pairs, strict=False):
            _draw_pair(frame, pair)
        return save(figure, path)


def _draw_pair(frame: SubFigure, pair: NearestPair) -> None:
    frame.suptitle(
        f"{pair.distance:.4g} (its own {pair.training_distance:.4g})",
        fontsize=9,
        color="black" if pair.is_authentic else VERMILION,
    )
    panels = frame.subplots(1, 2)
    for axes, shown, role in zip(
        panels, (pair.generated, pair.training), ("generated", "training"), strict=True
    ):
        axes.imshow(shown.pixels, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.set_xlabel(f"{role}\n{_short(shown)}", fontsize=7)


def _short(shown: Shown) -> str:
    """The end of a name tells more than its beginning."""
    name = shown.name
    return name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}"
