"""`ttur report`: tables, curves, losses and samples of runs."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ttur.cli.options import Data, Html, Json
from ttur.cli.output import console, print_json


def report(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or folders of runs.")],
    out: Annotated[Path | None, typer.Option(help="The figure (PNG, PDF or SVG).")] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            help="updates, minutes (of training), total_minutes (evaluation too) or both_players "
            "(updates); repeatable."
        ),
    ] = None,
    band: Annotated[
        str | None, typer.Option(help="min-max or std; unless given, as the paper drew it.")
    ] = None,
    html: Html = None,
    data: Data = Path("data"),
    as_json: Json = False,
) -> None:
    """Draw curves with bands over seeds, losses, probes and samples, and print the tables.

    With --html and no --out it writes the page alone.
    """
    from ttur.analysis.budget import equal_budgets
    from ttur.analysis.groups import group_runs
    from ttur.analysis.ranking import rankings
    from ttur.analysis.summary import summaries
    from ttur.cli.page import paged
    from ttur.cli.training import run
    from ttur.reports.figures import draw_report, figure_path
    from ttur.reports.html.document import write_page
    from ttur.reports.losses import draw_losses
    from ttur.reports.perturbation import draw_monitor
    from ttur.reports.ranking_figure import draw_ranking
    from ttur.reports.samples import draw_samples, draw_samples_by_distance, write_sentences
    from ttur.reports.tables import (
        budget_table,
        groups_table,
        places_table,
        ranking_table,
        ranking_title,
    )
    from ttur.training.record import read_runs

    figure = figure_path(out or runs[0] / "report.png")
    groups = group_runs([record for path in runs for record in read_runs(path)])
    budgets = equal_budgets(groups)
    ranked = rankings(groups)

    def beside(name: str, suffix: str = figure.suffix) -> Path:
        return figure.with_name(f"{figure.stem}-{name}{suffix}")

    if not as_json:
        console().print(groups_table(groups))
        for comparison in budgets:
            console().print()
            console().print(budget_table(comparison))
        for ranking in ranked:
            for part in (ranking_title(ranking), ranking_table(ranking), places_table(ranking)):
                console().print()
                console().print(part)
    files: dict[str, list[Any]] = (
        {}
        if html and not out
        else {
            "figure": [*draw_report(groups, figure, against or (), band)],
            "losses": [draw_losses(groups, beside("losses"), band)],
            "monitor": [draw_monitor(groups, beside("monitor"), band)],
            "ranking": [
                draw_ranking(each, beside(f"ranking-{each.experiment}")) for each in ranked
            ],
            "samples": [
                draw_samples(groups, beside("samples")),
                draw_samples_by_distance(groups, beside("samples-by-distance")),
                write_sentences(groups, beside("samples", ".txt")),
            ],
        }
    )
    if html is not None:
        files["page"] = [write_page(paged(groups, data, run, band), html)]
    written = {kind: [str(path) for path in paths if path] for kind, paths in files.items()}
    if not any(written.values()):
        raise ValueError("nothing to draw: no run has an evaluation, a log or samples yet")
    if as_json:
        print_json(
            {
                "settings": [summary.to_json() for summary in summaries(groups)],
                "equal_budgets": [comparison.to_json() for comparison in budgets],
                "rankings": [ranking.to_json() for ranking in ranked],
                "files": written,
            }
        )
        return
    for kind, paths in written.items():
        for path in paths:
            print(f"{kind:7} {path}")
