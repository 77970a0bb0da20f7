"""A companion of one's own: beside the players at every update, in the log, in checkpoints."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from configurations import CPU, configuration
from ttur import train
from ttur.losses import Companion
from ttur.runtime import checkpoint
from ttur.runtime.run_directory import RunDirectory
from ttur.timescales import LearningRatePair
from ttur.training.assembling import parts_of
from ttur.training.cadence import Cadence
from ttur.training.contracts import Evaluator
from ttur.training.events import Ended, Log
from ttur.training.loop import run_loop
from ttur.training.record import read_events

CADENCE = Cadence(log_every_updates=1, evaluate_every_updates=100, checkpoint_every_updates=4)
SILENT = Evaluator("none", None, None)


class Averaging:
    """The generator's weights, averaged exponentially; in trouble when they have moved far."""

    name = "average"

    def __init__(self, decay: float = 0.8, most: float = float("inf")) -> None:
        self.decay, self.most = decay, most
        self.seen: list[int] = []  # what no checkpoint keeps

    def begin(self, device: torch.device) -> None:
        self.mean: list[Tensor] = []
        self.gap = torch.zeros((), device=device)
        self.first_far = torch.full((), 2**62, device=device)

    def after_update(self, game: Any) -> dict[str, Tensor]:
        assert not torch.is_grad_enabled()
        self.seen.append(game.update)
        weights = [p.detach().clone() for p in game.generator.parameters()]
        self.mean = [
            self.decay * mean + (1 - self.decay) * weight
            for mean, weight in zip(self.mean or weights, weights, strict=True)
        ]
        gaps = [(mean - weight).norm() for mean, weight in zip(self.mean, weights, strict=True)]
        self.gap = torch.stack(gaps).norm()
        far = (self.gap > self.most) & (self.first_far == 2**62)
        self.first_far = torch.where(far, game.update + 1, self.first_far)
        return {"average_gap": self.gap}

    def trouble(self) -> tuple[int, str] | None:
        first = int(self.first_far)
        return None if first == 2**62 else (first, "the generator has run away")

    def state_dict(self) -> dict[str, Any]:
        return {"mean": self.mean, "gap": self.gap}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.mean, self.gap = list(state["mean"]), state["gap"]


def play(game, path, updates: int = 10, cadence: Cadence = CADENCE) -> Ended:
    with RunDirectory(path) as directory:
        return run_loop(game, directory, updates, cadence, SILENT)


def logs(path) -> list[Log]:
    return [event for event in read_events(path) if isinstance(event, Log)]


def test_what_is_meant_here_is_a_companion():
    assert isinstance(Averaging(), Companion)


@pytest.mark.parametrize(
    "order", ["discriminator_first", "generator_twice", "generator_first", "simultaneous"]
)
def test_it_is_called_once_after_every_update_and_logged(tiny_game, tmp_path, order):
    """Against the average written out: it sees the weights that an update leaves behind."""
    mine = Averaging()
    play(tiny_game(order=order, companions=(mine,)), tmp_path / "with")
    assert mine.seen == list(range(10))  # updates that were complete before
    game, mean, gaps = tiny_game(order=order), None, []
    for _ in range(10):
        game.play()
        flat = nn.utils.parameters_to_vector(game.generator.parameters()).detach()
        mean = flat if mean is None else 0.8 * mean + 0.2 * flat
        gaps.append(float((mean - flat).norm()))
    noted = [event.values["average_gap"] for event in logs(tmp_path / "with")]
    assert noted == pytest.approx(gaps, rel=1e-5, abs=1e-7)


def test_it_moves_no_weight(tiny_game, tmp_path):
    alone = play(tiny_game(), tmp_path / "alone")
    beside = play(tiny_game(companions=(Averaging(),)), tmp_path / "beside")
    assert beside.weights_sha256 == alone.weights_sha256


def test_it_is_saved_and_restored_to_the_bit(tiny_game, tmp_path):
    for name, ends in (("whole", [10]), ("pieces", [1, 3, 8, 10])):
        for end in ends:
            play(tiny_game(companions=(Averaging(),)), tmp_path / name, end)
    whole, pieces = (checkpoint.load(tmp_path / name) for name in ("whole", "pieces"))
    assert whole is not None
    assert pieces is not None
    saved, restored = (each.state["game"]["companions"]["average"] for each in (whole, pieces))
    assert torch.equal(saved["gap"], restored["gap"])
    for one, other in zip(saved["mean"], restored["mean"], strict=True):
        assert torch.equal(one, other)
    values = [[event.values for event in logs(tmp_path / name)] for name in ("whole", "pieces")]
    assert values[0] == values[1]


@pytest.mark.parametrize("every", [1, 7])
def test_its_trouble_ends_a_run_at_the_first_bad_update(tiny_game, tmp_path, every):
    """However rarely one looks; nothing is saved past it."""
    play(tiny_game(companions=(Averaging(),)), tmp_path / "free", 30)
    gaps = {event.update: event.values["average_gap"] for event in logs(tmp_path / "free")}
    most = sorted(gap for gap in gaps.values() if gap is not None)[15]
    first = min(update for update, gap in gaps.items() if gap is not None and gap > most * 1.001)
    cadence = Cadence(log_every_updates=every, checkpoint_every_updates=1000)
    game = tiny_game(companions=(Averaging(most=most * 1.001),))
    ended = play(game, tmp_path / "lost", 30, cadence)
    assert (ended.kind, ended.update) == ("diverged", first)
    assert ended.cause == "the generator has run away"
    assert ended.weights_sha256 is None
    assert checkpoint.load(tmp_path / "lost") is None


def test_probes_leave_it_untouched(tmp_path):
    """What a loss tells it during a probe is put back; here it notes every loss that passes."""
    config = configuration(
        image_size=16, width=2, latent_size=5, batch_size=8, monitor_every_updates=1
    )
    medium = config.medium.load("digits", "train", None, config.model)
    parts = parts_of(config, medium, CPU)
    mine = Averaging()
    discriminator_loss = parts.losses.discriminator

    def noted(critic, round):
        loss = discriminator_loss(critic, round)
        mine.gap = mine.gap + loss.detach()
        return loss

    object.__setattr__(parts, "losses", parts.losses._replace(discriminator=noted))
    object.__setattr__(parts, "companions", (mine,))
    game = parts.game()
    monitoring = parts.monitoring(game)
    assert monitoring is not None
    monitoring.before_step()
    game.play()
    kept, gap, calls = mine.mean, mine.gap, len(mine.seen)
    assert monitoring.after_step()["perturbation_of_discriminator"] > 0
    assert mine.mean == kept
    assert mine.gap is gap
    assert len(mine.seen) == calls


def test_it_travels_with_networks_of_your_own(tmp_path):
    def run(name: str, updates: int, companion: Averaging):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            players = nn.Linear(3, 2), nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
        return train(
            *players,
            torch.randn(64, 2, generator=torch.Generator().manual_seed(1)),
            tmp_path / name,
            rates=LearningRatePair(1e-2, 1e-2),
            updates=updates,
            latents=3,
            batch_size=8,
            companions=[companion],
            log_every_updates=1,
            device="cpu",
        )

    whole, once = Averaging(), run("whole", 5, Averaging())
    run("pieces", 2, Averaging())
    again = run("pieces", 5, whole)
    assert [log.values for log in again.logs] == [log.values for log in once.logs]
    assert whole.seen == [2, 3, 4]
    with pytest.raises(ValueError, match=r"companions\.0\.decay was 0\.8, is 0\.9"):
        run("pieces", 6, Averaging(decay=0.9))


def test_companions_of_one_name_are_refused(tiny_game):
    """One would have the other's place in a checkpoint."""
    with pytest.raises(ValueError, match="companions of different names, got average, average"):
        tiny_game(companions=(Averaging(), Averaging()))
