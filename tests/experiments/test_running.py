"""`ttur.run`: every setting of an experiment for every seed, one after the other."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import ttur
from ttur.experiments.experiment import Experiment
from ttur.experiments.registry import experiment
from ttur.experiments.running import published_of
from ttur.training.events import Log, Started
from ttur.training.progress import Progress

FEW = {"updates": 3, "width": 2, "batch_size": 8, "metric": "none"}
LABELS = ["ttur_1e-3_5e-4", "orig_5e-4"]


def play(path: Path, name: str | Experiment = "demo", **words):
    words = {"settings": FEW, "out": path, "device": "cpu"} | words
    return ttur.run(name, **words)


def test_every_setting_of_a_seed_then_the_next(tmp_path):
    begun: list[tuple[str, int]] = []
    runs = list(play(tmp_path, seeds=[3, 5], on_start=lambda *run: begun.append(run)))
    assert begun == [(label, seed) for seed in (3, 5) for label in LABELS]
    assert [(run.label, run.seed) for run in runs] == begun
    for run in runs:
        assert (run.experiment, run.outcome, run.updates) == ("demo", "finished", 3)
        assert run.directory == tmp_path / "demo" / run.label / f"seed-{run.seed}"
        assert run.configuration["model"]["width"] == 2
    assert ttur.read_runs(tmp_path) == sorted(runs, key=lambda run: run.directory)
    assert list(play(tmp_path, seeds=[3, 5])) == runs  # read back


def test_the_seeds_are_those_of_the_experiment_unless_they_are_given(tmp_path):
    runs = list(play(tmp_path, only="orig_5e-4"))
    assert [run.seed for run in runs] == list(experiment("demo").seeds) == [0, 1]


def test_a_run_happens_when_its_record_is_asked_for(tmp_path):
    runs = play(tmp_path, seeds=[0])
    assert not list(tmp_path.iterdir())
    assert next(runs).label == LABELS[0]
    assert len(ttur.read_runs(tmp_path)) == 1
    assert next(runs).label == LABELS[1]
    assert list(runs) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"name": "dmeo"}, "no experiment 'dmeo'; did you mean demo"),
        ({"seeds": []}, "expected `seeds` to name some, got none"),
        ({"only": "ttur"}, "demo has no setting 'ttur'; did you mean ttur_1e-3_5e-4"),
        ({"settings": {"widht": 3}}, "no field 'widht' to set; did you mean"),
        ({"settings": {"width": 0}}, "width: expected at least 1"),
        ({"settings": {"model": "dcgann"}}, "no kind 'dcgann'; did you mean dcgan"),
        ({"d_lr": 1e-3}, "expected `d_lr` and `g_lr` together"),
        ({"d_lr": 0.0, "g_lr": 1e-3}, "discriminator"),
        ({"settings": {"rates.generator.value": 1e-5}}, "use `d_lr` and `g_lr`"),
        ({"device": "warp"}, "device 'warp' is not usable here"),
    ],
)
def test_what_is_wrong_is_refused_by_the_call_itself(tmp_path, words, message):
    name = words.pop("name", "demo")
    with pytest.raises(ValueError, match=message):
        play(tmp_path, name, **words)
    assert not list(tmp_path.iterdir())


def test_rates_and_critic_updates_name_the_folder(tmp_path):
    (run,) = play(tmp_path, seeds=[0], d_lr=2e-3, g_lr=1e-3, n_critic=2)
    assert run.label == "ttur_2e-3_1e-3_critic2"
    assert (run.description.rates, run.discriminator_updates) == ((2e-3, 1e-3), 6)
    (run,) = play(tmp_path, seeds=[0], d_lr=5e-4, g_lr=5e-4)
    assert run.label == "orig_5e-4"


def test_fields_are_set_by_name_and_by_path_and_to_none(tmp_path):
    settings = FEW | {
        "optimizer": "sgd",
        "cadence.log_every_updates": 1,
        "reference_images": None,
        "order": "generator_twice",
    }
    (run,) = play(tmp_path, only="orig_5e-4", seeds=[0], settings=settings)
    assert run.configuration["optimizer"] == {"kind": "sgd"}
    assert run.configuration["order"] == "generator_twice"
    assert run.configuration["scoring"]["reference_images"] is None
    assert [log.update for log in run.logs] == [1, 2, 3]


def test_an_experiment_of_ones_own_is_run(tmp_path):
    mine = replace(experiment("demo").only("orig_5e-4"), name="mine", seeds=(4,))
    (run,) = play(tmp_path, mine)
    assert (run.experiment, run.seed) == ("mine", 4)
    assert run.directory == tmp_path / "mine/orig_5e-4/seed-4"


def test_nothing_published_stands_beside_a_run_on_other_data(tmp_path):
    paper = experiment("dcgan_cifar10").only("orig_1e-4")
    (config,) = paper.settings.values()
    assert published_of(paper, "orig_1e-4", config).best["fid"].value > 0
    settings = FEW | {"data": "digits", "image_size": 16}
    (run,) = play(tmp_path, paper, seeds=[0], settings=settings)
    assert run.description.published.best == {}


def test_listeners_and_reports_hear_of_every_run(tmp_path):
    heard, reports = [], list[Progress]()
    list(play(tmp_path, seeds=[0], listeners=[heard.append], report=reports.append))
    assert sum(isinstance(event, Started) for event in heard) == 2
    assert [(progress.update, progress.outcome) for progress in reports] == [(3, "finished")] * 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_after_an_interruption_its_record_comes_and_no_further_run(tmp_path, number):
    def stop(event):
        if isinstance(event, Log):
            signal.raise_signal(number)

    settings = FEW | {"updates": 9, "log_every_updates": 4}
    runs = play(tmp_path, seeds=[0, 1], settings=settings, listeners=[stop])
    record = next(runs)
    assert (record.label, record.outcome, record.updates) == (LABELS[0], "interrupted", 4)
    with pytest.raises(KeyboardInterrupt, match="was interrupted; the same call continues it"):
        next(runs)
    assert len(ttur.read_runs(tmp_path)) == 1
    finished = list(play(tmp_path, seeds=[0, 1], settings=settings))
    assert [run.outcome for run in finished] == ["finished"] * 4
    (whole,) = play(tmp_path / "whole", seeds=[0], only=LABELS[0], settings=settings)
    assert whole.weights_sha256 == finished[0].weights_sha256


def test_a_trained_generator_draws_what_its_run_drew(tmp_path):
    (run,) = play(tmp_path, seeds=[0], only="orig_5e-4")
    generator = ttur.load_generator(run.directory, device="cpu")
    samples = generator.samples(5, seed=1)
    assert [(s.dtype.name, s.shape) for s in samples] == [("uint8", (16, 16, 3))] * 5
    fewer = ttur.load_generator(str(run.directory)).samples(2, seed=1)
    assert all((a == b).all() for a, b in zip(fewer, samples, strict=False))
    assert any((a != b).any() for a, b in zip(generator.samples(5, seed=2), samples, strict=True))
    assert generator.origin == "checkpoint.pt, update 3"
    with pytest.raises(FileNotFoundError, match=r"has no best\.pt; it is written at the first"):
        ttur.load_generator(run.directory, best=True)
    with pytest.raises(FileNotFoundError, match=r"one run, got .*nowhere; it holds none"):
        ttur.load_generator(tmp_path / "nowhere")
    few = FEW | {"metric": "jsd", "evaluation_samples": 20, "fine_evaluation_samples": None}
    text = next(play(tmp_path, "language_demo", seeds=[0], settings=few))
    for best in (False, True):
        sentences = ttur.load_generator(text.directory, best=best).samples(3, seed=0)
        assert len(sentences) == 3
        assert all(isinstance(line, str) and len(line) <= 32 for line in sentences)


def test_networks_of_ones_own_are_no_trained_generator(tmp_path):
    ttur.train(
        torch.nn.Linear(3, 2), torch.nn.Linear(2, 1), torch.ones(32, 2), tmp_path / "own",
        rates=ttur.LearningRatePair(1e-3, 1e-3), updates=1, latents=3, batch_size=8, device="cpu",
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"call `ttur\.train` again as you did"):
        ttur.load_generator(tmp_path / "own")
