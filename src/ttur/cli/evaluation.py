"""Commands that measure images: fid, evaluate, statistics, disturb, selftest."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ttur.cli.exits import FAILED
from ttur.cli.options import (
    BatchSize,
    Comparing,
    Data,
    Device,
    ExtractorName,
    Html,
    Json,
    Looking,
    Protocol,
    Seed,
    Weights,
    grouped,
)
from ttur.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from ttur.evaluation.classes import ClassEvaluation
    from ttur.evaluation.result import Circumstances, Evaluation, Result
    from ttur.evaluation.statistics import Statistics

SHOWN = 4  # kinds of format, mode and size in a line

RealSide = Annotated[
    Path, typer.Argument(metavar="A", help="Real: folder, zip, tar, .npy, .npz or statistics .npz.")
]
GeneratedSide = Annotated[Path, typer.Argument(metavar="B", help="Generated: the same kinds.")]


@grouped
def fid(
    real: RealSide,
    generated: GeneratedSide,
    options: Comparing,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """The Fréchet distance of B (generated) to A (real)."""
    from ttur.evaluation.evaluate import fid

    result = fid(real, generated, **asdict(options), say=say)
    write_evaluation(result, html, f"{generated} against {real}")
    _print_doubts(result)
    if as_json:
        print_json(result.to_json())
        return
    print(f"{result.metric} {result.value:.6g}  ({_circumstances(result)})")
    if certainty := _certainty(result.details):
        print(certainty)


@grouped
def evaluate(
    real: Annotated[
        Path, typer.Argument(metavar="[A]", help="Real; not for metrics that look at B alone.")
    ],
    options: Comparing,
    metrics: Annotated[
        str,
        typer.Option(
            help="Names between commas, '?' lists them; neighbours as precision_recall_k5."
        ),
    ] = "fid,is,kid,precision_recall",
    generated: Annotated[
        Path | None, typer.Argument(metavar="B", help="Generated: the same kinds.")
    ] = None,
    kid_subset_size: Annotated[int, typer.Option(min=4, help="Images of one KID subset.")] = 1000,
    per_class: Annotated[
        bool, typer.Option("--per-class", help="Of each sub-folder or label, and their mean.")
    ] = False,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """Several metrics of B (generated) against A (real), in one pass over the images."""
    from ttur.evaluation.classes import evaluate_classes
    from ttur.evaluation.evaluate import evaluate

    sides = (None, real) if generated is None else (real, generated)
    arguments = {"kid_subset_size": kid_subset_size, **asdict(options), "say": say}
    if per_class and html is not None:
        raise ValueError("--html is of all images together, not with --per-class")
    if per_class:
        arguments.pop("cache")
        _print_classes(evaluate_classes(*sides, metrics, **arguments), as_json)
    else:
        result = evaluate(*sides, metrics, **arguments)
        write_evaluation(result, html, " against ".join(str(side) for side in sides[::-1] if side))
        print_evaluation(result, as_json)


def _print_classes(result: "ClassEvaluation", as_json: bool) -> None:
    for side, names in result.lacking.items():
        if names:
            say(f"warning: {side}: no images of the classes {', '.join(names)}")
    for name, why in result.too_few.items():
        say(f"warning: class {name} is left out: {why}")
    doubts = sum(len(made.warnings) for made in result.classes.values())
    if doubts:
        say(f"warning: {doubts:,} warnings of single classes; --json has them")
    if as_json:
        print_json(result.to_json())
        return
    rows = []
    for name, made in result.classes.items():
        values = [
            f"{each.value:.6g}{_bounds(each.details.get('interval'))}" for each in made.measurements
        ]
        counts = " / ".join(f"{count:,}" for count in made.counts.values() if count is not None)
        rows.append([name, counts, *values])
    rows.append(["mean", "", *(f"{value:.6g}" for value in result.mean.values())])
    print_table(["class", "images", *result.mean], rows)
    print(f"(protocol {next(iter(result.classes.values())).protocol})")


def _bounds(interval: dict[str, Any] | None) -> str:
    return f" ({interval['low']:.6g} to {interval['high']:.6g})" if interval else ""


@grouped
def statistics(
    images: Annotated[Path, typer.Argument(help="Folder, zip, tar, .npy or .npz of images.")],
    out: Annotated[Path, typer.Argument(help="The .npz file to write.")],
    options: Looking,
    adm: Annotated[
        bool,
        typer.Option(
            "--adm", help="As ADM's evaluator reads it: with mu_s, sigma_s and 10,000 images."
        ),
    ] = False,
) -> None:
    """Mean and covariance of the features of IMAGES, with the protocol they were made by."""
    from ttur.evaluation.reference import write_statistics

    _print_written(out, write_statistics(images, out, adm=adm, **asdict(options)))


@grouped
def features(
    images: Annotated[Path, typer.Argument(help="Folder, zip, tar, .npy or .npz of images.")],
    out: Annotated[Path, typer.Argument(help="The .npz file to write.")],
    options: Looking,
) -> None:
    """Features of IMAGES, which may stand for them under any metric at any later time."""
    from ttur.evaluation.reference import save_features

    _print_written(out, save_features(images, out, **asdict(options)).statistics)


def disturb(
    images: Annotated[Path, typer.Argument(help="Square images: .npy, folder, archive, data set.")],
    contamination: Annotated[
        Path | None, typer.Option(help="Images of another kind, for the sixth disturbance.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the figures and tables.")] = Path("disturb"),
    version: Annotated[
        str, typer.Option(help="Parameters of the paper's final code, or of its v3.")
    ] = "final",
    samples: Annotated[
        int | None, typer.Option(min=2, help="Disturbed images; as many as the version says.")
    ] = None,
    protocol: Protocol = None,
    extractor: ExtractorName = "inception",
    weights: Weights = None,
    seed: Seed = 0,
    device: Device = "auto",
    batch_size: BatchSize = 100,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """The distance and IND of IMAGES under six disturbances at four levels (Figure 3)."""
    from ttur.evaluation.disturbances.study import disturbance_study, image_array
    from ttur.features.extractors import load_extractor
    from ttur.reports.disturbances import markdown_table, write_study
    from ttur.reports.html.disturbances import disturbance_page
    from ttur.reports.html.document import write_page

    features = load_extractor(extractor, protocol=protocol, weights=weights, device=device)
    originals = image_array(images)
    others = None if contamination is None else image_array(contamination, originals.shape[1])
    out.mkdir(parents=True, exist_ok=True)  # said now, if it cannot be
    study = disturbance_study(
        originals,
        features,
        contamination=others,
        version=version,
        seed=seed,
        samples=samples,
        batch_size=batch_size,
        say=say,
    )
    written = write_study(study, out)
    if html is not None:
        written.append(write_page(disturbance_page(study, f"{images} disturbed"), html))
    if as_json:
        print_json(study.to_json())
        return
    print(markdown_table(study))
    for path in written:
        print(path)


def selftest(
    weights: Weights = None,
    data: Data = Path("data"),
    full: Annotated[
        bool, typer.Option("--full", help="Published values that take hours on a CPU, too.")
    ] = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Is this installation right? Facts that must hold, measured here and now."""
    from ttur.evaluation.selftest.run import selftest
    from ttur.runtime.distributed import pick_device

    results = selftest(
        device=str(pick_device(device)),
        weights=weights,
        data_directory=data,
        full=full,
    )
    failed = sum(result.outcome == "failed" for result in results)
    if as_json:
        print_json({"failed": failed, "checks": [result.to_json() for result in results]})
    else:
        numbers = ("expected", "got", "tolerance")
        print_table(
            ["outcome", "check", *numbers, "seconds", "remark"],
            [
                [
                    result.outcome,
                    result.name,
                    *(_brief(getattr(result, number)) for number in numbers),
                    f"{result.seconds:.2f}",
                    result.remark,
                ]
                for result in results
            ],
        )
        print(f"{len(results)} checks, {failed} failed")
    if failed:
        raise typer.Exit(FAILED)


def _print_written(out: Path, made: "Statistics") -> None:
    for doubt in made.doubts:
        say(f"warning: {doubt}")
    stated = made.fingerprint
    print(f"{out}: {made.count:,} images, {stated['extractor']}, protocol {stated['protocol']}")


def write_evaluation(
    result: "Evaluation | Result", html: Path | None, title: str, pairs: Sequence[Any] = ()
) -> None:
    """The page of it, if one is asked for."""
    from ttur.reports.html.document import write_page
    from ttur.reports.html.evaluation import evaluation_page

    if html is not None:
        say(str(write_page(evaluation_page(result, title, pairs), html)))


def print_evaluation(result: "Evaluation", as_json: bool, **more: Any) -> None:
    """Its doubts, then a line for each number; as JSON with what `more` there is."""
    _print_doubts(result)
    if as_json:
        print_json(result.to_json() | more)
        return
    width = max(map(len, result))
    for made in result.measurements:
        print(f"{made.metric:{width}} {made.value:<12.6g} {_certainty(made.details)}".rstrip())
    print(f"({_circumstances(result)})")


def _brief(value: float | None) -> str:
    return "" if value is None else f"{value:.9g}"


def _circumstances(result: "Circumstances") -> str:
    counts = ", ".join(f"{side} {count:,}" for side, count in result.counts.items() if count)
    return f"protocol {result.protocol}; {counts}"


def _certainty(details: dict[str, Any]) -> str:
    """What stands behind a number: how sure it is, and the settings it was made with."""
    interval = details.get("interval")
    if interval is not None:
        return (
            f"{interval['level']:.0%} interval {interval['low']:.6g} to {interval['high']:.6g} "
            f"for infinitely many images ({' and '.join(interval['covers'])})"
        )
    if "no_interval" in details:
        return f"no interval: {details['no_interval']}"
    shown = {name: value for name, value in details.items() if isinstance(value, int | float)}
    shown.pop("k", None)  # it is in the name
    return ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in shown.items())


def _print_doubts(result: "Circumstances") -> None:
    for side, audit in result.audit.items():
        if audit is not None:
            say(f"{side}: {_inventory(audit)}")
    for warning in result.warnings:
        say(f"warning: {warning}")


def _inventory(audit: Mapping[str, Any]) -> str:
    """What was read, in one line: counts, formats, modes, sizes."""
    counted = {name: audit[name] for name in ("read", "skipped") if audit[name]}
    parts = [", ".join(f"{count:,} {name}" for name, count in counted.items())]
    for table in ("formats", "modes", "sizes"):
        parts.append(_kinds(audit[table]))
    if ignored := audit["ignored"]:
        parts.append(f"passed over: {_kinds(ignored)}")
    return "; ".join(part for part in parts if part)


def _kinds(table: Mapping[str, int]) -> str:
    more = ", ..." if len(table) > SHOWN else ""
    return ", ".join(f"{kind} {count:,}" for kind, count in list(table.items())[:SHOWN]) + more
