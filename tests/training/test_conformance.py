"""One list that every model passes: `build_game` makes its game, `run` plays it."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from ttur.runtime import checkpoint
from ttur.runtime.run_directory import read_events
from ttur.timescales import LearningRatePair
from ttur.timescales.step_sizes import Halving
from ttur.training.build import build_evaluator, build_game, load_data, run
from ttur.training.config import Model, TrainingConfig
from ttur.training.game import TwoPlayerGame
from ttur.training.record import RunRecord
from ttur.training.sampling import draw_sentences, load_generator, write_samples

CPU = torch.device("cpu")
UPDATES = 5
SHARED: dict[str, Any] = {
    "rates": LearningRatePair(discriminator=1e-3, generator=5e-4),
    "updates": UPDATES,
    "seed": 3,
    "batch_size": 8,
    "latent_size": 7,
    "log_every_updates": 1,
    "evaluate_every_updates": 1000,
    "checkpoint_every_updates": 1000,
    "metric": "none",
    "evaluation_samples": 64,
    "evaluation_batch_size": 32,
}
IMAGES: dict[str, Any] = {"data": "digits", "image_size": 16, "width": 2, **SHARED}
WASSERSTEIN: dict[str, Any] = {
    "latent": "normal",
    "losses": "wasserstein_gradient_penalty",
    "order": "generator_first",
    "n_critic": 2,
    "adam_beta1": 0.0,
    "adam_beta2": 0.9,
}
BEGAN: dict[str, Any] = {
    "losses": "began",
    "order": "simultaneous",
    "adam_beta1": 0.9,
    "rates": LearningRatePair(discriminator=Halving(1e-3, 3), generator=Halving(5e-4, 3)),
    "began_k_rate": 0.1,
}
FIXED_K: dict[str, Any] = BEGAN | {"began_k": 0.08, "began_k_rate": 0.0}
CONFIGURATIONS = {
    "dcgan": TrainingConfig(**IMAGES),
    "dcgan, sgd, generator twice": TrainingConfig(
        **IMAGES, optimizer="sgd", order="generator_twice"
    ),
    "wgan_gp_image, packs of four": TrainingConfig(
        **IMAGES | WASSERSTEIN, model="wgan_gp_image", images_per_score=4
    ),
    "wgan_gp_language": TrainingConfig(
        **SHARED | WASSERSTEIN, data="speeches", model="wgan_gp_language", length=32, width=8
    ),
    "began": TrainingConfig(**IMAGES | BEGAN, model="began"),
    "began, fixed k": TrainingConfig(**IMAGES | FIXED_K, model="began"),
}


def test_every_model_is_in_the_list():
    listed = {config.model for config in CONFIGURATIONS.values()}
    assert listed == set(get_args(Model))


@pytest.fixture(scope="module", params=CONFIGURATIONS.values(), ids=list(CONFIGURATIONS))
def config(request) -> TrainingConfig:
    return request.param


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Bits depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def whole(config, tmp_path_factory) -> RunRecord:
    """The run of `config`, neither interrupted nor looked at."""
    return play(config, tmp_path_factory.mktemp("run") / "whole")


def game_of(config: TrainingConfig) -> TwoPlayerGame:
    return build_game(config, load_data(config, None), CPU)


def play(config: TrainingConfig, directory: Path) -> RunRecord:
    return run(
        config, directory, experiment="none", label="none", data_directory=Path(), device=CPU
    )


def looking_often(config: TrainingConfig) -> TrainingConfig:
    metric = "jsd" if config.is_text else "fd_digits"
    return replace(config, metric=metric, evaluate_every_updates=3, checkpoint_every_updates=2)


def probed_often(config: TrainingConfig) -> TrainingConfig:
    return replace(
        config, monitor_every_updates=2, tracking_gap_every_updates=4, tracking_gap_steps=2
    )


def saved_game(directory: Path) -> dict[str, Any]:
    loaded = checkpoint.load(directory)
    assert loaded is not None
    return loaded.state["game"]


def logs(directory: Path) -> list[dict[str, Any]]:
    """Without what the clock says."""
    return [
        {name: value for name, value in event.items() if "second" not in name and name != "time"}
        for event in read_events(directory)
        if event["event"] == "log"
    ]


def flattened(state: Any) -> list[Any]:
    """The leaves of a state, tensors as arrays, in order.

    Without Python's generator, from which the run-time type checks of tests draw.
    """
    if isinstance(state, dict):
        keys = sorted(state.keys() - {"python_noise"}, key=str)
        return [leaf for key in keys for leaf in (key, *flattened(state[key]))]
    if isinstance(state, list | tuple):
        return [leaf for item in state for leaf in flattened(item)]
    return [state.detach().numpy() if isinstance(state, torch.Tensor) else state]


def same(one: Any, other: Any) -> bool:
    return all(
        np.array_equal(mine, theirs)
        for mine, theirs in zip(flattened(one), flattened(other), strict=True)
    )


def test_interruptions_give_the_uninterrupted_run(config, whole, tmp_path):
    for end in (1, 2, 4, UPDATES):
        pieces = play(replace(config, updates=end), tmp_path)
    assert (whole.outcome, pieces.outcome) == ("finished", "finished")
    assert pieces.weights_sha256 == whole.weights_sha256
    assert pieces.discriminator_updates == whole.discriminator_updates == UPDATES * config.n_critic
    assert logs(tmp_path) == logs(whole.directory)
    # Optimizers, k, the streams of data and noise, counters: all that decides how it goes on.
    assert same(saved_game(tmp_path), saved_game(whole.directory))


def test_how_often_one_looks_changes_no_weight(config, whole, tmp_path):
    looking = play(looking_often(config), tmp_path)
    assert len(whole.evaluations) == 0
    assert len(looking.evaluations) == 3  # the first update, a multiple, the last
    assert looking.weights_sha256 == whole.weights_sha256
    assert logs(tmp_path) == logs(whole.directory)


def test_probes_do_not_change_the_run(config, whole, tmp_path):
    """Weights, losses, BEGAN's k: equal to the bit with the monitor and without."""
    probed = play(probed_often(config), tmp_path)
    assert [probe["update"] for probe in probed.probes] == [2, 4]
    assert ("tracking_gap" in probed.probes[1]) == (config.losses != "began")
    assert probed.weights_sha256 == whole.weights_sha256
    assert logs(tmp_path) == logs(whole.directory)


def test_an_evaluation_leaves_the_game_as_it_is(config, tmp_path):
    config = looking_often(config)
    game = game_of(config)
    game.play()
    looking = build_evaluator(config, load_data(config, None), CPU, None, print)
    before = copy.deepcopy(game.state_dict())
    assert looking.score is not None
    assert looking.write_samples is not None
    first = looking.score(game, lambda: None)
    looking.write_samples(game, tmp_path / "samples")
    assert looking.score(game, lambda: None) == first
    assert all(np.isfinite(value) for value in first.values())
    assert same(game.state_dict(), before)
    assert game.generator.training
    assert all(p.requires_grad and p.grad is None for p in game.generator.parameters())


def test_a_phase_has_the_gradients_of_its_own_player_and_moves_nothing(config):
    game = game_of(config)
    game.play()
    fake, real = game.generate(game.draw_latents()), game.next_real()
    before = copy.deepcopy(game.state_dict())
    phases = (
        (game.discriminator_phase(real, fake.detach()), game.discriminator),
        (game.generator_phase(fake), game.generator),
    )
    after = game.state_dict()
    del before["noise"], after["noise"]  # which a penalty draws from
    assert same(after, before)
    for phase, network in phases:
        assert phase.loss.shape == ()
        assert not phase.loss.requires_grad
        assert [g.shape for g in phase.gradients] == [p.shape for p in network.parameters()]
        assert sum(int(g.abs().max() > 0) for g in phase.gradients) > len(phase.gradients) / 2
        assert all(parameter.grad is None for parameter in network.parameters())


def test_a_move_moves_its_own_player_only(config):
    game = game_of(config)
    game.play()
    fake = game.generate(game.draw_latents())
    phases = game.discriminator_phase(game.next_real(), fake.detach()), game.generator_phase(fake)
    for phase, move, moved, still in (
        (phases[0], game.move_discriminator, game.discriminator, game.generator),
        (phases[1], game.move_generator, game.generator, game.discriminator),
    ):
        before = copy.deepcopy((moved.state_dict(), still.state_dict()))
        move(phase)
        assert same(still.state_dict(), before[1])
        assert not same(moved.state_dict(), before[0])


def test_losses_are_finite_and_noted(config, whole):
    names = {"discriminator_loss", "generator_loss"}
    if config.losses == "began":
        names |= {"k", "convergence"}
    noted = logs(whole.directory)
    assert [event["update"] for event in noted] == list(range(1, UPDATES + 1))
    for event in noted:
        # WGAN-GP's first iteration leaves the generator alone.
        skips = config.order == "generator_first" and event["update"] == 1
        expected = names - ({"generator_loss"} if skips else set())
        assert expected <= event.keys()
        assert all(np.isfinite(event[name]) for name in expected)


def test_seeds_differ_and_the_same_seed_does_not(config, whole, tmp_path):
    repeated, other = (
        play(replace(config, seed=seed), tmp_path / str(seed)) for seed in (config.seed, 0)
    )
    assert repeated.weights_sha256 == whole.weights_sha256 != other.weights_sha256


def test_samples_come_from_the_run(config, whole, tmp_path):
    """Any number of them, the first ones the same however many there are."""
    generator = load_generator(whole.directory, best=False, device=CPU)
    if config.is_text:
        drawn = [draw_sentences(generator, count, seed=5) for count in (1, 3)]
        assert drawn[0] == drawn[1][:1]
        return
    first = []
    for count in (1, 3):
        folder = tmp_path / str(count)
        write_samples(generator, count, seed=5, folder=folder, grid=None)
        files = sorted(folder.glob("*.png"))
        assert len(files) == count
        first.append(files[0].read_bytes())
    assert first[0] == first[1]
