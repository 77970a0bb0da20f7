"""What a tracker is told of a run, and what each service does with it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ttur.training.record import RunDescription

Setting = bool | int | float | str


@dataclass(frozen=True)
class Step:
    """When something was measured, on each axis on which curves are drawn.

    `images_seen` are the real samples that the discriminator was shown; `training_seconds` are
    without evaluations.
    """

    update: int
    images_seen: int = 0
    training_seconds: float = 0.0

    @property
    def axes(self) -> dict[str, float]:
        """Those beside the update, by name."""
        return {"images_seen": self.images_seen, "training_seconds": self.training_seconds}


@dataclass(frozen=True)
class Subject:
    """The run to be tracked.

    `identity` is what the service knew it by before, None if it never heard of it; `began` the time
    in seconds since 1970 at which it was told first, from which training seconds count.
    """

    description: RunDescription
    directory: Path
    identity: str | None
    began: float

    @property
    def experiment(self) -> str:
        return self.description.experiment

    @property
    def name(self) -> str:
        """Of the run within its experiment."""
        return f"{self.description.label} seed-{self.description.seed}"

    @property
    def settings(self) -> dict[str, Setting]:
        """Plain values by their paths, and what decides the last bits. No path, no host."""
        return settings_of(self.description)


@dataclass(frozen=True)
class Ending:
    """How a run ended: "finished", "interrupted", or "diverged@<update>", with the cause.

    `numbers` by name are those of the best and of the last generator. Only a run that finished has
    some.
    """

    outcome: str
    cause: str | None
    numbers: Mapping[str, float]

    @property
    def in_words(self) -> str:
        return self.outcome if self.cause is None else f"{self.outcome}: {self.cause}"


class Sink(ABC):
    """One run in one service, open. Whatever a method raises ends the tracking, not the run.

    `identity` is what the service knows the run by. One that is not that of the subject has been
    told nothing yet.
    """

    identity: str

    @abstractmethod
    def scalars(self, step: Step, values: Mapping[str, float]) -> None:
        """Numbers by name. Steps never go back."""

    @abstractmethod
    def image(self, step: Step, path: Path) -> None:
        """A grid of samples, a PNG."""

    @abstractmethod
    def end(self, step: Step, ended: Ending) -> None:
        """Close it. It may be opened again: an interrupted run goes on."""


# What networks of a user's own are described by: long, and perhaps with paths within.
_BY_VALUE = ("model", "losses", "companions", "optimizers", "latents", "order", "execution")


def settings_of(description: RunDescription) -> dict[str, Setting]:
    """What a tracker shows of a run's configuration, flat."""
    configuration: dict[str, Any] = dict(description.configuration)
    if isinstance(configuration.get("companions"), list):  # only of networks of a user's own
        configuration = {k: v for k, v in configuration.items() if k not in _BY_VALUE}
    discriminator, generator = description.rates
    return {
        "experiment": description.experiment,
        "label": description.label,
        "discriminator_rate": discriminator,
        "generator_rate": generator,
        "data_sha256": description.data_sha256,
        **_plain(configuration),
        **_plain({"environment": description.environment}),
    }


def _plain(tree: Any, path: str = "") -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    parts = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for name, value in parts:
        place = f"{path}.{name}" if path else str(name)
        if isinstance(value, dict | list | tuple):
            found |= _plain(value, place)
        elif isinstance(value, bool | int | float):
            found[place] = value
        elif value is not None:
            found[place] = str(value)  # also what only derives from it, as torch's version
    return found
