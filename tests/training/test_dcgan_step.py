"""Three updates of the DCGAN as a configuration makes it, against the literal training step."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from configurations import configuration, game_of
from reference import dcgan as reference
from ttur.timescales import LearningRatePair
from ttur.timescales.orders import Phase, simultaneous
from ttur.training.game import TwoPlayerGame
from ttur.training.media import ImageMedium

B, A = 2e-3, 5e-3
UPDATES = 3


@pytest.fixture(autouse=True)
def _everything_in_float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def dcgan_game(**fields: str) -> TwoPlayerGame:
    """A small DCGAN on noise, every other choice the default; two epochs of two batches."""
    pixels = np.random.default_rng(0).integers(0, 256, (16, 32, 32, 3), dtype=np.uint8)
    rates = {"discriminator": B, "generator": A}
    config = configuration(
        image_size=32, width=3, rates=rates, updates=UPDATES, batch_size=8, **fields
    )
    return game_of(config, ImageMedium.of_array(pixels))


class Recorder:
    """Notes what passes through a game: real batches (made float64), latents, phases."""

    def __init__(self, game: TwoPlayerGame) -> None:
        self.real: list[Tensor] = []
        self.latents: list[Tensor] = []
        self.discriminator_phases: list[Phase] = []
        self.generator_phases: list[Phase] = []
        draw_real, draw_latents = game.next_real, game.draw_latents
        move_discriminator, move_generator = game.move_discriminator, game.move_generator

        def next_real() -> Tensor:
            self.real.append(draw_real().double())
            return self.real[-1]

        def latents() -> Tensor:
            self.latents.append(draw_latents())
            return self.latents[-1]

        def discriminator(phase: Phase) -> None:
            self.discriminator_phases.append(phase)
            move_discriminator(phase)

        def generator(phase: Phase) -> None:
            self.generator_phases.append(phase)
            move_generator(phase)

        game.next_real, game.draw_latents = next_real, latents
        game.move_discriminator, game.move_generator = discriminator, generator


def parameters(network: nn.Module) -> reference.Tensors:
    return {name: parameter.detach().clone() for name, parameter in network.named_parameters()}


def moving_averages(network: nn.Module) -> reference.Tensors:
    return {name: buffer.clone() for name, buffer in network.named_buffers()}


def largest_difference(ours: reference.Tensors, theirs: reference.Tensors) -> float:
    assert ours.keys() == theirs.keys()
    return max((ours[name] - theirs[name]).abs().max().item() for name in ours)


def played(game: TwoPlayerGame) -> Iterator[tuple[float, float, float]]:
    """Per update: the largest difference in losses and gradients, parameters, averages."""
    recorder = Recorder(game)
    state = reference.State.initial(
        parameters(game.generator), parameters(game.discriminator), moving_averages(game.generator)
    )
    for _ in range(UPDATES):
        game.play()
        state, readings = reference.training_step(
            state, recorder.real[-1], recorder.latents[-1], B, A
        )
        phases = recorder.discriminator_phases[-1], recorder.generator_phases[-1]
        gradients = [
            dict(zip(dict(network.named_parameters()), phase.gradients, strict=True))
            for network, phase in zip((game.discriminator, game.generator), phases, strict=True)
        ]
        yield (
            max(
                abs(phases[0].loss.item() - readings.discriminator_loss),
                abs(phases[1].loss.item() - readings.generator_loss),
                largest_difference(gradients[0], readings.discriminator_gradients),
                largest_difference(gradients[1], readings.generator_gradients),
            ),
            max(
                largest_difference(parameters(game.discriminator), state.discriminator),
                largest_difference(parameters(game.generator), state.generator),
            ),
            largest_difference(moving_averages(game.generator), state.moving),
        )


def test_three_updates_equal_the_transcription():
    game = dcgan_game()
    before = parameters(game.generator) | {
        f"d.{name}": p for name, p in parameters(game.discriminator).items()
    }
    for gradients, weights, averages in played(game):
        # The gradient of a bias in front of a normalisation is zero but for rounding, 1e-16, and
        # Adam divides it by epsilon = 1e-8: the weights may differ by 1e-16 / 1e-8 · the rate.
        assert gradients < 1e-10
        assert weights < 1e-9
        assert averages < 1e-10
    after = parameters(game.generator) | {
        f"d.{name}": p for name, p in parameters(game.discriminator).items()
    }
    moves = {name: (after[name] - before[name]).abs().max().item() for name in after}
    assert sum(move > 1e-3 for move in moves.values()) >= 20  # of 32: all but the idle biases
    assert game.update == game.discriminator_updates == UPDATES


def test_each_departure_from_the_paper_would_show():
    """What the tolerances above can see: one update of each departure is off by 7e-3 or more."""

    def no_settling(game: TwoPlayerGame) -> None:
        game.settle_moving_averages = False

    def swapped_rates(game: TwoPlayerGame) -> None:
        game.rates = LearningRatePair(discriminator=A, generator=B)

    def stale_discriminator(game: TwoPlayerGame) -> None:
        game.order = simultaneous

    for depart, column in (
        (no_settling, 2),
        (swapped_rates, 1),
        (stale_discriminator, 0),
    ):
        game = dcgan_game()
        depart(game)
        assert next(played(game))[column] > 1e-3, depart.__name__
    assert next(played(dcgan_game(form="torch")))[1] > 1e-3
