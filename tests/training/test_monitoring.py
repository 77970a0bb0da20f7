"""Probes of whole runs: their cadence, their samples, and what they leave alone."""

import copy
import json
import math
from typing import Any

import numpy as np
import pytest
import torch

from configurations import CPU, WASSERSTEIN, configuration
from ttur import train
from ttur.analysis.groups import group_runs
from ttur.losses import NON_SATURATING, Balance, Losses
from ttur.reports.perturbation import draw_monitor
from ttur.timescales import Halving, LearningRatePair
from ttur.training.assembling import parts_of, run
from ttur.training.config import TrainingConfig
from ttur.training.events import Log, Probe
from ttur.training.game import TwoPlayerGame
from ttur.training.monitoring import Monitoring
from ttur.training.record import read_events, read_runs

OFF = configuration(image_size=16, width=2, latent_size=5, batch_size=8, updates=6, metric="none")
CONFIG = OFF.but(monitor_every_updates=2, tracking_gap_every_updates=4, tracking_gap_steps=2)


def probes_of(config: TrainingConfig, directory) -> list[dict[str, Any]]:
    record = run(config, directory, experiment="none", label="none", device=CPU)
    assert record.outcome == "finished"
    return [{"update": probe.update, **probe.values} for probe in record.probes]


def monitored(config: TrainingConfig) -> tuple[TwoPlayerGame, Monitoring]:
    medium = config.medium.load(config.data.name, "train", None, config.model)
    parts = parts_of(config, medium, CPU)
    game = parts.game()
    monitoring = parts.monitoring(game)
    assert monitoring is not None
    return game, monitoring


def test_probes_come_at_multiples_and_the_gap_with_the_first_after_its_own(tmp_path):
    probes = probes_of(CONFIG.but(updates=13, tracking_gap_every_updates=5), tmp_path)
    assert [probe["update"] for probe in probes] == [2, 4, 6, 8, 10, 12]
    assert [p["update"] for p in probes if "tracking_gap" in p] == [6, 10]
    assert all(probe["perturbation_of_discriminator"] > 0 for probe in probes)


def test_an_interrupted_run_is_probed_as_one_that_was_not(tmp_path):
    whole = probes_of(CONFIG, tmp_path / "whole")
    probes_of(CONFIG.but(updates=3), tmp_path / "pieces")
    assert probes_of(CONFIG, tmp_path / "pieces") == whole


def test_the_monitor_may_be_switched_on_and_off_in_the_middle_of_a_run(tmp_path):
    """It is no part of what is trained, nor is how the gap is measured."""
    off = OFF.but(updates=2)
    assert probes_of(off, tmp_path) == []
    on = off.but(updates=5, monitor_every_updates=2)
    (found,) = probes_of(on, tmp_path)
    assert found == probes_of(on, tmp_path / "whole")[1]
    assert probes_of(off.but(updates=6), tmp_path) == [found]
    often = on.but(updates=8, tracking_gap_every_updates=1, tracking_gap_steps=3)
    *before, last = probes_of(often, tmp_path)
    assert [probe["update"] for probe in before] == [4]
    assert last["update"] == 8
    assert "tracking_gap" in last
    with pytest.raises(ValueError, match="n_critic was 1, is 2"):
        probes_of(on.but(updates=9, n_critic=2), tmp_path)


def test_a_run_that_has_ended_says_that_it_is_not_monitored_any_more(tmp_path):
    off = OFF.but(updates=2)
    assert probes_of(off, tmp_path) == []
    said: list[str] = []
    for config in (off, off.but(monitor_every_updates=2)):
        run(config, tmp_path, experiment="none", label="none", device=CPU, say=said.append)
    assert len(said) == 1
    assert "has ended and is not monitored any more; give more `updates`" in said[0]


@pytest.mark.parametrize("damage", ["abc", [1], True, {}])
def test_a_damaged_probe_is_passed_over_and_the_others_are_read(tmp_path, damage):
    probes = probes_of(CONFIG, tmp_path)
    events = tmp_path / "events.jsonl"
    lines = events.read_text().splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if '"probe"' in line)
    probe = json.loads(lines[at])
    probe["values"]["perturbation_of_discriminator"] = damage
    events.write_text("".join([*lines[:at], json.dumps(probe) + "\n", *lines[at + 1 :]]))
    assert probes_of(CONFIG, tmp_path) == probes[1:]
    figure = draw_monitor(group_runs(read_runs(tmp_path)), tmp_path / "monitor.png")
    assert figure is not None


def test_a_probe_that_was_logged_twice_counts_once(tmp_path):
    """A process that is killed after a probe and before a checkpoint probes again."""
    probes = probes_of(CONFIG, tmp_path)
    events = tmp_path / "events.jsonl"
    lines = events.read_text().splitlines(keepends=True)
    again = [line for line in lines if '"probe"' in line][:2]
    events.write_text("".join([*lines[:-1], *again, lines[-1]]))
    assert probes_of(CONFIG, tmp_path) == probes


def test_critics_that_move_n_times_have_n_times_the_rate():
    """The time-scale ratio goes like a/b: one iteration that two games would call differently."""
    game, monitoring = monitored(CONFIG)

    def probe() -> dict:
        monitoring.monitor = copy.copy(begun)  # of the same weights before the step
        return monitoring.after_step()

    monitoring.before_step()
    begun = copy.copy(monitoring.monitor)
    game.play()
    once = probe()
    game.discriminator_updates += 3
    four = probe()
    assert four["contraction_of_discriminator"] == pytest.approx(
        4 * once["contraction_of_discriminator"], rel=1e-12
    )
    assert four["coupling"] == pytest.approx(2 * once["coupling"], rel=1e-12)
    assert four["time_scale_ratio"] == pytest.approx(once["time_scale_ratio"] / 4, rel=1e-12)


def test_the_monitor_is_given_rates_samples_and_settings_of_the_run():
    """Unequal rates on a schedule, several moves of both players: against calls written out."""
    config = CONFIG.but(
        rates=LearningRatePair(Halving(8e-3, 2), Halving(1e-3, 4)),
        n_critic=3,
        order="generator_twice",
        tracking_gap_every_updates=1,
        tracking_gap_steps=3,
        tracking_gap_rate=2e-3,
    )
    game, monitoring = monitored(config)
    for _ in range(3):
        game.play()
    monitoring.before_step()
    begun = copy.copy(monitoring.monitor)
    game.play()
    assert game.update == 4
    found = monitoring.after_step()
    b, a = game.rates.at(4)
    assert (b, a) == (4e-3, 1e-3)
    draw = monitoring.samples_at(4)
    probe = begun.after_step(draw(), lr_g=2 * a, lr_d=3 * b, independent=draw(), update=4)
    gap = monitoring.monitor.tracking_gap(
        draw, [draw() for _ in range(4)], uninformative=2 * math.log(2), rate=2e-3, steps=3
    )
    assert gap > 0
    assert found == probe.to_json() | {"tracking_gap": gap}


@pytest.fixture
def began() -> tuple[TwoPlayerGame, Monitoring, Balance]:
    model = {"kind": "began", "image_size": 16, "width": 2, "latent_size": 5}
    game, monitoring = monitored(CONFIG.but(model=model, losses="began", order="simultaneous"))
    (balance,) = game.companions
    assert isinstance(balance, Balance)
    return game, monitoring, balance


def test_a_balance_does_not_see_the_losses_of_a_probe(began):
    game, monitoring, balance = began
    monitoring.before_step()
    game.play()
    seen = balance.real_loss, balance.fake_loss, balance.convergence
    monitoring.after_step()
    assert (balance.real_loss, balance.fake_loss, balance.convergence) == seen


def test_a_balance_is_put_back_after_a_probe_that_fails(began, monkeypatch):
    game, monitoring, balance = began
    game.play()
    seen = balance.real_loss

    def fail(*_: object, **__: object) -> None:
        balance.real_loss = torch.tensor(-1.0)
        raise RuntimeError("out of memory")

    monkeypatch.setattr(monitoring.monitor, "after_step", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        monitoring.after_step()
    assert balance.real_loss is seen


def test_a_generator_that_stays_has_no_ratios(tmp_path):
    """WGAN-GP's first iteration leaves the generator alone: None, not a number."""
    model = {"kind": "wgan_gp_image", "image_size": 16, "width": 2, "latent_size": 5}
    first = CONFIG.but(
        model=model,
        losses=WASSERSTEIN,
        order="generator_first",
        updates=1,
        monitor_every_updates=1,
    )
    (probe,) = probes_of(first, tmp_path)
    assert probe["perturbation_of_discriminator"] == 0
    assert probe["own_change_of_discriminator"] > 0
    assert probe["time_scale_ratio"] is None
    assert probe["coupling"] is None


def test_a_rate_that_has_halved_down_to_nothing_is_probed_all_the_same():
    game, monitoring = monitored(CONFIG)
    monitoring.before_step()
    game.play()
    game.rates = LearningRatePair(Halving(1e-3, 1), 1e-3)
    game.update = 2000
    assert game.rates.at(2000) == (0, 1e-3)
    assert monitoring.after_step()["perturbation_of_discriminator"] > 0


def test_probe_seconds_are_not_training_seconds(tmp_path):
    run_directory = tmp_path / "run"
    probes_of(CONFIG.but(monitor_every_updates=1, log_every_updates=1), run_directory)
    events = read_events(run_directory)
    spent = sum(event.probe_seconds for event in events if isinstance(event, Probe))
    last = max(event.training_seconds for event in events if isinstance(event, Log))
    assert 0 < last < spent  # a probe takes several updates' time


def test_samples_depend_on_seed_and_update_and_leave_the_stream_alone():
    game, monitoring = monitored(CONFIG)
    before = game.real.state_dict()
    (one, two), (again, _), (other, _) = (
        [draw(), draw()] for draw in map(monitoring.samples_at, (7, 7, 8))
    )
    assert torch.equal(one.real, again.real)
    assert torch.equal(one.latents, again.latents)
    assert one.seed == again.seed
    for different in (two, other):
        assert not torch.equal(one.real, different.real)
        assert not torch.equal(one.latents, different.latents)
    assert game.real.state_dict() == before


@pytest.mark.parametrize("losses", [NON_SATURATING, Losses(*NON_SATURATING[:2])])
def test_networks_of_your_own_are_monitored(tmp_path, losses):
    def players() -> tuple[torch.nn.Module, torch.nn.Module]:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            generator = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
            return generator, torch.nn.Sequential(torch.nn.Linear(4, 1), torch.nn.Flatten(0))

    points = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)

    def record(name: str, every: int | None):
        return train(
            *players(),
            points,
            tmp_path / name,
            rates=LearningRatePair(1e-3, 1e-3),
            updates=4,
            losses=losses,
            latents=3,
            batch_size=8,
            monitor_every_updates=every,
            device="cpu",
        )

    watched, alone = record("watched", 2), record("alone", None)
    assert [probe.update for probe in watched.probes] == [2, 4]
    gaps = ["tracking_gap" in probe.values for probe in watched.probes]
    assert gaps == [False, False]  # after 4000 updates
    assert watched.weights_sha256 == alone.weights_sha256
    assert alone.probes == ()


def test_the_flag_of_the_command_is_the_default_cadence(ttur):
    for words, every in (
        ("", None),
        (" --monitor", 200),
        (" --monitor --set monitor_every_updates=50", 50),
    ):
        code, out, err = ttur(f"run demo --dry-run --json{words}")
        assert code == 0, err
        configurations = [run["configuration"] for run in json.loads(out)["plan"]]
        found = [c["monitor"] and c["monitor"]["monitor_every_updates"] for c in configurations]
        assert set(found) == {every}
