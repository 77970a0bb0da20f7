"""The page of runs: what was asked, how it stands, what came out, and how to do it again."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ttur.analysis.budget import equal_budgets
from ttur.analysis.curves import AXES
from ttur.analysis.groups import Group, by_experiment
from ttur.analysis.ranking import rankings
from ttur.analysis.timelines import TIMES
from ttur.reports.html.blocks import Block, Code, Facts, Heading, Page, Table, Text
from ttur.reports.html.run_charts import key_of, loss_charts, metric_charts, monitor_charts
from ttur.reports.html.run_samples import sample_galleries
from ttur.reports.html.tabulated import of_terminal
from ttur.reports.tables import (
    budget_table,
    groups_table,
    places_table,
    ranking_table,
    ranking_title,
)
from ttur.runtime.run_directory import EVENTS
from ttur.training.events import Score
from ttur.training.record import UNFINISHED, RunRecord


@dataclass(frozen=True)
class Asked:
    """What an experiment wants to know, where it stands in the paper, the words for each setting.

    `commands` has those that run a setting again, by (experiment, label).
    """

    questions: Mapping[str, tuple[str, str]]
    commands: Mapping[tuple[str, str], Sequence[str]]


NOTHING_ASKED = Asked({}, {})


def runs_page(
    groups: Sequence[Group],
    asked: Asked = NOTHING_ASKED,
    data: Path = Path("data"),
    band: str | None = None,
) -> Page:
    """Everything that the records of runs say. `data` is where prepared data sets may lie.

    Raises:
        ValueError: if there is no such band.
    """
    experiments = list(by_experiment(groups))
    several = len(experiments) > 1

    def named(group: Group) -> str:
        return f"{group.experiment}, {group.title}" if several else group.title

    blocks: list[Block] = [Heading("Question and plan"), *_plan(groups, asked)]
    blocks += [Heading("Results"), *_results(groups)]
    sections = {
        "Curves": [*metric_charts(groups, named, band)],
        "Samples": [*sample_galleries(groups, named, data)],
        "Losses": [*loss_charts(groups, named, band)],
        "Monitor": [*_monitor(groups, named, band)],
        "Runs": [_runs(groups, named)],
        "How it was made": [*_made(groups, named, asked)],
    }
    for title, some in sections.items():
        if some:
            blocks += [Heading(title), *some]
    return Page(
        title=", ".join(experiments),
        subtitle=_tally(groups),
        blocks=blocks,
        settings={key_of(group): named(group) for group in groups},
        axes={name: AXES[name].label for name in TIMES},
        made=_versions(groups),
    )


def empty_page(where: str) -> Page:
    """While there are no runs yet."""
    return Page("ttur", f"no runs in {where} yet", [Text("They appear here as they begin.")])


def _plan(groups: Sequence[Group], asked: Asked) -> Iterator[Block]:
    for name, some in by_experiment(groups).items():
        question, source = asked.questions.get(name, ("", ""))
        if question:
            yield Text(question)
        rows = [("Experiment", name), ("In the paper", source)]
        rows += [("Data", ", ".join(dict.fromkeys(_data(group) for group in some)))]
        rows += [("Settings", ", ".join(group.title for group in some))]
        seeds = sorted({run.seed for group in some for run in group.runs})
        rows += [("Seeds", ", ".join(map(str, seeds)))]
        rows += [(title, text) for title, text in _cadence(some).items()]
        yield Facts([(title, text) for title, text in rows if text])


def _cadence(groups: Sequence[Group]) -> dict[str, str]:
    """How long runs are, how often they are scored and on how much, and monitored; all that occur.

    Networks of one's own may say less.
    """
    told: dict[str, dict[str, None]] = {"Updates": {}, "Scored": {}, "Monitored": {}}
    for run in (run for group in groups for run in group.runs):
        config, every = run.configuration, run.configuration.get("cadence") or {}
        told["Updates"][f"{config['updates']:,}"] = None
        scoring, monitor = config.get("scoring") or {}, config.get("monitor") or {}
        if scoring.get("metric", "none") != "none":
            text = f"{scoring['metric']}"
            if each := every.get("evaluate_every_updates"):
                text += f" every {each:,} updates"
            if samples := scoring.get("evaluation_samples"):
                text += f" on {samples:,} samples"
            told["Scored"][text] = None
        if each := monitor.get("monitor_every_updates"):
            told["Monitored"][f"every {each:,} updates"] = None
    return {title: "; ".join(texts) for title, texts in told.items()}


def _results(groups: Sequence[Group]) -> Iterator[Block]:
    for group in groups:
        for run in group.diverged:
            what = f"{group.title}, seed {run.seed}, {run.outcome.replace('@', ' at update ')}"
            yield Text(f"{what}: {run.cause or 'no cause is known'}.", doubt=True)
    keys = [key_of(group) for group in groups for _ in group.metrics or (None,)]
    note = "Means are over finished runs; the best of all is over all evaluations of all runs."
    yield of_terminal(groups_table(groups), "Settings over their seeds", keys, note)
    for comparison in equal_budgets(groups):
        table = budget_table(comparison)
        yield of_terminal(table, str(table.title))
    for ranking in rankings(groups):
        yield of_terminal(ranking_table(ranking), ranking_title(ranking))
        yield of_terminal(places_table(ranking), "Settings, the best first", folded=True)


def _monitor(
    groups: Sequence[Group], named: Callable[[Group], str], band: str | None
) -> Iterator[Block]:
    charts = list(monitor_charts(groups, named, band))
    if charts:
        yield Text(
            "How the players perturb each other (running medians over a twentieth of the probes). "
            "No units; where there is a dotted line, better below it."
        )
    yield from charts


def _runs(groups: Sequence[Group], named: Callable[[Group], str]) -> Table:
    rows, keys = [], []
    for group in groups:
        for run in group.runs:
            end = (run.outcome.replace("@", " at update "), run.cause or "")
            if run.outcome == UNFINISHED:
                end = ("not ended", f"last heard of {_last_heard(run)}")
            updates = f"{run.updates:,} of {run.configuration['updates']:,}"
            scores = (_score(run.best or _best(run)), _score(run.final or _last(run)))
            rows.append((named(group), str(run.seed), *end, updates, *scores, str(run.directory)))
            keys.append(key_of(group))
    columns = ("setting", "seed", "outcome", "cause", "updates", "best", "last", "folder")
    note = "A run that has not ended goes on, or was killed; the same command continues it."
    return Table("Outcome of each run", columns, rows, ("seed", "updates"), keys, note=note)


def _last_heard(run: RunRecord) -> str:
    try:
        seconds = (run.directory / EVENTS).stat().st_mtime
    except OSError:
        return "nowhere"
    return f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M:%S}"


def _best(run: RunRecord) -> Score | None:
    return run.evaluations[-1].best if run.evaluations else None


def _last(run: RunRecord) -> Score | None:
    return run.evaluations[-1].score if run.evaluations else None


def _score(score: Score | None) -> str:
    return f"{score.metric} {score.value:.4g} at {score.update:,}" if score else "–"


def _made(groups: Sequence[Group], named: Callable[[Group], str], asked: Asked) -> Iterator[Block]:
    """Protocols, commands, environments, configurations."""
    yield _protocols(groups)
    for group in groups:
        words = asked.commands.get((group.experiment, group.label), ())
        if words:
            yield Code(f"{named(group)}: the command", "\n".join(words))
    environments = Counter(
        json.dumps(run.description.environment, sort_keys=True) for g in groups for run in g.runs
    )
    names = dict.fromkeys(name for text in environments for name in json.loads(text))
    rows = [
        (str(count), *(str(json.loads(text).get(name, "–")) for name in names))
        for text, count in environments.items()
    ]
    yield Table("Environment", ("runs", *names), rows, ("runs",))
    columns = {named(group): _leaves(group.runs[0].configuration) for group in groups}
    fields = [f for f in dict.fromkeys(f for c in columns.values() for f in c) if f != "seed"]
    table = [(field, *(column.get(field, "–") for column in columns.values())) for field in fields]
    differing = [row for row in table if len({*row[1:]}) > 1]
    headings = ("field", *columns)
    if differing:
        yield Table("Configuration, where settings differ", headings, differing)
    yield Table("Configuration, all fields", headings, table, folded=True)


def _protocols(groups: Sequence[Group]) -> Table:
    """How each number was measured: it means nothing without."""
    rows = {}
    for group in groups:
        scoring = group.runs[0].configuration.get("scoring") or {}
        told = {
            "protocol": scoring.get("protocol"),
            "generated samples": scoring.get("evaluation_samples"),
            "real samples": scoring.get("reference_images") or "all",
            "pixels": scoring.get("pixels"),
        }
        for metric in group.metrics:
            better = "lower" if group.lower_is_better(metric) else "higher"
            floor = group.floor.get(metric)
            digest = group.runs[0].description.data_sha256[:12]
            row = (
                metric,
                better,
                *(f"{v:,}" if isinstance(v, int) else str(v or "–") for v in told.values()),
                _data(group),
                digest,
                "–" if floor is None else f"{floor:.4g}",
            )
            rows[row] = None
    columns = ("number", "better", "protocol", "generated", "real", "pixels", "data", "SHA-256")
    return Table("How each number is measured", (*columns, "real samples score"), list(rows))


def _data(group: Group) -> str:
    named = group.runs[0].configuration.get("data") or {}
    return " ".join(str(named[key]) for key in ("name", "split") if key in named)


def _leaves(tree: Any, path: str = "") -> dict[str, str]:
    """The plain values of a configuration by their paths, as texts."""
    if isinstance(tree, dict) and tree:
        parts = (_leaves(part, f"{path}.{name}" if path else name) for name, part in tree.items())
        return {place: text for some in parts for place, text in some.items()}
    if isinstance(tree, str):
        return {path: tree}
    return {path: "–" if tree is None else json.dumps(tree)}


def _tally(groups: Sequence[Group]) -> str:
    runs = [run for group in groups for run in group.runs]
    kinds = Counter(run.outcome.partition("@")[0] for run in runs)
    kinds["not ended"] = kinds.pop(UNFINISHED, 0)
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    settings = f"{len(groups)} setting{'s' * (len(groups) != 1)}"
    tally = f"{settings}, {len(runs)} run{'s' * (len(runs) != 1)}: {told}"
    if not kinds["not ended"]:
        return tally
    done, planned = (sum(n) for n in zip(*map(_progress, runs), strict=True))
    return f"{tally}; {done:,} of {planned:,} updates"


def _progress(run: RunRecord) -> tuple[int, int]:
    """Updates done and planned; one that is over has no more to do."""
    return run.updates, run.updates if run.is_concluded else run.configuration["updates"]


def _versions(groups: Sequence[Group]) -> str:
    found = {str(run.description.environment.get("ttur", "")) for g in groups for run in g.runs}
    return f"ttur {', '.join(sorted(found - {''}))}" if found - {""} else "ttur"
