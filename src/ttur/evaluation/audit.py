"""What was read on one side, what was not, and what is odd about it or about the two together."""

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Annotated, Any

import numpy as np
from jaxtyping import UInt64
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
_UNEQUAL = 0.01  # shares of the two sides that differ by more are worth a sentence

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
    `clipped` values of float images lay outside their value_range.
    """

    read: Count = 0
    skipped: Count = 0
    rotated: Count = 0
    transparent: Count = 0
    several_frames: Count = 0
    clipped: Count = 0
    skipped_files: list[SkippedFile] = field(default_factory=list)
    ignored: Table = field(default_factory=Counter)
    formats: Table = field(default_factory=Counter)
    modes: Table = field(default_factory=Counter)
    sizes: Table = field(default_factory=Counter)


_INVENTORY = TypeAdapter(Inventory)


@dataclass
class Audit(Inventory):
    """An inventory that is filled while its side is read, with the digests of the images.

    Memory: 8 bytes per image, and short tables.
    """

    _digests: array = field(default_factory=lambda: array("Q"), repr=False)
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
            skipped_files=(self.skipped_files + other.skipped_files)[:_NAMES],
            ignored=_sum(self.ignored, other.ignored),
            formats=_sum(self.formats, other.formats),
            modes=_sum(self.modes, other.modes),
            sizes=_sum(self.sizes, other.sizes),
            _digests=self._digests + other._digests,
        )

    @property
    def image_digests(self) -> UInt64[np.ndarray, " read"]:
        """One per image, in the order read: the first 8 bytes of the SHA-256 of height and width
        (64 bits each) and the RGB rows, all little-endian.
        """
        return np.array(self._digests, np.uint64)

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
        """The counts, and `data_sha256`; of the skipped files the first 100 with their reasons."""
        derived = {"duplicates": self.duplicates, "data_sha256": self.data_sha256}
        return _INVENTORY.dump_python(self) | derived

    @classmethod
    def from_json(
        cls, document: dict[str, Any], image_digests: Sequence[int] | np.ndarray
    ) -> "Audit":
        """What `to_json` and `image_digests` gave.

        Raises:
            ValueError: if the two do not belong together, or the document is no audit; names the
                fields that are not there or not what they should be.
        """
        try:
            missing = [each.name for each in fields(Inventory) if each.name not in document]
            if missing:
                raise ValueError(f"a document without {', '.join(missing)}")
            counts = _INVENTORY.validate_python(document)
            digests_read = array("Q", np.asarray(image_digests, np.uint64).tobytes())
        except (TypeError, ValueError) as error:
            why = reasons(error) if isinstance(error, ValidationError) else error
            raise ValueError(f"expected the audit of a set of images, got {why}") from error
        audit = cls(**vars(counts), _digests=digests_read)
        if audit.data_sha256 != document.get("data_sha256"):
            raise ValueError("the digests of the images do not belong to their audit")
        return audit


def findings(real: Audit | None, generated: Audit | None) -> list[str]:
    """Sentences on what may make the number mean something else; None where nothing is known."""
    sides = [("real", real), ("generated", generated)]
    found = [sentence for name, side in sides if side for sentence in _of_one(name, side)]
    return found + list(_of_both(real, generated)) if real and generated else found


def _of_one(name: str, side: Audit) -> Iterator[str]:
    if side.skipped:
        yield (
            f"{name}: {side.skipped:,} of {side.read + side.skipped:,} images could not be read "
            f"and were skipped; the first is {side.skipped_files[0].file}"
        )
    if side.duplicates:
        yield f"{name}: {side.duplicates:,} of {side.read:,} images repeat another one exactly"
    if len(side.sizes) > 1:
        sizes = ", ".join(f"{size} ({count:,})" for size, count in side.sizes.most_common(3))
        more = ", ..." if len(side.sizes) > 3 else ""
        yield f"{name}: images of several sizes, {sizes}{more}; each was resized on its own"
    policies = {
        "images with transparency, composited on black": side.transparent,
        "images turned as their EXIF says": side.rotated,
        "images of several frames, the first one taken": side.several_frames,
        "values outside value_range, clipped to it": side.clipped,
    }
    yield from (f"{name}: {count:,} {what}" for what, count in policies.items() if count)


def _of_both(real: Audit, generated: Audit) -> Iterator[str]:
    shared = len(np.intersect1d(real.image_digests, generated.image_digests))
    if shared:
        yield (
            f"{shared:,} different images stand on both sides, pixel by pixel ({real.read:,} real, "
            f"{generated.read:,} generated): a set compared with a part of itself looks too good"
        )
    if set(real.sizes) != set(generated.sizes):
        yield (
            f"real images are mostly {_mostly(real.sizes)}, generated ones "
            f"{_mostly(generated.sizes)}: the difference in sharpness is part of the distance"
        )
    if _differ(real, generated, real.formats["JPEG"], generated.formats["JPEG"]):
        yield (
            f"{real.formats['JPEG']:,} of {real.read:,} real images are JPEG, "
            f"{generated.formats['JPEG']:,} of {generated.read:,} generated ones: the artefacts of "
            "compression are part of the distance"
        )
    grey = [sum(side.modes[mode] for mode in _GREY) for side in (real, generated)]
    if _differ(real, generated, *grey):
        yield (
            f"{grey[0]:,} of {real.read:,} real images are grey, {grey[1]:,} of "
            f"{generated.read:,} generated ones"
        )


_GREY = ("1", "L", "LA", "I 16-bit", "I;16 16-bit", "I;16B 16-bit", "I;16L 16-bit")


def _differ(real: Audit, generated: Audit, of_real: int, of_generated: int) -> bool:
    return abs(of_real / max(real.read, 1) - of_generated / max(generated.read, 1)) > _UNEQUAL


def _mostly(table: Counter[str]) -> str:
    return table.most_common(1)[0][0] if table else "missing"


def _sum(a: Counter[str], b: Counter[str]) -> Counter[str]:
    table = Counter[str]()
    for kind, count in [*a.items(), *b.items()]:
        _count(table, kind, count)
    return table


def _count(table: Counter[str], kind: str, count: int = 1) -> None:
    table[kind if kind in table or len(table) < _KINDS else "other"] += count
