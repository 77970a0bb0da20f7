"""The page of studies of the theory: question, figure, claim, predicted beside measured."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ttur.reports.html.blocks import Block, Facts, Figure, Heading, Page, Text
from ttur.reports.html.pictures import data_uri
from ttur.reports.html.tabulated import of_terminal
from ttur.reports.theory import StudyReport, rows_table


def theory_page(reports: Sequence[StudyReport], failures: Mapping[str, str]) -> Page:
    """A section for each study, in the order given, and what became of those that failed."""
    blocks: list[Block] = [
        Text(f"{name} failed: {why}", doubt=True) for name, why in failures.items()
    ]
    for report in reports:
        blocks += _study(report)
    studies = f"{len(reports)} stud{'ies' if len(reports) != 1 else 'y'}"
    return Page("The theory, running", f"{studies}, {len(failures)} failed", blocks)


def _study(report: StudyReport) -> Iterator[Block]:
    study = report.study
    yield Heading(study.name)
    yield Text(study.question)
    yield Facts([("Theorem", study.theorem), ("Settings", _settings(report))])
    for file in report.files:
        if file.suffix == ".png":
            yield Figure("", _picture(file), report.result.sentence)
    yield of_terminal(rows_table(report.result.rows), f"{study.name}: predicted and measured")


def _settings(report: StudyReport) -> str:
    return ", ".join(f"{name} = {value}" for name, value in report.settings.items())


def _picture(file: Path) -> str:
    return data_uri(file.read_bytes())
