"""One list that every model passes, under every execution there is: `run` plays its game."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from configurations import BEGAN, CPU, WASSERSTEIN, configuration, game_of
from ttur.models import Model
from ttur.runtime import checkpoint
from ttur.timescales import LearningRatePair
from ttur.timescales.step_sizes import Halving
from ttur.training.assembling import parts_of, run
from ttur.training.config import TrainingConfig
from ttur.training.execution import Execution
from ttur.training.record import RunRecord, read_run
from ttur.training.sampling import load_generator, write_samples

UPDATES = 5
EXECUTIONS = [Execution(channels_last=True), Execution(channels_last=False)]
SHARED: dict[str, Any] = {
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
IMAGES: dict[str, Any] = {"image_size": 16, "width": 2, **SHARED}
CRITIC: dict[str, Any] = {
    "losses": WASSERSTEIN,
    "order": "generator_first",
    "n_critic": 2,
    "beta1": 0.0,
    "beta2": 0.9,
}
BALANCED: dict[str, Any] = {
    "losses": BEGAN,
    "order": "simultaneous",
    "beta1": 0.9,
    "rates": LearningRatePair(discriminator=Halving(1e-3, 3), generator=Halving(5e-4, 3)),
    "k_rate": 0.1,
}
FIXED_K: dict[str, Any] = BALANCED | {"k": 0.08, "k_rate": 0.0}
CONFIGURATIONS = {
    "dcgan": configuration(**IMAGES),
    "dcgan, sgd, generator twice": configuration(
        **IMAGES, optimizer="sgd", order="generator_twice"
    ),
    "wgan_gp_image, packs of four": configuration(
        "wgan_gp_image", **IMAGES | CRITIC, images_per_score=4
    ),
    "wgan_gp_language": configuration(
        "wgan_gp_language", "speeches", **SHARED | CRITIC, length=32, width=8
    ),
    "began": configuration("began", **IMAGES | BALANCED),
    "began, fixed k": configuration("began", **IMAGES | FIXED_K),
}
# All updates by the execution of the paper's runs, two by others: more would double the time.
NAMES = {True: ("channels last", UPDATES), False: ("plain", 2)}
ALL = [
    pytest.param(config.but(execution=execution, updates=updates), id=f"{name}, {word}")
    for name, config in CONFIGURATIONS.items()
    for execution in EXECUTIONS
    for word, updates in (NAMES[execution.channels_last],)
]


def test_every_model_is_in_the_list():
    union, _ = get_args(Model)
    listed = {type(config.model) for config in CONFIGURATIONS.values()}
    assert listed == set(get_args(union))


def test_every_execution_is_in_the_list():
    """There is one class so far, with one switch."""
    assert [execution.channels_last for execution in EXECUTIONS] == [True, False]
    assert list(Execution.__dataclass_fields__) == ["channels_last"]
    executions = TrainingConfig.__dataclass_fields__["execution"].type
    assert executions is Execution


@pytest.fixture(scope="module", params=ALL)
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


def play(config: TrainingConfig, directory: Path) -> RunRecord:
    return run(config, directory, experiment="none", label="none", device=CPU)


def looking_often(config: TrainingConfig) -> TrainingConfig:
    metric = "jsd" if config.model.medium == "sentences" else "fd_digits"
    return config.but(metric=metric, evaluate_every_updates=3, checkpoint_every_updates=2)


def probed_often(config: TrainingConfig) -> TrainingConfig:
    last = config.updates // 2 * 2
    return config.but(
        monitor_every_updates=2, tracking_gap_every_updates=last, tracking_gap_steps=2
    )


def saved_game(directory: Path) -> dict[str, Any]:
    loaded = checkpoint.load(directory)
    assert loaded is not None
    return loaded.state["game"]


def logs(directory: Path) -> list[tuple[int, int, dict[str, Any]]]:
    """Update, discriminator updates and values: without what the clock says."""
    return [(log.update, log.discriminator_updates, log.values) for log in read_run(directory).logs]


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
    for end in (1, 2, 4, UPDATES)[: config.updates]:
        play(config.but(updates=end), tmp_path)
    pieces = read_run(tmp_path)
    assert (whole.outcome, pieces.outcome) == ("finished", "finished")
    assert pieces.weights_sha256 == whole.weights_sha256
    assert pieces.discriminator_updates == whole.discriminator_updates
    assert whole.discriminator_updates == config.updates * config.n_critic
    assert logs(tmp_path) == logs(whole.directory)
    # Optimizers, k, the streams of data and noise, counters: all that decides how it goes on.
    assert same(saved_game(tmp_path), saved_game(whole.directory))


def test_how_often_one_looks_changes_no_weight(config, whole, tmp_path):
    looking = play(looking_often(config), tmp_path)
    assert len(whole.evaluations) == 0
    # The first update, a multiple, the last.
    evaluated = [1, 3, 5] if config.updates == UPDATES else [1, 2]
    assert [evaluation.update for evaluation in looking.evaluations] == evaluated
    assert looking.weights_sha256 == whole.weights_sha256
    assert logs(tmp_path) == logs(whole.directory)


def test_probes_do_not_change_the_run(config, whole, tmp_path):
    """Weights, losses, BEGAN's k: equal to the bit with the monitor and without."""
    probed = play(probed_often(config), tmp_path)
    assert [probe.update for probe in probed.probes] == [2, 4][: config.updates // 2]
    knows = config.losses.adversarial.kind != "began"
    assert ("tracking_gap" in probed.probes[-1].values) == knows
    assert probed.weights_sha256 == whole.weights_sha256
    assert logs(tmp_path) == logs(whole.directory)


def test_an_evaluation_leaves_the_game_as_it_is(config, tmp_path):
    config = looking_often(config)
    medium = config.medium.load(config.data.name, "train", None, config.model)
    game = game_of(config, medium)
    game.play()
    looking = parts_of(config, medium, CPU).evaluator(None, print)
    before = copy.deepcopy(game.state_dict())
    assert looking.score is not None
    assert looking.write_samples is not None
    first = looking.score(game.generator, 1, lambda: None)
    looking.write_samples(game.generator, tmp_path / "samples")
    assert looking.score(game.generator, 1, lambda: None) == first
    assert first.keys() == looking.lower_is_better.keys()
    assert all(np.isfinite(value) for value in first.values())
    assert same(game.state_dict(), before)
    assert game.generator.training
    assert all(p.requires_grad and p.grad is None for p in game.generator.parameters())


def test_a_phase_has_the_gradients_of_its_own_player_and_moves_nothing(config):
    game = game_of(config)
    game.play()
    latents = game.draw_latents()
    round = game.round(latents, game.generate(latents))
    assert round.real.shape == round.fake.shape
    before = copy.deepcopy(game.state_dict())
    phases = (
        (game.discriminator_phase(round), game.discriminator),
        (game.generator_phase(round), game.generator),
    )
    after = game.state_dict()
    for state in (before, after):
        del state["rng"]  # which a penalty draws from
        for balance in state["companions"].values():
            del balance["real_loss"], balance["fake_loss"]  # noted, to move by
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
    latents = game.draw_latents()
    round = game.round(latents, game.generate(latents))
    phases = game.discriminator_phase(round), game.generator_phase(round)
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
    if config.losses.adversarial.kind == "began":
        names |= {"k", "convergence"}
    noted = logs(whole.directory)
    assert [update for update, _, _ in noted] == list(range(1, config.updates + 1))
    for update, _, values in noted:
        # WGAN-GP's first iteration leaves the generator alone.
        skips = config.order == "generator_first" and update == 1
        expected = names - ({"generator_loss"} if skips else set())
        assert expected == values.keys()
        assert all(np.isfinite(values[name]) for name in expected)


def test_seeds_differ_and_the_same_seed_does_not(config, whole, tmp_path):
    repeated, other = (
        play(config.with_seed(seed), tmp_path / str(seed)) for seed in (config.seed, 0)
    )
    assert repeated.weights_sha256 == whole.weights_sha256 != other.weights_sha256


def test_samples_come_from_the_run(config, whole, tmp_path):
    """Any number of them, the first ones the same however many there are."""
    generator = load_generator(whole.directory, best=False, device=CPU)
    if config.model.medium == "sentences":
        drawn = [generator.samples(count, seed=5) for count in (1, 3)]
        assert drawn[0] == drawn[1][:1]
        return
    first = []
    for count in (1, 3):
        folder = tmp_path / str(count)
        write_samples(generator, count, seed=5, out=folder)
        files = sorted(folder.glob("*.png"))
        assert len(files) == count
        first.append(files[0].read_bytes())
    assert first[0] == first[1]


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_executions_agree_on_the_first_losses(name):
    """Memory layout reorders sums and does nothing else: within 1e-5 in float32."""
    seen = []
    for execution in EXECUTIONS:
        game = game_of(CONFIGURATIONS[name].but(execution=execution))
        layouts = {
            parameter.is_contiguous(memory_format=torch.channels_last)
            for network in (game.generator, game.discriminator)
            for parameter in network.parameters()
            if parameter.ndim == 4 and min(parameter.shape[1], parameter[0, 0].numel()) > 1
        }
        assert layouts == {execution.channels_last}
        values = []
        for _ in range(2):
            game.play()
            values.append({name: float(value) for name, value in game.last_values.items()})
        seen.append(values)
    for mine, other in zip(*seen, strict=True):
        assert mine == pytest.approx(other, rel=1e-5)
