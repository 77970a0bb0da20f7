"""`ttur report`: tables, curves, losses and samples of runs."""

from itertools import product
from pathlib import Path
from typing import Annotated, Any

import typer

from ttur.cli.options import Data, Html, Json, Track, one_of
from ttur.cli.output import print_json, print_table, say


def _pair(text: str | None) -> tuple[float, float] | None:
    """LOW,HIGH."""
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"--ylim expects LOW,HIGH as 0,50, got {text!r}") from None
    return low, high


def _labels(texts: list[str] | None) -> dict[str, str]:
    """SETTING=TEXT, each."""
    for text in texts or ():
        if "=" not in text:
            raise ValueError(f"--labels expects SETTING=TEXT as 'orig_5e-4=one rate', got {text!r}")
    return dict(text.split("=", 1) for text in texts or ())


def report(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or folders of runs.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The figure: .png, .pdf or .svg.")
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            **one_of("updates", "minutes", "total_minutes", "both_players"),
            help="The horizontal axis: updates of the generator, minutes of training, with "
            "evaluation too, updates of both players; repeatable.",
        ),
    ] = None,
    band: Annotated[
        str | None,
        typer.Option(
            **one_of("min-max", "std"), help="Around the mean; unless named, as the paper drew it."
        ),
    ] = None,
    track: Track = None,
    size: Annotated[
        str,
        typer.Option(
            **one_of("column", "page", "slide"),
            help="Of a paper, or of a talk: figures and their letters fit it.",
        ),
    ] = "page",
    title: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Above the figures, by default model and data."),
    ] = None,
    y_limits: Annotated[
        str | None, typer.Option("--ylim", metavar="LOW,HIGH", help="Of the metric's axis.")
    ] = None,
    log: Annotated[
        bool | None,
        typer.Option("--log/--linear", help="The metric's axis; else as its values ask for."),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(metavar="SETTING=TEXT", help="Another name for a setting; repeatable."),
    ] = None,
    csv: Annotated[
        bool, typer.Option("--csv", help="Write curves and table, a value a line, too.")
    ] = False,
    latex: Annotated[
        bool, typer.Option("--latex", help="Write the table for LaTeX (booktabs), too.")
    ] = False,
    html: Html = None,
    data: Data = Path("data"),
    as_json: Json = False,
) -> None:
    """Draw curves, losses, probes and samples of runs, and print their tables.

    With --html and no --out it writes the page alone.
    """
    from ttur.analysis.budget import equal_budgets
    from ttur.analysis.groups import group_runs
    from ttur.analysis.ranking import rankings
    from ttur.analysis.summary import summaries
    from ttur.cli.page import paged
    from ttur.cli.training import run
    from ttur.reports.html.document import write_page
    from ttur.reports.panels import figure_path
    from ttur.reports.report import write_report
    from ttur.reports.style import Style
    from ttur.reports.tables import (
        budget_table,
        groups_table,
        places_table,
        ranking_table,
    )
    from ttur.tracking.catalogue import tell, tracker
    from ttur.training.record import read_runs

    trackers = [tracker(word) for word in track or ()]

    figure = figure_path(out or runs[0] / "report.png")
    style = Style(
        size=size,
        title=title,
        y_limits=_pair(y_limits),
        log=log,
        labels=_labels(labels),
        against=tuple(against or ()),
        band=band,
    )
    records = [record for path in runs for record in read_runs(path)]
    groups = group_runs(records)
    budgets = equal_budgets(groups)
    ranked = rankings(groups)

    for each, record in product(trackers, records):
        try:
            tell(each, record)
        except Exception as error:
            say(f"{each!r} is not told {record.directory}: {error}")
    if not as_json:
        print_table(groups_table(groups))
        for table in (
            *map(budget_table, budgets),
            *(make(each) for each in ranked for make in (ranking_table, places_table)),
        ):
            print()
            print_table(table)
        print()
    files = {}
    if html is None or out is not None:
        files = write_report(groups, figure, style, data, csv=csv, latex=latex)
    if html is not None:
        files["page"] = [write_page(paged(groups, data, run, band), html)]
    if as_json:
        document: dict[str, Any] = {
            "settings": [summary.to_json() for summary in summaries(groups)],
            "equal_budgets": [comparison.to_json() for comparison in budgets],
            "rankings": [ranking.to_json() for ranking in ranked],
            "files": {kind: [str(path) for path in paths] for kind, paths in files.items()},
        }
        print_json(document)
        return
    for kind, paths in files.items():
        for path in paths:
            print(f"{kind:7} {path}")
