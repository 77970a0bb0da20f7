"""`ttur theory`: the theorems as studies that run."""

import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import typer

from ttur.cli.exits import FAILED
from ttur.cli.options import Html, Json
from ttur.cli.output import console, print_json, print_table

if TYPE_CHECKING:
    from ttur.reports.theory import StudyReport

ALL = "all"


def theory(
    name: Annotated[str | None, typer.Argument(help="A study, or all; none lists them.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="A setting of the study, repeatable; `ttur theory NAME` prints all it has.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the figures.")] = Path("theory"),
    html: Html = None,
    as_json: Json = False,
) -> None:
    """Run a theorem as a study: a figure, predicted beside measured, and what it shows."""
    if name in (None, ALL) and settings:
        raise ValueError("--set is for one study; name it")
    if name is None and html is not None:
        raise ValueError("--html is of studies that run; name one, or all")
    if name is None:
        _list(as_json)
    elif name == ALL:
        _run_all(out, html, as_json)
    else:
        _run_one(name, settings or [], out, html, as_json)


def _list(as_json: bool) -> None:
    from ttur.theory.catalogue import STUDIES, study

    studies = [study(name) for name in STUDIES]
    if as_json:
        print_json({"studies": [each.to_json() for each in studies]})
        return
    print_table(
        ["study", "theorem", "question", "takes"],
        [[e.name, e.theorem, e.question, f"{e.seconds:.0f} s"] for e in studies],
    )


def _run_one(name: str, settings: list[str], out: Path, html: Path | None, as_json: bool) -> None:
    from ttur.reports.theory import write_study
    from ttur.runtime.settings import arguments, assignments
    from ttur.theory.catalogue import study

    chosen = study(name)
    report = write_study(chosen, arguments(chosen.run, assignments(settings)), out)
    _write_page([report], {}, html)
    if as_json:
        print_json(report.to_json())
    else:
        _print(report)


def _run_all(out: Path, html: Path | None, as_json: bool) -> None:
    """Every study; one that fails does not stop the others, but sets the exit code."""
    from ttur.reports.theory import StudyReport, make_folder, write_default_study
    from ttur.theory.catalogue import STUDIES
    from ttur.theory.running import side_by_side

    make_folder(out)
    reports: dict[str, StudyReport] = {}
    failures: dict[str, str] = {}
    try:
        for name, outcome in side_by_side(write_default_study, out):
            if isinstance(outcome, StudyReport):
                reports[name] = outcome
                print(f"{name}: {outcome.seconds} s", file=sys.stderr)
            else:
                failures[name] = f"{type(outcome).__name__}: {outcome}"
                print(f"error: {name}: {failures[name]}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"interrupted; {len(reports)} figures are in {out}", file=sys.stderr)
        raise
    ordered = [reports[name] for name in STUDIES if name in reports]
    _write_page(ordered, failures, html)
    if as_json:
        print_json({"studies": [each.to_json() for each in ordered], "failed": failures})
    else:
        for report in ordered:
            _print(report)
            print()
        print(f"{len(ordered)} studies, {len(failures)} failed")
    if failures:
        raise typer.Exit(FAILED)


def _write_page(
    reports: "Sequence[StudyReport]", failures: dict[str, str], html: Path | None
) -> None:
    from ttur.reports.html.document import write_page
    from ttur.reports.html.theory import theory_page

    if html is not None:
        print(write_page(theory_page(reports, failures), html), file=sys.stderr)


def _print(report: "StudyReport") -> None:
    from ttur.reports.theory import rows_table

    settings = ", ".join(f"{name}={value}" for name, value in report.settings.items())
    study = report.study
    print(f"{study.name}: {study.theorem}\n{study.question}\nwith {settings}\n")
    console().print(rows_table(report.result.rows))
    print(f"\n{fill(report.result.sentence, 100)}\n")
    for path in report.files:
        print(path)
