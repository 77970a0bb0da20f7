"""What a user passed, described by value: equal for the same words, and not for others."""

import copy
import enum
import functools
import json
import math
import os
import subprocess
import sys
from collections import OrderedDict
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import ttur
from ttur.losses import Balance, Losses, logistic, non_saturating, wasserstein_gradient_penalty
from ttur.runtime.run_directory import CONFIG
from ttur.timescales.optimizers import Adam, TorchOptimizer
from ttur.training.identity import Describer, differences

WEIGHT = 1.0


def described(part: Any) -> Any:
    document = Describer()(part, "it")
    assert json.loads(json.dumps(document, allow_nan=False)) == document  # as config.json has it
    return document


def weighted(d, round, weight=1.0):
    return weight * logistic(d, round)


class Weighted:
    def __init__(self, weight: float, inner: Any = None):
        self.weight, self.inner = weight, inner

    def __call__(self, d, round):
        return self.weight * logistic(d, round)

    def loss(self, d, round):
        return self(d, round)


class Slotted:
    __slots__ = ("weight",)

    def __init__(self, weight: float):
        self.weight = weight


def closure(weight):
    def loss(d, round):
        return weight * logistic(d, round)

    return loss


def in_a_list(weight):
    weights = [1, [weight]]
    return lambda d, round: weights[1][0] * logistic(d, round)


def in_a_dict(weight):
    weights = {"penalty": {"weight": weight}}
    return lambda d, round: weights["penalty"]["weight"] * logistic(d, round)


def in_a_closure_of_a_closure(weight):
    inner = closure(weight)
    return lambda d, round: inner(d, round)


def default(weight):
    def loss(d, round, weight=weight):
        return weight * logistic(d, round)

    return loss


def keyword_default(weight):
    def loss(d, round, *, weight=weight):
        return weight * logistic(d, round)

    return loss


def of_module(
    weight: Any, source: str = "def loss(d, round): return WEIGHT * d(round.fake)"
) -> Any:
    module = ModuleType("users_losses")
    vars(module)["WEIGHT"] = weight
    exec(compile(source, "users_losses.py", "exec"), vars(module))  # our own words, not input
    return vars(module)["loss"]


def deeper_in_module(weight):
    return of_module(
        weight,
        "def inner(): return WEIGHT\ndef loss(d, round): return inner() * d(round.fake)",
    )


def in_a_comprehension(weight):
    return of_module(weight, "def loss(d, round): return sum(WEIGHT * x for x in [d(round.fake)])")


class Net(nn.Module):
    def __init__(self, slope: Any = 0.2, seed: int = 0):
        super().__init__()
        torch.manual_seed(seed)
        self.slope, self.first = slope, nn.Linear(2, 3)
        self.last = nn.Sequential(nn.Linear(3, 1), nn.Dropout(0.1))

    def forward(self, x):
        return self.last(nn.functional.leaky_relu(self.first(x), self.slope))


def frozen(is_frozen: bool) -> Net:
    net = Net()
    net.first.requires_grad_(not is_frozen)
    return net


def nested(slope: float) -> nn.Module:
    return nn.Sequential(nn.Linear(2, 2), Net(slope))


def optimizer(**settings) -> torch.optim.Optimizer:
    return torch.optim.AdamW(Net().parameters(), lr=1e-3, **settings)


def groups(decay: float) -> torch.optim.Optimizer:
    first, *others = Net().parameters()
    return torch.optim.AdamW([{"params": [first], "weight_decay": decay}, {"params": others}])


class Kind(enum.Enum):
    ONE = 1
    TWO = 2


VALUES = {
    "partial": lambda w: functools.partial(weighted, weight=w),
    "partial of a partial": lambda w: functools.partial(functools.partial(weighted, weight=w)),
    "positional partial": lambda w: functools.partial(pow, w),
    "partial of a callable object": lambda w: functools.partial(Weighted(w), "d"),
    "callable object": Weighted,
    "object within an object": lambda w: Weighted(0.0, Weighted(w)),
    "object in a list in an object": lambda w: Weighted(0.0, [{"a": Weighted(w)}]),
    "bound method": lambda w: Weighted(w).loss,
    "closure": closure,
    "closure over a list": in_a_list,
    "closure over a dict": in_a_dict,
    "closure over a closure": in_a_closure_of_a_closure,
    "closure over an object": lambda w: closure(Weighted(w)),
    "closure over a tensor": lambda w: closure(torch.tensor([0.0, w])),
    "closure over an array": lambda w: closure(np.array([0.0, w])),
    "closure over a set": lambda w: closure({0.0, w}),
    "default argument": default,
    "keyword default": keyword_default,
    "constant of its module": of_module,
    "constant of a function of its module": deeper_in_module,
    "constant in a comprehension": in_a_comprehension,
    "list in its module": lambda w: of_module([0, w], "def loss(d, round): return WEIGHT[1]"),
    "penalty of ttur": lambda w: wasserstein_gradient_penalty(w).discriminator,
    "companion": lambda w: Balance(gamma=w / 1000),
    "ordered dict": lambda w: OrderedDict(weight=w),
    "plain attribute of a network": Net,
    "attribute deep in a network": nested,
    "list in a network": lambda w: Net([0.1, w]),
    "layer of torch": lambda w: nn.Sequential(nn.Linear(1, 1), nn.LeakyReLU(w)),
    "parameter group": groups,
    "wrapped parameter group": lambda w: TorchOptimizer(groups(w)),
    "setting of torch.optim": lambda w: optimizer(eps=w),
    "coefficient of Adam": lambda w: Adam(Net().parameters(), epsilon=w),
}


@pytest.mark.parametrize("make", VALUES.values(), ids=VALUES)
def test_values_that_a_part_has_at_hand_are_part_of_it(make):
    assert described(make(1.0)) == described(make(1.0))
    found = [place for place, *_ in differences(described(make(1.0)), described(make(100.0)))]
    # One value differs, and is named by its place. (Who checks shapes here wraps our functions.)
    assert len([place for place in found if "wrapped_fn_impl" not in place]) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (frozen(False), frozen(True)),
        (lambda d, round: d(round.fake).mean(), lambda d, round: d(round.real).mean()),
        (lambda n, rng: torch.randn(n, 3), lambda n, rng: torch.rand(n, 3)),
        (lambda n, rng: torch.randn(n, 3), lambda n, rng: torch.randn(n, 4)),
        (logistic, non_saturating),
        (torch.optim.SGD(Net().parameters()), torch.optim.Adam(Net().parameters())),
        (Adam(Net().parameters()), Adam(Net().parameters(), form="torch")),
        (Kind.ONE, Kind.TWO),
        (Path("a"), Path("b")),
        (torch.float32, torch.float64),
        (1, 1.5),
        (1, None),
        (math.inf, math.nan),
        (Weighted(1.0), functools.partial(weighted, weight=1.0)),
        (Weighted(1.0).loss, Weighted(1.0).__call__),
        (nn.Tanh(), nn.Sigmoid()),
    ],
)
def test_what_is_another_is_described_as_another(one, other):
    assert described(one) != described(other)


def test_two_lambdas_in_one_line_differ():
    one, other = lambda n, rng: torch.rand(n), lambda n, rng: torch.randn(n)
    assert described(one) != described(other)


def test_comments_and_layout_are_no_part_of_a_function(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    plain = "def loss(d, round):\n    return 2 * d(round.fake)\n"
    rewritten = """
def loss(d, round):
    '''Words.'''

    # and more of them
    return (2
        * d( round.fake ) )
"""
    sources = {"as_it_was": plain, "rewritten": rewritten, "changed": plain.replace("2", "3")}
    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(source)
    digests = [described(import_module(name).loss)["source"] for name in sources]
    assert digests[0] == digests[1] != digests[2]


def test_weights_rates_and_addresses_are_no_part():
    assert described(Net(seed=0)) == described(Net(seed=1))
    one, other = (torch.optim.Adam(Net().parameters(), lr=lr) for lr in (1e-3, 1.0))
    assert described(one) == described(other)
    assert "0x" not in json.dumps(described(Weighted(1.0, Net(slope=Weighted(2.0)))))
    assert "0x" not in json.dumps(described(nn.ModuleList([Net(Weighted(1.0).loss)])))


def test_where_generators_stand_is_state_and_no_part():
    for make in (
        lambda seed: torch.Generator().manual_seed(seed),
        np.random.default_rng,
        np.random.RandomState,
    ):
        assert described(Weighted(1.0, make(1))) == described(Weighted(1.0, make(2)))


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method:DeprecationWarning")
def test_what_compile_wraps_around_is_no_part():
    net = Net()
    before = described(net)
    assert described(torch.compile(net)) == before
    inner = nn.Sequential(nn.Linear(2, 2), Net())
    apart = described(inner)
    inner[1] = torch.compile(inner[1])  # pyright: ignore[reportArgumentType]
    assert described(inner) == apart
    assert described(torch.compile(weighted)) == described(weighted)


def test_a_part_that_holds_itself_is_described():
    part = Weighted(1.0)
    part.inner = [part]
    assert described(part) == described(copy.deepcopy(part))


def test_what_cannot_be_described_is_named():
    describe = Describer()
    describe(Weighted(1.0, iter([2.0])), "the loss")
    describe({"a": [iter([1])]}, "latents")
    assert describe.not_compared == ["the loss.inner", "latents.a.0"]


def test_a_layer_that_differs_is_named():
    one, other = (described(nn.Sequential(nn.Linear(1, 1), nn.LeakyReLU(s))) for s in (0.1, 0.2))
    assert list(differences(one, other)) == [
        ("layers.1", "LeakyReLU(negative_slope=0.1)", "LeakyReLU(negative_slope=0.2)")
    ]


def test_differences_are_told_by_path():
    before = {"a": {"b": [1, {"c": 2}], "gone": 0}, "same": [1]}
    now = {"a": {"b": [1, {"c": 3}], "new": None}, "same": [1], "longer": [1, 2]}
    assert list(differences(before, now)) == [
        ("a.b.1.c", 2, 3),
        ("a.gone", 0, None),
        ("longer", None, [1, 2]),
    ]


# In a run.


def play(path: Path, **fields):
    torch.manual_seed(0)
    generator, discriminator = nn.Linear(3, 2), nn.Linear(2, 1)
    words = {"updates": 3, "latents": 3, "batch_size": 8, "device": "cpu"} | fields
    rates = ttur.LearningRatePair(discriminator=1e-3, generator=1e-3)
    return ttur.train(generator, discriminator, torch.ones(32, 2), path, rates=rates, **words)


@pytest.mark.parametrize("updates", [3, 6])
@pytest.mark.parametrize("kind", ["partial", "callable object", "closure over a dict"])
def test_another_value_is_refused_in_a_finished_and_in_an_unfinished_folder(
    tmp_path, kind, updates
):
    make = VALUES[kind]
    play(tmp_path, losses=Losses(make(1.0), non_saturating))
    with pytest.raises(ValueError, match=r"losses\.0\.[\w.]*weight was 1\.0, is 100\.0"):
        play(tmp_path, losses=Losses(make(100.0), non_saturating), updates=updates)
    assert play(tmp_path, losses=Losses(make(1.0), non_saturating), updates=updates).outcome == (
        "finished"
    )


def test_what_is_not_compared_is_said_and_recorded_and_a_name_stands_for_losses(tmp_path):
    said: list[str] = []

    def loss(slotted, d, round):
        return slotted.weight * (d(round.fake) - d(round.real)).mean()

    def generator_loss(d, round):
        return -d(round.fake).mean()

    def of(weight: float, name: str | None = None) -> Losses:
        return Losses(
            functools.partial(loss, SimpleNamespace(weight=weight)), generator_loss, name=name
        )

    record = play(tmp_path / "unnamed", losses=of(1.0), say=said.append)
    # Who checks shapes here wraps our functions in what cannot be described.
    names = [n for n in record.description.not_compared if n.startswith("the disc")]
    assert names == ["the discriminator's loss.0"]
    assert said[0].startswith(
        "not compared when the folder is continued: the discriminator's loss.0"
    )
    play(tmp_path / "unnamed", losses=of(2.0), updates=6)
    said.clear()
    record = play(tmp_path / "named", losses=of(1.0, "weight 1"), say=said.append)
    assert not any("loss" in name for name in record.description.not_compared)
    assert not any("loss" in line for line in said)
    assert record.configuration["losses"] == {"name": "weight 1"}
    with pytest.raises(ValueError, match=r"losses\.name was 'weight 1', is 'weight 2'"):
        play(tmp_path / "named", losses=of(2.0, "weight 2"), updates=6)


def test_the_same_words_in_another_process_are_the_same_run(tmp_path):
    """Neither hashes of words nor addresses of objects come into a description."""
    program = tmp_path / "program.py"
    program.write_text(
        f"""
import functools, sys, torch, ttur
from torch import nn
STRENGTH = {{"a", "b", "c", "d"}}
class Net(nn.Linear):
    def forward(self, x): return super().forward(x) * len(STRENGTH)
class Loss:
    def __init__(self): self.words = frozenset("abcdefg")
    def __call__(self, d, round, power=2): return (d(round.fake) ** power).mean()
inner = lambda d, round: d(round.real).mean() * len(STRENGTH)
torch.manual_seed(0)
ttur.train(Net(3, 2), Net(2, 1), torch.ones(32, 2), {str(tmp_path / "run")!r},
    rates=ttur.LearningRatePair(0.001, 0.001), updates=int(sys.argv[1]), latents=3, batch_size=8,
    losses=ttur.Losses(functools.partial(Loss(), power=3), inner), device="cpu")
"""
    )
    for updates in ("2", "4"):
        done = subprocess.run([sys.executable, program, updates], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "run" / CONFIG).read_text())
    assert document["not_compared"] == []


# ruff: noqa: E501  modules in a line each
SOURCES = {
    "of a base class": "class B:\n  def __call__(self, d, r): return X\nclass A(B): pass\npart = A()",
    "of a class without a file": "exec('class A:\\n  def __call__(self, d, r): return X')\npart = A()",
    "of one of two classes": "if X == 1:\n  class A:\n    v = 1\nelse:\n  class A:\n    v = 2\npart = A()",
    "of a class that is called": "class A:\n  v = X\ndef part(d, r): return A().v",
    "of a wrapper": "import functools\ndef w(f):\n  @functools.wraps(f)\n  def g(d, r): return X * f(d, r)\n"
    "  return g\n@w\ndef part(d, r): return 1",
    "that a method reads": "V = X\nclass A:\n  def __call__(self, d, r): return V\npart = A()",
    "that a helper of a method reads": "def h(): return X\nclass A:\n  def m(self, d, r): return h()\n"
    "part = A().m",
    "in slots": "class A:\n  __slots__ = ('v',)\n  def __init__(self, v): self.v = v\npart = A(X)",
    "that is private": "from torch import nn\nclass A(nn.Module):\n  def __init__(self, v):\n    super().__init__()\n"
    "    self._v = v\npart = A(X)",
    "of an optimizer": "import torch\nclass A(torch.optim.SGD):\n  v = X\n"
    "part = A([torch.zeros(1, requires_grad=True)])",
    "of a layer that does not show it": "from torch import nn\npart = nn.MultiheadAttention(8, 2 * X)",
    "of a hook": "from torch import nn\npart = nn.Linear(2, 1)\npart.register_forward_hook(lambda m, i, o: X * o)",
    "of a range": "part = range(X)",
    "beside what differs each time": "import os\nlatents = os.urandom(8)\nclass K: pass\nT = {K(): 1, len: 2}\n"
    "def part(d, r): return X * r.latents.mean() * len(T)",
    "beside weights": "from torch import nn\nps = list(nn.Linear(2, 1).parameters())\n"
    "def part(d, r): return X * ps[0].sum()",
    "in a set within a line": "a, part = (lambda: 0), (lambda n: X if n in {'a', 'b', 'c', 'd'} else 0)",
}  # fmt: skip


def test_a_value_tells_apart_and_nothing_else_does(tmp_path):
    """Whatever the process: with hashes, addresses and weights of its own."""
    script = "import importlib, json, sys; from ttur.training.identity import Describer as D; "
    script += "part = lambda name: D()(importlib.import_module(name).part, 'it'); "
    script += "print(json.dumps({name: part(name) for name in sys.argv[1:]}))"
    names = {f"part_{i}_{value}": (kind, value) for i, kind in enumerate(SOURCES) for value in "12"}
    for name, (kind, value) in names.items():
        (tmp_path / f"{name}.py").write_text(SOURCES[kind].replace("X", value))
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    one, other = (
        json.loads(
            subprocess.check_output(
                [sys.executable, "-c", script, *names],
                env=os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": seed},
                text=True,
            ).replace("_2.", "_1.")
        )
        for seed in "12"
    )
    for i, kind in enumerate(SOURCES):
        assert one[f"part_{i}_1"] == other[f"part_{i}_1"], kind
        assert one[f"part_{i}_1"] != one[f"part_{i}_2"], kind


def test_the_same_objects_continue_what_they_changed(tmp_path):
    """Also where both losses share it."""

    def losses() -> Losses:
        count = 0

        def discriminator(d, round):
            nonlocal count
            count += 1
            return logistic(d, round)

        return Losses(discriminator, lambda d, round: non_saturating(d, round) * (1 + count % 3))

    used = losses()
    play(tmp_path, losses=used)
    assert play(tmp_path, updates=6, losses=used).updates == 6
    assert play(tmp_path, updates=8, losses=losses()).updates == 8
