"""Kill the real program at random moments; the result is that of the uninterrupted run."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ttur.runtime.checkpoint import NEWEST, PREVIOUS
from ttur.training.events import Ended, Resumed
from ttur.training.record import read_events

IMAGES = (
    "run demo --only ttur_1e-3_5e-4 --steps 600 --set width=2 --metric fd_digits "
    "--set checkpoint_every_updates=5 --set log_every_updates=20 --evaluate-every 40"
)
SENTENCES = (
    "run language_demo --only orig_1e-3 --steps 40 --set width=2 --metric jsd "
    "--set checkpoint_every_updates=5 --set log_every_updates=20 --evaluate-every 15 "
    "--set fine_evaluation_samples=100 --set fine_evaluate_every_updates=30"
)
RESIDUAL = (
    "run wgan_gp_cifar10_small --only ttur_3e-3_1e-3 --n-critic 2 --steps 60 "
    "--set data=digits --set image_size=16 --set width=1 --metric fd_digits "
    "--set checkpoint_every_updates=5 --set log_every_updates=20 --evaluate-every 15"
)
RECONSTRUCTING = (
    "run began_cifar10_small --d-lr 1e-3 --g-lr 5e-4 --steps 60 "
    "--set data=digits --set image_size=16 --set width=2 --set k_rate=0.1 "
    "--set rates.discriminator.every=25 --set rates.generator.every=25 --metric fd_digits "
    "--set checkpoint_every_updates=5 --set log_every_updates=20 --evaluate-every 15"
)


def command(words: str, out: Path) -> list[str]:
    words += f" --seed 0 --set batch_size=8 --samples 64 --device cpu --json --out {out}"
    return [sys.executable, "-m", "ttur", *words.split()]


def environment(cache: Path) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "TTUR_CACHE": str(cache)}


@pytest.mark.extras
@pytest.mark.parametrize(
    ("words", "kills"),
    [
        (IMAGES, 2),
        *(
            pytest.param(words, 2, marks=pytest.mark.long)
            for words in (SENTENCES, RESIDUAL, RECONSTRUCTING)
        ),
    ],
    ids=["dcgan", "wgan_gp_language", "wgan_gp_image", "began"],
)
def test_kills_give_the_uninterrupted_weights(tmp_path, words, kills):
    env = environment(tmp_path / "cache")
    done = subprocess.run(
        command(words, tmp_path / "whole"), env=env, capture_output=True, check=True
    )
    expected = json.loads(done.stdout)["runs"][0]
    assert expected["outcome"] == "finished"

    run = tmp_path / "killed" / Path(expected["directory"]).relative_to(tmp_path / "whole")
    interrupted = command(words, tmp_path / "killed")
    moment = random.Random(0)
    for _ in range(kills):
        kill_after_a_checkpoint(interrupted, env, run, moment.uniform(0, 0.02))

    resumed = subprocess.run(interrupted, env=env, capture_output=True, check=True)
    actual = json.loads(resumed.stdout)["runs"][0]
    assert sum(isinstance(event, Resumed) for event in read_events(run)) == kills
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
    assert not any(isinstance(event, Ended) for event in read_events(run))


def time_of_checkpoint(run: Path) -> float:
    try:
        return (run / NEWEST).stat().st_mtime_ns
    except FileNotFoundError:
        return 0
