"""A check of the self-test: a fact that holds of every right installation, and its tolerance."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import safetensors.torch

from ttur.evaluation.selftest.golden_activations import golden_weights
from ttur.metrics.extractors import DESIGNS, Extractor, extractor


class Skipped(Exception):
    """A check that cannot be made here; the message says why and the remedy."""


@dataclass(frozen=True)
class Measured:
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

    @cached_property
    def embedded(self) -> dict[str, Extractor]:
        """The extractors whose weights are in the package."""
        return {name: extractor(name, device=self.device) for name in ("digits", "cifar10")}

    @cached_property
    def inception(self) -> Extractor:
        """Inception with weights everybody can make, loaded as any file of weights is."""
        with tempfile.TemporaryDirectory(prefix="ttur-selftest-") as folder:
            file = Path(folder, "golden.safetensors")
            shapes = {
                name: tuple(tensor.shape)
                for name, tensor in DESIGNS["inception"].network().state_dict().items()
            }
            safetensors.torch.save_file(golden_weights(shapes), file)
            return extractor("inception", weights=file, device=self.device)


@dataclass(frozen=True)
class Check:
    """A name that states the fact, and the measurement that shows it."""

    name: str
    measure: Callable[[Installation], Measured]
