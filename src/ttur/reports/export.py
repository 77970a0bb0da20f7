"""Reports for other programs: CSV to draw and compute with, LaTeX to print."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ttur.analysis.groups import Group
from ttur.analysis.spread import Spread
from ttur.analysis.summary import Summary, summaries
from ttur.analysis.tidy import curve_rows, summary_rows
from ttur.reports.names import data_title, metric_title
from ttur.reports.style import PLAIN, Style
from ttur.runtime.files import replacement
from ttur.timescales.step_sizes import rate_text

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "–": "--",
    "∞": r"$\infty$",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def write_csv(
    groups: Sequence[Group], curves: Path, table: Path, style: Style = PLAIN
) -> list[Path]:
    """Every value of every run in `curves`, every setting and metric in `table`; both paths.

    What there is none of is empty. `name` is what `style.labels` calls a setting.
    """
    name_of = {(group.experiment, group.label): style.setting(group) for group in groups}

    def named(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row | {"name": name_of[row["experiment"], row["setting"]]} for row in rows]

    _write(curves, _csv_text(named(curve_rows(groups))))
    _write(table, _csv_text(named(summary_rows(groups))))
    return [curves, table]


def write_latex(groups: Sequence[Group], path: Path, style: Style = PLAIN) -> Path:
    """Table 1 for LaTeX with booktabs, the best of each experiment and metric in bold."""
    return _write(path, latex_table(groups, style))


def latex_table(groups: Sequence[Group], style: Style = PLAIN) -> str:
    """Data, method, b, a, metric, updates of the best of all runs, and means over runs."""
    rows = [(group, row) for group in groups for row in summaries([group])]
    best: dict[tuple[str, str | None], float] = {}
    for group, row in rows:
        if row.metric is not None and row.best_of_all is not None:
            choose = min if group.lower_is_better(row.metric) else max
            key = (row.experiment, row.metric)
            best[key] = choose(best.get(key, row.best_of_all), row.best_of_all)
    lines = [
        "% needs \\usepackage{booktabs}",
        r"\begin{tabular}{llllrrrrr}",
        r"\toprule",
        r"data set & method & $b$ & $a$ & updates & best & "
        r"best, mean $\pm$ std & final, mean $\pm$ std & runs \\",
    ]
    seen: tuple[str, str | None] | None = None
    for group, row in sorted(rows, key=lambda pair: (pair[1].experiment, pair[1].metric or "")):
        if (row.experiment, row.metric) != seen:
            seen = (row.experiment, row.metric)
            heading = latex_text(metric_title(row.metric) if row.metric else "not scored")
            lines += [r"\midrule", rf"\multicolumn{{9}}{{l}}{{\emph{{{heading}}}}} \\"]
        is_best = (
            row.best_of_all is not None and row.best_of_all == best[row.experiment, row.metric]
        )
        lines.append(_latex_row(group, row, is_best, style))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def latex_text(text: str) -> str:
    """Text in which nothing is a command of LaTeX.

    >>> latex_text("100% of_it")
    '100\\\\% of\\\\_it'
    """
    return "".join(_LATEX.get(letter, letter) for letter in text)


def _latex_row(group: Group, row: Summary, is_best: bool, style: Style) -> str:
    best = "--" if row.best_of_all is None else f"{row.best_of_all:.4g}"
    b, a = (_rate(rate) for rate in group.first_rates)
    named = style.labels.get(group.label, style.labels.get(group.title, row.method))
    runs = str(row.runs) + (f" ({row.diverged} diverged)" if row.diverged else "")
    cells = [
        latex_text(data_title(row.data)),
        latex_text(named),
        *(b, a),
        "--" if row.at_update is None else f"{row.at_update:,}".replace(",", r"\,"),
        rf"\textbf{{{best}}}" if is_best else best,
        _spread(row.best),
        _spread(row.final),
        runs,
    ]
    return " & ".join(cells) + r" \\"


def _rate(rate: float) -> str:
    """`$5 \\cdot 10^{-4}$` of 5e-4."""
    digits, _, power = rate_text(rate).partition("e")
    if not power:
        return f"${digits}$"
    power = f"10^{{{int(power)}}}"
    return f"${power}$" if digits == "1" else rf"${digits} \cdot {power}$"


def _spread(values: Spread) -> str:
    return latex_text(re.sub(r" \(n=\d+\)$", "", str(values)))


def _csv_text(rows: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    if rows:
        table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    return text.getvalue()


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacement(path) as file:
        file.write(text.encode())
    return path
