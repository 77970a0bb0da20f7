"""One run on disk: config.json, events.jsonl (append and read), samples/, a lock."""

import json
import math
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ttur.runtime.files import replacement
from ttur.runtime.lock import exclusive_lock

CONFIG, EVENTS, LOCK = "config.json", "events.jsonl", "lock"


class RunDirectory:
    """The folder of one run, held by one process at a time.

    events.jsonl is the source of truth and only grows. A line is a JSON object; whoever writes
    events knows what is in it.
    """

    def __init__(self, path: Path):
        self.path = path
        self._held: AbstractContextManager[None] | None = None

    def __enter__(self) -> "RunDirectory":
        """Take the lock of the folder, which is made if it is missing.

        Raises:
            BlockingIOError: if another process runs here.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        busy = f"another process is running in {self.path}; wait for it, or choose another "
        self._held = exclusive_lock(self.path / LOCK, busy + "`directory`")
        self._held.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._held is not None:
            self._held.__exit__(None, None, None)
            self._held = None

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
        except (ValueError, RecursionError) as error:  # neither JSON nor text, or too deep
            raise ValueError(f"{path} is not JSON ({error}); is this a run directory?") from error
        if not isinstance(config, dict):
            raise ValueError(f"{path} holds no JSON object; is this a run directory?")
        return config

    def write_config(self, config: dict[str, Any]) -> None:
        """Replace config.json as a whole."""
        with replacement(self.path / CONFIG) as file:
            file.write((json.dumps(config, indent=2) + "\n").encode())

    def append(self, event: dict[str, Any]) -> None:
        """Add one line to events.jsonl. A number that is not finite is a bug of the caller."""
        line = json.dumps(event, allow_nan=False)
        path = self.path / EVENTS
        # A process that was killed mid-line leaves a torn end; start on a line of our own.
        torn = path.exists() and path.stat().st_size > 0 and _last_byte(path) != b"\n"
        with path.open("a", encoding="utf-8") as file:
            file.write(("\n" if torn else "") + line + "\n")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects in events.jsonl of the folder `path`, without torn or damaged lines."""
    file = path / EVENTS
    if not file.exists():
        return []
    lines = []
    for line in file.read_text("utf-8", errors="replace").splitlines():
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):  # numbers and lists without end, too
            continue
        if isinstance(document, dict):
            lines.append(document)
    return lines


def finite_or_none(value: float) -> float | None:
    """JSON has no NaN: a reading that is not finite is written as null."""
    return value if math.isfinite(value) else None


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)
