import copy
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from configurations import CPU, configuration
from ttur.data.published.digits import digits
from ttur.runtime.randomness import stream
from ttur.training.assembling import parts_of
from ttur.training.config import TrainingConfig
from ttur.training.contracts import Evaluator
from ttur.training.drawing import Drawing
from ttur.training.media.images import (
    ImageMedium,
    ImageScoring,
    generated_pixels,
    to_pixels,
    write_grid,
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TTUR_CACHE", str(tmp_path))


def tiny_config(**changes) -> TrainingConfig:
    fields: Any = {"width": 2, "image_size": 16, "batch_size": 8, "evaluation_samples": 100}
    return configuration(**fields, metric="fd_digits").but(**changes)


def drawing(latents=None) -> Drawing:
    """Draws from the network itself."""

    def some(count: int, rng: torch.Generator) -> torch.Tensor:
        return torch.rand(count, 5, generator=rng)

    return Drawing(lambda generator, fixed: generator, latents or some, stream(4, "looks"), CPU)


def looking_of(config: TrainingConfig, say=print) -> Evaluator:
    return parts_of(config, ImageMedium(digits()), CPU).evaluator(None, say)


def nothing() -> None:
    pass


class Answer(torch.nn.Module):
    """A network that is a function of its latents."""

    def __init__(self, function):
        super().__init__()
        self.forward = function


def test_looking_leaves_the_game_as_it_is(tmp_path):
    parts = parts_of(tiny_config(), ImageMedium(digits()), CPU)
    game = parts.game()
    game.play()
    looking = parts.evaluator(None, print)
    before = copy.deepcopy(game.state_dict())
    assert looking.score is not None
    assert looking.write_samples is not None
    first = looking.score(game.generator, 1, nothing)
    looking.write_samples(game.generator, tmp_path / "grid")
    assert (tmp_path / "grid.png").exists()
    assert looking.score(game.generator, 2, nothing) == first  # the same latents, whatever before
    after = game.state_dict()
    assert torch.equal(before["rng"], after["rng"])
    assert before["real"] == after["real"]
    for name, value in before["generator"].items():
        assert torch.equal(value, after["generator"][name]), name
    assert game.generator.training


def test_samples_arrive_as_floats_neither_rounded_nor_clipped():
    """Spec A.6: (x + 1) · 127.5, here of a network that answers 1.1 and -0.123."""
    answer = torch.tensor([1.1, -0.123, 0.0])[None, :, None, None]
    network = Answer(lambda z: answer.expand(len(z), 3, 2, 2))
    scoring = ImageScoring(evaluation_samples=70, evaluation_batch_size=32)
    pixels = torch.cat(list(generated_pixels(scoring, drawing(), network, nothing)))
    assert pixels.shape == (70, 3, 2, 2)
    assert pixels[-1, :, 0, 0].tolist() == pytest.approx([267.75, 111.8175, 127.5])


def test_the_number_of_samples_is_exact_and_batches_do_not_change_the_latents():
    network = Answer(lambda z: z[:, :3, None, None].expand(-1, -1, 2, 2))
    drawn = []
    for size in (20, 60):
        scoring = ImageScoring(evaluation_samples=60, evaluation_batch_size=size)
        drawn.append(torch.cat(list(generated_pixels(scoring, drawing(), network, nothing))))
    assert drawn[0].shape[0] == 60
    assert torch.equal(drawn[0][:20], drawn[1][:20])


def test_every_batch_is_drawn_whole():
    """Where the statistics of a batch normalise its images, all are normalised alike (B.5)."""
    sizes = []
    network = Answer(lambda z: sizes.append(len(z)) or torch.zeros(len(z), 3, 2, 2))
    scoring = ImageScoring(evaluation_samples=70, evaluation_batch_size=32)
    assert len(torch.cat(list(generated_pixels(scoring, drawing(), network, nothing)))) == 70
    assert sizes == [32, 32, 32]


def test_inception_like_scores_say_that_higher_is_better():
    config = tiny_config(metric="is_digits")
    parts = parts_of(config, ImageMedium(digits()), CPU)
    looking = parts.evaluator(None, print)
    assert (looking.metric, looking.lower_is_better) == ("is_digits", {"is_digits": False})
    assert looking.score is not None
    value = looking.score(parts.generator, 1, nothing)["is_digits"]
    assert 1 <= value <= 10  # between one class for all and ten equally


def test_several_metrics_are_those_of_each_alone_and_the_first_decides():
    names = ("fd_digits", "is_digits", "modes_digits")
    together = looking_of(tiny_config(metric=",".join(names)))
    assert together.metric == "fd_digits"
    assert together.lower_is_better == {
        "fd_digits": True,
        "is_digits": False,
        "modes_digits": False,
    }
    generator = parts_of(tiny_config(), ImageMedium(digits()), CPU).generator
    assert together.score is not None
    values = together.score(generator, 1, nothing)
    for name in names:
        alone = looking_of(tiny_config(metric=name))
        assert alone.score is not None
        assert alone.metric == name
        assert alone.score(generator, 1, nothing) == {name: values[name]}
    assert looking_of(tiny_config(metric="is_digits,fd_digits")).metric == "is_digits"


def test_the_distance_of_the_real_images_to_themselves_is_nothing():
    """The whole path, with a generator that answers the real images one after the other."""
    data = digits()
    images = torch.from_numpy(data.images).movedim(-1, 1).float() / 127.5 - 1
    looking = ImageMedium(data).evaluator(
        ImageScoring(
            metric="fd_digits", evaluation_samples=len(images), evaluation_batch_size=len(images)
        ),
        drawing(lambda count, rng: images[:count]),
        every=1,
        last=1,
        weights=None,
        say=print,
    )
    assert looking.score is not None
    # Features of floats and of bytes agree to float32, and so does the distance, of order 10.
    assert abs(looking.score(torch.nn.Identity(), 1, nothing)["fd_digits"]) < 1e-4


def test_a_grid_reads_row_by_row_with_gaps_and_small_images_enlarged(tmp_path):
    """Two pixels become 128, every one a square of 64; gaps and margin are 8."""
    images = torch.linspace(-1, 1, 6)[:, None, None, None].expand(6, 3, 2, 2).clone()
    images[0, :, 0, 0] = 1
    write_grid(to_pixels(images), tmp_path / "grid.png")
    grid = np.asarray(Image.open(tmp_path / "grid.png"))[..., 0]
    assert grid.shape == (2 * 136 + 8, 3 * 136 + 8)  # two rows of three
    seen = grid[8 + 127 :: 136, 8 + 127 :: 136]
    assert seen.flatten().tolist() == to_pixels(images)[:, 1, 1, 0].tolist()
    assert (grid[8:72, 8:72] == 255).all()
    assert (grid[72:136, 8:72] == 0).all()
    assert (grid[136:144] == 255).all()
    assert (grid[:, 136:144] == 255).all()


def test_files_get_rounded_and_clipped_pixels():
    values = torch.tensor([-1.5, -1.0, 0.001, 0.0, 1.0, 1.5])
    pixels = to_pixels(values[None, None, None, :].expand(1, 3, 1, 6))
    assert pixels[0, 0, :, 0].tolist() == [0, 0, 128, 128, 255, 255]


def test_the_configuration_decides_what_is_compared_with_what():
    """30 random real images, as JPEG leaves them, and samples as JPEG leaves them (v3)."""
    plain = tiny_config()
    of_v3 = plain.but(reference_images=30, jpeg_round_trip=True)
    generator = parts_of(plain, ImageMedium(digits()), CPU).generator
    said: list[list[str]] = []
    values = []
    for config in (plain, of_v3, of_v3.but(jpeg_round_trip=False)):
        said.append([])
        made = looking_of(config, said[-1].append)
        assert made.score is not None
        values.append(made.score(generator, 1, nothing)["fd_digits"])
    assert ["JPEG" in "".join(lines) for lines in said] == [False, True, False]
    assert ["30 images" in "".join(lines) for lines in said] == [False, True, True]
    assert len(set(values)) == 3


def test_a_reference_larger_than_the_data_is_all_of_it_and_that_is_said():
    said: list[str] = []
    looking_of(tiny_config(reference_images=100_000), said.append)
    assert any("all 1,437 images of digits, not 100,000" in line for line in said)
