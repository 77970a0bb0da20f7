"""The names of metrics and of their numbers: read, with an extractor and neighbours in them."""

import re
from collections.abc import Iterable
from dataclasses import replace

from ttur.evaluation.measure import Measure, by_another
from ttur.evaluation.measures import MEASURES, SUITES
from ttur.features.designs import owner
from ttur.runtime.errors import closest

PLAIN = "inception"  # the extractor of names that carry none
_NEIGHBOURS = " (a number of neighbours may follow, as in precision_recall_k5)"


def measures(names: str | Iterable[str]) -> list[Measure]:
    """The metrics asked for, each once; one string holds several, between commas. A number of
    neighbours may be in the name, `precision_recall_k5`, and whose features, which `extractor_of`
    reads.

    Raises:
        ValueError: if there is no such metric, or none is named.
    """
    wanted: dict[tuple[str, int | None], Measure] = {}
    for name in _split(names):
        measure = _measure(_parse(name)[0])
        assert measure is not None
        wanted[measure.name, measure.k] = measure
    return list(wanted.values())


def parse_metrics(names: str | Iterable[str]) -> tuple[tuple[str, ...], str]:
    """The metrics and the extractor of names that carry it, as a run's are asked for.

    `fid`, `is`, `kid`, … are by Inception; `fd_digits`, `precision_recall_k5_cifar10`,
    `kid_package.module:name` by the extractor that they name.

        >>> parse_metrics("fd_digits,kid_digits")
        (('fid', 'kid'), 'digits')

    Raises:
        ValueError: if there is no such metric, or they are of several extractors.
    """
    kinds, extractors = [], dict[str, None]()
    for name in _split(names):
        kind, extractor = _parse(name)
        kinds.append(kind)
        extractors[extractor] = None
    if len(extractors) > 1:
        raise ValueError(
            f"expected metrics by one extractor, got {' and '.join(extractors)}; ask for those of "
            "one of them"
        )
    return tuple(dict.fromkeys(kinds)), next(iter(extractors))


def extractor_of(names: str | Iterable[str], extractor: str, *, brought: bool = False) -> str:
    """Whose features the metrics are of, where the extractor is apart from them.

    Names that carry an extractor, as `fd_digits` and `cmmd`, bring it if that of the caller is the
    usual one, not `brought` as an object; else they must carry the caller's.

        >>> extractor_of("cmmd", "inception"), extractor_of("fid,kid", "digits")
        ('clip', 'digits')

    Raises:
        ValueError: if there is no such metric, or names carry several extractors, or another one.
    """
    if extractor == PLAIN and not brought:
        return parse_metrics(names)[1]
    for name in _split(names):
        kind, carried = _parse(name)
        if carried not in (PLAIN, extractor, extractor.rpartition(":")[2]):
            raise ValueError(
                f"expected metrics by {extractor}, got {name}, which is by {carried}; ask for "
                f"{kind}, or for {carried} as `extractor`"
            )
    return extractor


def _split(names: str | Iterable[str]) -> list[str]:
    split = [name.strip() for name in (names.split(",") if isinstance(names, str) else names)]
    split = [each for name in split for each in SUITES.get(name, (name,))]
    if not split:
        raise ValueError(f"expected metrics, got none; there are {', '.join(MEASURES)}")
    return split


def _closest(name: str, others: Iterable[str] = ()) -> str:
    """By what it is called elsewhere or by one of its numbers, else by spelling."""
    plain = re.sub("[^a-z0-9]+", "_", name.lower())
    for measure in MEASURES.values():
        if plain in (measure.name, *measure.numbers, *measure.known_as):
            return f"did you mean {measure.name}?"
    return closest(name, [*MEASURES, *SUITES, *others])


def _measure(name: str) -> Measure | None:
    if name in MEASURES:
        return MEASURES[name]
    if match := re.fullmatch(r"(.+)_k([1-9][0-9]{0,3})", name):
        row = MEASURES.get(match[1])
        return replace(row, k=int(match[2])) if row and row.k is not None else None
    return None


def _parse(name: str) -> tuple[str, str]:
    if _measure(name) is not None:
        return name, PLAIN
    number = re.fullmatch(r"(.+)_k([0-9]+)", name)
    if number and (row := MEASURES.get(number[1])) and row.k is not None:
        raise ValueError(f"expected 1 to 9999 neighbours in {name}, got {number[2]}")
    if (whole := owner(name, MEASURES) or _of_whole_name(name)) is not None:
        return whole
    _, _, extractor = name.rpartition("_")
    by_it = (f"{by_another(kind)}_{extractor}" for kind in MEASURES) if "_" in name else ()
    raise ValueError(f"no metric {name!r}{_NEIGHBOURS}; {_closest(name, by_it)}")


def _of_whole_name(name: str) -> tuple[str, str] | None:
    """The metric and the extractor of a name that carries one."""
    # The longest first: fd_infinity_digits is of digits, not the distance by "infinity_digits".
    for measure in sorted(MEASURES.values(), key=lambda measure: -len(measure.name)):
        neighbours = "(_k[1-9][0-9]{0,3})?" if measure.k is not None else "()"
        match = re.fullmatch(f"{re.escape(by_another(measure.name))}{neighbours}_(.+)", name)
        if match is not None:
            return measure.name + (match[1] or ""), match[2]
    return None
