"""Exponential moving averages of the generator's weights: scored, drawn and kept beside them."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from ttur.losses.functions import Players
from ttur.runtime import checkpoint
from ttur.runtime.description import ONE_OF, STRICT, Count, Decay, Positive, Whole
from ttur.runtime.errors import kind_of
from ttur.runtime.undocumented import move_towards
from ttur.training.contracts import Evaluator, Poll

NAME = "ema"
Decides = Literal["ema", "raw"]


class AveragedGenerator:
    """A copy of the generator whose parameters are averages of its own; buffers are its own.

    After an update, average ← β average + (1 - β) weights. β is `decay(update)`, and 0 up to update
    `start`: until then the average is the weights. A companion: it is saved with the run.
    `decides` says whose score tells which generator is the best, and whose samples are drawn.

    Raises:
        ValueError: if the generator cannot be copied.
    """

    name = NAME

    def __init__(
        self,
        generator: nn.Module,
        decay: Callable[[int], float],
        start: int = 0,
        decides: Decides = "ema",
    ) -> None:
        try:
            self.network = copy_of(generator)
        except Exception as error:  # of a network of somebody's own
            raise ValueError(
                f"expected a generator that can be copied, for its average, got "
                f"{kind_of(generator)}: {error}; give it a `__deepcopy__`, or do without"
            ) from error
        self.decay, self.start, self.decides = decay, start, decides
        self._of = generator

    def begin(self, device: torch.device) -> None:
        """The average is the weights."""
        self._move(self._of, 0.0)

    @property
    def settings(self) -> dict[str, Any]:
        """What stays the same while the average moves."""
        return {"decay": self.decay, "start": self.start, "decides": self.decides}

    def after_update(self, game: Players) -> dict[str, Tensor]:
        """One step of the average."""
        update = game.update + 1
        self._move(game.generator, 0.0 if update <= self.start else self.decay(update))
        return {}

    def trouble(self) -> None:
        """None: weights that are not finite are those of the generator."""

    def state_dict(self) -> dict[str, Any]:
        return {"network": checkpoint.state_of(self.network)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        checkpoint.give_state(self.network, state["network"])

    @torch.no_grad()
    def _move(self, generator: nn.Module, decay: float) -> None:
        averages, weights = list(self.network.parameters()), list(generator.parameters())
        move_towards(averages, weights, 1 - decay)
        for average, buffer in zip(self.network.buffers(), generator.buffers(), strict=True):
            average.copy_(buffer)


class _Described(ABC):
    """What the descriptions of averages have in common."""

    start: int
    decides: Decides

    @abstractmethod
    def decay(self, batch_size: int) -> Callable[[int], float]:
        """β by the update, for batches of a size."""

    def build(self, generator: nn.Module, batch_size: int) -> AveragedGenerator:
        return AveragedGenerator(generator, self.decay(batch_size), self.start, self.decides)


@dataclass(frozen=True, config=STRICT)
class ConstantDecay(_Described):
    """β = `value` at every update: an average over some 1 / (1 - β) of them."""

    value: Decay = 0.999
    start: Whole = 0
    decides: Decides = "ema"
    kind: Literal["constant"] = Field(default="constant", repr=False)

    def decay(self, batch_size: int) -> Callable[[int], float]:
        value = self.value
        return lambda update: value


@dataclass(frozen=True, config=STRICT)
class HalfLife(_Described):
    """β = 0.5^(B / h), h = min(`images`, `ramp` · t), with batches of B and t images seen: an
    update counts half when so many images have passed (Karras et al. 2020). No `ramp`: h = images.

    >>> rate = HalfLife(images=640, ramp=None).decay(batch_size=64)
    >>> round(rate(1) ** 10, 12)
    0.5
    """

    images: Count = 10_000
    ramp: Positive | None = 0.05
    start: Whole = 0
    decides: Decides = "ema"
    kind: Literal["half_life"] = Field(default="half_life", repr=False)

    def decay(self, batch_size: int) -> Callable[[int], float]:
        images, ramp = self.images, self.ramp

        def half_life(update: int) -> float:
            half = images if ramp is None else min(images, ramp * update * batch_size)
            return 0.5 ** (batch_size / max(half, 1e-8))

        return half_life


@dataclass(frozen=True, config=STRICT)
class PowerAverage(_Described):
    """β = (1 - B/t)^(γ + 1) = (1 - 1/update)^(γ + 1): the profile t^γ of Karras et al. (2024), of
    width `sigma_rel` relative to the training's length. γ is the largest real root of
    γ³ + 7γ² + (16 - σ⁻²)γ + 12 - σ⁻².

    >>> round(PowerAverage(sigma_rel=0.1).gamma, 2)
    6.94
    """

    sigma_rel: Annotated[float, Field(gt=0, lt=12**-0.5)] = 0.05
    start: Whole = 0
    decides: Decides = "ema"
    kind: Literal["power"] = Field(default="power", repr=False)

    @property
    def gamma(self) -> float:
        inverse = self.sigma_rel**-2
        roots = np.roots([1, 7, 16 - inverse, 12 - inverse])
        return float(roots[np.isreal(roots)].real.max())

    def decay(self, batch_size: int) -> Callable[[int], float]:
        exponent = self.gamma + 1
        return lambda update: (1 - 1 / update) ** exponent


EMA = Annotated[ConstantDecay | HalfLife | PowerAverage, ONE_OF]


def copy_of(network: nn.Module) -> nn.Module:
    """The same network with weights of its own, to be looked at alone."""
    return copy.deepcopy(network).requires_grad_(False)


def named_twice(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is true of numbers of the weights and of their average, by the names of both."""
    return {**values, **_of_average(values)}


def _of_average(values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{name}_{NAME}": value for name, value in values.items()}


def beside_average(evaluator: Evaluator, average: AveragedGenerator) -> Evaluator:
    """Looks at both: the numbers of the average have `_ema` behind their names."""

    first = average.decides == "ema"
    looks = evaluator.score
    shows = evaluator.write_samples

    def score(generator: nn.Module, update: int, poll: Poll) -> dict[str, float]:
        assert looks is not None
        of_raw = looks(generator, update, poll)
        return {**of_raw, **_of_average(looks(average.network, update, poll))}

    def write_samples(generator: nn.Module, path: Path) -> None:
        assert shows is not None
        shows(average.network if first else generator, path)

    return replace(
        evaluator,
        metric=f"{evaluator.metric}_{NAME}" if first and looks is not None else evaluator.metric,
        score=None if looks is None else score,
        write_samples=None if shows is None else write_samples,
        lower_is_better=named_twice(evaluator.lower_is_better),
        floor=named_twice(evaluator.floor),
        kept=lambda generator: average.network if first else generator,
    )
