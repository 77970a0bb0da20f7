"""What networks, losses and orders change outside any state dict is saved with a run."""
# pyright: reportIncompatibleMethodOverride=false, reportCallIssue=false, reportFunctionMemberAccess=false, reportArgumentType=false, reportAttributeAccessIssue=false

import collections
import dataclasses
import functools
import itertools
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import ttur
from ttur.losses import Losses, logistic, non_saturating
from ttur.timescales.orders import discriminator_first
from ttur.training.unseen_state import UnseenState

RATES = ttur.LearningRatePair(discriminator=1e-2, generator=1e-2)


class Net(nn.Linear):
    """Multiplies by what `change` makes of itself at each pass in training."""

    def __init__(self, size: int = 2):
        super().__init__(size, 1 if size == 2 else 2)
        self.start()

    def start(self) -> None: ...

    def factor(self) -> float:
        return 1.0

    def forward(self, x):
        return super().forward(x) * (1 + 0.1 * self.factor())


class Attribute(Net):
    def start(self):
        self.strength = 0.0

    def factor(self):
        self.strength = min(1.0, self.strength + 0.05)
        return self.strength


class SetInTheFirstPass(Net):
    def factor(self):
        self.passes = getattr(self, "passes", 0) + 1
        return self.passes % 3


class ListOfNumbers(Net):
    def start(self):
        self.seen = [0, 0]

    def factor(self):
        self.seen[1] += 1
        self.seen.append(self.seen[1])
        return len(self.seen) % 4


class DequeOfNumbers(Net):
    def start(self):
        self.seen = collections.deque([0.0], maxlen=3)

    def factor(self):
        self.seen.append(self.seen[-1] + 1)
        return sum(self.seen) % 5


class Tensors(Net):
    def start(self):
        self.plain = [torch.zeros(2)]

    def factor(self):
        self.plain[0] += 1
        return float(self.plain[0][0]) % 3


class HiddenBuffer(Net):
    count: torch.Tensor

    def start(self):
        self.register_buffer("count", torch.zeros(()), persistent=False)

    def factor(self):
        self.count += 1
        return float(self.count) % 3


class TorchGenerator(Net):
    def start(self):
        self.rng = torch.Generator().manual_seed(1)

    def factor(self):
        return torch.randn((), generator=self.rng)


class NumpyGenerator(Net):
    def start(self):
        self.rng = np.random.default_rng(1)

    def factor(self):
        return self.rng.normal()


class NumpyRandomState(Net):
    def start(self):
        self.rng = np.random.RandomState(1)

    def factor(self):
        return self.rng.normal()


class PythonRandom(Net):
    def start(self):
        self.rng = random.Random(1)

    def factor(self):
        return self.rng.gauss()


class Schedule:
    def __init__(self):
        self.passes = {"count": 0}

    def __call__(self):
        self.passes["count"] += 1
        return self.passes["count"] % 3


class ObjectOfOnesOwn(Net):
    def start(self):
        self.schedules = {"noise": [Schedule()]}

    def factor(self):
        return self.schedules["noise"][0]()


class Inside(Net):
    def start(self):
        self.inner = nn.Sequential(nn.Identity(), Attribute())

    def factor(self):
        self.inner[1].factor()
        return self.inner[1].strength


NETWORKS = [
    *(Attribute, SetInTheFirstPass, ListOfNumbers, DequeOfNumbers, Tensors, HiddenBuffer, Inside),
    *(TorchGenerator, NumpyGenerator, NumpyRandomState, PythonRandom, ObjectOfOnesOwn),
]


def a_list():
    count = [0]

    def loss(d, round):
        count[0] += 1
        return logistic(d, round) * (1 + count[0] % 3)

    return loss


def a_nonlocal():
    count = 0

    def loss(d, round):
        nonlocal count
        count += 1
        return logistic(d, round) * (1 + count % 3)

    return loss


def a_generator():
    rng = torch.Generator().manual_seed(4)

    def loss(d, round):
        return logistic(d, round) * (1 + torch.rand((), generator=rng))

    return loss


def a_tensor():
    mean = torch.zeros(())

    def loss(d, round):
        nonlocal mean
        value = logistic(d, round)
        mean = 0.9 * mean + value.detach()
        return value * (1 + mean)

    return loss


def a_function_attribute():
    def loss(d, round):
        loss.count += 1
        return logistic(d, round) * (1 + loss.count % 3)

    loss.count = 0
    return loss


class CallableObject:
    def __init__(self):
        self.count = 0

    def __call__(self, d, round):
        self.count += 1
        return logistic(d, round) * (1 + self.count % 3)

    def loss(self, d, round):
        return self(d, round)


def a_partial():
    def loss(counts, d, round):
        counts["passes"] = counts.get("passes", 0) + 1
        return logistic(d, round) * (1 + counts["passes"] % 3)

    return functools.partial(loss, {"passes": 0})


def a_keyword_of_a_partial():
    def loss(d, round, counts):
        counts[0] += 1
        return logistic(d, round) * (1 + counts[0] % 3)

    return functools.partial(loss, counts=[0])


def beside_a_part():
    """A dict that holds a function and a number."""
    held = {"loss": a_nonlocal(), "passes": 0}

    def loss(d, round):
        held["passes"] += 1
        return held["loss"](d, round) * (1 + held["passes"] % 2)

    return loss


def a_generator_in_a_tuple():
    held = (logistic, np.random.default_rng(3))
    return lambda d, round: held[0](d, round) * float(1 + held[1].random())


def deeper_in_a_closure():
    inner = a_nonlocal()
    return lambda d, round: inner(d, round)


LOSSES = [
    *(a_list, a_nonlocal, a_generator, a_tensor, a_function_attribute, CallableObject, a_partial),
    *(lambda: CallableObject().loss, deeper_in_a_closure, a_keyword_of_a_partial),
    *(beside_a_part, a_generator_in_a_tuple),
]


def play(path: Path, updates: int, make_generator=nn.Linear, make_critic=Net, **fields) -> dict:
    torch.manual_seed(0)
    generator = make_generator(3, 2) if make_generator is nn.Linear else make_generator(3)
    critic = make_critic()
    words = {"latents": 3, "batch_size": 8, "device": "cpu", "checkpoint_every_updates": 2}
    record = ttur.train(
        generator, critic, torch.ones(32, 2), path, rates=RATES, updates=updates,
        **(words | {name: make() for name, make in fields.items()}),
    )  # fmt: skip
    assert record.weights_sha256 is not None
    return record.weights_sha256


def check_continues(tmp_path: Path, moves: bool = True, **fields) -> None:
    whole = play(tmp_path / "whole", 9, **fields)
    play(tmp_path / "cut", 4, **fields)
    play(tmp_path / "cut", 7, **fields)  # and what was put back is kept again
    assert play(tmp_path / "cut", 9, **fields) == whole
    if moves:
        assert play(tmp_path / "plain", 9) != whole


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("player", ["make_generator", "make_critic"])
def test_state_of_networks_continues(tmp_path, network, player):
    check_continues(tmp_path, **{player: network})


class ByClass:
    count = 0

    def __call__(self, d, round):
        self.count += 1
        return logistic(d, round) * self.count


@dataclasses.dataclass(slots=True)
class BySlot:
    count: int = 0

    def __call__(self, d, round):
        self.count += 1
        return logistic(d, round) * self.count


class ByItem(dict):
    def __call__(self, d, round):
        self["count"] = self.get("count", 0) + 1
        return logistic(d, round) * self["count"]


COUNTED = {"count": 0}


def by_global():
    def loss(d, round):
        COUNTED["count"] += 1
        return logistic(d, round) * COUNTED["count"]

    COUNTED["count"] = 0
    return loss


def by_default():
    def loss(d, round, counted=[0]):  # noqa: B006
        counted[0] += 1
        return logistic(d, round) * counted[0]

    return loss


def by_shared_array():
    def counting(seen):
        def count():
            seen[0] += 1

        return count

    def scaled(seen):
        return lambda d, round: logistic(d, round) * float(seen[0])

    seen = np.ones(1)
    count, loss = counting(seen), scaled(seen)
    return lambda d, round: (count(), loss(d, round))[1]


def by_third_network():
    average = Net().requires_grad_(False)

    def loss(d, round):
        with torch.no_grad():
            for mean, weights in zip(average.parameters(), d.parameters(), strict=True):
                mean.lerp_(weights, 0.3)
        return logistic(d, round) + (d(round.real) - average(round.real)).square().mean()

    return loss


OTHERS = [
    ByClass, BySlot, ByItem, by_global, by_default, by_shared_array, by_third_network
]  # fmt: skip


@pytest.mark.parametrize("loss", [*LOSSES, *OTHERS])
def test_state_of_losses_continues(tmp_path, loss):
    check_continues(tmp_path, losses=lambda: Losses(loss(), non_saturating))


def test_state_that_both_losses_share_stays_shared(tmp_path):
    def losses() -> Losses:
        count = 0

        def discriminator(d, round):
            nonlocal count
            count += 1
            return logistic(d, round)

        return Losses(discriminator, lambda d, round: non_saturating(d, round) * (1 + count % 3))

    check_continues(tmp_path, losses=losses)


def test_state_of_orders_and_latents_continues(tmp_path):
    def order():
        updates = [0]

        def every_third_twice(game, n_critic):
            updates[0] += 1
            discriminator_first(game, 2 if updates[0] % 3 == 0 else 1)

        return every_third_twice

    def latents():
        rng = np.random.default_rng(2)
        return lambda count, _: torch.from_numpy(rng.normal(size=(count, 3))).float()

    check_continues(tmp_path, order=order)
    for folder in tmp_path.iterdir():
        folder.rename(tmp_path.with_name(f"{tmp_path.name}-{folder.name}"))
    check_continues(tmp_path, latents=latents)


def test_what_training_changes_is_no_setting(tmp_path):
    """Its places are recorded; the same words in another state of them are the same run."""
    play(tmp_path, 3, make_critic=Attribute)
    record = ttur.read_runs(tmp_path)[0]
    assert record.description.changing == ("model.discriminator.strength",)
    torch.manual_seed(0)
    used = Attribute()
    used.strength = 0.7
    assert play(tmp_path, 5, make_critic=lambda: used)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (iter([1]), "a list_iterator"),
        (object(), "an object"),
        (print, "a builtin_function_or_method"),
    ],
)
def test_what_changes_and_cannot_be_stored_is_refused_by_its_place(tmp_path, value, kind):
    class Bad(Net):
        def start(self):
            self.odd = 0

        def factor(self):
            self.odd = {"deep": [value]}
            return 1.0

    with pytest.raises(ValueError, match=rf"model\.discriminator\.odd\.deep\[0\] holds {kind}"):
        play(tmp_path, 50, make_critic=Bad)
    assert not (tmp_path / "checkpoint.pt").exists()


class Extra(Net):
    """A module that saves more than tensors."""

    def start(self):
        self.passes = 0

    def extra(self):
        return {
            "array": np.full(3, self.passes),
            "float": np.float64(self.passes),
            "deque": collections.deque([self.passes], maxlen=4),
            "counts": collections.defaultdict(int, {"passes": self.passes}),
            "path": Path("somewhere"),
            "plain": [1, (2.5, None), "word"],
        }

    def get_extra_state(self):
        return self.extra()

    def set_extra_state(self, state):
        self.passes = state["counts"]["passes"]
        expected = self.extra()
        assert {name: type(value) for name, value in state.items()} == {
            name: type(value) for name, value in expected.items()
        }
        assert np.array_equal(state.pop("array"), expected.pop("array"))
        assert state == expected

    def factor(self):
        self.passes += 1
        return self.passes % 3


def test_extra_state_of_a_module_comes_back_as_it_was(tmp_path):
    check_continues(tmp_path, make_critic=Extra)


def test_the_state_of_an_optimizer_of_ones_own_comes_back_as_it_was(tmp_path):
    class Mine:
        def __init__(self, network: nn.Module):
            self.held = list(network.parameters())
            self.moved = collections.defaultdict(int)
            self.past: collections.deque[np.ndarray] = collections.deque(maxlen=2)

        def step(self, gradients, learning_rate):
            self.moved["steps"] += 1
            self.past.append(gradients[0].numpy().copy())
            scale = learning_rate * (1 + self.moved["steps"] % 2) * float(self.past[0].sum() + 3)
            with torch.no_grad():
                for parameter, gradient in zip(self.held, gradients, strict=True):
                    parameter -= scale * gradient

        def state_dict(self):
            return {"moved": self.moved, "past": self.past}

        def load_state_dict(self, state):
            self.moved, self.past = state["moved"], state["past"]

    def piece(folder: str, updates: int):
        torch.manual_seed(0)
        generator, critic = nn.Linear(3, 2), nn.Linear(2, 1)
        return ttur.train(
            generator, critic, torch.ones(32, 2), tmp_path / folder, rates=RATES, updates=updates,
            latents=3, batch_size=8, device="cpu", discriminator_optimizer=Mine(critic),
        ).weights_sha256  # fmt: skip

    whole = piece("whole", 9)
    piece("cut", 4)
    assert piece("cut", 9) == whole


@pytest.mark.parametrize("where", ["network", "optimizer"])
def test_what_no_checkpoint_can_hold_is_refused_before_any_training(tmp_path, where):
    class Odd(Net):
        def get_extra_state(self):
            return {"augment": {"how": object()}}

        def set_extra_state(self, state): ...

    class Mine:
        steps = 0

        def step(self, gradients, learning_rate):
            self.steps += 1

        def state_dict(self):
            return {"memory": [object()]}

        def load_state_dict(self, state): ...

    torch.manual_seed(0)
    mine, seen = Mine(), []

    def loss(d, round):
        seen.append(round)
        return logistic(d, round)

    critic = Odd() if where == "network" else Net()
    place = r"_extra_state\.augment\.how" if where == "network" else r"optimizer\.memory\[0\]"
    with pytest.raises(ValueError, match=rf"{place} holds an object, which a checkpoint cannot"):
        ttur.train(
            nn.Linear(3, 2), critic, torch.ones(32, 2), tmp_path, rates=RATES, updates=5,
            latents=3, batch_size=8, device="cpu", generator_optimizer=mine,
            losses=Losses(loss, non_saturating),
        )  # fmt: skip
    assert (mine.steps, seen) == (0, [])


# The places themselves.


def test_only_places_whose_value_changed_are_kept():
    network = Attribute()
    unseen = UnseenState({"net": network})
    assert unseen.state_dict() == {}
    network.strength = 0.5
    assert unseen.state_dict() == {"net.strength": 0.5}


def test_a_place_that_was_put_back_is_kept_though_it_equals_what_it_began_with_here():
    used = Attribute()
    used.strength = 0.5
    unseen = UnseenState({"net": used})
    unseen.load_state_dict({"net.strength": 0.25})
    used.strength = 0.5
    assert unseen.state_dict() == {"net.strength": 0.5}


def test_objects_that_others_hold_are_changed_in_place():
    """Generators, lists, dicts, deques, sets and tensors."""
    for value, change in (
        ([1], lambda v: v.append(2)),
        ({"a": 1}, lambda v: v.update(b=2)),
        (collections.deque([1]), lambda v: v.append(2)),
        ({1}, lambda v: v.add(2)),
        (torch.zeros(2), lambda v: v.add_(1)),
        (torch.Generator().manual_seed(1), lambda v: torch.rand(1, generator=v)),
        (np.random.default_rng(1), lambda v: v.random()),
        (random.Random(1), lambda v: v.random()),
    ):
        first, second = nn.Identity(), nn.Identity()
        first.value = value
        unseen = UnseenState({"net": first})
        second.value = held = torch.zeros(2) if isinstance(value, torch.Tensor) else _again(value)
        change(value)
        state = unseen.state_dict()
        assert list(state) == ["net.value"]
        UnseenState({"net": second}).load_state_dict(state)
        assert second.value is held
        assert _drawn(held) == _drawn(value)


def _again(value):
    match value:
        case torch.Generator():
            return torch.Generator().manual_seed(1)
        case np.random.Generator():
            return np.random.default_rng(1)
        case random.Random():
            return random.Random(1)
    return type(value)()


def _drawn(value):
    match value:
        case torch.Generator():
            return torch.rand(3, generator=value).tolist()
        case np.random.Generator():
            return value.random(3).tolist()
        case random.Random():
            return [value.random() for _ in range(3)]
        case torch.Tensor():
            return value.tolist()
    return value


def test_a_place_that_is_gone_is_named():
    unseen = UnseenState({"losses.0": a_nonlocal()})
    with pytest.raises(ValueError, match=r"keeps losses\.0\.gone, which the parts of this run"):
        unseen.load_state_dict({"losses.0.gone": 1})


@pytest.mark.parametrize("made", [lambda: itertools.count(1), lambda: (n for n in range(1, 99))])
def test_iterators_that_move_are_refused(tmp_path, made):
    steps = made()
    losses = Losses(lambda d, round: next(steps) * logistic(d, round), non_saturating)
    with pytest.raises(ValueError, match=r"losses\.0\.steps holds .* cannot store"):
        play(tmp_path, 5, losses=lambda: losses)


def test_an_object_that_training_makes_is_refused_at_the_first_save(tmp_path):
    class Lazy(Net):
        def start(self):
            self.made = None

        def factor(self):
            self.made = self.made or ByClass()
            self.made.count += 1
            return 1.0

    with pytest.raises(ValueError, match=r"discriminator\.made\.count belongs to an object"):
        play(tmp_path, 5, make_critic=Lazy)
