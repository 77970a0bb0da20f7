"""Ctrl-C and SIGTERM as an event that the loop heeds between two updates."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruption() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or SIGTERM sets; the second Ctrl-C stops at once.

    A signal that came too late to be heeded (the event is still set at the end) is raised again,
    so that whoever called the loop hears of it.
    """
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted  # only the main thread may have signal handlers
        return
    received = signal.SIGINT

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal received
        received = number
        interrupted.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if interrupted.is_set():
        signal.raise_signal(received)
