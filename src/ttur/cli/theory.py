"""`ttur theory`: the theorems as studies that run."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ttur.cli.exits import FAILED
from ttur.cli.options import Html, Json, named
from ttur.cli.output import INDENT, print_json, print_table, print_text, say

if TYPE_CHECKING:
    from ttur.reports.theory import StudyReport

ALL = "all"


def study_names() -> list[str]:
    """By their files, for a shell that completes a word cannot wait for scipy."""
    files = (Path(__file__).parents[1] / "theory" / "studies").glob("[a-z]*.py")
    return [*sorted(file.stem for file in files), ALL]


def theory(
    name: Annotated[
        str | None,
        typer.Argument(
            **named("[NAME]", study_names), help="A study, or all; without one they are listed."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="A setting of the study, repeatable; running it prints all it has.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where the figures are written.")
    ] = Path("theory"),
    html: Html = None,
    as_json: Json = False,
) -> None:
    """Run a theorem of the paper: a figure, predicted beside measured, what it shows."""
    if name in (None, ALL) and settings:
        got = "all" if name == ALL else "none"
        raise ValueError(f"expected one study with --set, got {got}; name it")
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
    from ttur.reports.table import Column, Table, number

    columns = [
        Column("study", bold=True),
        Column("question", folds=True),
        Column("theorem", 1, folds=True),
        number("takes", 2),
    ]
    rows = [[e.name, e.question, e.theorem, f"{e.seconds:.0f} s"] for e in studies]
    print_table(Table(columns, rows))
    print_text("\nto run one, or all: ttur theory NAME, ttur theory all", INDENT)


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
    from ttur.reports.theory import (
        StudyReport,
        make_folder,
        reports_table,
        write_default_study,
    )
    from ttur.runtime.errors import counted_in_words
    from ttur.theory.catalogue import STUDIES
    from ttur.theory.running import side_by_side

    make_folder(out)
    reports: dict[str, StudyReport] = {}
    failures: dict[str, str] = {}
    try:
        for name, outcome in side_by_side(write_default_study, out):
            if isinstance(outcome, StudyReport):
                reports[name] = outcome
                say(f"{name}: {outcome.seconds} s")
            else:
                failures[name] = f"{type(outcome).__name__}: {outcome}"
                say(f"error: {name}: {failures[name]}")
    except KeyboardInterrupt:
        say(f"interrupted; {counted_in_words(len(reports), 'figure')} in {out}")
        raise
    ordered = [reports[name] for name in STUDIES if name in reports]
    _write_page(ordered, failures, html)
    if as_json:
        print_json({"studies": [each.to_json() for each in ordered], "failed": failures})
    else:
        print_table(reports_table(ordered))
        done = "1 study" if len(ordered) == 1 else f"{len(ordered)} studies"
        print_text(
            f"{done}, {len(failures)} failed; figures in {out}; one in full: ttur theory NAME\n"
            "agree: within 3 Monte-Carlo errors of what was predicted, or 5 %; rows of what the "
            "paper prints wrongly, or leaves out, are there to disagree",
            INDENT,
        )
    if failures:
        raise typer.Exit(FAILED)


def _write_page(
    reports: "Sequence[StudyReport]", failures: dict[str, str], html: Path | None
) -> None:
    from ttur.reports.html.document import write_page
    from ttur.reports.html.theory import theory_page

    if html is not None:
        say(str(write_page(theory_page(reports, failures), html)))


def _print(report: "StudyReport") -> None:
    from ttur.reports.theory import rows_table

    study = report.study
    settings = " ".join(f"{name}={_setting(value)}" for name, value in report.settings.items())
    print_text(f"{study.name}: {study.theorem}\n{study.question}\nwith {settings}\n", INDENT)
    print_table(rows_table(report.result.rows))
    print_text(f"\n{report.result.sentence}\n")
    for path in report.files:
        print(path)


def _setting(value: Any) -> str:
    """As --set takes it: 0.5, or 1,2,4."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
