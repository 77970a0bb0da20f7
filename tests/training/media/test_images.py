import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from ttur.data.demo import digits
from ttur.experiments.registry import experiment
from ttur.training.build import build_evaluator, build_game
from ttur.training.scoring import Scoring, evaluator, to_pixels, write_grid

CPU = torch.device("cpu")


def tiny_config(**changes):
    config = next(iter(experiment("demo").settings.values()))
    return replace(config, width=2, batch_size=8, evaluation_samples=100, **changes)


def scoring(**changes) -> Scoring:
    fields = {
        "sampler": lambda generator, fixed: generator,
        "latents": lambda count, noise: torch.rand(count, 5, generator=noise),
        "seed": 4,
        "samples": 70,
        "batch_size": 32,
        "device": CPU,
    }
    return Scoring(**(fields | changes))


def nothing() -> None:
    pass


def test_looking_leaves_the_game_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("TTUR_CACHE", str(tmp_path))
    config = tiny_config()
    game = build_game(config, digits(), CPU)
    game.play()
    looking = build_evaluator(config, digits(), CPU, None, print)
    before = copy.deepcopy(game.state_dict())
    assert looking.score is not None
    assert looking.write_samples is not None
    first = looking.score(game, nothing)
    looking.write_samples(game, tmp_path / "grid")
    assert (tmp_path / "grid.png").exists()
    assert looking.score(game, nothing) == first  # the same latents, whatever came before
    after = game.state_dict()
    assert torch.equal(before["noise"], after["noise"])
    assert before["real"] == after["real"]
    for name, value in before["generator"].items():
        assert torch.equal(value, after["generator"][name]), name
    assert game.generator.training


def test_samples_arrive_as_floats_neither_rounded_nor_clipped():
    """Spec A.6: (x + 1) · 127.5, here of a network that answers 1.1 and -0.123."""
    answer = torch.tensor([1.1, -0.123, 0.0])[None, :, None, None]
    batches = scoring().pixels(lambda z: answer.expand(len(z), 3, 2, 2), nothing)
    pixels = torch.cat(list(batches))
    assert pixels.shape == (70, 3, 2, 2)
    assert pixels[-1, :, 0, 0].tolist() == pytest.approx([267.75, 111.8175, 127.5])


def test_the_number_of_samples_is_exact_and_batches_do_not_change_the_latents():
    def flat(z):
        return z[:, :3, None, None].expand(-1, -1, 2, 2)

    drawn = [
        torch.cat(list(scoring(samples=60, batch_size=size).pixels(flat, nothing)))
        for size in (20, 60)
    ]
    assert drawn[0].shape[0] == 60
    assert torch.equal(drawn[0][:20], drawn[1][:20])


def test_inception_like_scores_say_that_higher_is_better(tmp_path, monkeypatch):
    monkeypatch.setenv("TTUR_CACHE", str(tmp_path))
    config = tiny_config(metric="is_digits")
    looking = build_evaluator(config, digits(), CPU, None, print)
    assert (looking.metric, looking.lower_is_better) == ("is_digits", False)
    assert looking.score is not None
    value = looking.score(build_game(config, digits(), CPU), nothing)["is_digits"]
    assert 1 <= value <= 10  # between one class for all and ten equally


def test_the_distance_of_the_real_images_to_themselves_is_nothing(tmp_path, monkeypatch):
    """The whole path, with a generator that answers the real images one after the other."""
    monkeypatch.setenv("TTUR_CACHE", str(tmp_path))
    data = digits()
    config = tiny_config()
    images = torch.from_numpy(data.images).movedim(-1, 1).float() / 127.5 - 1
    game = build_game(config, data, CPU)
    game.generator = torch.nn.Identity()
    drawing = scoring(
        latents=lambda count, noise: images[:count], samples=len(images), batch_size=len(images)
    )
    looking = evaluator("fd_digits", "tf1", drawing, data, None, print)
    assert looking.score is not None
    # Features of floats and of bytes agree to float32, and so does the distance, of order 10.
    assert abs(looking.score(game, nothing)["fd_digits"]) < 1e-4


def test_a_grid_reads_row_by_row(tmp_path):
    images = torch.linspace(-1, 1, 6)[:, None, None, None].expand(6, 3, 2, 2)
    write_grid(images, tmp_path / "grid.png")
    grid = np.asarray(Image.open(tmp_path / "grid.png"))
    assert grid.shape == (4, 6, 3)  # two rows of three
    assert grid[::2, ::2, 0].flatten().tolist() == to_pixels(images)[:, 0, 0, 0].tolist()


def test_files_get_rounded_and_clipped_pixels():
    values = torch.tensor([-1.5, -1.0, 0.001, 0.0, 1.0, 1.5])
    pixels = to_pixels(values[None, None, None, :].expand(1, 3, 1, 6))
    assert pixels[0, 0, :, 0].tolist() == [0, 0, 128, 128, 255, 255]


def test_the_configuration_decides_what_is_compared_with_what(tmp_path, monkeypatch):
    """30 random real images, as JPEG leaves them, and samples as JPEG leaves them (v3)."""
    monkeypatch.setenv("TTUR_CACHE", str(tmp_path))
    plain = tiny_config()
    of_v3 = replace(plain, reference_images=30, jpeg_round_trip=True)
    game = build_game(plain, digits(), CPU)
    said: list[str] = []
    values = []
    for config in (plain, of_v3, replace(of_v3, jpeg_round_trip=False)):
        made = build_evaluator(config, digits(), CPU, None, said.append)
        assert made.score is not None
        values.append(made.score(game, nothing)["fd_digits"])
    assert ["JPEG" in line for line in said] == [False, True, False]
    assert ["30 images" in line for line in said] == [False, True, True]
    assert len(set(values)) == 3
