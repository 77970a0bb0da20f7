"""Options that several commands share, one by one and in groups.

What tables elsewhere name (metrics, protocols, extractors) is not named here again: they need
torch, for which `ttur --help` does not wait, and an unknown name is answered with all there are.
"""

import functools
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer


def _ranges(text: str | None) -> Any:
    """The range of `--value-range -1,1`, or those of A and B in `--value-range 0,1/-1,1`."""
    if text is None:
        return None
    try:
        both, *other = [_pair(side) for side in text.split("/")]
        return dict(zip(("real", "generated"), (both, *other), strict=True)) if other else both
    except ValueError:
        raise ValueError(
            "--value-range expects LOW,HIGH as -1,1 or 0,1, or those of A and B as 0,1/-1,1, got "
            f"{text!r}"
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


Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")]
Data = Annotated[Path, typer.Option("--data", help="Folder of the prepared data sets.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1, ...")]
Weights = Annotated[Path | None, typer.Option("--weights", help="File of the extractor's weights.")]
Protocol = Annotated[
    str | None,
    typer.Option(
        "--protocol", help="Resize and scaling; the extractor's own unless named, '?' lists them."
    ),
]
ExtractorName = Annotated[
    str,
    typer.Option(
        "--extractor",
        callback=importable,
        help="Whose features: a name, '?' lists them, or package.module:name of your own.",
    ),
]
Precision = Annotated[
    str, typer.Option("--precision", help="float32, or bfloat16: faster, other numbers.")
]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, help="Images at once.")]
OnError = Annotated[
    str, typer.Option("--on-error", help="fail at an image that cannot be read, or skip it.")
]
FollowLinks = Annotated[
    bool, typer.Option("--follow-links", help="Follow symbolic links out of a folder, too.")
]
ValueRange = Annotated[
    Any,  # what the callback makes of the text
    typer.Option(
        "--value-range",
        parser=str,
        metavar="LOW,HIGH[/LOW,HIGH]",
        callback=_ranges,
        help="What floats mean, as -1,1 or 0,1; where A and B differ, as 0,1/-1,1.",
    ),
]
Interval = Annotated[
    str,
    typer.Option(
        "--interval",
        metavar="WAY",
        callback=_way,
        help="Of the distance: influence, jackknife (slower, a check), or none.",
    ),
]
NoInterval = Annotated[bool, typer.Option("--no-interval", help="Short for --interval none.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of groups and subsets.")]
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
Quiet = Annotated[bool, typer.Option("--quiet", help="Do not show how far it is.")]


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
    """A command for typer that shows what takes long, unless it is called with `--quiet`."""

    @functools.wraps(command)
    def shown(*, quiet: bool, **arguments: Any) -> None:
        from ttur.cli.board import Board  # rich, for which `ttur --help` does not wait

        with Board(quiet=quiet):
            command(**arguments)

    signature = inspect.signature(command)
    option = inspect.Parameter(
        "quiet", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Quiet
    )
    shown.__signature__ = signature.replace(parameters=[*signature.parameters.values(), option])  # pyright: ignore[reportAttributeAccessIssue]
    shown.__annotations__ = get_type_hints(command, include_extras=True) | {"quiet": Quiet}
    return shown
