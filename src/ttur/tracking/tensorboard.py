"""TensorBoard: event files beside a run, or in a folder for all."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from PIL import Image

from ttur.tracking.contracts import Ending, Sink, Step, Subject
from ttur.tracking.tracker import Tracker


@dataclass
class TensorBoard(Tracker):
    """Curves, grids and hyperparameters for `tensorboard --logdir runs`.

        >>> import tempfile, torch, ttur
        >>> from torch import nn
        >>> run = ttur.train(
        ...     nn.Linear(4, 2), nn.Linear(2, 1), torch.randn(512, 2), tempfile.mkdtemp(),
        ...     rates=ttur.LearningRatePair(2e-4, 5e-4), updates=3, latents=4, device="cpu",
        ...     listeners=[ttur.TensorBoard()],
        ... )
        >>> run.outcome
        'finished'

    The axis STEP is the update, RELATIVE the seconds of training; `on images seen/…` are the
    same curves on those. Unless a folder is named it is `tensorboard` in that of the run.
    """

    folder: Path | str | None = None
    package: ClassVar = "tensorboard"
    extra: ClassVar = "tracking"

    def begin(self, subject: Subject) -> "EventFile":
        def place(identity: str) -> Path:
            if self.folder is None:
                return subject.directory / "tensorboard"
            seed = f"seed-{subject.description.seed}-{identity}"
            return Path(self.folder, subject.experiment, subject.description.label, seed)

        known = subject.identity
        if known is not None and any(place(known).glob(f"*tfevents*.{known}")):
            return EventFile(self, subject, place(known), known)
        identity = secrets.token_hex(4)
        file = EventFile(self, subject, place(identity), identity)
        file.introduce(subject)
        return file


class EventFile(Sink):
    """A file of TensorBoard's records; its name has no host in it, as that of theirs would.

    Each process writes one of its own, for a record that was torn ends what is read of a file.
    """

    def __init__(self, tracker: TensorBoard, subject: Subject, folder: Path, identity: str):
        self.identity, self.began, self._tracker = identity, subject.began, tracker
        self._write_record = tracker.load(".summary.writer.record_writer").RecordWriter
        self._event = tracker.load(".compat.proto.event_pb2")
        self._summary = tracker.load(".compat.proto.summary_pb2")
        self._metadata = tracker.load(".plugins.hparams.metadata")
        self._data = tracker.load(".plugins.hparams.plugin_data_pb2")
        folder.mkdir(parents=True, exist_ok=True)
        milliseconds = time.time_ns() // 10**6
        self._path = folder / f"events.out.tfevents.{milliseconds}.{identity}"
        self._write(0.0, file_version="brain.Event:2")

    def introduce(self, subject: Subject) -> None:
        """What the run is; whatever else lies in the folder is of an earlier one."""
        start = self._event.SessionLog(status=self._event.SessionLog.START)
        self._write(0.0, session_log=start)
        group = f"{subject.experiment} {subject.description.label}"  # over its seeds
        start = self._data.SessionStartInfo(group_name=group, start_time_secs=subject.began)
        for name, value in subject.settings.items():
            kind = {bool: "bool_value", str: "string_value"}.get(type(value), "number_value")
            setattr(start.hparams[name], kind, value)
        tag = self._metadata.SESSION_START_INFO_TAG
        self._write(0.0, summary=self._session(tag, session_start_info=start))

    def scalars(self, step: Step, values: Mapping[str, float]) -> None:
        for prefix, at in (("", step.update), ("on images seen/", step.images_seen)):
            parts = [
                self._summary.Summary.Value(tag=prefix + name, simple_value=value)
                for name, value in values.items()
            ]
            summary = self._summary.Summary(value=parts)
            self._write(step.training_seconds, step=at, summary=summary)

    def image(self, step: Step, path: Path) -> None:
        with Image.open(path) as image:
            width, height = image.size
        shown = self._summary.Summary.Image(
            height=height, width=width, colorspace=3, encoded_image_string=path.read_bytes()
        )
        part = self._summary.Summary.Value(tag="samples", image=shown)
        summary = self._summary.Summary(value=[part])
        self._write(step.training_seconds, step=step.update, summary=summary)

    def end(self, step: Step, ended: Ending) -> None:
        parts = [
            *(
                self._summary.Summary.Value(tag=name, simple_value=value)
                for name, value in ended.numbers.items()
            ),
            self._text("outcome", ended.in_words),
        ]
        summary = self._summary.Summary(value=parts)
        self._write(step.training_seconds, step=step.update, summary=summary)
        kinds = {"finished": "SUCCESS", "interrupted": "UNKNOWN"}
        status = f"STATUS_{kinds.get(ended.outcome, 'FAILURE')}"
        end = self._data.SessionEndInfo(status=status, end_time_secs=time.time())
        tag = self._metadata.SESSION_END_INFO_TAG
        self._write(0.0, summary=self._session(tag, session_end_info=end))

    def _session(self, tag: str, **information: Any) -> Any:
        metadata = self._metadata.create_summary_metadata(
            self._data.HParamsPluginData(**information)
        )
        tensor = self._metadata.NULL_TENSOR
        part = self._summary.Summary.Value(tag=tag, metadata=metadata, tensor=tensor)
        return self._summary.Summary(value=[part])

    def _text(self, tag: str, text: str) -> Any:
        proto = self._tracker.load(".compat.proto.tensor_pb2")
        tensor = proto.TensorProto(dtype="DT_STRING", string_val=[text.encode()])
        plugin = self._summary.SummaryMetadata.PluginData(plugin_name="text")
        metadata = self._summary.SummaryMetadata(plugin_data=plugin)
        return self._summary.Summary.Value(tag=tag, metadata=metadata, tensor=tensor)

    def _write(self, seconds: float, **parts: Any) -> None:
        event = self._event.Event(wall_time=self.began + seconds, **parts)
        with self._path.open("ab") as file:
            self._write_record(file).write(event.SerializeToString())
