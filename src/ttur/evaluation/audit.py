"""What was read on one side, and what was not."""

import hashlib
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Annotated, Any

import numpy as np
from jaxtyping import Int64, UInt8, UInt64
from pydantic import (
    AfterValidator,
    Field,
    GetPydanticSchema,
    InstanceOf,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
)

from ttur.data.images.decode import Picture
from ttur.runtime import digests
from ttur.runtime.settings import reasons

_KINDS = 50  # rows of a table; what comes later is counted as "other"
_NAMES = 100  # of skipped files
_LOOKED_AT = 1024  # values of each image, evenly spread, whose levels are counted
DARKEST = 16  # levels, a sixteenth of the range: what 12 bits fill of 16
_LATER = ("floats", "dark")  # fields that the first files are without

Count = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
# Not `str`: names of files may hold half a surrogate pair, which pydantic takes for no text.
Name = InstanceOf[str]
_Counts = Annotated[
    dict[Name, Count],
    AfterValidator(Counter),
    PlainSerializer(lambda table: dict(table.most_common())),
]
# Pydantic's own reading of a Counter takes "3" and -3 for counts.
Table = Annotated[Counter[str], GetPydanticSchema(lambda _, handler: handler(_Counts))]


@dataclass(frozen=True)
class SkippedFile:
    """An image that could not be read, and why."""

    file: Name
    reason: Name


@dataclass
class Inventory:
    """Counts of one side, as they stand in a document.

    `read` images came through and `skipped` ones did not, the first of them with their reasons in
    `skipped_files`; `ignored` files, by extension, are no images. `formats`, `modes` ("L" for grey
    arrays) and `sizes` ("WxH") are of the images before the policy was applied, which turned the
    `rotated`, composited the `transparent` on black and took the first frame of `several_frames`.
    Of `floats` float values `clipped` lay outside their value_range. `dark` images have no level
    above the 16 darkest.
    """

    read: Count = 0
    skipped: Count = 0
    rotated: Count = 0
    transparent: Count = 0
    several_frames: Count = 0
    clipped: Count = 0
    floats: Count = 0
    dark: Count = 0
    skipped_files: list[SkippedFile] = field(default_factory=list)
    ignored: Table = field(default_factory=Counter)
    formats: Table = field(default_factory=Counter)
    modes: Table = field(default_factory=Counter)
    sizes: Table = field(default_factory=Counter)


_INVENTORY = TypeAdapter(Inventory)
_LEVELS = TypeAdapter(Annotated[list[Count], Field(min_length=256, max_length=256)])


@dataclass
class Audit(Inventory):
    """An inventory that is filled while its side is read, with the digests of the images.

    Memory: 8 bytes per image, and short tables.
    """

    _digests: array = field(default_factory=lambda: array("Q"), repr=False)
    _levels: Int64[np.ndarray, " 256"] = field(
        default_factory=lambda: np.zeros(256, np.int64), repr=False, compare=False
    )
    _ordered: UInt64[np.ndarray, " _"] = field(
        default_factory=lambda: np.empty(0, np.uint64), repr=False, compare=False
    )

    def add(self, picture: Picture) -> None:
        """One image that was read."""
        height, width = picture.pixels.shape[:2]
        self.read += 1
        self.rotated += picture.rotated
        self.transparent += picture.transparent
        self.several_frames += picture.several_frames
        self.clipped += picture.clipped
        self.floats += picture.floats
        self.dark += bool(picture.pixels.max() < DARKEST)
        self._levels += _levels_of(picture.pixels)
        _count(self.formats, picture.format)
        _count(self.modes, picture.mode)
        _count(self.sizes, f"{width}x{height}")
        digest = hashlib.sha256(np.array([height, width], "<u8").tobytes())
        digest.update(picture.pixels.data)
        self._digests.append(int.from_bytes(digest.digest()[:8], "little"))

    def skip(self, where: str, reason: str) -> None:
        """One image that could not be read."""
        self.skipped += 1
        if len(self.skipped_files) < _NAMES:
            self.skipped_files.append(SkippedFile(where, reason))

    def merge(self, other: "Audit") -> "Audit":
        """Of both together: what another process, or a later part, has seen."""
        return Audit(
            read=self.read + other.read,
            skipped=self.skipped + other.skipped,
            rotated=self.rotated + other.rotated,
            transparent=self.transparent + other.transparent,
            several_frames=self.several_frames + other.several_frames,
            clipped=self.clipped + other.clipped,
            floats=self.floats + other.floats,
            dark=self.dark + other.dark,
            skipped_files=(self.skipped_files + other.skipped_files)[:_NAMES],
            ignored=_sum(self.ignored, other.ignored),
            formats=_sum(self.formats, other.formats),
            modes=_sum(self.modes, other.modes),
            sizes=_sum(self.sizes, other.sizes),
            _digests=self._digests + other._digests,
            _levels=self._levels + other._levels,
        )

    @property
    def image_digests(self) -> UInt64[np.ndarray, " read"]:
        """One per image, in the order read: the first 8 bytes of the SHA-256 of height and width
        (64 bits each) and the RGB rows, all little-endian.
        """
        return np.array(self._digests, np.uint64)

    @property
    def levels(self) -> Int64[np.ndarray, " 256"]:
        """How often each level 0..255 occurs among some thousand values of each image, spread
        evenly over it; all zero where a file of an earlier version does not say.
        """
        return self._levels

    @property
    def data_sha256(self) -> str:
        """SHA-256 of the sorted image digests: of the images, whatever their order or container."""
        return digests.of_bytes(self._ascending().astype("<u8").tobytes())

    @property
    def duplicates(self) -> int:
        """Images that repeat another of the same side, pixel by pixel."""
        ordered = self._ascending()
        return int((ordered[1:] == ordered[:-1]).sum())

    def _ascending(self) -> UInt64[np.ndarray, " read"]:
        """Sorted once: a run compares with the same real images at every evaluation."""
        if len(self._ordered) != len(self._digests):
            self._ordered = np.sort(self.image_digests)
        return self._ordered

    def to_json(self) -> dict[str, Any]:
        """Counts, `levels` and `data_sha256`; of the skipped files the first 100 with reasons."""
        derived = {
            "duplicates": self.duplicates,
            "levels": self._levels.tolist(),
            "data_sha256": self.data_sha256,
        }
        return _INVENTORY.dump_python(self) | derived

    @classmethod
    def from_json(
        cls, document: dict[str, Any], image_digests: Sequence[int] | np.ndarray
    ) -> "Audit":
        """What `to_json` and `image_digests` gave, in this version or one before.

        Raises:
            ValueError: if the two do not belong together, or the document is no audit; names the
                fields that are not there or not what they should be.
        """
        try:
            needed = {each.name for each in fields(Inventory)}.difference(_LATER)
            missing = sorted(needed.difference(document))
            if missing:
                raise ValueError(f"a document without {', '.join(missing)}")
            counts = _INVENTORY.validate_python(document)
            levels = _LEVELS.validate_python(document.get("levels", [0] * 256))
            digests_read = array("Q", np.asarray(image_digests, np.uint64).tobytes())
        except (TypeError, ValueError) as error:
            why = reasons(error) if isinstance(error, ValidationError) else error
            raise ValueError(f"expected the audit of a set of images, got {why}") from error
        audit = cls(**vars(counts), _digests=digests_read, _levels=np.array(levels, np.int64))
        if audit.data_sha256 != document.get("data_sha256"):
            raise ValueError("the digests of the images do not belong to their audit")
        return audit


def _levels_of(pixels: UInt8[np.ndarray, "h w 3"]) -> Int64[np.ndarray, " 256"]:
    """Counted in every so-manieth value: 2 and 3 do not divide the step, so that it meets all
    channels, and columns and rows of most sizes.
    """
    step = max(1, pixels.size // _LOOKED_AT)
    step += (1, 0, 3, 2, 1, 0)[step % 6]
    return np.bincount(pixels.reshape(-1)[::step], minlength=256)


def _sum(a: Counter[str], b: Counter[str]) -> Counter[str]:
    table = Counter[str]()
    for kind, count in [*a.items(), *b.items()]:
        _count(table, kind, count)
    return table


def _count(table: Counter[str], kind: str, count: int = 1) -> None:
    table[kind if kind in table or len(table) < _KINDS else "other"] += count
