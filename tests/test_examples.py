"""The examples do what they say."""

import ast
import runpy
import sys
from pathlib import Path

import pytest

from ttur.runtime.run_directory import read_events
from ttur.training.record import find_runs

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
    runs = find_runs(out)
    assert [(run.label, run.seed) for run in runs] == [
        *(("orig_5e-4", 0), ("orig_5e-4", 1)),
        *(("ttur_5e-4_1e-3", 0), ("ttur_5e-4_1e-3", 1)),
    ]
    for run in runs:
        assert (run.outcome, run.updates, run.discriminator_updates) == ("finished", 40, 40)
        first, *_, last = (event["value"] for event in run.evaluations)
        assert last < 0.9 * first
        assert run.configuration["losses"] == ["hinge", "wasserstein_generator"]
        assert run.configuration["optimizers"][0].startswith("RMSprop {'")
    assert printed.count("2/2") == 2  # in the table each setting has its two seeds
    assert (out / "report.png").stat().st_size > 10_000
    assert (out / "report-samples.png").stat().st_size > 10_000


def test_the_same_words_again_read_back_and_more_updates_continue(own_gan):
    out, _ = own_gan("--updates", "2", "--seeds", "1")
    done = find_runs(out)
    own_gan("--updates", "2", "--seeds", "1")
    assert find_runs(out) == done
    own_gan("--updates", "4", "--seeds", "1")
    for run in find_runs(out):
        assert (run.outcome, run.updates) == ("finished", 4)
        assert [e["update"] for e in run.evaluations] == [1, 2, 3, 4]
        assert "resumed" in [event["event"] for event in read_events(run.directory)]


def test_examples_are_written_for_strangers():
    """They import what the documentation names, and nothing private."""
    for file in EXAMPLES.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert not any(alias.name.startswith("_") for alias in node.names)
