"""`ttur report`: tables, curves, losses and samples of runs."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ttur.cli.options import Json, one_of
from ttur.cli.output import print_json, print_table


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
    as_json: Json = False,
) -> None:
    """Draw curves, losses, probes and samples of runs, and print their tables."""
    from ttur.analysis.budget import equal_budgets
    from ttur.analysis.groups import group_runs
    from ttur.analysis.ranking import rankings
    from ttur.analysis.summary import summaries
    from ttur.reports.figures import draw_report, figure_path
    from ttur.reports.losses import draw_losses
    from ttur.reports.perturbation import draw_monitor
    from ttur.reports.ranking_figure import draw_ranking
    from ttur.reports.samples import draw_samples, draw_samples_by_distance, write_sentences
    from ttur.reports.tables import (
        budget_table,
        groups_table,
        places_table,
        ranking_table,
    )
    from ttur.training.record import read_runs

    figure = figure_path(out or runs[0] / "report.png")
    groups = group_runs([record for path in runs for record in read_runs(path)])
    budgets = equal_budgets(groups)
    ranked = rankings(groups)

    def beside(name: str, suffix: str = figure.suffix) -> Path:
        return figure.with_name(f"{figure.stem}-{name}{suffix}")

    if not as_json:
        print_table(groups_table(groups))
        for table in (
            *map(budget_table, budgets),
            *(make(each) for each in ranked for make in (ranking_table, places_table)),
        ):
            print()
            print_table(table)
        print()
    files: dict[str, list[Any]] = {
        "figure": [*draw_report(groups, figure, against or (), band)],
        "losses": [draw_losses(groups, beside("losses"), band)],
        "monitor": [draw_monitor(groups, beside("monitor"), band)],
        "ranking": [draw_ranking(each, beside(f"ranking-{each.experiment}")) for each in ranked],
        "samples": [
            draw_samples(groups, beside("samples")),
            draw_samples_by_distance(groups, beside("samples-by-distance")),
            write_sentences(groups, beside("samples", ".txt")),
        ],
    }
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
