"""The public way: any two networks, any two losses."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import ttur
from ttur.data.demo import digits
from ttur.losses import Losses, wasserstein_gradient_penalty
from ttur.runtime.run_directory import read_events
from ttur.timescales import Halving, LearningRatePair
from ttur.timescales.optimizers import TorchOptimizer
from ttur.timescales.orders import generator_first

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
        ({"latents": lambda count, noise: torch.rand(count, 3, generator=noise)}, "latents"),
        ({"order": generator_first}, "order"),
        ({"rates": LearningRatePair(discriminator=1e-3, generator=1e-3)}, "rates"),
    ],
)
def test_another_game_in_the_folder_is_refused(tmp_path, change, field):
    play(tmp_path)
    with pytest.raises(ValueError, match=f"{field} was"):
        play(tmp_path, updates=60, **change)


def test_the_weight_of_the_penalty_is_part_of_the_game(tmp_path):
    play(tmp_path, losses=wasserstein_gradient_penalty(10.0))
    with pytest.raises(ValueError, match="losses was"):
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
    ["updates", "log_every_updates", "checkpoint_every_updates", "monitor_every_updates"],
)
@pytest.mark.parametrize("value", [0, -1])
def test_counts_below_one_are_refused(tmp_path, field, value):
    with pytest.raises(ValueError, match=f"{field} must be at least 1, got {value}"):
        play(tmp_path, **{field: value})


def test_a_negative_seed_is_refused(tmp_path):
    with pytest.raises(ValueError, match="seed should be at least 0, got -1"):
        play(tmp_path, seed=-1)


def test_bytes_that_are_no_images_are_refused(tmp_path):
    grey = torch.zeros(100, 28, 28, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"uint8 data must be images .* got \(100, 28, 28\)"):
        ttur.train(*networks(), grey, tmp_path, rates=RATES, updates=5, latents=3, device="cpu")


def test_a_concluded_run_is_read_back_untouched(tmp_path):
    first = play(tmp_path)
    events = read_events(tmp_path)
    assert play(tmp_path) == first
    assert read_events(tmp_path) == events


def test_any_losses_any_order_any_torch_optimizer(tmp_path):
    generator, critic = networks()
    record = ttur.train(
        generator,
        critic,
        ring(),
        tmp_path,
        rates=LearningRatePair(discriminator=Halving(1e-2, 5), generator=1e-3),
        updates=12,
        latents=lambda count, noise: torch.rand(count, 3, generator=noise),
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
            discriminator=lambda d, real, fake, noise: d.weight.sum(),
            generator=lambda d, fake: generator.weight.sum(),
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
    assert [e["update"] for e in record.evaluations] == [1, 2, 4]
    assert record.final is not None
    assert record.final["metric"] == "fd_digits"
    assert len(list((tmp_path / "samples").glob("*.png"))) == 3


def test_floats_cannot_be_scored_by_an_image_metric(tmp_path):
    with pytest.raises(ValueError, match=r"fd_digits needs uint8 images"):
        play(tmp_path, metric="fd_digits")


def test_the_example_of_the_readme_runs_and_is_short(tmp_path, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.S)
    (example,) = [block for block in blocks if "ttur.train(" in block]
    assert len([line for line in example.splitlines() if line.strip()]) <= 25
    monkeypatch.chdir(tmp_path)
    short = re.sub(r"updates=[\d_]+", "updates=3", example)
    assert short != example
    exec(compile(ast.parse(short), "README.md", "exec"), {})  # our own file, not input
    assert list(tmp_path.rglob("checkpoint.pt"))
