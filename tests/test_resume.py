"""Kill the real program at random moments; the result is that of the uninterrupted run."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from ttur.runtime.checkpoint import NEWEST, PREVIOUS
from ttur.runtime.run_directory import read_events

KILLS = 10
UPDATES = 600


def command(out: Path) -> list[str]:
    words = (
        f"run demo --only ttur_1e-3_5e-4 --seed 0 --steps {UPDATES} --set width=2 "
        "--set batch_size=8 --set checkpoint_every_updates=5 --set log_every_updates=20 "
        f"--metric fd_digits --samples 64 --evaluate-every 40 --device cpu --json --out {out}"
    )
    return [sys.executable, "-m", "ttur", *words.split()]


def environment(cache: Path) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "TTUR_CACHE": str(cache)}


def test_ten_kills_give_the_uninterrupted_weights(tmp_path):
    env = environment(tmp_path / "cache")
    whole = subprocess.run(command(tmp_path / "whole"), env=env, capture_output=True, check=True)
    expected = json.loads(whole.stdout)["runs"][0]
    assert expected["outcome"] == "finished"

    run = tmp_path / "killed" / "demo" / "ttur_1e-3_5e-4" / "seed-0"
    moment = random.Random(0)
    for _ in range(KILLS):
        kill_after_a_checkpoint(command(tmp_path / "killed"), env, run, moment.uniform(0, 0.02))

    resumed = subprocess.run(command(tmp_path / "killed"), env=env, capture_output=True, check=True)
    actual = json.loads(resumed.stdout)["runs"][0]
    assert sum(event["event"] == "resumed" for event in read_events(run)) == KILLS
    for key in ("outcome", "updates", "discriminator_updates", "weights_sha256", "best", "final"):
        assert actual[key] == expected[key]


def kill_after_a_checkpoint(command: list[str], env: dict, run: Path, delay: float) -> None:
    """Start the program, let it write a checkpoint of its own, and kill it `delay` later."""
    before = time_of_checkpoint(run)
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 60
    while time_of_checkpoint(run) == before and process.poll() is None:
        assert time.monotonic() < end, "waited in vain for a checkpoint"
        time.sleep(0.002)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL, "the run ended before it could be killed"
    assert (run / NEWEST).exists() or (run / PREVIOUS).exists()
    assert not any(event["event"] == "outcome" for event in read_events(run))


def time_of_checkpoint(run: Path) -> float:
    try:
        return (run / NEWEST).stat().st_mtime_ns
    except FileNotFoundError:
        return 0
