"""One run on disk: config.json, events.jsonl (append and read), samples/, a lock."""

import fcntl
import json
import math
import os
from pathlib import Path
from typing import Any

from ttur.runtime.files import replaced

# Without these an event says nothing; a line that lacks them is passed over like a torn one.
_ALL = {"event", "update"}
_FIELDS = {
    "evaluation": _ALL | {"metric", "value"},
    "outcome": _ALL | {"kind", "cause", "discriminator_updates", "best", "final", "weights_sha256"},
}
CONFIG, EVENTS, LOCK = "config.json", "events.jsonl", "lock"


class RunDirectory:
    """The folder of one run, held by one process at a time.

    events.jsonl is the source of truth and only grows. A line is an event: {"event": kind,
    "update": n, ...}. When a run continues from update n, the event "resumed" says so and takes
    back whatever later updates had written before (`read_events`).
    """

    def __init__(self, path: Path):
        self.path = path
        self._lock: int | None = None

    def __enter__(self) -> "RunDirectory":
        """Take the lock of the folder, which is made if it is missing.

        Raises:
            BlockingIOError: if another process runs here.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        # A kernel lock: a killed process leaves none behind.
        self._lock = os.open(self.path / LOCK, os.O_CREAT | os.O_RDWR, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            self._lock = None
            raise BlockingIOError(
                f"another process is running in {self.path}; wait for it, or choose another --out"
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def samples(self) -> Path:
        """The folder of sample grids, made on first use."""
        folder = self.path / "samples"
        folder.mkdir(exist_ok=True)
        return folder

    def read_config(self) -> dict[str, Any] | None:
        """The content of config.json, or None before the first run.

        Raises:
            ValueError: if the file is not a JSON object.
        """
        path = self.path / CONFIG
        if not path.exists():
            return None
        try:
            config = json.loads(path.read_text("utf-8"))
        except ValueError as error:  # neither JSON nor text
            raise ValueError(f"{path} is not JSON ({error}); is this a run directory?") from error
        if not isinstance(config, dict):
            raise ValueError(f"{path} holds no JSON object; is this a run directory?")
        return config

    def write_config(self, config: dict[str, Any]) -> None:
        """Replace config.json as a whole."""
        with replaced(self.path / CONFIG) as file:
            file.write((json.dumps(config, indent=2) + "\n").encode())

    def append(self, event: str, update: int, **fields: Any) -> None:
        """Add one line to events.jsonl. A number that is not finite is a bug of the caller."""
        line = json.dumps({"event": event, "update": update, **fields}, allow_nan=False)
        path = self.path / EVENTS
        # A process that was killed mid-line leaves a torn end; start on a line of our own.
        torn = path.exists() and path.stat().st_size > 0 and _last_byte(path) != b"\n"
        with path.open("a") as file:
            file.write(("\n" if torn else "") + line + "\n")


def read_events(path: Path) -> list[dict[str, Any]]:
    """The events of the run in folder `path`, in order, without what a resume took back.

    A torn or damaged line is passed over: what it would have said is written again by the run that
    resumes.
    """
    file = path / EVENTS
    if not file.exists():
        return []
    events: list[dict[str, Any]] = []
    for line in file.read_text(errors="replace").splitlines():
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):  # numbers and lists without end, too
            continue
        if not (isinstance(event, dict) and event.keys() >= _ALL):
            continue
        if not isinstance(event["event"], str):
            continue
        if not _FIELDS.get(event["event"], _ALL) <= event.keys():
            continue
        if not (is_number(event["update"]) and is_number(event.get("value", 0))):
            continue
        if event["event"] == "resumed":
            events = [earlier for earlier in events if earlier["update"] <= event["update"]]
        events.append(event)
    return events


def is_number(value: Any) -> bool:
    """Whether JSON's value is one, and finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < math.inf  # neither infinite nor nan


def finite_or_none(value: float) -> float | None:
    """JSON has no NaN: a reading that is not finite is written as null."""
    return value if math.isfinite(value) else None


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)
