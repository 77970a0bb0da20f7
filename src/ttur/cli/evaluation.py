"""Commands that measure images: fid, evaluate, statistics, disturb, selftest."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
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
    metric_names,
    named,
    one_of,
)
from ttur.cli.output import (
    INDENT,
    in_words,
    print_json,
    print_number,
    print_table,
    print_text,
    say,
)
from ttur.runtime.errors import counted_in_words

if TYPE_CHECKING:
    from ttur.evaluation.classes import ClassEvaluation
    from ttur.evaluation.result import Circumstances, Evaluation, Result
    from ttur.evaluation.statistics import Statistics

SHOWN = 4  # kinds of format, mode and size in a line

RealSide = Annotated[
    Path, typer.Argument(metavar="A", help="Real: folder, zip, tar, .npy, .npz or statistics.")
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
    """The FID, or the distance by another extractor, of B (generated) to A (real)."""
    from ttur.evaluation.evaluate import fid
    from ttur.reports.evaluations import certainty

    result = fid(real, generated, **asdict(options), say=say)
    write_evaluation(result, html, f"{generated} against {real}")
    if as_json:
        print_json(result.to_json())
    else:
        print_number(result.metric, f"{result.value:.6g}", f"  ({_circumstances(result)})")
        if sure := certainty(result.details):
            print_text(sure, INDENT)
    _print_doubts(result)


@grouped
def evaluate(
    real: Annotated[
        Path, typer.Argument(metavar="[A]", help="Real; not for metrics that look at B alone.")
    ],
    options: Comparing,
    metrics: Annotated[
        str,
        typer.Option(
            **named("NAMES", metric_names),
            help="Names between commas; ? lists them. Of other numbers of neighbours, "
            "precision_recall_k5.",
        ),
    ] = "fid,is,kid,precision_recall",
    generated: Annotated[
        Path | None, typer.Argument(metavar="B", help="Generated: the same kinds.")
    ] = None,
    kid_subset_size: Annotated[
        int, typer.Option(min=4, metavar="N", help="Images of one KID subset.")
    ] = 1000,
    per_class: Annotated[
        bool, typer.Option("--per-class", help="Of each sub-folder or label apart, and their mean.")
    ] = False,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """FID, KID, precision and more of B (generated) against A (real), in one pass."""
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
    from ttur.reports.evaluations import classes_table

    if as_json:
        print_json(result.to_json())
    else:
        print_table(classes_table(result))
        print(f"(protocol {next(iter(result.classes.values())).protocol})")
    _say_of_classes(result)


def _say_of_classes(result: "ClassEvaluation") -> None:
    sys.stdout.flush()
    for side, names in result.lacking.items():
        if names:
            say(f"warning: {side}: no images of the classes {', '.join(names)}")
    for name, why in result.too_few.items():
        say(f"warning: class {name} is left out: {why}")
    doubts = sum(len(made.warnings) for made in result.classes.values())
    if doubts:
        say(f"warning: {counted_in_words(doubts, 'warning')} of single classes; --json has them")


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
    """Write mean and covariance of images to a file that may stand for them."""
    from ttur.evaluation.reference import write_statistics

    _print_written(out, write_statistics(images, out, adm=adm, **asdict(options)))


@grouped
def features(
    images: Annotated[Path, typer.Argument(help="Folder, zip, tar, .npy or .npz of images.")],
    out: Annotated[Path, typer.Argument(help="The .npz file to write.")],
    options: Looking,
) -> None:
    """Write the features of images to a file, for any metric later."""
    from ttur.evaluation.reference import save_features

    _print_written(out, save_features(images, out, **asdict(options)).statistics)


def disturb(
    images: Annotated[Path, typer.Argument(help="Square images: .npy, folder, archive, data set.")],
    contamination: Annotated[
        Path | None,
        typer.Option(metavar="IMAGES", help="Of another kind, for the sixth disturbance."),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where figures and tables are written.")
    ] = Path("disturb"),
    version: Annotated[
        str,
        typer.Option(
            **one_of("final", "v3"), help="Parameters of the paper's final code, or of its v3."
        ),
    ] = "final",
    samples: Annotated[
        int | None,
        typer.Option(
            min=2, metavar="N", help="Disturbed images at each level; by default the version's."
        ),
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
    """The distance of images under six disturbances at four levels (Figure 3)."""
    from ttur.evaluation.disturbances.study import disturbance_study, image_array
    from ttur.features.extractors import load_extractor
    from ttur.reports.disturbances import study_table, write_study
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
    print_table(study_table(study))
    print()
    for path in written:
        print(path)


def selftest(
    weights: Weights = None,
    data: Data = Path("data"),
    full: Annotated[
        bool, typer.Option("--full", help="Make the checks too that take hours on a CPU.")
    ] = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Check that this installation measures what it should."""
    from ttur.evaluation.selftest.run import selftest
    from ttur.reports.evaluations import checks_table, checks_text
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
        told = [replace(result, remark=in_words(result.remark)) for result in results]
        print_table(checks_table(told))
        print_text(checks_text(told), INDENT)
    if failed:
        raise typer.Exit(FAILED)


def _print_written(out: Path, made: "Statistics") -> None:
    stated = made.fingerprint
    images = counted_in_words(made.count or 0, "image")
    print_text(f"{out}: {images}, {stated['extractor']}, protocol {stated['protocol']}", INDENT)
    sys.stdout.flush()
    for doubt in made.doubts:
        say(f"warning: {doubt}")


def write_evaluation(
    result: "Evaluation | Result", html: Path | None, title: str, pairs: Sequence[Any] = ()
) -> None:
    """The page of it, if one is asked for."""
    from ttur.reports.html.document import write_page
    from ttur.reports.html.evaluation import evaluation_page

    if html is not None:
        say(str(write_page(evaluation_page(result, title, pairs), html)))


def print_evaluation(result: "Evaluation", as_json: bool, **more: Any) -> None:
    """A row for each number, then its doubts; as JSON with what `more` there is."""
    from ttur.reports.evaluations import evaluation_table

    if as_json:
        print_json(result.to_json() | more)
    else:
        print_table(evaluation_table(result))
        print_text(f"({_circumstances(result)})", INDENT)
    _print_doubts(result)


def _circumstances(result: "Circumstances") -> str:
    counts = ", ".join(f"{side} {count:,}" for side, count in result.counts.items() if count)
    return f"protocol {result.protocol}; {counts}"


def _print_doubts(result: "Circumstances") -> None:
    """What was read, and what is odd about it: after the numbers."""
    sys.stdout.flush()
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
