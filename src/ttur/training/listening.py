"""Who hears of a run: a function of an event, or what makes one for each run."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from ttur.training.events import Listener
from ttur.training.record import RunDescription


@runtime_checkable
class RunListener(Protocol):
    """Listens to runs one by one: for each it gives the function that is called with its events."""

    def of_run(self, description: RunDescription, directory: Path) -> Listener: ...


def listeners_of_run(
    listeners: Sequence[Listener | RunListener],
    description: RunDescription,
    directory: Path,
    say: Callable[[str], None],
) -> list[Listener]:
    """Those of one run; whoever fails is told nothing, and said."""
    found: list[Listener] = []
    for each in listeners:
        try:
            is_function = not isinstance(each, RunListener)
            found.append(each if is_function else each.of_run(description, directory))
        except Exception as error:
            say(f"{each!r} is told nothing, for it failed: {error!r}")
    return found
