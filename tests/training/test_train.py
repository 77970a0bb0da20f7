"""The public way: any two networks, any two losses."""

import ast
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import ttur
from ttur.data.published.digits import digits
from ttur.losses import Losses, non_saturating, wasserstein_gradient_penalty
from ttur.runtime.run_directory import read_lines
from ttur.timescales import Halving, LearningRatePair
from ttur.timescales.optimizers import TorchOptimizer
from ttur.timescales.orders import generator_first
from ttur.training.events import Ended, Log, Saved
from ttur.training.progress import Progress

README = Path(__file__).parents[2] / "README.md"
RATES = LearningRatePair(discriminator=1e-3, generator=5e-3)


def networks(seed: int = 0) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(seed)
    generator = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    discriminator = nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
    return generator, discriminator


def ring(count: int = 400) -> torch.Tensor:
    angles = torch.linspace(0, 6.28, count)
    return torch.stack([angles.cos(), angles.sin()], 1)


def play(path: Path, seed: int = 0, **fields):
    words = {"rates": RATES, "updates": 30, "latents": 3, "batch_size": 16, "device": "cpu"}
    return ttur.train(*networks(), ring(), path, seed=seed, **(words | fields))


def test_two_networks_on_points_train_and_finish(tmp_path):
    generator, discriminator = networks()
    before = [p.detach().clone() for p in (*generator.parameters(), *discriminator.parameters())]
    record = ttur.train(
        generator, discriminator, ring(), tmp_path, rates=RATES, updates=30, latents=3, device="cpu"
    )
    assert (record.outcome, record.updates) == ("finished", 30)
    after = (*generator.parameters(), *discriminator.parameters())
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_the_same_seed_gives_the_same_bits_and_another_does_not(tmp_path):
    one, same, other = (
        play(tmp_path / name, seed).weights_sha256 for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert one == same != other


def test_more_updates_continue_to_the_uninterrupted_weights(tmp_path):
    whole = play(tmp_path / "whole")
    play(tmp_path / "cut", updates=11)
    assert play(tmp_path / "cut").weights_sha256 == whole.weights_sha256


class Stateful(nn.Sequential):
    """Draws from numpy too; a module may save what is no tensor."""

    def forward(self, input):
        return super().forward(input) * (1 + 0.1 * np.random.normal())  # noqa: NPY002

    def get_extra_state(self) -> int:
        return 7

    def set_extra_state(self, state: int) -> None:
        assert state == 7


def test_networks_that_draw_continue_to_the_uninterrupted_weights(tmp_path):
    """Dropout draws from torch's own generator."""

    def piece(name: str, updates: int):
        torch.manual_seed(0)
        generator, _ = networks()
        discriminator = Stateful(nn.Linear(2, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        return ttur.train(
            generator, discriminator, ring(), tmp_path / name, rates=RATES, updates=updates,
            latents=3, batch_size=16, device="cpu",
        ).weights_sha256  # fmt: skip

    whole = piece("whole", 30)
    piece("cut", 11)
    assert piece("cut", 30) == whole


def test_another_configuration_in_the_folder_is_refused_by_field(tmp_path):
    play(tmp_path)
    with pytest.raises(ValueError, match="batch_size was 16, is 20"):
        play(tmp_path, batch_size=20)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"losses": wasserstein_gradient_penalty(1.0)}, "losses"),
        ({"latents": lambda count, rng: torch.rand(count, 3, generator=rng)}, "latents"),
        ({"order": generator_first}, "order"),
        ({"rates": LearningRatePair(discriminator=1e-3, generator=1e-3)}, "rates"),
    ],
)
def test_another_game_in_the_folder_is_refused(tmp_path, change, field):
    play(tmp_path)
    with pytest.raises(ValueError, match=rf"[:;] {field}(\.[\w.]+)? was"):
        play(tmp_path, updates=60, **change)


def test_the_weight_of_the_penalty_is_part_of_the_game(tmp_path):
    play(tmp_path, losses=wasserstein_gradient_penalty(10.0))
    with pytest.raises(ValueError, match=r"weight was 10\.0, is 1000\.0"):
        play(tmp_path, updates=60, losses=wasserstein_gradient_penalty(1000.0))


def test_frozen_and_unused_parameters_stay_as_they_are(tmp_path):
    discriminator = networks()[1]
    discriminator.unused = nn.Parameter(torch.ones(2))
    frozen = nn.Linear(3, 8).requires_grad_(False)
    generator = nn.Sequential(frozen, nn.ReLU(), nn.Linear(8, 2))
    before = frozen.weight.clone()
    record = ttur.train(
        generator, discriminator, ring(), tmp_path, rates=RATES, updates=5, latents=3, device="cpu"
    )
    assert record.outcome == "finished"
    assert torch.equal(frozen.weight, before)
    assert torch.equal(discriminator.unused, torch.ones(2))


def test_an_optimizer_of_the_other_network_is_refused(tmp_path):
    generator, discriminator = networks()
    wrong = TorchOptimizer(torch.optim.SGD(generator.parameters(), lr=1.0))
    with pytest.raises(ValueError, match="discriminator_optimizer must hold"):
        ttur.train(
            generator,
            discriminator,
            ring(),
            tmp_path,
            rates=RATES,
            updates=5,
            latents=3,
            discriminator_optimizer=wrong,
            device="cpu",
        )


@pytest.mark.parametrize(
    "field",
    [
        "updates",
        "log_every_updates",
        "checkpoint_every_updates",
        "monitor_every_updates",
        "latents",
    ],
)
@pytest.mark.parametrize("value", [0, -1])
def test_counts_below_one_are_refused(tmp_path, field, value):
    with pytest.raises(ValueError, match=rf"(?s){field}.*expected at least 1, got {value}"):
        play(tmp_path, **{field: value})
    assert not list(tmp_path.iterdir())


def test_a_negative_seed_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`seed`: expected at least 0, got -1"):
        play(tmp_path, seed=-1)


def test_bytes_that_are_no_images_are_refused(tmp_path):
    grey = torch.zeros(100, 28, 28, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"uint8 data must be images .* got \(100, 28, 28\)"):
        ttur.train(*networks(), grey, tmp_path, rates=RATES, updates=5, latents=3, device="cpu")


def test_a_concluded_run_is_read_back_untouched(tmp_path):
    first = play(tmp_path)
    events = read_lines(tmp_path)
    assert play(tmp_path) == first
    assert read_lines(tmp_path) == events


def test_any_losses_any_order_any_torch_optimizer(tmp_path):
    generator, critic = networks()
    record = ttur.train(
        generator,
        critic,
        ring(),
        tmp_path,
        rates=LearningRatePair(discriminator=Halving(1e-2, 5), generator=1e-3),
        updates=12,
        latents=lambda count, rng: torch.rand(count, 3, generator=rng),
        losses=wasserstein_gradient_penalty(),
        order=generator_first,
        n_critic=5,
        discriminator_optimizer=TorchOptimizer(
            torch.optim.SGD(critic.parameters(), lr=1.0, momentum=0.9)
        ),
        generator_optimizer=TorchOptimizer(torch.optim.RMSprop(generator.parameters(), lr=1.0)),
        device="cpu",
    )
    assert record.discriminator_updates == 60


def test_the_rates_are_applied_to_their_own_player(tmp_path):
    """SGD on losses with gradient 1: each parameter moves by exactly its rate."""
    generator, discriminator = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    start = generator.weight.item(), discriminator.weight.item()
    ttur.train(
        generator,
        discriminator,
        torch.randn(64, 1),
        tmp_path,
        rates=LearningRatePair(discriminator=Halving(0.25, 2), generator=0.5),
        updates=3,
        latents=1,
        losses=Losses(
            discriminator=lambda d, round: d.weight.sum(),
            generator=lambda d, round: generator.weight.sum(),
        ),
        discriminator_optimizer=TorchOptimizer(torch.optim.SGD(discriminator.parameters(), lr=1.0)),
        generator_optimizer=TorchOptimizer(torch.optim.SGD(generator.parameters(), lr=1.0)),
        device="cpu",
    )
    assert generator.weight.item() == pytest.approx(start[0] - 3 * 0.5, abs=1e-6)
    assert discriminator.weight.item() == pytest.approx(start[1] - 0.25 - 0.25 - 0.125, abs=1e-6)


def test_images_are_scored_while_training(tmp_path):
    generator = nn.Sequential(nn.Linear(4, 3 * 16 * 16), nn.Tanh(), nn.Unflatten(1, (3, 16, 16)))
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 1))
    record = ttur.train(
        generator,
        discriminator,
        digits().images[:100],
        tmp_path,
        rates=RATES,
        updates=4,
        latents=4,
        metric="fd_digits",
        evaluation_samples=80,
        evaluate_every_updates=2,
        device="cpu",
    )
    assert [evaluation.update for evaluation in record.evaluations] == [1, 2, 4]
    assert record.final is not None
    assert record.final.metric == "fd_digits"
    assert len(list((tmp_path / "samples").glob("*.png"))) == 3


def test_floats_cannot_be_scored_by_an_image_metric(tmp_path):
    with pytest.raises(ValueError, match=r"fd_digits needs uint8 images"):
        play(tmp_path, metric="fd_digits")


def test_an_optimizer_of_torch_is_taken_as_it_is(tmp_path):
    def piece(name: str, wrap, updates: int = 12):
        generator, discriminator = networks()
        return ttur.train(
            generator, discriminator, ring(), tmp_path / name, rates=RATES, updates=updates,
            latents=3, batch_size=16, device="cpu",
            generator_optimizer=wrap(torch.optim.RMSprop(generator.parameters(), lr=1.0)),
            discriminator_optimizer=wrap(torch.optim.AdamW(discriminator.parameters(), lr=1.0)),
        ).weights_sha256  # fmt: skip

    whole = piece("raw", lambda optimizer: optimizer)
    assert whole == piece("wrapped", TorchOptimizer)
    piece("cut", lambda optimizer: optimizer, 5)
    assert piece("cut", lambda optimizer: optimizer) == whole


def test_what_is_no_optimizer_is_refused(tmp_path):
    """In a process of its own: here the types of arguments are checked by somebody else."""
    folder = str(tmp_path)
    program = f"""
import torch, ttur
for wrong in (1e-3, "adam", object(), torch.nn.Linear(2, 1)):
    try:
        ttur.train(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1), torch.zeros(64, 2), {folder!r},
            rates=ttur.LearningRatePair(1, 1), updates=1, latents=3, generator_optimizer=wrong)
    except ValueError as error:
        print(error)
"""
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    lines = out.stdout.splitlines()
    assert [line.rpartition(", got ")[2] for line in lines] == [
        *("a float", "a str", "an object", "a Linear"),
    ], out.stderr
    assert all("expected a `generator_optimizer` of torch.optim" in line for line in lines)
    assert not list(tmp_path.iterdir())


def test_several_metrics_are_measured_and_the_first_makes_the_best(tmp_path):
    pixels = digits().images[:100]
    generator = nn.Sequential(nn.Linear(4, 3 * 16 * 16), nn.Tanh(), nn.Unflatten(1, (3, 16, 16)))
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 1))
    record = ttur.train(
        generator, discriminator, pixels, tmp_path, rates=RATES, updates=4, latents=4,
        metric="is_digits,fd_digits", evaluation_samples=80, evaluate_every_updates=1,
        device="cpu",
    )  # fmt: skip
    assert record.best is not None
    values = [evaluation.values for evaluation in record.evaluations]
    assert [list(each) for each in values] == [["is_digits", "fd_digits"]] * 4
    assert record.best.value == max(each["is_digits"] for each in values)
    assert record.description.lower_is_better == {"is_digits": False, "fd_digits": True}


# What a folder protects, and from what.


def test_a_folder_in_which_nothing_was_trained_protects_nothing(tmp_path):
    generator, _ = networks()
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        ttur.train(
            generator, nn.Linear(7, 1), ring(), tmp_path, rates=RATES, updates=30, latents=3,
            batch_size=16, device="cpu",
        )  # fmt: skip
    assert list(tmp_path.iterdir())
    other = play(tmp_path.with_name("other"), batch_size=20)
    corrected = play(tmp_path, batch_size=20)
    assert corrected.outcome == "finished"
    assert corrected.configuration["batch_size"] == 20
    assert corrected.weights_sha256 == other.weights_sha256


def test_losses_that_fail_at_the_first_update_leave_the_folder_free(tmp_path):
    def vector(discriminator, round):
        return discriminator(round.fake)

    with pytest.raises(ValueError, match=r"expected a loss that is one number, got \(16, 1\)"):
        play(tmp_path, losses=Losses(vector, non_saturating))
    assert play(tmp_path).outcome == "finished"


def test_a_foreign_config_json_is_refused_only_where_something_was_trained(tmp_path):
    (tmp_path / "config.json").write_text('{"somebody": "else"}')
    assert play(tmp_path).outcome == "finished"
    (tmp_path / "config.json").write_text('{"somebody": "else"}')
    with pytest.raises(ValueError, match="not of a run of ttur"):
        play(tmp_path)


def moved(folder: Path) -> Path:
    return folder.rename(folder.with_name("moved"))


def deeper(folder: Path) -> Path:
    (folder.parent / "in" / "another").mkdir(parents=True)
    return folder.rename(folder.parent / "in" / "another" / "place")


def copied(folder: Path) -> Path:
    return Path(shutil.copytree(folder, folder.with_name("copied")))


@pytest.mark.parametrize("change", [moved, deeper, copied])
@pytest.mark.parametrize("experiment", [None, "mine"])
def test_a_folder_may_be_renamed_moved_and_copied(tmp_path, change, experiment):
    whole = play(tmp_path / "whole").weights_sha256
    play(tmp_path / "cut", updates=11, experiment=experiment)
    continued = play(change(tmp_path / "cut"), experiment=experiment)
    assert continued.weights_sha256 == whole
    assert continued.experiment == (experiment or "cut")


@pytest.mark.parametrize(
    "change",
    [
        {"evaluate_every_updates": 7},
        {"checkpoint_every_updates": 4},
        {"log_every_updates": 3},
        {"monitor_every_updates": 5},
    ],
)
def test_how_often_one_looks_may_change_in_a_folder(tmp_path, change):
    whole = play(tmp_path / "whole").weights_sha256
    play(tmp_path / "cut", updates=11)
    assert play(tmp_path / "cut", **change).weights_sha256 == whole


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
@pytest.mark.parametrize("before", ["none", "all", "a part"])
@pytest.mark.parametrize("after", ["none", "all", "a part"])
def test_compiled_networks_continue_those_that_are_not_and_the_other_way(tmp_path, before, after):
    def piece(folder: str, compiled: str, updates: int):
        torch.manual_seed(0)
        generator: Any = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.Linear(4, 2)))
        discriminator: Any = nn.Linear(2, 1)
        if compiled == "all":
            generator, discriminator = (
                torch.compile(network, backend="eager") for network in (generator, discriminator)
            )
        elif compiled == "a part":
            generator[1] = torch.compile(generator[1], backend="eager")
        return ttur.train(
            generator, discriminator, ring(), tmp_path / folder, rates=RATES, updates=updates,
            latents=3, batch_size=16, device="cpu",
        ).weights_sha256  # fmt: skip

    whole = piece("whole", "none", 6)
    piece("cut", before, 3)
    assert piece("cut", after, 6) == whole
    assert piece("cut", before, 6) == whole  # and gives its weights to any


# A run that has ended gives its weights to the networks of the call.


def test_a_concluded_run_gives_its_weights_to_the_networks(tmp_path):
    trained, critic = networks()
    words = {"rates": RATES, "updates": 30, "latents": 3, "batch_size": 16, "device": "cpu"}
    ttur.train(trained, critic, ring(), tmp_path, **words)
    generator, discriminator = networks()
    said: list[str] = []
    ttur.train(generator, discriminator, ring(), tmp_path, **words, say=said.append)
    for ours, theirs in ((generator, trained), (discriminator, critic)):
        for name, value in theirs.state_dict().items():
            assert torch.equal(value, ours.state_dict()[name])
    assert any("the networks have its weights of update 30" in line for line in said)


def test_a_run_that_diverged_gives_the_weights_it_saved_last_or_says_that_there_are_none(tmp_path):
    def explodes(discriminator, round):
        return discriminator(round.fake).mean() * (float("nan") if round.update > 20 else 1.0)

    for name, every, expected in (
        ("saved", 10, "its weights of update 20"),
        ("not", 500, "has no checkpoint: the networks stay as they are"),
    ):
        words = {"losses": Losses(explodes, non_saturating), "checkpoint_every_updates": every}
        assert play(tmp_path / name, **words).outcome == "diverged@21"
        said: list[str] = []
        play(tmp_path / name, **words, say=said.append)
        assert any(expected in line for line in said), said


# What cannot be data.


@pytest.mark.parametrize(
    ("data", "remedy"),
    [
        (DataLoader(TensorDataset(ring()), batch_size=16), "got a DataLoader; stack its data set"),
        (TensorDataset(ring()), "got a TensorDataset; stack its samples"),
        ("photos", "got a str; read it first"),
        (Path("photos"), "Path; read it first"),
        (None, "got None; give them as one array"),
        (torch.tensor(3.0), "got a Tensor; stack its samples"),
    ],
)
def test_data_is_one_array_and_what_else_is_refused_by_name(tmp_path, data, remedy):
    """Not by the length of a path or the number of batches."""
    with pytest.raises(ValueError, match="expected `data` to be an array") as refused:
        ttur.train(*networks(), data, tmp_path, rates=RATES, updates=3, latents=3)
    assert remedy in str(refused.value)
    assert not any(tmp_path.iterdir())


# Listeners and reports.


def test_listeners_hear_every_event_once_it_is_written(tmp_path):
    heard, lines = [], []

    def listen(event):
        heard.append(event)
        lines.append(read_lines(tmp_path)[-1])

    play(tmp_path, listeners=[listen], log_every_updates=10, checkpoint_every_updates=15)
    assert [line["event"] for line in lines] == [event.event for event in heard]
    assert [e.update for e in heard if isinstance(e, Log)] == [10, 20, 30]
    assert [e.update for e in heard if isinstance(e, Saved)] == [15, 30]
    assert isinstance(heard[-1], Ended)


def test_a_listener_that_fails_ends_no_run(tmp_path):
    heard, said = [], []

    def broken(event):
        heard.append(event)
        raise RuntimeError("no network")

    record = play(tmp_path / "a", listeners=[broken], say=said.append)
    assert (record.outcome, len(heard)) == ("finished", 1)
    assert any("no network" in line for line in said)
    assert record.weights_sha256 == play(tmp_path / "b").weights_sha256


def test_reports_come_after_the_evaluation_and_at_the_end(tmp_path):
    generator = nn.Sequential(nn.Linear(4, 3 * 16 * 16), nn.Tanh(), nn.Unflatten(1, (3, 16, 16)))
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 1))
    seen: list[Progress] = []
    record = ttur.train(
        generator, discriminator, digits().images[:100], tmp_path / "scored", rates=RATES,
        updates=5, latents=4, metric="fd_digits", evaluation_samples=80, evaluate_every_updates=2,
        log_every_updates=2, device="cpu", report=seen.append,
    )  # fmt: skip
    scores = {evaluation.update: evaluation.score for evaluation in record.evaluations}
    # Every report of an update that was scored knows its score: that of the log does too.
    assert [progress.update for progress in seen] == [1, 2, 2, 4, 4, 5, 5]
    assert all(progress.last == scores[progress.update] for progress in seen)
    assert (seen[-1].outcome, seen[-1].last, seen[-1].best) == (
        "finished",
        record.final,
        record.best,
    )
    assert all(progress.updates == 5 for progress in seen)
    seen.clear()
    play(tmp_path / "short", updates=3, report=seen.append)
    assert [(progress.update, progress.outcome) for progress in seen] == [(3, "finished")]


@pytest.mark.parametrize("updates", [30, 400])
def test_a_record_is_shown_in_a_line(tmp_path, updates):
    shown = repr(play(tmp_path, updates=updates, log_every_updates=1))
    assert shown == f"RunRecord({str(tmp_path)!r}, finished at {updates})"


# Looking changes nothing.


class Noisy(nn.Module):
    """Draws noise of its own where torch and numpy draw theirs."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, 3 * 16 * 16), nn.Tanh())

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        shift = np.random.normal()  # noqa: NPY002
        noise = torch.randn_like(latents)
        return self.inner(latents + 0.1 * (noise + shift)).unflatten(1, (3, 16, 16))


def noisy(path: Path, network: type[nn.Module] = Noisy, **fields):
    torch.manual_seed(0)
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 1))
    words: Any = {"updates": 8, "latents": 4, "batch_size": 16, "evaluation_samples": 80}
    words |= {"metric": "fd_digits", "evaluate_every_updates": 1000, "device": "cpu"}
    pixels = digits().images[:100]
    generator = network()
    return ttur.train(generator, discriminator, pixels, path, rates=RATES, **(words | fields))


@pytest.mark.parametrize(
    "looking",
    [
        {"evaluate_every_updates": 2},
        {"evaluate_every_updates": 3, "evaluation_samples": 100},
        {"metric": "none", "evaluate_every_updates": 1},
        {"monitor_every_updates": 2},
        {"checkpoint_every_updates": 1, "log_every_updates": 1},
    ],
)
@pytest.mark.parametrize("latents", [4, lambda count, rng: torch.randn(count, 4)])
def test_how_often_one_looks_never_moves_the_weights(tmp_path, looking, latents):
    """Though the generator draws from the global generators, and latents that ignore theirs."""
    plain = noisy(tmp_path / "plain", latents=latents)
    assert noisy(tmp_path / "watched", latents=latents, **looking).weights_sha256 == (
        plain.weights_sha256
    )


def test_pythons_own_generator_belongs_to_a_run_as_well(tmp_path):
    """In a process of its own: who checks types here draws from it."""
    folder = f"{tmp_path}/"
    program = f"""
import random, torch, ttur
class Drops(torch.nn.Linear):
    def forward(self, latents):
        return super().forward(latents) * (1 + 0.1 * random.gauss())
def play(name, updates=9, **words):
    torch.manual_seed(0)
    return ttur.train(Drops(3, 2), torch.nn.Linear(2, 1), torch.randn(64, 2), {folder!r} + name,
        rates=ttur.LearningRatePair(0.01, 0.01), updates=updates, latents=3, device="cpu", **words)
random.seed(1)
before = random.getstate()
whole = play("whole")
assert random.getstate() == before
random.seed(2)
play("cut", 4)
looks = dict(checkpoint_every_updates=1, monitor_every_updates=2, evaluate_every_updates=2)
for run in (play("cut"), play("watched", **looks)):
    assert run.weights_sha256 == whole.weights_sha256
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_an_interrupted_evaluation_continues_to_the_uninterrupted_weights(tmp_path):
    calls = []

    class Stops(Noisy):
        def forward(self, latents: torch.Tensor) -> torch.Tensor:
            if not self.training:
                calls.append(len(latents))
                if len(calls) == 5:  # the first of three batches and the grid after update 4
                    signal.raise_signal(signal.SIGINT)
            return super().forward(latents)

    words: Any = {"evaluate_every_updates": 4, "evaluation_samples": 1200}
    whole = noisy(tmp_path / "whole", **words)
    with pytest.raises(KeyboardInterrupt, match="interrupted at update 4 and is saved"):
        noisy(tmp_path / "cut", Stops, **words)
    assert calls == [*[500] * 3, 64, 500]
    continued = noisy(tmp_path / "cut", Stops, **words)
    assert continued.weights_sha256 == whole.weights_sha256
    assert continued.evaluations[-1].values == whole.evaluations[-1].values
    assert [e.update for e in continued.evaluations] == [1, 4, 8]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_is_raised_or_returned_once_the_run_is_saved(tmp_path, number):
    def stop(event):
        if isinstance(event, Log) and event.update == 10:
            signal.raise_signal(number)

    words = {"listeners": [stop], "log_every_updates": 5}
    with pytest.raises(KeyboardInterrupt, match="the same call continues it"):
        play(tmp_path / "raised", **words)
    record = play(tmp_path / "returned", **words, on_interrupt="return")
    assert (record.outcome, record.updates) == ("interrupted", 10)
    whole = play(tmp_path / "whole").weights_sha256
    for name in ("raised", "returned"):
        assert (tmp_path / name / "checkpoint.pt").exists()
        assert play(tmp_path / name).weights_sha256 == whole


def test_the_example_of_the_readme_runs_and_is_short(tmp_path, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.S)
    (example,) = [block for block in blocks if "ttur.train(" in block]
    assert len([line for line in example.splitlines() if line.strip()]) <= 25
    monkeypatch.chdir(tmp_path)
    short = re.sub(r"updates=[\d_]+", "updates=3", example)
    assert short != example
    exec(compile(ast.parse(short), "README.md", "exec"), {})  # our own file, not input
    assert list(tmp_path.rglob("checkpoint.pt"))
