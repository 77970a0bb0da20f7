"""What each addition costs: the places that design.md names, and then it is there everywhere.

A toy of each kind is added to a copy of the sources, or from outside where that is promised, and is
used through the public face and the command line of that copy.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[1] / "src"


@dataclass
class Copy:
    """The sources in a folder of their own, and by kind the places in which they were changed."""

    folder: Path
    places: dict[str, set[str]] = field(default_factory=dict)
    kind: str = ""

    def add(self, file: str, text: str) -> None:
        path = self.folder / "src" / "ttur" / file
        assert not path.exists()
        path.write_text(text)
        self.places.setdefault(self.kind, set()).add(file)

    def change(self, file: str, old: str, new: str) -> None:
        path = self.folder / "src" / "ttur" / file
        text = path.read_text()
        assert text.count(old) == 1, f"{file} has {text.count(old)} times {old!r}"
        path.write_text(text.replace(old, new))
        self.places.setdefault(self.kind, set()).add(file)

    def found(self, program: str) -> dict[str, Any]:
        """What a program with `PROLOGUE` puts into `found`. One process, for torch loads slowly."""
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(self.folder / "src"), str(self.folder)]),
            "TTUR_CACHE": str(self.folder / "cache"),
            "OMP_NUM_THREADS": "1",
        }
        path = self.folder / "program.py"
        path.write_text(f"{PROLOGUE}\n{program}\nprint(json.dumps(found))\n")
        done = subprocess.run(
            [sys.executable, str(path)],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)


PROLOGUE = """
import contextlib, io, json, sys
import numpy as np, torch, ttur
from torch import nn
from ttur.cli import main
from ttur.data.published.digits import digits

found = {}
images = digits().images
np.save("a.npy", images[:300]); np.save("b.npy", images[300:600])

def command(words):
    "What the command line prints, as JSON."
    printed = io.StringIO()
    sys.argv = ["ttur", *words.split()]
    with contextlib.redirect_stdout(printed):
        try:
            main()
        except SystemExit as end:
            assert not end.code, (words, end.code)
    return json.loads(printed.getvalue())

def networks():
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(4, 768), nn.Tanh(), nn.Unflatten(1, (3, 16, 16)))
    return generator, nn.Sequential(nn.Flatten(), nn.Linear(768, 1))

words = dict(
    rates=ttur.LearningRatePair(1e-3, 1e-3), updates=3, latents=4, batch_size=8, device="cpu"
)
TINY = "--only orig_5e-4 --seeds 0 --steps 2 --set batch_size=8 --samples 40 --device cpu --json"
def ran(out, more):
    return command(f"run demo {TINY} --out {out} {more}")["runs"][0]
"""


def copy_of_the_sources(folder: Path) -> Copy:
    shutil.copytree(SOURCE, folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return Copy(folder)


TOY_MODEL = '''"""A toy: one layer each."""

from typing import ClassVar, Literal

import torch
from pydantic.dataclasses import dataclass
from torch import nn

from ttur.models.description import ModelDescription, Networks, SampleShape
from ttur.runtime.description import STRICT, Count


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Toy(ModelDescription):
    medium: ClassVar = "images"
    image_size: Count = 16
    latent_size: Count = 3
    latent: Literal["uniform", "normal"] = "normal"
    kind: Literal["toy"] = "toy"

    def networks(self, sample_shape: SampleShape) -> Networks:
        size = 3 * self.image_size**2
        shaped = nn.Unflatten(1, sample_shape)
        return Networks(
            nn.Sequential(nn.Linear(self.latent_size, size), nn.Tanh(), shaped),
            nn.Sequential(nn.Flatten(), nn.Linear(size, 1)),
        )

    def initialize(self, network: nn.Module, rng: torch.Generator) -> None:
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.05, generator=rng)
'''
TOY_LOSSES = '''"""Toys: hinge losses, and a penalty on large scores."""

from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass
from torch.nn import functional as F

from ttur.losses.functions import Losses
from ttur.runtime.description import STRICT, Positive


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Hinge:
    needs: ClassVar = "scores"
    ignores_slope: ClassVar = False
    margin: Positive = 1.0
    kind: Literal["hinge"] = "hinge"

    def build(self) -> Losses:
        def critic(D, round):
            real, fake = self.margin - D(round.real), self.margin + D(round.fake)
            return F.relu(real).mean() + F.relu(fake).mean()

        return Losses(critic, lambda D, round: -D(round.fake).mean())


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Size:
    weight: Positive = 1.0
    kind: Literal["size"] = "size"

    def build(self):
        return lambda D, round: self.weight * D(round.real).square().mean()
'''


@pytest.fixture(scope="module")
def extended(tmp_path_factory) -> Copy:
    """With all that is added inside: that no addition hinders another is a fact too."""
    copy = copy_of_the_sources(tmp_path_factory.mktemp("copy"))

    copy.kind = "metric"
    copy.add(
        "metrics/toy.py",
        '"""A toy: how far apart the means of the features lie."""\n\n'
        "import numpy as np\n\n\n"
        "def mean_gap(one: np.ndarray, other: np.ndarray) -> float:\n"
        "    return float(np.abs(one.mean(0) - other.mean(0)).max())\n",
    )
    row = 'Measure("toy_gap", _toy_gap, True, _BOTH),'
    copy.change(
        "evaluation/measures.py",
        '        Measure("modes", _modes,',
        f'        {row}\n        Measure("modes", _modes,',
    )
    copy.change(
        "evaluation/measures.py",
        "def _modes(",
        "def _toy_gap(real: Side, generated: Side, settings: Settings) -> DetailedValues:\n"
        "    yield mean_gap(kept(real.features), kept(generated.features)), {}\n\n\n"
        "def _modes(",
    )
    copy.change(
        "evaluation/measures.py",
        "from ttur.metrics.modes import modes_covered\n",
        "from ttur.metrics.modes import modes_covered\nfrom ttur.metrics.toy import mean_gap\n",
    )
    copy.kind = "protocol"
    copy.change(
        "features/resize.py",
        '    "clean": ResizeProtocol.of_graph(',
        '    "toy_nearest": ResizeProtocol.of_graph(\n'
        '        lambda pixels, size: F.interpolate(pixels, (size, size)), "a toy"\n'
        "    ),\n"
        '    "clean": ResizeProtocol.of_graph(',
    )
    copy.kind = "extractor"
    copy.change(
        "features/designs.py",
        '    "digits": Design(\n',
        '    "toy_digits": Design(\n'
        "        network=partial(Compact, width=16),\n"
        "        size=16,\n"
        "        dimension=64,\n"
        '        weights=EmbeddedWeights("digits.safetensors", '
        '"4f791cff1e3efedad49c7a8763667fd731e0501bb5b8c24bca35555e68a047fa"),\n'
        '        protocols=("clean", "tf1"),\n'
        "    ),\n"
        '    "digits": Design(\n',
    )
    copy.kind = "input format"
    copy.change(
        "evaluation/openers.py",
        "# An opener returns None",
        "def raw(source: Any, reading: Reading) -> ImageSet | None:\n"
        '    if not str(source).endswith(".raw"):\n        return None\n'
        "    pixels = np.fromfile(source, np.uint8).reshape(-1, 16, 16, 3)\n"
        "    return array(pixels, reading)\n\n\n"
        "# An opener returns None",
    )
    copy.change("evaluation/openers.py", "*(prepared_folder, ", "*(raw, prepared_folder, ")
    copy.kind = "model"
    copy.add("models/toy.py", TOY_MODEL)
    copy.change("models/__init__.py", "| BEGAN, ONE_OF]", "| BEGAN | Toy, ONE_OF]")
    copy.change(
        "models/__init__.py",
        "from ttur.models.wgan_gp_image import",
        "from ttur.models.toy import Toy\nfrom ttur.models.wgan_gp_image import",
    )
    copy.kind = "loss and penalty"
    copy.add("losses/toy.py", TOY_LOSSES)
    for old, new in (
        ("| Began, ONE_OF]", "| Began | Hinge, ONE_OF]"),
        ("[GradientPenalty, ONE_OF]", "[GradientPenalty | Size, ONE_OF]"),
        (
            "from ttur.runtime.description import",
            "from ttur.losses.toy import Hinge, Size\nfrom ttur.runtime.description import",
        ),
    ):
        copy.change("losses/description.py", old, new)
    copy.kind = "optimizer"
    copy.change(
        "timescales/optimizer_choice.py",
        "_One = AdamDescription | SGDDescription\n",
        "@dataclass(frozen=True, kw_only=True, config=STRICT)\nclass Sign:\n"
        '    kind: Literal["sign"] = "sign"\n\n'
        "    def build(self, parameters: Iterable[Tensor]) -> Optimizer:\n"
        "        return TorchOptimizer(torch.optim.Rprop(parameters))\n\n\n"
        "_One = AdamDescription | SGDDescription | Sign\n",
    )
    copy.kind = "step size"
    copy.change(
        "timescales/step_sizes.py",
        "StepSize = Annotated[Constant | PowerLaw | Halving, ONE_OF]",
        "@dataclass(frozen=True, config=STRICT)\nclass Linear(_Sequence):\n"
        '    scale = "first"\n    first: Rate\n    last: int\n'
        '    kind: Literal["linear"] = Field(default="linear", repr=False)\n\n'
        "    def _values(self, n: Updates) -> Rates:\n"
        "        return self.first * np.maximum(1 - (n - 1) / self.last, 0)\n\n\n"
        "StepSize = Annotated[Constant | PowerLaw | Halving | Linear, ONE_OF]",
    )
    return copy


@pytest.fixture(scope="module")
def found(extended) -> dict[str, Any]:
    return extended.found(
        """
some = ttur.evaluate(images[:400], images[400:], "toy_gap,fid", extractor="digits", device="cpu")
seen = ttur.Accumulator(images[:400], ("toy_gap",), extractor="digits", device="cpu")
seen.update(images[400:])
found["metric"] = [some["toy_gap_digits"], seen.compute()["toy_gap_digits"]]
found["scored"] = ran("metric", "--metric toy_gap_digits,fd_digits")
found["report"] = [row["metric"] for row in command("report metric/demo --json")["settings"]]
found["protocol"] = command("fid a.npy b.npy --extractor cifar10 --protocol toy_nearest --json")
found["by protocol"] = ran("protocol", "--set protocol=toy_nearest")
result = ttur.fid(images[:400], images[400:], extractor="toy_digits", device="cpu")
found["extractor"] = [result.metric, result.protocol]
found["by extractor"] = ran("extractor", "--metric fd_toy_digits")
images[:300].tofile("a.raw")
found["format"] = command("fid a.raw b.npy --extractor digits --json")
found["same"] = command("fid a.npy b.npy --extractor digits --json")
found["model"] = run = ran("model", "--set model=toy --set model.latent_size=5")
made = ttur.load_generator(run["directory"], device="cpu")
found["samples"] = [made.config.model.kind, made.latents(2, 0).shape[1], len(made.samples(3, 1))]
hinge = "--set losses.adversarial=hinge --set losses.adversarial.margin=2 --metric none"
size = '--set losses.penalties=["size",{"kind":"gradient_penalty","weight":1}]'
found["loss"], found["penalty"] = ran("loss", hinge), ran("penalty", f"{hinge} {size}")
falling = '--set rates.generator={"kind":"linear","first":5e-4,"last":9}'
found["optimizer"] = ran("optimizer", f"--set optimizer=sign --metric none {falling}")
(kept,) = ttur.read_runs("optimizer")
found["kept"] = [kept.configuration["optimizer"], kept.configuration["rates"]["generator"]["kind"]]
"""
    )


def test_a_metric_is_its_module_and_one_row(extended, found):
    assert extended.places["metric"] == {"metrics/toy.py", "evaluation/measures.py"}
    one, other = found["metric"]
    assert one == other > 0
    assert found["scored"]["final"]["metric"] == "toy_gap_digits"
    assert set(found["report"]) == {"toy_gap_digits", "fd_digits"}


def test_a_protocol_is_one_row(extended, found):
    assert extended.places["protocol"] == {"features/resize.py"}
    assert found["protocol"]["protocol"] == "toy_nearest"
    assert found["by protocol"]["outcome"] == "finished"


def test_an_extractor_is_one_row(extended, found):
    """Its own protocol is the first of its own."""
    assert extended.places["extractor"] == {"features/designs.py"}
    assert found["extractor"] == ["fd_toy_digits", "clean"]
    assert found["by extractor"]["final"]["metric"] == "fd_toy_digits"


def test_an_input_format_is_one_opener(extended, found):
    assert extended.places["input format"] == {"evaluation/openers.py"}
    assert found["format"]["value"] == found["same"]["value"] > 0


def test_a_model_is_one_file_and_one_word(extended, found):
    assert extended.places["model"] == {"models/toy.py", "models/__init__.py"}
    assert found["model"]["final"]["metric"] == "fd_digits"
    assert found["samples"] == ["toy", 5, 3]


def test_a_loss_and_a_penalty_are_a_description_and_a_word_each(extended, found):
    assert extended.places["loss and penalty"] == {"losses/toy.py", "losses/description.py"}
    assert found["loss"]["outcome"] == found["penalty"]["outcome"] == "finished"
    assert found["loss"]["weights_sha256"] != found["penalty"]["weights_sha256"]


def test_an_optimizer_and_a_step_size_are_a_description_and_a_word_each(extended, found):
    assert extended.places["optimizer"] == {"timescales/optimizer_choice.py"}
    assert extended.places["step size"] == {"timescales/step_sizes.py"}
    assert found["optimizer"]["outcome"] == "finished"
    assert found["kept"] == [{"kind": "sign"}, "linear"]


@pytest.fixture(scope="module")
def outside(tmp_path_factory) -> dict[str, Any]:
    """What comes from outside: not a line of the sources is changed."""
    copy = copy_of_the_sources(tmp_path_factory.mktemp("untouched"))
    own = (
        "from torch import nn\nfrom ttur import Extractor\n\n"
        "def made():\n"
        "    pooled = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())\n"
        '    return Extractor.of(pooled, name="{}", dimension=12)\n'
    )
    (copy.folder / "mine.py").write_text(own.format("halves"))
    # As an installed distribution declares it.
    (copy.folder / "theirs.py").write_text(own.format("theirs"))
    info = copy.folder / "theirs-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[ttur.extractors]\ntheirs = theirs:made\n")
    return copy.found(
        """
from dataclasses import dataclass
from ttur.timescales.orders import Phase
from ttur.training.execution import Execution

found["named"] = command("fid a.npy b.npy --extractor mine:made --json")["metric"]
found["scored"] = ran("runs", "--metric fd_mine:made,kid_mine:made --samples 1000")
by_entry = ttur.fid(images[:300], images[300:], extractor="theirs", device="cpu")
found["by entry point"] = by_entry.metric

def loss(D, round):
    return (D(round.fake) - D(round.real)).mean() + D(round.real).square().mean()

class Average:
    name = "average"
    def begin(self, device): self.mean = torch.zeros((), device=device)
    def after_update(self, game):
        self.mean = self.mean.lerp(next(game.generator.parameters()).detach().norm(), 0.5)
        return {"average_norm": self.mean}
    def trouble(self): return None
    def state_dict(self): return {"mean": self.mean}
    def load_state_dict(self, state): self.mean = state["mean"]

heard = []
run = ttur.train(
    *networks(), images, "run", **words, log_every_updates=1, companions=[Average()],
    losses=ttur.Losses(loss, lambda D, round: -D(round.fake).mean()), listeners=[heard.append],
)
found["heard"] = [type(event).__name__ for event in heard]
found["logged"] = [log.values["average_norm"] for log in run.logs]

class Clipped(Execution):
    largest = 1e-2
    def phase(self, loss, parameters):
        found = super().phase(loss, parameters)
        clipped = (g.clamp(-self.largest, self.largest) for g in found.gradients)
        return Phase(found.loss, tuple(clipped))

generator, discriminator = networks()
plain = dict(
    generator_optimizer=torch.optim.SGD(generator.parameters(), lr=1.0),
    discriminator_optimizer=torch.optim.SGD(discriminator.parameters(), lr=1.0),
)
before = [p.detach().clone() for p in generator.parameters()]
players = generator, discriminator, images, "clipped"
found["clipped"] = ttur.train(*players, **words | plain, execution=Clipped()).outcome
found["moved"] = max(
    float((p - b).abs().max()) for p, b in zip(generator.parameters(), before)
)
try:
    ttur.train(*players, **words | plain | dict(updates=5))
except ValueError as error:
    found["refused"] = str(error)
"""
    )


def test_an_extractor_of_ones_own_comes_by_its_place(outside):
    assert outside["named"] == "fd_halves"
    assert outside["scored"]["final"]["metric"] == "fd_halves"


def test_an_extractor_of_another_package_comes_by_its_entry_point(outside):
    assert outside["by entry point"] == "fd_theirs"


def test_a_listener_a_loss_and_a_companion_come_from_outside(outside):
    assert outside["heard"] == ["Started", "Log", "Log", "Log", "Saved", "Ended"]
    assert len(outside["logged"]) == 3
    assert min(outside["logged"]) > 0


def test_a_way_to_compute_a_step_comes_from_outside(outside):
    """One that clips gradients: it is asked for every phase, and is part of what the run is."""
    assert outside["clipped"] == "finished"
    assert 0 < outside["moved"] <= 3 * 1e-3 * 1e-2 * 1.01  # updates, rate, largest gradient
    assert "execution" in outside["refused"]
