"""A service that shows runs: what is passed among `listeners`."""

from abc import ABC, abstractmethod
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import ClassVar

from ttur.tracking.contracts import Sink, Subject
from ttur.tracking.listening import Tracking
from ttur.training.events import Event, Listener
from ttur.training.record import RunDescription


class Tracker(ABC):
    """Opens runs in a service by the service's own `package`, which need not be installed.

    A subclass is a dataclass of what may be chosen; its repr names it in a run's notes.
    """

    package: ClassVar[str]
    extra: ClassVar[str]
    """The name of the package among the extras of ours."""
    is_missing = False

    @abstractmethod
    def begin(self, subject: Subject) -> Sink:
        """The run, opened: continued if the subject has an identity that the service knows."""

    def of_run(self, description: RunDescription, directory: Path) -> Listener:
        """What is called with the events of one run; nothing once the package was missed."""
        if self.is_missing:
            return _nothing
        return Tracking(repr(self), self.open, description, directory)

    def load(self, part: str = "") -> ModuleType:
        """The package, or a module of it, imported only now."""
        return import_module(self.package + part)

    def open(self, subject: Subject) -> Sink:
        """The same once the package is known to be there.

        Raises:
            ImportError: if it is not; says how to get it.
        """
        try:
            self.load()
        except ImportError as error:
            self.is_missing = True
            raise ImportError(
                f"{self.package} does not load ({error}); pip install 'ttur[{self.extra}]'"
            ) from error
        return self.begin(subject)


def _nothing(event: Event) -> None:
    """Heard, and not told again."""
