"""Whether a folder is free for a run, holds this very run, or another one."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ttur.runtime import checkpoint, digests
from ttur.runtime.run_directory import RunDirectory
from ttur.training.contracts import Evaluator, Say
from ttur.training.identity import differences
from ttur.training.record import (
    RunDescription,
    RunRecord,
    read_description,
    read_events,
    read_run,
)

# A run goes on with other ones of these: they say when one looks, and no weight depends on them.
LOOKING = ("cadence", "monitor")


@dataclass
class Claim:
    """A folder that is this run's alone, as long as the block of `claimed` lasts.

    `record` is the run that stands there, if there is one; `description` says what is in the
    folder's config.json once `describe` was called.
    """

    folder: RunDirectory
    description: RunDescription
    record: RunRecord | None

    @property
    def is_concluded(self) -> bool:
        """Whether the run has nothing left to do."""
        if self.record is None or not self.record.is_concluded:
            return False
        return self.record.configuration["updates"] == self.description.configuration["updates"]

    def describe(self, evaluator: Evaluator) -> None:
        """Write config.json, now that it is known how the run is scored.

        Raises:
            ValueError: if it was scored otherwise before.
        """
        now = dict(evaluator.lower_is_better)
        self.check_scoring(now)
        self.description = replace(
            self.description, lower_is_better=now, floor=dict(evaluator.floor)
        )
        self.folder.write_config(self.description.to_json())

    def check_scoring(self, now: Mapping[str, bool]) -> None:
        """Whether the run was scored by the numbers of these names before, if it was.

        Raises:
            ValueError: if it was not.
        """
        if self.record is not None and (then := self.record.description.lower_is_better) != now:
            raise ValueError(
                f"{self.folder.path} was scored by {', '.join(then) or 'none'}, this would be "
                f"{', '.join(now) or 'none'}; give the same `weights`, or another `directory`"
            )

    def note_changing(self, configuration: dict[str, Any]) -> None:
        """What of the description is no setting, for training has changed it by now."""
        known = self.description.changing
        differing = differences(self.description.configuration, configuration)
        places = dict.fromkeys([*known, *(place for place, *_ in differing)])
        if tuple(places) != known:
            self.description = replace(self.description, changing=tuple(places))
            self.folder.write_config(self.description.to_json())


@contextmanager
def claimed(
    directory: Path,
    description: RunDescription,
    say: Say,
    completed: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> Iterator[Claim]:
    """The folder of a run, taken for it alone; refused if another run stands there.

    A folder in which nothing was trained protects nothing. Only with more updates, or another
    cadence of what looks at it, is it still the same run; another version of what computes is said,
    since the last bits may then differ. An `experiment` that is empty is the one that stands there.
    `completed` gives a configuration that was stored by an earlier version the fields it lacks; of
    one that it cannot read it raises ValueError.

    Raises:
        ValueError: if the folder holds another run; names the fields.
        BlockingIOError: if another process runs here.
    """
    with RunDirectory(directory) as folder:
        stored = read_description(directory) if _was_trained(folder) else None
        if stored is None:
            named = description.experiment or directory.resolve().name
            description = replace(description, experiment=named, identity=_identity(description))
            yield Claim(folder, description, None)
            return
        description = replace(
            description,
            experiment=description.experiment or stored.experiment,
            identity=stored.identity,
            changing=stored.changing,
        )
        with suppress(ValueError):  # else it differs as it stands
            stored = replace(stored, configuration=completed(stored.configuration))
        _check_same(directory, stored, description)
        for name, now in description.environment.items():
            if (before := stored.environment.get(name)) != now:
                say(f"{directory}: {name} was {before}, is {now}; the last bits may differ")
        claim = Claim(folder, description, read_run(directory))
        if not claim.is_concluded:  # as it began
            claim.description = replace(description, environment=stored.environment)
        elif stored.configuration.get("monitor") != description.configuration["monitor"]:
            say(f"{directory} has ended and is not monitored any more; give more `updates`")
        yield claim


def _identity(description: RunDescription) -> str:
    """A digest of all that makes a run this run, for its checkpoints."""
    configuration = {
        name: value
        for name, value in description.configuration.items()
        if name not in ("updates", *LOOKING)
    }
    return digests.of_document([description.data_sha256, configuration])


def _was_trained(folder: RunDirectory) -> bool:
    if (folder.path / checkpoint.NEWEST).exists() or (folder.path / checkpoint.PREVIOUS).exists():
        return True
    return any(event.update > 0 for event in read_events(folder.path))


def _check_same(directory: Path, stored: RunDescription, now: RunDescription) -> None:
    different = [
        f"{path} was {_short(before)}, is {_short(after)}"
        for path, before, after in differences(_compared(stored), _compared(now))
        if not _may_change(path, before, after, stored.changing)
    ]
    if different:
        raise ValueError(
            f"{directory} holds a run of another configuration: {'; '.join(different)}; "
            "use the same settings, or another `directory`"
        )


def _compared(description: RunDescription) -> dict[str, Any]:
    outer = {n: getattr(description, n) for n in ("experiment", "label", "data_sha256")}
    return {**outer, **description.configuration}


def _may_change(path: str, before: Any, now: Any, changing: tuple[str, ...]) -> bool:
    if path == "updates":
        return now > before
    if any(path == place or path.startswith(f"{place}.") for place in changing):
        return True
    return path.partition(".")[0] in LOOKING


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"
