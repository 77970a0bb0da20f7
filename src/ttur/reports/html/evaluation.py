"""The page of an evaluation: the numbers, how sure they are, what was read, and pictures of it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ttur.evaluation.nearest import NearestPair
from ttur.evaluation.result import Evaluation, Measurement, Result
from ttur.reports.html.blocks import Block, Facts, Frame, Gallery, Heading, Page, Strip, Table, Text
from ttur.reports.html.pictures import beside, of_pixels
from ttur.runtime.description import leaves

COUNTS = ("read", "skipped", "duplicates", "rotated", "transparent", "several_frames", "clipped")
KINDS = ("formats", "modes", "sizes", "ignored")  # tables of an audit
SHOWN = 8  # kinds in a cell


def evaluation_page(
    result: Evaluation | Result, title: str, pairs: Sequence[NearestPair] = ()
) -> Page:
    """Numbers and all that stands beside them; `pairs` of generated and training images, if any."""
    made = result.measurements if isinstance(result, Evaluation) else (result.measurement,)
    counts = ", ".join(f"{side} {count:,}" for side, count in result.counts.items() if count)
    blocks: list[Block] = [Heading("Numbers"), _numbers(made)]
    blocks += [Text(warning, doubt=True) for warning in (*result.mismatches, *result.warnings)]
    blocks += [Heading("What was read"), *_audits(result.audit)]
    if pairs:
        blocks += [Heading("The nearest images"), *_pairs(pairs)]
    blocks += [Heading("How it was measured"), *_circumstances(result)]
    return Page(title, f"protocol {result.protocol}; {counts}", blocks)


def _numbers(made: Sequence[Measurement]) -> Table:
    rows = []
    for one in made:
        interval, others = one.details.get("interval"), dict(one.details)
        others.pop("interval", None)
        bounds, of = "–", "–"
        if interval:
            bounds = f"{interval['low']:.6g} to {interval['high']:.6g}"
            of = f"{interval['level']:.0%}, without the bias of so few images"
        told = [f"{_words(name)} {_value(value)}" for name, value in others.items()]
        rows.append((one.metric, f"{one.value:.6g}", bounds, of, "; ".join(told)))
    columns = ("number", "value", "interval", "of the interval", "more")
    return Table("Measured", columns, rows, ("value", "interval"))


def _audits(audits: Mapping[str, Mapping[str, Any] | None]) -> Iterator[Block]:
    known = {side: audit for side, audit in audits.items() if audit}
    if not known:
        yield Text("Both sides were given as statistics: no images were read.")
        return
    rows = [
        (_words(name), *(f"{audit.get(name, 0):,}" for audit in known.values()))
        for name in COUNTS
        if any(audit.get(name) for audit in known.values())
    ]
    rows += [
        (name, *(_kinds(audit[name]) for audit in known.values()))
        for name in KINDS
        if any(audit.get(name) for audit in known.values())
    ]
    yield Table("Images of each side", ("", *known), rows)
    for side, audit in known.items():
        skipped = [(each["file"], each["reason"]) for each in audit.get("skipped_files", ())]
        if skipped:
            yield Table(f"{side}: files that could not be read", ("file", "reason"), skipped)


def _pairs(pairs: Sequence[NearestPair]) -> Iterator[Block]:
    yield Text(
        "Generated images on the left, the training images nearest to them on the right, by rising "
        "distance. A generated one that is nearer than the training image is to its own nearest is "
        "a copy."
    )
    strips = []
    for place, pair in enumerate(pairs, start=1):
        copy = "" if pair.is_authentic else ", a copy"
        names = f"{pair.generated.name} beside {pair.training.name}"
        told = f"{pair.distance:.4g}, its own {pair.training_distance:.4g}{copy}: {names}"
        image = of_pixels(beside(pair.generated.pixels, pair.training.pixels))
        described = "a generated image beside the training image nearest to it"
        strips.append(Strip(f"{place}", [Frame(told, image)], described=described))
    yield Gallery("nearest", "Pairs and their distances", strips, small=True)


def _circumstances(result: Evaluation | Result) -> Iterator[Block]:
    yield Facts([("Protocol", result.protocol)])
    sides = {side: leaves(printed) for side, printed in result.fingerprints.items() if printed}
    names = dict.fromkeys(name for printed in sides.values() for name in printed)
    rows = [(n, *(_value(printed.get(n)) for printed in sides.values())) for n in names]
    if rows:
        yield Table("Fingerprints", ("", *sides), rows)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _value(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value)


def _kinds(table: Mapping[str, int]) -> str:
    more = ", …" * (len(table) > SHOWN)
    return ", ".join(f"{kind} {count:,}" for kind, count in list(table.items())[:SHOWN]) + more
