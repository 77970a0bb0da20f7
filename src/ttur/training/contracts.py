"""What the loop is given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import nn

Say = Callable[[str], None]
Poll = Callable[[], None]


class Interrupted(Exception):
    """Raised inside an evaluation that should stop; the loop saves and ends."""


@dataclass(frozen=True)
class Evaluator:
    """How the loop looks at a generator. `score` measures, `write_samples` shows.

    Both get the generator and must leave it as it is. `score` gets the number of the update as
    well, and gives values by name, that of `metric` among them; it may call `poll`, which raises
    Interrupted. `write_samples` adds the suffix to its path. `lower_is_better` says of each value
    which is the best, `floor` what real samples would score, where that is known. `kept` gives the
    network whose weights are kept where the generator is the best: itself, or an average of it.
    """

    metric: str
    score: Callable[[nn.Module, int, Poll], Mapping[str, float]] | None
    write_samples: Callable[[nn.Module, Path], None] | None
    lower_is_better: Mapping[str, bool] = field(default_factory=dict)
    floor: Mapping[str, float] = field(default_factory=dict)
    kept: Callable[[nn.Module], nn.Module] = lambda generator: generator


@runtime_checkable
class Monitor(Protocol):
    """Who looks at the game from before an update to after it, where that is due."""

    def is_due(self, update: int) -> bool: ...

    def before_step(self) -> None: ...

    def after_step(self) -> dict[str, Any]: ...
