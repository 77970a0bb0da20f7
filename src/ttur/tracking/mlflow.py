"""MLflow: runs on a tracking server, in a database or in a folder."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from PIL import Image

from ttur.tracking.contracts import Ending, Sink, Step, Subject
from ttur.tracking.tracker import Tracker

PARAMETERS_AT_ONCE = 100
# A server that does not answer costs a run half a minute, and not MLflow's own twenty.
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}


@dataclass
class MLflow(Tracker):
    """Runs in MLflow, below the experiment of their name.

        >>> import tempfile, torch, ttur
        >>> from torch import nn
        >>> run = ttur.train(
        ...     nn.Linear(4, 2), nn.Linear(2, 1), torch.randn(512, 2), tempfile.mkdtemp(),
        ...     rates=ttur.LearningRatePair(2e-4, 5e-4), updates=3, latents=4, device="cpu",
        ...     listeners=[ttur.MLflow(f"sqlite:///{tempfile.mkdtemp()}/mlflow.db")],
        ... )
        >>> run.outcome
        'finished'

    `uri` is that of a server, as "http://localhost:5000", or of a database; unless it is given,
    what MLflow itself takes, from `MLFLOW_TRACKING_URI` or as `mlflow.db` in this folder.
    """

    uri: str | None = None
    package: ClassVar = "mlflow"
    extra: ClassVar = "mlflow"

    def begin(self, subject: Subject) -> "MLflowRun":
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)
        client = self.load().MlflowClient(self.uri)
        if subject.identity is not None and _is_there(client, subject.identity):
            client.update_run(subject.identity, status="RUNNING")
            return MLflowRun(self, client, subject, subject.identity)
        known = client.get_experiment_by_name(subject.experiment)
        experiment = known.experiment_id if known else client.create_experiment(subject.experiment)
        began = round(1000 * subject.began)
        # By the client: a run of `mlflow.start_run` would carry the user, the program and its path.
        run = client.create_run(experiment, start_time=began, run_name=subject.name)
        opened = MLflowRun(self, client, subject, run.info.run_id)
        opened.introduce(subject)
        return opened


class MLflowRun(Sink):
    def __init__(self, tracker: MLflow, client: Any, subject: Subject, identity: str):
        self.identity, self._client, self._began = identity, client, subject.began
        self._entities = tracker.load(".entities")

    def introduce(self, subject: Subject) -> None:
        parameters = [
            self._entities.Param(_allowed(name), str(value))
            for name, value in subject.settings.items()
        ]
        for start in range(0, len(parameters), PARAMETERS_AT_ONCE):
            some = parameters[start : start + PARAMETERS_AT_ONCE]
            self._client.log_batch(self.identity, params=some)

    def scalars(self, step: Step, values: Mapping[str, float]) -> None:
        when = self._when(step)
        metrics = [
            self._entities.Metric(_allowed(name), value, when, step.update)
            for name, value in {**values, **step.axes}.items()
        ]
        self._client.log_batch(self.identity, metrics=metrics)

    def image(self, step: Step, path: Path) -> None:
        with Image.open(path) as image:
            self._client.log_image(
                self.identity, image, key="samples", step=step.update, timestamp=self._when(step)
            )

    def end(self, step: Step, ended: Ending) -> None:
        if ended.numbers:
            self.scalars(step, ended.numbers)
        self._client.set_tag(self.identity, "outcome", ended.in_words)
        status = {"finished": "FINISHED", "interrupted": "KILLED"}.get(ended.outcome, "FAILED")
        self._client.set_terminated(self.identity, status)

    def _when(self, step: Step) -> int:
        return round(1000 * (self._began + step.training_seconds))


def _is_there(client: Any, identity: str) -> bool:
    try:
        return client.get_run(identity).info.lifecycle_stage == "active"
    except Exception as error:
        if getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise


def _allowed(name: str) -> str:
    """A name in the characters that all of MLflow's stores take."""
    return re.sub(r"[^\w\-. /]", "_", name)[:250]
