"""The same game on an accelerator. Skipped where there is none."""

import pytest
import torch

from ttur.data.published.digits import digits
from ttur.experiments.registry import experiment
from ttur.losses import Round
from ttur.perturbation.fields import Samples
from ttur.perturbation.monitor import PerturbationMonitor
from ttur.training.assembling import parts_of, run
from ttur.training.config import TrainingConfig
from ttur.training.game import TwoPlayerGame
from ttur.training.media import ImageMedium

pytestmark = pytest.mark.gpu
CUDA = torch.device("cuda")


def config(**changes) -> TrainingConfig:
    demo = next(iter(experiment("demo").settings.values()))
    return demo.but(width=4, metric="none", checkpoint_every_updates=10, **changes)


def game_on(device: torch.device) -> TwoPlayerGame:
    return parts_of(config(), ImageMedium(digits()), device).game()


def test_an_update_waits_for_nothing():
    """No value travels back to the host inside an update, an epoch's first batch aside."""
    game = game_on(CUDA)
    for _ in range(3):
        game.play()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(5):
            game.play()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_one_update_equals_the_cpus_in_float64():
    games = [game_on(device) for device in (torch.device("cpu"), CUDA)]
    real = games[0].next_real().double()
    latents = games[0].draw_latents().double()
    losses = []
    for game in games:
        game.generator.double()
        game.discriminator.double()
        drawn = latents.to(game.rng.device)
        fake = game.generate(drawn)
        phase = game.discriminator_phase(Round(real.to(game.rng.device), fake, latents=drawn))
        losses.append((phase.loss.cpu(), [g.cpu() for g in phase.gradients]))
    (loss, gradients), (theirs, their_gradients) = losses
    torch.testing.assert_close(loss, theirs, rtol=1e-10, atol=0)
    for mine, other in zip(gradients, their_gradients, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-8, atol=1e-12)


def test_a_run_in_two_pieces_has_the_updates_of_one(tmp_path):
    """Bit equality on a GPU is the backend's to give; that everything continues is ours."""
    _, record = (
        run(
            config(updates=updates),
            tmp_path / "run",
            experiment="demo",
            label="gpu",
            device=CUDA,
        )
        for updates in (15, 30)
    )
    assert (record.outcome, record.updates, record.discriminator_updates) == ("finished", 30, 30)


def test_a_probe_equals_the_cpus_in_float64():
    """On the same samples, after the same step of both players; and it leaves CUDA's generator."""
    probes = []
    for device in (torch.device("cpu"), CUDA):
        game = game_on(device)
        game.generator.double()
        game.discriminator.double()
        monitor = PerturbationMonitor(
            game.generator, game.discriminator, game.losses.discriminator, game.losses.generator
        )
        real = torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(0)).double()
        latents = torch.rand(8, 100, generator=torch.Generator().manual_seed(1)).double()
        state = torch.cuda.get_rng_state(CUDA)
        monitor.before_step()
        with torch.no_grad():
            for network in (game.generator, game.discriminator):
                for parameter in network.parameters():
                    parameter.mul_(1.01)
        samples = Samples(real.to(device), latents.to(device), seed=0)
        found = monitor.after_step(samples, lr_g=1e-3, lr_d=1e-3).to_json()
        probes.append({name: value for name, value in found.items() if value is not None})
        assert torch.equal(torch.cuda.get_rng_state(CUDA), state)
    assert probes[0] == pytest.approx(probes[1], rel=1e-6)
