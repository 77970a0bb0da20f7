"""Seconds at work."""

import time

from ttur.runtime.clock import Clock


def test_a_pause_within_a_pause_does_not_start_the_clock(monkeypatch):
    now = 0.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    clock = Clock(5.0)
    now = 1.0
    with clock.pause():
        now = 10.0
        with clock.pause():
            now = 20.0
        now = 30.0
        assert clock.seconds == 6.0
    now = 32.0
    assert clock.seconds == 8.0
