"""How long runs are said to take: from the table, from other sizes, from what was run before."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import ttur
from ttur.experiments import outlook as module
from ttur.experiments.outlook import Outlook, outlook, shares_to_come
from ttur.experiments.plan import cost_line, planned_runs
from ttur.experiments.registry import EXPERIMENTS, experiment
from ttur.experiments.speeds import UPDATES, evaluation_seconds, run_seconds, update_seconds
from ttur.training.config import TrainingConfig

CPU = torch.device("cpu")
PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def setting(name: str) -> TrainingConfig:
    return next(iter(experiment(name).settings.values()))


def test_what_was_measured_is_what_the_page_says():
    """As updates a second on two threads, or as (milli)seconds of one, 1.9 times those of two."""
    numbers = {float(found) for found in re.findall(r"(?<![\d.])\d+(?:\.\d+)?", PAGE.read_text())}
    for each in UPDATES:
        said = {1 / each.seconds, each.seconds * 1.9, each.seconds * 1900}
        assert {round(number, 4) for number in said} & numbers, each


@pytest.mark.parametrize(
    ("name", "updates_per_second"),
    [("demo", 40.2), ("dcgan_cifar10_small", 15.2), ("dcgan_cifar10", 1.6), ("dcgan_lsun", 0.56)],
)
def test_a_size_that_was_measured_takes_what_was_measured(name, updates_per_second):
    assert 1 / update_seconds(setting(name)) == pytest.approx(updates_per_second)


def test_other_sizes_take_in_proportion_to_their_products():
    demo = setting("demo")
    for fields, times in (
        ({"batch_size": 32}, 0.5),
        ({"width": 8}, 0.25),
        ({"n_critic": 3}, 2.0),  # of an update of two halves
    ):
        assert update_seconds(demo.but(**fields)) == pytest.approx(times * update_seconds(demo))


def test_evaluations_take_what_the_extractor_takes():
    """25 of 50,000 images, at 16.1 images a second, and the drawing."""
    config = setting("dcgan_cifar10")
    drawn = 0.1 / 1.6 / 64
    assert evaluation_seconds(config) == pytest.approx(25 * 50_000 * (1 / 16.1 + drawn))
    assert evaluation_seconds(config.but(metric="none")) == 0.0
    assert run_seconds(config.but(metric="none")) == pytest.approx(120_000 / 1.6)


def test_every_experiment_has_a_time():
    lines = {name: cost_line(function()) for name, function in EXPERIMENTS.items()}
    assert lines["dcgan_cifar10"] == "about 7 days on 2 cores, 480k updates"
    assert lines["demo"] == "about 55 s on 2 cores, 2k updates"
    assert all(
        re.match(r"about [0-9.]+ (s|min|h|days) on 2 cores", line) for line in lines.values()
    )


def test_runs_to_come_count_by_their_time_and_those_done_do_not(tmp_path):
    """Runs of 2, 2, 4 and 4 updates, of which the second is done, and the last half done."""
    few = {"updates": 2, "width": 2, "batch_size": 8, "metric": "none"}
    demo = experiment("demo").with_configs(lambda config: config.but(**few))
    short = planned_runs(replace(demo, seeds=(0,)), tmp_path)
    list(ttur.run("demo", seeds=[0], only=short[1][0], settings=few, out=tmp_path))
    again = [(label, 1, config.but(updates=4), tmp_path / "none") for label, _, config, _ in short]
    again[1] = (*again[1][:3], short[1][3])
    assert shares_to_come([*short, *again]) == pytest.approx([3.0, 3.0, 0.5, 0.0])
    ahead = outlook(short, CPU)
    assert (ahead.runs, ahead.is_seen) == (1, False)  # nothing was logged
    assert ahead.seconds > 0


def test_what_earlier_runs_took_stands_before_the_table(tmp_path):
    few = {"updates": 2, "width": 2, "batch_size": 8, "metric": "none", "log_every_updates": 1}
    (run,) = ttur.run("demo", seeds=[0], only="orig_5e-4", settings=few, out=tmp_path, device="cpu")
    longer = (
        experiment("demo").only("orig_5e-4").with_configs(lambda c: c.but(**few | {"updates": 200}))
    )
    ahead = outlook(planned_runs(replace(longer, seeds=(0, 1)), tmp_path), CPU)
    took = run.logs[-1].training_seconds / 2
    assert ahead.seconds == pytest.approx((198 + 200) * took)
    assert ahead.line(CPU).endswith("as earlier runs here took")


def test_a_slower_machine_takes_longer(tmp_path, monkeypatch):
    planned = planned_runs(experiment("demo"), tmp_path)
    monkeypatch.setattr(module, "speed_of_machine", lambda: 0.5)
    assert outlook(planned, CPU).seconds == pytest.approx(4 / 0.5 * run_seconds(planned[0][2]))


def test_a_guess_is_called_one():
    ahead = Outlook(600_000.0, 10_000.0, 3, False)
    assert re.fullmatch(
        r"about 7 days on \d+ cores?; 2\.8 h on an H100 is a guess", ahead.line(CPU)
    )
    assert ahead.line(torch.device("cuda")).startswith("2.8 h on an H100 is a guess")


def test_networks_that_nobody_measured_have_no_time_but_shares(tmp_path, monkeypatch):
    monkeypatch.setattr("ttur.experiments.speeds.UPDATES", ())
    demo = experiment("demo")
    assert cost_line(demo) == "2k updates"
    assert demo.to_json()["seconds_on_2_cores"] is None
    planned = planned_runs(demo, tmp_path)
    assert outlook(planned, CPU).line(CPU).startswith("an unknown time: networks of this kind")
    assert shares_to_come(planned) == [3.0, 2.0, 1.0, 0.0]
