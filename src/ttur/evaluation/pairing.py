"""Originals and their reconstructions, read side by side: which belongs to which, which part."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import PurePosixPath

from ttur.data.images.ahead import read_pictures
from ttur.data.images.decode import Picture
from ttur.data.images.files import ImageEntry, ImageFiles
from ttur.evaluation.sources import ImageSet, Outcome

# Both pictures of a pair, or what is said of each of the two where there is no pair.
PairOutcome = tuple[Picture, Picture] | tuple[tuple[str, ValueError], tuple[str, ValueError]]


@dataclass
class Pairs:
    """The pairs of two sides: files by relative path without extension, all else by index.

    What has no partner is refused before an image is read, or listed in `unpaired`, (name, reason)
    by side. Originals that are larger than their reconstructions keep their centre; `cropped`
    counts them by sizes, "WxH to WxH", as they are read.

    Raises:
        ValueError: if one side has files and the other none, arrays differ in number, or files
            without partner are not to be skipped.
    """

    originals: ImageSet
    reconstructions: ImageSet
    unpaired: tuple[list[Outcome], list[Outcome]] = field(default_factory=lambda: ([], []))
    cropped: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        a, b = self.originals, self.reconstructions
        if (a.files is None) != (b.files is None):
            raise ValueError(
                f"expected two sides of files, paired by name, or none, paired by index, got "
                f"{a.name} and {b.name}; give both as files, or both as arrays in one order"
            )
        if a.files is not None and b.files is not None:
            self._match(a.files, b.files)
        elif a.count is not None and b.count is not None and a.count != b.count:
            raise ValueError(
                f"expected as many reconstructions as originals, paired by index, got {a.count:,} "
                f"in {a.name} and {b.count:,} in {b.name}"
            )

    def read(self, batch_size: int) -> Iterator[PairOutcome]:
        """One pass over both sides.

        Raises:
            ValueError: naming the pair that cannot be read, unless such are skipped.
        """
        for where, one, other in self._outcomes(batch_size):
            try:
                yield self._pair(where, one, other)
            except ValueError as error:
                if self.originals.on_error == "fail":
                    raise
                yield (where[0], error), (where[1], error)

    def _pair(
        self, where: tuple[str, str], one: Outcome, other: Outcome
    ) -> tuple[Picture, Picture]:
        for outcome in (one, other):
            if not isinstance(outcome, Picture):
                raise outcome[1]
        assert isinstance(one, Picture)
        assert isinstance(other, Picture)
        (height, width), (h, w) = one.pixels.shape[:2], other.pixels.shape[:2]
        if height < h or width < w:
            raise ValueError(
                f"expected originals at least as large as their reconstructions, got {width}x"
                f"{height} in {where[0]} and {w}x{h} in {where[1]}; give the originals as they "
                "were reconstructed"
            )
        if (height, width) == (h, w):
            return one, other
        self.cropped[f"{width}x{height} to {w}x{h}"] += 1
        top, left = (height - h) // 2, (width - w) // 2
        centre = one.pixels[top : top + h, left : left + w].copy()
        return replace(one, pixels=centre), other

    def _outcomes(self, batch_size: int) -> Iterator[tuple[tuple[str, str], Outcome, Outcome]]:
        a, b = self.originals, self.reconstructions
        if a.files is not None and b.files is not None:
            pairs = zip(
                read_pictures(a.files, self._matched[0]),
                read_pictures(b.files, self._matched[1]),
                strict=True,
            )
            for (first, one), (second, other) in pairs:
                where = first.where, second.where
                yield where, _outcome(first, one), _outcome(second, other)
            return
        for index, outcomes in enumerate(zip_longest(a.read(batch_size), b.read(batch_size))):
            if None in outcomes:
                longer = a if outcomes[1] is None else b
                raise ValueError(
                    f"expected as many reconstructions as originals, paired by index, got more "
                    f"than {index:,} in {longer.name} alone"
                )
            yield (f"{a.name}, image {index}", f"{b.name}, image {index}"), *outcomes

    def _match(self, originals: ImageFiles, reconstructions: ImageFiles) -> None:
        """Files of one name on both sides, in the order of the originals."""
        a, b = _by_name(originals), _by_name(reconstructions)
        self._matched: tuple[list[ImageEntry], list[ImageEntry]] = ([], [])
        for entries, others, other, unpaired in (
            (a, b, reconstructions, self.unpaired[0]),
            (b, a, originals, self.unpaired[1]),
        ):
            for name, found in entries.items():
                partners = others.get(name, [])
                if len(found) == 1 and len(partners) == 1:
                    continue
                many = "several files of this name" if partners else "no file of this name"
                reason = f"{many}, whatever its extension, in {other.path}"
                if len(found) > 1:
                    reason = "several files have this name but for the extension"
                unpaired += [(e.where, ValueError(f"{e.where}: {reason}")) for e in found]
        if self.originals.on_error == "fail" and (lost := [*self.unpaired[0], *self.unpaired[1]]):
            first = lost[0]
            assert not isinstance(first, Picture)
            raise ValueError(
                f"expected a partner for each image, got {len(lost):,} without, the first: "
                f"{first[1]}; remove them, or say by `on_error` that they are skipped"
            )
        for name, (entry, *more) in a.items():
            if not more and len(b.get(name, [])) == 1:
                self._matched[0].append(entry)
                self._matched[1].append(b[name][0])


def _by_name(files: ImageFiles) -> dict[str, list[ImageEntry]]:
    found: dict[str, list[ImageEntry]] = defaultdict(list)
    for entry in files.entries:
        found[str(PurePosixPath(entry.path).with_suffix(""))].append(entry)
    return found


def _outcome(entry: ImageEntry, read: Picture | ValueError) -> Outcome:
    return read if isinstance(read, Picture) else (entry.where, read)
