"""The page of runs that go on: written anew as they are scored, or served as they go."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ttur.analysis.groups import Group, group_runs
from ttur.reports.html.blocks import Page
from ttur.reports.html.document import write_page
from ttur.runtime.run_directory import CONFIG, EVENTS
from ttur.training.events import Ended, Evaluation, Event, Started
from ttur.training.record import read_run

Paged = Callable[[Sequence[Group]], Page]


class PageWriter:
    """A listener: writes the page of the runs in `folders` at every evaluation, start and end.

    It reads what is on disk, runs of earlier calls among it; folders without a run are left out.
    """

    def __init__(self, path: Path, folders: Sequence[Path], paged: Paged):
        self.path, self.folders, self.paged = path, folders, paged

    def __call__(self, event: Event) -> None:
        if isinstance(event, Started | Evaluation | Ended):
            self.write()

    def write(self) -> None:
        """The page as the runs stand; none while there is no run."""
        runs = [
            read_run(f) for f in self.folders if (f / CONFIG).exists() and (f / EVENTS).exists()
        ]
        if runs:
            write_page(self.paged(group_runs(runs)), self.path)

    def __repr__(self) -> str:
        return f"the page {self.path}"
