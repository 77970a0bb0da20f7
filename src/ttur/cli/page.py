"""The words of a page of runs: questions, and the commands that run them again.

`run` is the command `ttur run`, whose flags these are.
"""

import json
import shlex
from collections.abc import Callable, Sequence
from errno import EISDIR
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ttur.cli.flags import in_flags

if TYPE_CHECKING:
    from ttur.analysis.groups import Group
    from ttur.analysis.plans import Call
    from ttur.experiments.experiment import Experiment
    from ttur.reports.html.blocks import Page
    from ttur.reports.html.following import PageWriter
    from ttur.reports.html.runs import Asked


Command = Callable[..., Any]


def page_writer(
    path: Path, chosen: "Experiment", out: Path, data: Path, run: Command
) -> "PageWriter":
    """A listener that keeps the page of an experiment's runs in `out`.

    Raises:
        OSError: if there can be no file at `path`, before anything runs.
    """
    from ttur.experiments.plan import planned_runs
    from ttur.reports.html.following import PageWriter

    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(EISDIR, "is a folder; name the file of the page", str(path))
    folders = [folder for *_, folder in planned_runs(chosen, out)]
    return PageWriter(path, folders, partial(paged, data=data, run=run))


def paged(groups: Sequence["Group"], data: Path, run: Command, band: str | None = None) -> "Page":
    """The page of runs, with the words that run them again."""
    from ttur.reports.html.runs import runs_page

    return runs_page(groups, asked(groups, run), data, band)


def asked(groups: Sequence["Group"], run: Command) -> "Asked":
    """Questions of experiments, and commands of settings, as far as they are known."""
    from ttur.analysis.plans import calls_of, experiment_of
    from ttur.reports.html.runs import Asked

    known = {group.experiment: experiment_of(group) for group in groups}
    return Asked(
        {name: (each.question, each.source) for name, each in known.items() if each},
        {
            (group.experiment, group.label): [command(call, run) for call in calls_of(group)]
            for group in groups
        },
    )


def command(call: "Call", run: Command) -> str:
    """The words of `ttur run` for a call."""
    flag = partial(in_flags, command=run)
    words = ["ttur", "run", call.name]
    for name, value in call.arguments.items():
        words += [flag(f"`{name}`"), str(value)]
    words += [flag("`seeds`"), ",".join(map(str, call.seeds))]
    for path, value in call.settings.items():
        text = value if isinstance(value, str) else json.dumps(value)
        own = flag(f"`{path.rpartition('.')[2]}`")
        is_flag = own.startswith("--") and not own.startswith("--set ")
        words += [own, text] if is_flag else ["--set", f"{path}={text}"]
    return shlex.join(words)
