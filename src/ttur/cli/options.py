"""Options that several commands share, one by one and in groups.

What tables elsewhere name (metrics, protocols, extractors) is not named here again: they need
torch, for which `ttur --help` does not wait. A shell that completes such a word asks the table.
"""

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from ttur.cli import flags
from ttur.cli.help import OUTPUT
from ttur.cli.output import width_of


def _ranges(text: str | None) -> Any:
    """The range of `--value-range -1,1`, or those of A and B in `--value-range 0,1/-1,1`."""
    if text is None:
        return None
    try:
        both, *other = [_pair(side) for side in text.split("/")]
        return dict(zip(("real", "generated"), (both, *other), strict=True)) if other else both
    except ValueError:
        raise ValueError(
            "expected `value_range` as LOW,HIGH, -1,1 or 0,1, or those of A and B as 0,1/-1,1, "
            f"got {text!r}"
        ) from None


def _pair(text: str) -> tuple[float, float]:
    low, high = (float(part) for part in text.split(","))
    return low, high


def _way(name: str) -> bool | str:
    """Of `--interval`."""
    return {"none": False}.get(name, name)


def importable(name: str | None) -> str | None:
    """`package.module:name` may lie in the folder the command is called in."""
    if name and ":" in name and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    return name


def one_of(*names: str) -> dict[str, Any]:
    """Of an option with few values: they stand in its help, and shells complete them."""
    return {"metavar": "|".join(names), "autocompletion": _completion(lambda: names)}


def named(metavar: str, table: Callable[[], Iterable[str]]) -> dict[str, Any]:
    """Of an option whose values a table names; it is looked at when a shell completes a word."""
    return {"metavar": metavar, "autocompletion": _completion(table)}


def _completion(table: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    def completion(incomplete: str) -> list[str]:
        *whole, part = incomplete.split(",")
        before = "".join(f"{each}," for each in whole)
        return [f"{before}{name}" for name in table() if name.startswith(part)]

    return completion


def metric_names() -> Iterable[str]:
    from ttur.evaluation.measures import MEASURES

    return MEASURES


def extractor_names() -> Iterable[str]:
    from ttur.features.designs import DESIGNS

    return DESIGNS


def protocol_names() -> Iterable[str]:
    from ttur.features.resize import PROTOCOLS

    return PROTOCOLS


IMAGES = "How images are looked at"

Json = Annotated[
    bool,
    typer.Option("--json", help="Print the result as one JSON document.", rich_help_panel=OUTPUT),
]
Data = Annotated[
    Path, typer.Option("--data", metavar="FOLDER", help="Where the prepared data sets are.")
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="auto|cpu|cuda|cuda:1",
        autocompletion=_completion(lambda: ("auto", "cpu", "cuda")),
        help="Where it is computed.",
        rich_help_panel=OUTPUT,
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        "--weights", metavar="FILE", help="The extractor's weights.", rich_help_panel=IMAGES
    ),
]
Protocol = Annotated[
    str | None,
    typer.Option(
        "--protocol",
        **named("NAME", protocol_names),
        help="How images are resized and scaled, as tf1, torch or clean; ? lists them. Unless "
        "named, as the extractor's authors did.",
        rich_help_panel=IMAGES,
    ),
]
ExtractorName = Annotated[
    str,
    typer.Option(
        "--extractor",
        callback=importable,
        **named("NAME", extractor_names),
        help="Whose features: as inception, cifar10, dinov2, clip; ? lists them. Or one of your "
        "own, package.module:name.",
        rich_help_panel=IMAGES,
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        "--precision",
        **one_of("float32", "bfloat16"),
        help="bfloat16 is faster, and gives other numbers.",
        rich_help_panel=IMAGES,
    ),
]
BatchSize = Annotated[
    int,
    typer.Option(
        "--batch-size", min=1, metavar="N", help="Images at once.", rich_help_panel=IMAGES
    ),
]
OnError = Annotated[
    str,
    typer.Option(
        "--on-error",
        **one_of("fail", "skip"),
        help="What to do with an image that cannot be read.",
        rich_help_panel=IMAGES,
    ),
]
FollowLinks = Annotated[
    bool,
    typer.Option(
        "--follow-links",
        help="Follow symbolic links that lead out of a folder.",
        rich_help_panel=IMAGES,
    ),
]
ValueRange = Annotated[
    Any,  # what the callback makes of the text
    typer.Option(
        "--value-range",
        parser=str,
        metavar="LOW,HIGH",
        callback=_ranges,
        help="Black and white of images that are floats: -1,1 or 0,1. Where A and B differ, "
        "0,1/-1,1.",
        rich_help_panel=IMAGES,
    ),
]
Interval = Annotated[
    str,
    typer.Option(
        "--interval",
        callback=_way,
        **one_of("influence", "jackknife", "none"),
        help="How the interval of the distance is found; jackknife is slower, a check.",
    ),
]
NoInterval = Annotated[bool, typer.Option("--no-interval", help="Short for --interval none.")]
Seed = Annotated[
    int,
    typer.Option("--seed", min=0, metavar="N", help="Of random groups and subsets of the images."),
]
Track = Annotated[
    list[str] | None,
    typer.Option(
        "--track",
        metavar="KIND[:WHERE]",
        help="Send runs to tensorboard, wandb, trackio, swanlab or mlflow; repeatable.",
    ),
]
Cache = Annotated[
    bool, typer.Option("--cache/--no-cache", help="Keep the statistics of A for the next time.")
]
Insist = Annotated[
    bool,
    typer.Option("--allow-protocol-mismatch", help="Compare what does not compare, and say so."),
]
Html = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write a page: one file for any browser."),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.", rich_help_panel=OUTPUT)]
Wide = Annotated[
    bool,
    typer.Option("--wide", help="Fold no line and leave out no column.", rich_help_panel=OUTPUT),
]


@dataclass(frozen=True)
class Looking:
    """How images are looked at. Names and defaults are those of `ttur.statistics`."""

    protocol: Protocol = None
    extractor: ExtractorName = "inception"
    weights: Weights = None
    precision: Precision = "float32"
    on_error: OnError = "fail"
    follow_links: FollowLinks = False
    value_range: ValueRange = None
    seed: Seed = 0
    device: Device = "auto"
    batch_size: BatchSize = 50


@dataclass(frozen=True)
class Comparing(Looking):
    """How two sides are compared. Names and defaults are those of `ttur.evaluate`."""

    interval: Interval = "influence"
    cache: Cache = True
    allow_protocol_mismatch: Insist = False


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """A command for typer of one that takes a dataclass of options: each field is an option."""
    hints = get_type_hints(command, include_extras=True)
    (name,) = (name for name, hint in hints.items() if is_dataclass(hint))
    group = hints.pop(name)
    options = get_type_hints(group, include_extras=True)

    @functools.wraps(command)
    def flat(**arguments: Any) -> None:
        chosen = {each.name: arguments.pop(each.name) for each in fields(group)}
        if arguments.pop("no_interval", False):
            chosen["interval"] = False
        command(**arguments, **{name: group(**chosen)})

    signature = inspect.signature(command)
    own = [p for p in signature.parameters.values() if p.name != name]
    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [
        inspect.Parameter(f.name, keyword, default=f.default, annotation=options[f.name])
        for f in fields(group)
    ]
    if "interval" in options:
        options = options | {"no_interval": NoInterval}
        added.append(
            inspect.Parameter("no_interval", keyword, default=False, annotation=NoInterval)
        )
    own = [p.replace(kind=keyword) for p in own]
    flat.__signature__ = signature.replace(parameters=[*own, *added])  # pyright: ignore[reportAttributeAccessIssue]
    flat.__annotations__ = hints | options
    return flat


def watched(command: Callable[..., None]) -> Callable[..., None]:
    """A command for typer that shows what takes long, unless it is called with `--quiet`, and
    folds what it prints, unless with `--wide`.
    """

    @functools.wraps(command)
    def shown(*, quiet: bool, wide: bool, **arguments: Any) -> None:
        from ttur.runtime.board import Board  # rich, for which `ttur --help` does not wait

        flags.command.set(shown)
        with width_of(is_wide=wide), Board(quiet=quiet):
            command(**arguments)

    signature = inspect.signature(command)
    added = {"wide": Wide, "quiet": Quiet}
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=option)
        for name, option in added.items()
    ]
    shown.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *options])  # pyright: ignore[reportAttributeAccessIssue]
    shown.__annotations__ = get_type_hints(command, include_extras=True) | added
    return shown
