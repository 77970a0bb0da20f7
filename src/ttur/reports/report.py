"""The whole of a report: every figure, table and text of some runs."""

from collections.abc import Sequence
from pathlib import Path

from ttur.analysis.groups import Group, group_runs
from ttur.analysis.ranking import rankings
from ttur.reports.export import write_csv, write_latex
from ttur.reports.figures import draw_report
from ttur.reports.losses import draw_losses
from ttur.reports.panels import figure_path
from ttur.reports.perturbation import draw_monitor
from ttur.reports.ranking_figure import draw_ranking
from ttur.reports.samples import draw_samples, draw_samples_by_distance, write_sentences
from ttur.reports.style import PLAIN, Style
from ttur.training.record import read_runs


def report(
    runs: Path | str | Sequence[Path | str],
    out: Path | str | None = None,
    *,
    style: Style = PLAIN,
    data_directory: Path | str | None = None,
    csv: bool = False,
    latex: bool = False,
) -> dict[str, list[Path]]:
    """The figures of run folders, or of folders of runs, as `ttur report` draws them; their files.

    They stand beside `out` (PNG, PDF or SVG), which is report.png in the first folder unless it is
    named. `csv` and `latex` are as in `write_report`.

        >>> import tempfile
        >>> few = {"updates": 4, "width": 2, "evaluate_every_updates": 2, "evaluation_samples": 9}
        >>> folder = tempfile.mkdtemp()
        >>> runs = list(ttur.run("demo", seeds=[0], settings=few, out=folder, device="cpu"))
        >>> files = ttur.report(folder, style=ttur.Style(size="column", title="Mine"), csv=True)
        >>> [path.name for path in files["csv"]]
        ['report-curves.csv', 'report-table.csv']

    Raises:
        ValueError: if there is nothing to draw yet, a name or an option is unknown, or two runs of
            one setting are no repetitions of each other.
        FileNotFoundError: if there are no runs.
    """
    folders = [Path(each) for each in ([runs] if isinstance(runs, str | Path) else runs)]
    figure = figure_path(Path(out) if out else folders[0] / "report.png")
    groups = group_runs([record for folder in folders for record in read_runs(folder)])
    return write_report(groups, figure, style, data_directory, csv=csv, latex=latex)


def write_report(
    groups: Sequence[Group],
    figure: Path,
    style: Style = PLAIN,
    data_directory: Path | str | None = None,
    *,
    csv: bool = False,
    latex: bool = False,
) -> dict[str, list[Path]]:
    """What `report` draws of settings, by kind; kinds without a file have an empty list.

    `csv` adds curves and table as they are, a value a line, `latex` Table 1 for booktabs.

    Raises:
        ValueError: if there is nothing to draw yet, or `style.labels` names no setting.
    """
    style.check_labels(groups)

    def beside(name: str, suffix: str = figure.suffix) -> Path:
        return figure.with_name(f"{figure.stem}-{name}{suffix}")

    ranked = [
        draw_ranking(each, groups, beside(f"ranking-{each.experiment}"), style)
        for each in rankings(groups)
    ]
    files: dict[str, list[Path | None]] = {
        "figure": [*draw_report(groups, figure, style)],
        "losses": [draw_losses(groups, beside("losses"), style)],
        "monitor": [draw_monitor(groups, beside("monitor"), style)],
        "ranking": [*ranked],
        "samples": [
            draw_samples(groups, beside("samples"), style, data_directory),
            draw_samples_by_distance(groups, beside("samples-by-distance"), style, data_directory),
            write_sentences(groups, beside("samples", ".txt"), style),
        ],
    }
    written = {kind: [path for path in paths if path] for kind, paths in files.items()}
    if not any(written.values()):
        raise ValueError("nothing to draw: no run has an evaluation, a log or samples yet")
    if csv:
        written["csv"] = write_csv(groups, beside("curves", ".csv"), beside("table", ".csv"), style)
    if latex:
        written["latex"] = [write_latex(groups, beside("table", ".tex"), style)]
    return written
