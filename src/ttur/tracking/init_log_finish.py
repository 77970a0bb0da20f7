"""Weights & Biases, Trackio, SwanLab: packages of one shape, `init`, `log` and `finish`."""

import secrets
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from ttur.tracking.contracts import Ending, Sink, Step, Subject
from ttur.tracking.tracker import Tracker


@dataclass
class InitLogFinish(Tracker):
    """A package whose `init` opens a run, whose `log` takes numbers at a step."""

    project: str | None = None

    @abstractmethod
    def arguments(self, package: ModuleType, subject: Subject, identity: str) -> dict[str, Any]:
        """Those of its `init`, beside the project and the configuration.

        They name the run and keep to themselves what the package knows of machine and user.
        """

    def conclude(self, run: Any, step: Step, outcome: str) -> None:
        """Says in words how a run ended."""
        run.log({"outcome": outcome}, step=step.update)

    def begin(self, subject: Subject) -> "Logged":
        package = self.load()
        identity = subject.identity or secrets.token_hex(4)
        run = package.init(
            project=self.project or subject.experiment,
            group=subject.description.label,
            config=dict(subject.settings),
            **self.arguments(package, subject, identity),
        )
        return Logged(self, package, run, identity)


@dataclass
class Wandb(InitLogFinish):
    """Runs in Weights & Biases.

        >>> import tempfile, torch, ttur
        >>> from torch import nn
        >>> run = ttur.train(
        ...     nn.Linear(4, 2), nn.Linear(2, 1), torch.randn(512, 2), tempfile.mkdtemp(),
        ...     rates=ttur.LearningRatePair(2e-4, 5e-4), updates=3, latents=4, device="cpu",
        ...     listeners=[ttur.Wandb("my-gans")],
        ... )
        >>> run.outcome
        'finished'

    The project is the run's experiment unless it is given. `WANDB_MODE=offline` keeps all in
    `wandb/`, for `wandb sync`. Not sent: the host, the program, its folder, its git, its output.
    """

    package: ClassVar = "wandb"
    extra: ClassVar = "wandb"

    def arguments(self, package: ModuleType, subject: Subject, identity: str) -> dict[str, Any]:
        quiet = {
            "quiet": True,
            "host": "unnamed",
            "console": "off",
            "disable_git": True,
            "disable_code": True,
            "x_disable_meta": True,
            "x_disable_stats": True,
            "x_disable_machine_info": True,
            "x_save_requirements": False,
        }
        return {
            "id": identity,
            "name": subject.name,
            "resume": "allow",
            "settings": package.Settings(**quiet),
        }


@dataclass
class Trackio(InitLogFinish):
    """Runs in Trackio, on this machine unless `TRACKIO_SPACE_ID` names a space.

        >>> import tempfile, torch, ttur
        >>> from torch import nn
        >>> run = ttur.train(
        ...     nn.Linear(4, 2), nn.Linear(2, 1), torch.randn(512, 2), tempfile.mkdtemp(),
        ...     rates=ttur.LearningRatePair(2e-4, 5e-4), updates=3, latents=4, device="cpu",
        ...     listeners=[ttur.Trackio("my-gans")],
        ... )
        >>> run.outcome
        'finished'

    The project is the run's experiment unless it is given; `trackio show` shows all.
    """

    package: ClassVar = "trackio"
    extra: ClassVar = "trackio"

    def arguments(self, package: ModuleType, subject: Subject, identity: str) -> dict[str, Any]:
        return {
            "name": f"{subject.name} {identity}",  # by which it is known
            "resume": "allow",
            "embed": False,
            "auto_log_gpu": False,
            "auto_log_cpu": False,
        }


@dataclass
class SwanLab(InitLogFinish):
    """Runs in SwanLab.

        >>> import tempfile, torch, ttur
        >>> from torch import nn
        >>> run = ttur.train(
        ...     nn.Linear(4, 2), nn.Linear(2, 1), torch.randn(512, 2), tempfile.mkdtemp(),
        ...     rates=ttur.LearningRatePair(2e-4, 5e-4), updates=3, latents=4, device="cpu",
        ...     listeners=[ttur.SwanLab("my-gans")],
        ... )
        >>> run.outcome
        'finished'

    The project is the run's experiment unless it is given. `SWANLAB_MODE=offline` keeps all in
    `swanlog/`, for `swanlab sync`. Not sent: the host, the program, its folder, its git, its
    output.
    """

    package: ClassVar = "swanlab"
    extra: ClassVar = "swanlab"

    def arguments(self, package: ModuleType, subject: Subject, identity: str) -> dict[str, Any]:
        kinds = ("hardware", "runtime", "requirements", "conda", "git", "swanlab", "monitor")
        settings = package.Settings(
            probe=package.Settings.Probe(**dict.fromkeys(kinds, False)),
            terminal=package.Settings.Terminal(proxy_type="none"),
        )
        return {"id": identity, "name": subject.name, "resume": "allow", "settings": settings}

    def conclude(self, run: Any, step: Step, outcome: str) -> None:
        run.config.update({"outcome": outcome})  # its curves take no words


class Logged(Sink):
    """A run of such a package; every axis is logged, for each has its own way to choose one."""

    def __init__(self, tracker: InitLogFinish, package: ModuleType, run: Any, identity: str):
        self.identity, self._tracker, self._package, self._run = identity, tracker, package, run

    def scalars(self, step: Step, values: Mapping[str, float]) -> None:
        self._run.log({**values, "update": step.update, **step.axes}, step=step.update)

    def image(self, step: Step, path: Path) -> None:
        self._run.log({"samples": self._package.Image(str(path))}, step=step.update)

    def end(self, step: Step, ended: Ending) -> None:
        if ended.numbers:
            self._run.log(dict(ended.numbers), step=step.update)
        self._tracker.conclude(self._run, step, ended.in_words)
        self._package.finish()  # the run alone would leave its package thinking it goes on
