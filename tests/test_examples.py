"""The examples do what they say."""

import ast
import json
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ttur
from ttur.training.events import Log, Resumed
from ttur.training.record import read_events

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def own_gan(tmp_path, monkeypatch, capsys):
    """Calls the example with some words; returns the folder and what it printed."""

    def call(*words: str) -> tuple[Path, str]:
        monkeypatch.setattr(sys, "argv", ["own_gan.py", *words, "--out", str(tmp_path)])
        runpy.run_path(str(EXAMPLES / "own_gan.py"), run_name="__main__")
        return tmp_path, capsys.readouterr().out

    return call


def test_networks_of_ones_own_learn_and_are_reported(own_gan):
    out, printed = own_gan("--updates", "40", "--seeds", "2")
    runs = ttur.read_runs(out)
    assert [(run.label, run.seed) for run in runs] == [
        *(("orig_5e-4", 0), ("orig_5e-4", 1)),
        *(("ttur_5e-4_1e-3", 0), ("ttur_5e-4_1e-3", 1)),
    ]
    for run in runs:
        assert (run.outcome, run.updates, run.discriminator_updates) == ("finished", 40, 40)
        first, *_, last = (evaluation.score.value for evaluation in run.evaluations)
        assert last < 0.9 * first
        hinge, generators = run.configuration["losses"]
        assert hinge["function"] == "hinge"
        assert "ttur.losses.adversarial.wasserstein_generator" in json.dumps(generators)
        optimizer = run.configuration["optimizers"][0]
        assert optimizer["class"] == "torch.optim.rmsprop.RMSprop"
        assert optimizer["groups"][0]["alpha"] == 0.9
    assert printed.count("2/2") == 2  # in the table each setting has its two seeds
    assert (out / "report.png").stat().st_size > 10_000
    assert (out / "report-samples.png").stat().st_size > 10_000


def test_the_same_words_again_read_back_and_more_updates_continue(own_gan):
    out, _ = own_gan("--updates", "2", "--seeds", "1")
    done = ttur.read_runs(out)
    own_gan("--updates", "2", "--seeds", "1")
    assert ttur.read_runs(out) == done
    own_gan("--updates", "4", "--seeds", "1")
    for run in ttur.read_runs(out):
        assert (run.outcome, run.updates) == ("finished", 4)
        assert [evaluation.update for evaluation in run.evaluations] == [1, 2, 3, 4]
        assert any(isinstance(event, Resumed) for event in read_events(run.directory))


@pytest.mark.long
def test_ctrl_c_ends_the_loop_over_runs_and_the_same_words_go_on(own_gan, tmp_path):
    words = ["--seeds", "2", "--out", str(tmp_path), "--updates"]
    program = [sys.executable, str(EXAMPLES / "own_gan.py"), *words]
    process = subprocess.Popen([*program, "100000"], stderr=subprocess.DEVNULL)
    first = tmp_path / "orig_5e-4/seed-0"
    end = time.monotonic() + 120
    while not any(isinstance(event, Log) for event in read_events(first)):
        assert time.monotonic() < end, "waited in vain for an update"
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) not in (0, 1)
    (run,) = ttur.read_runs(tmp_path)
    assert (run.directory, run.outcome) == (first, "interrupted")
    assert (first / "checkpoint.pt").exists()


def test_examples_are_written_for_strangers():
    """They import what the documentation names, and nothing private."""
    for file in EXAMPLES.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert not any(alias.name.startswith("_") for alias in node.names)
