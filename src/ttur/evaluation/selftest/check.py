"""A check of the self-test: a fact that holds of every right installation, and its tolerance."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch

from ttur.evaluation.selftest.golden_activations import golden_weights
from ttur.features.designs import DESIGNS
from ttur.features.extractors import Extractor, load_extractor
from ttur.features.published import EmbeddedWeights


class Skipped(Exception):
    """A check that cannot be made here; the message says why and the remedy."""


@dataclass(frozen=True)
class Fact:
    """What a check got of what it expects; the two may differ by `tolerance`, absolute."""

    expected: float | int
    got: float | int
    tolerance: float | int
    remark: str = ""

    @property
    def holds(self) -> bool:
        # Written so that a NaN does not hold.
        return bool(abs(self.got - self.expected) <= self.tolerance)


@dataclass(frozen=True)
class Installation:
    """What is under test: a device, perhaps with the published weights and data.

    `full` asks for the checks that take longer than two minutes on a processor, too.
    """

    device: str = "cpu"
    weights: Path | None = None
    data_directory: Path = Path("data")
    full: bool = False
    # What several checks need and is dear to make, by name.
    kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def extractor(self, name: str) -> Extractor:
        """With the weights in the package, or else with weights everybody can make, loaded as any
        file of weights is.
        """
        if name not in self.kept:
            self.kept[name] = self._load(name)
        return self.kept[name]

    def _load(self, name: str) -> Extractor:
        design = DESIGNS[name]
        if isinstance(design.weights, EmbeddedWeights):
            return load_extractor(name, device=self.device)
        with tempfile.TemporaryDirectory(prefix="ttur-selftest-") as folder:
            file = Path(folder, "golden.safetensors")
            state = design.network().state_dict()
            shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
            safetensors.torch.save_file(golden_weights(shapes), file)
            return load_extractor(name, weights=file, device=self.device)


@dataclass(frozen=True)
class Check:
    """A name that states the fact, and the measurement that shows it."""

    name: str
    measure: Callable[[Installation], Fact]
