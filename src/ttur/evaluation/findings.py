"""Sentences on what is odd about the images of a side, or about the two sides together."""

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np

from ttur.data.images.files import LINKED_FOLDER
from ttur.evaluation.audit import DARKEST, Audit

_UNEQUAL = 0.01  # shares of the two sides that differ by more are worth a sentence
_MANY = 0.01  # so are images, or values, that are more of a side than this
_CONSIDERABLE = 0.05  # files passed over, of all
_ALMOST_NONE = 0.001  # of the values
_FAR = 64  # levels, a quarter of the range, by which the ends of the sides' ranges differ
_NO_FILES = ("hidden", LINKED_FOLDER)  # among what is passed over
_GREY = ("1", "L", "LA", "La", "I 16-bit", "I;16 16-bit", "I;16B 16-bit", "I;16L 16-bit")


def findings(real: Audit | None, generated: Audit | None) -> list[str]:
    """What may make the number mean something else; None of a side of which nothing is known."""
    return _said(real, generated, _of_one, _of_both)


def contradictions(real: Audit | None, generated: Audit | None) -> list[str]:
    """Signs that values were taken for what they are not: the number then means nothing."""
    return _said(real, generated, _range_of_one, _ranges_of_both)


def _said(
    real: Audit | None,
    generated: Audit | None,
    of_one: Callable[[str, Audit], Iterator[str]],
    of_both: Callable[[Audit, Audit], Iterator[str]],
) -> list[str]:
    sides = [("real", real), ("generated", generated)]
    found = [sentence for name, side in sides if side for sentence in of_one(name, side)]
    return found + list(of_both(real, generated)) if real and generated else found


def _range_of_one(name: str, side: Audit) -> Iterator[str]:
    if _is_clipped_much(side):
        yield (
            f"{name}: {side.clipped / side.floats:.1%} of the values lay outside `value_range` and "
            "were clipped to it: which values are black and white?"
        )
    if side.dark > _MANY * side.read:
        held = (
            "no values but 0 and 1"
            if not side.levels[2:].any()
            else f"no level of {DARKEST} or more"
        )
        yield (
            f"{name}: {side.dark:,} of {side.read:,} images have {held}: are they black, floats in "
            "[0, 1] cast to uint8, or 8 or 12 bits in files of 16?"
        )
        return
    if (half := _empty_half(side.levels)) is not None:
        yield (
            f"{name}: hardly any value lies in the {half} half of the levels: "
            + ("is `value_range` that of these floats?" if side.floats else "is that their range?")
        )


def _is_clipped_much(side: Audit) -> bool:
    return side.clipped > _MANY * side.floats > 0


def _ranges_of_both(real: Audit, generated: Audit) -> Iterator[str]:
    a, b = (_span(side.levels) for side in (real, generated))
    halves = [_empty_half(side.levels) for side in (real, generated)]
    if a and b and max(abs(np.subtract(a, b))) > _FAR and halves == [None, None]:
        yield (
            f"real images use the levels {a[0]} to {a[1]}, generated ones {b[0]} to {b[1]}: are "
            "they in one range?"
        )


def _span(levels: np.ndarray) -> tuple[int, int] | None:
    """The levels between which all values lie, but for a few on either side."""
    total = levels.sum()
    if not total:
        return None
    share = levels.cumsum() / total
    return int((share <= _ALMOST_NONE).sum()), int((share < 1 - _ALMOST_NONE).sum())


def _empty_half(levels: np.ndarray) -> str | None:
    span = _span(levels)
    if span is None or (span[0] < 128 <= span[1]):
        return None
    return "darker" if span[0] >= 128 else "brighter"


def _of_one(name: str, side: Audit) -> Iterator[str]:
    if side.skipped:
        yield (
            f"{name}: {side.skipped:,} of {side.read + side.skipped:,} images could not be read "
            f"and were skipped; the first is {side.skipped_files[0].file}"
        )
    passed_over = Counter(side.ignored) - Counter({k: side.ignored[k] for k in _NO_FILES})
    if passed_over.total() > _CONSIDERABLE * (side.read + side.skipped + passed_over.total()):
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in passed_over.most_common(5))
        yield (
            f"{name}: {passed_over.total():,} files beside {side.read:,} images are no images that "
            f"can be read here and were passed over ({kinds})"
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
        "values outside `value_range`, clipped to it": 0
        if _is_clipped_much(side)
        else side.clipped,
        "links to folders outside, not followed; follow them by `follow_links`": side.ignored[
            LINKED_FOLDER
        ],
    }
    yield from (f"{name}: {count:,} {what}" for what, count in policies.items() if count)


def _of_both(real: Audit, generated: Audit) -> Iterator[str]:
    shared = len(np.intersect1d(real.image_digests, generated.image_digests))
    if shared:
        stand = "1 image stands" if shared == 1 else f"{shared:,} different images stand"
        yield (
            f"{stand} on both sides, pixel by pixel ({real.read:,} real, {generated.read:,} "
            "generated): a set compared with a part of itself looks too good"
        )
    if set(real.sizes) != set(generated.sizes):
        yield f"{_sizes(real, generated)}: the difference in sharpness is part of the distance"
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


def _differ(real: Audit, generated: Audit, of_real: int, of_generated: int) -> bool:
    return abs(of_real / max(real.read, 1) - of_generated / max(generated.read, 1)) > _UNEQUAL


def _sizes(real: Audit, generated: Audit) -> str:
    """In which way they differ."""
    mostly = [_mostly(side.sizes) for side in (real, generated)]
    if mostly[0] != mostly[1]:
        return f"real images are mostly {mostly[0]}, generated ones {mostly[1]}"
    alone = {
        "real": Counter({s: n for s, n in real.sizes.items() if s not in generated.sizes}),
        "generated": Counter({s: n for s, n in generated.sizes.items() if s not in real.sizes}),
    }
    odd = [
        f"{table.total():,} {side} as {', '.join(size for size, _ in table.most_common(3))}"
        for side, table in alone.items()
        if table
    ]
    return f"images are mostly {mostly[0]} on both sides, but {' and '.join(odd)} on one alone"


def _mostly(table: Counter[str]) -> str:
    return table.most_common(1)[0][0] if table else "missing"
