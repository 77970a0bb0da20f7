"""Numbers of images as tables and sentences: the number first, then how sure it is."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ttur.evaluation.classes import ClassEvaluation
from ttur.evaluation.result import Evaluation
from ttur.evaluation.selftest.run import CheckResult
from ttur.reports.table import Column, Table, number, without_empty
from ttur.runtime.errors import counted_in_words


def evaluation_table(result: Evaluation) -> Table:
    """A row for each number."""
    columns = [
        Column("metric"),
        Column("value", bold=True),
        Column("how sure, how made", 1, folds=True),
    ]
    rows = [
        [made.metric, f"{made.value:.6g}", certainty(made.details)] for made in result.measurements
    ]
    return without_empty(Table(columns, rows))


def classes_table(result: ClassEvaluation) -> Table:
    """A row for each class, and their mean."""
    rows = []
    for name, made in result.classes.items():
        values = [
            f"{each.value:.6g}{_bounds(each.details.get('interval'))}" for each in made.measurements
        ]
        counts = " / ".join(f"{count:,}" for count in made.counts.values() if count is not None)
        rows.append([name, *values, counts])
    rows.append(["mean", *(f"{value:.6g}" for value in result.mean.values()), ""])
    values = [Column(metric, bold=True, folds=True) for metric in result.mean]
    return Table([Column("class"), *values, number("images, A / B", 1)], rows)


def checks_table(results: Sequence[CheckResult]) -> Table:
    """A row for each check: what became of it, what it got, why it was not made."""
    columns = [
        Column("outcome", styles={"passed": "green", "failed": "red", "skipped": "yellow"}),
        Column("check", folds=True),
        number("got", 1, bold=True),
        number("expected", 2),
        number("tolerance", 3),
        number("seconds", 3),
        Column("remark", 1, folds=True),
    ]
    rows = [
        [
            *(each.outcome, each.name),
            *(_brief(value) for value in (each.got, each.expected, each.tolerance)),
            *(f"{each.seconds:.2f}", each.remark),
        ]
        for each in results
    ]
    return without_empty(Table(columns, rows))


def checks_text(results: Sequence[CheckResult]) -> str:
    """How many held, and by name those that were not made: only the published values may lack."""
    counts = Counter(result.outcome for result in results)
    each = ", ".join(f"{counts[name]} {name}" for name in ("passed", "skipped", "failed"))
    lines = [f"{counted_in_words(len(results), 'check')}: {each}"]
    if skipped := [result.name for result in results if result.outcome == "skipped"]:
        lines.append(
            f"not made: {', '.join(skipped)}: no published number of real images was reproduced by "
            "these; the remarks say what they need"
        )
    return "\n".join(lines)


def certainty(details: dict[str, Any]) -> str:
    """What stands behind a number: how sure it is, and the settings it was made with."""
    interval = details.get("interval")
    if interval is not None:
        bounds = f"{interval['level']:.0%} interval {interval['low']:.4g} to {interval['high']:.4g}"
        if "estimate" not in interval:  # of what has no bias
            return bounds
        exact = [side for side in ("real", "generated") if side not in interval["covers"]]
        taken = "".join(f"; the {side} side taken as exact" for side in exact)
        unbiased = f"{max(interval['estimate'], 0):.4g}"
        return f"without the bias of so few images {unbiased} ({bounds}{taken})"
    if "no_interval" in details:
        return f"no interval: {details['no_interval']}"
    shown = {name: value for name, value in details.items() if isinstance(value, int | float)}
    shown.pop("k", None)  # it is in the name
    return ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in shown.items())


def _bounds(interval: dict[str, Any] | None) -> str:
    return f" ({interval['low']:.6g} to {interval['high']:.6g})" if interval else ""


def _brief(value: float | None) -> str:
    return "" if value is None else f"{value:.9g}"
