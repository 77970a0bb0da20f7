"""Curves and summaries of runs as plain rows, one observation each, unrounded."""

from collections.abc import Iterator, Sequence
from typing import Any

from ttur.analysis.groups import Group, curve
from ttur.analysis.summary import summaries


def curve_rows(groups: Sequence[Group]) -> Iterator[dict[str, Any]]:
    """A row for each run, evaluation and metric; seconds are those until then."""
    for group in groups:
        for run in group.runs:
            for metric in group.metrics:
                for point in curve(run, metric):
                    yield {
                        "experiment": group.experiment,
                        "data": group.data,
                        "setting": group.label,
                        "seed": run.seed,
                        "outcome": run.outcome,
                        "metric": metric,
                        "update": point.event.update,
                        "discriminator_updates": point.event.discriminator_updates,
                        "training_seconds": point.event.training_seconds,
                        "evaluation_seconds": point.evaluation_seconds,
                        "value": point.value,
                    }


def summary_rows(groups: Sequence[Group]) -> Iterator[dict[str, Any]]:
    """A row for each setting and metric; what there is none of is None."""
    for group in groups:
        for row in summaries([group]):
            yield {
                "experiment": row.experiment,
                "data": row.data,
                "setting": group.label,
                "method": row.method,
                "discriminator_rate": group.first_rates[0],
                "generator_rate": group.first_rates[1],
                "metric": row.metric,
                "runs": row.runs,
                "finished": row.finished,
                "diverged": row.diverged,
                "best_of_all": row.best_of_all,
                "at_update": row.at_update,
                "at_seconds": row.at_seconds,
                "published": row.published and row.published.value,
                "published_at": row.published and row.published.at,
                "best_mean": row.best.mean,
                "best_std": row.best.std,
                "final_mean": row.final.mean,
                "final_std": row.final.std,
                "floor": row.floor,
            }
