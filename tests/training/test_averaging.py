"""Averages of the generator's weights: closed forms, evaluations, files, resumes."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from configurations import CPU, configuration
from ttur import train
from ttur.runtime import checkpoint
from ttur.timescales import LearningRatePair
from ttur.training.assembling import check_folder, rehearse, run
from ttur.training.averaging import (
    EMA,
    AveragedGenerator,
    ConstantDecay,
    HalfLife,
    PowerAverage,
    beside_average,
)
from ttur.training.config import TrainingConfig
from ttur.training.contracts import Evaluator
from ttur.training.record import read_run
from ttur.training.sampling import load_generator


class Counting(nn.Linear):
    """A weight, and a buffer."""

    count: torch.Tensor

    def __init__(self) -> None:
        super().__init__(1, 1, bias=False)
        self.register_buffer("count", torch.tensor(0))


class Ramp:
    """A game whose generator has the weight 1, 2, 3, … after its updates."""

    def __init__(self) -> None:
        self.generator, self.update = Counting(), 0
        self.generator.weight.data.fill_(0)

    def play(self, average: AveragedGenerator, updates: int) -> float:
        for _ in range(updates):
            self.generator.weight.data.fill_(self.update + 1)
            self.generator.count += 1
            average.after_update(self)  # pyright: ignore[reportArgumentType]  of which it asks no more
            self.update += 1
        return float(average.network.state_dict()["weight"])


def test_a_constant_decay_on_a_ramp_is_its_closed_form():
    """Σ (1 - β) β^(n-k) k from 0 is n - β (1 - βⁿ)/(1 - β)."""
    game = Ramp()
    average = ConstantDecay(0.9).build(game.generator, 64)
    assert game.play(average, 30) == pytest.approx(30 - 0.9 * (1 - 0.9**30) / 0.1, rel=1e-5)
    assert average.network.count == 30  # buffers are copied
    assert not average.network.weight.requires_grad


def test_until_start_the_average_is_the_weights():
    game = Ramp()
    average = ConstantDecay(0.5, start=10).build(game.generator, 64)
    assert game.play(average, 10) == 10
    assert game.play(average, 1) == 10.5


def test_a_power_average_on_a_ramp_has_its_profile():
    """Weights (n/N)^γ on a ramp of n give the mean (γ + 1)/(γ + 2) N; σ is that of the profile."""
    described = PowerAverage(0.1)
    gamma, game = described.gamma, Ramp()
    made = game.play(described.build(game.generator, 64), 4000)
    assert made / 4000 == pytest.approx((gamma + 1) / (gamma + 2), rel=1e-3)
    variance = (gamma + 1) / (gamma + 3) - ((gamma + 1) / (gamma + 2)) ** 2
    assert np.sqrt(variance) == pytest.approx(0.1, rel=1e-9)


def test_a_half_life_is_one_in_images_and_ramps_up():
    decay = HalfLife(images=6400, ramp=0.05).decay(64)
    assert decay(1) == pytest.approx(0.5 ** (64 / 3.2))
    assert decay(1000) ** (3200 / 64) == pytest.approx(0.5)
    assert decay(10**6) ** 100 == pytest.approx(0.5)


def test_a_generator_that_cannot_be_copied_is_refused():
    class Own(nn.Linear):
        def __deepcopy__(self, memo):
            raise TypeError("no copies")

    with pytest.raises(ValueError, match=r"expected a generator that can be copied.*no copies"):
        HalfLife().build(Own(1, 1), 64)


def test_an_evaluation_looks_at_both_and_keeps_what_decides():
    generator = nn.Linear(1, 1, bias=False)
    shown = []
    plain = Evaluator(
        "size",
        lambda network, update, poll: {"size": float(network.state_dict()["weight"])},
        lambda network, path: shown.append(network),
        {"size": False},
    )
    both_ways: Any = (("ema", "size_ema"), ("raw", "size"))
    for decides, metric in both_ways:
        average: Any = ConstantDecay(0.9, decides=decides).build(generator, 1)
        average.network.weight.data.fill_(7)
        both: Any = beside_average(plain, average)
        assert both.metric == metric
        values = both.score(generator, 1, lambda: None)
        assert values == {"size": generator.weight.item(), "size_ema": 7}
        assert both.lower_is_better == {"size": False, "size_ema": False}
        chosen = average.network if decides == "ema" else generator
        assert both.kept(generator) is chosen
        both.write_samples(generator, Path("nowhere"))
        assert shown.pop() is chosen


SMALL = configuration(
    image_size=16,
    width=2,
    latent_size=5,
    batch_size=8,
    updates=6,
    metric="fd_digits",
    evaluation_samples=300,
    evaluation_batch_size=100,
    evaluate_every_updates=3,
    checkpoint_every_updates=2,
)


def game_at(directory: Path) -> dict[str, Any]:
    """The state of the game in a run's last checkpoint."""
    loaded = checkpoint.load(directory)
    assert loaded is not None
    return loaded.state["game"]


def test_a_run_scores_keeps_and_resumes_its_average(tmp_path: Path):
    config = replace(SMALL, ema=ConstantDecay(0.8))
    whole: Any = run(config, tmp_path / "whole", device=CPU)
    assert whole.best["metric"] == whole.final["metric"] == "fd_digits_ema"
    names = set(whole.evaluations[0].values)
    assert names == {"fd_digits", "fd_digits_ema"}
    run(config.but(updates=4), tmp_path / "parts", device=CPU)
    parts = run(config, tmp_path / "parts", device=CPU)
    assert parts.final == whole.final
    states = [game_at(tmp_path / each) for each in ("whole", "parts")]
    averages = [state["companions"]["ema"]["network"] for state in states]
    assert averages[0].keys() == averages[1].keys()
    assert all(torch.equal(averages[0][name], averages[1][name]) for name in averages[0])

    made, raw = (load_generator(tmp_path / "whole", raw=raw, device="cpu") for raw in (False, True))
    assert made.origin.endswith("average of the weights")
    for network, state in ((made.network, averages[0]), (raw.network, states[0]["generator"])):
        kept = network.state_dict()
        assert all(torch.equal(kept[name], state[name]) for name in kept)
    with pytest.raises(ValueError, match="ask for `best` or for `raw`"):
        load_generator(tmp_path / "whole", best=True, raw=True)


def test_a_rehearsal_knows_that_the_average_is_scored_too(tmp_path: Path):
    """Else a dry run would refuse the folder that the run itself goes on in."""
    config = replace(SMALL, ema=ConstantDecay(0.8)).but(updates=2)
    run(config, tmp_path, device=CPU)
    scored = rehearse(config, device=CPU)
    assert scored == {"fd_digits": True, "fd_digits_ema": True}
    longer = config.but(updates=4)
    check_folder(longer, tmp_path, scored, experiment=tmp_path.name, device=CPU)
    with pytest.raises(ValueError, match="was scored by fd_digits, fd_digits_ema"):
        check_folder(longer, tmp_path, {"fd_digits": True}, experiment=tmp_path.name, device=CPU)
    assert config.evaluations == {300: 2 * SMALL.but(updates=2).evaluations[300]}


def test_an_average_moves_no_weight(tmp_path: Path):
    runs: list[Any] = [
        run(replace(SMALL, ema=ema, updates=3), tmp_path / name, device=CPU)
        for name, ema in (("with", HalfLife(100)), ("without", None))
    ]
    digests = [read_run(each.directory).weights_sha256 for each in runs]
    assert digests[0] == digests[1]
    assert runs[0].final["value"] != runs[1].final["value"]


def test_any_networks_take_an_average(tmp_path: Path):
    generator, discriminator = nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
    first = copy.deepcopy(generator)
    record = train(
        generator,
        discriminator,
        torch.randn(64, 2),
        directory=tmp_path / "run",
        rates=LearningRatePair(1e-2, 1e-2),
        updates=3,
        latents=2,
        batch_size=8,
        metric="none",
        ema=ConstantDecay(0.5),
        device="cpu",
    )
    kept = game_at(record.directory)["companions"]["ema"]["network"]
    assert not torch.equal(kept["weight"], generator.weight)
    assert not torch.equal(kept["weight"], first.weight)


@pytest.mark.parametrize("ema", [None, ConstantDecay(0.99), HalfLife(500), PowerAverage(0.1, 7)])
def test_a_description_survives_json(ema: EMA | None):
    config = replace(SMALL, ema=ema)
    assert TrainingConfig.from_json(config.to_json()) == config


def test_a_configuration_stored_before_there_were_averages_is_the_same(tmp_path: Path):
    """A field that came later, at its default, is no difference."""
    import json

    run(SMALL.but(updates=2, metric="none"), tmp_path, device=CPU)
    path = tmp_path / "config.json"
    document = json.loads(path.read_text())
    del document["configuration"]["ema"]
    path.write_text(json.dumps(document))
    assert run(SMALL.but(updates=3, metric="none"), tmp_path, device=CPU).updates == 3
    with pytest.raises(ValueError, match="ema"):
        run(replace(SMALL, ema=HalfLife()).but(metric="none"), tmp_path, device=CPU)
