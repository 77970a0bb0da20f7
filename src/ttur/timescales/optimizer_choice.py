"""The optimizers of a configuration, as frozen descriptions that build them for a network."""

from collections.abc import Iterable
from typing import Annotated, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from ttur.runtime.description import ONE_OF, STRICT, Decay, Positive
from ttur.timescales.optimizers import Adam, Optimizer, TorchOptimizer


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AdamDescription:
    """`Adam`; `form` says where epsilon stands (J.40)."""

    beta1: Decay = 0.5
    beta2: Decay = 0.999
    epsilon: Positive = 1e-8
    form: Literal["tensorflow", "torch"] = "tensorflow"
    kind: Literal["adam"] = "adam"

    def build(self, parameters: Iterable[Tensor]) -> Optimizer:
        return Adam(
            parameters,
            beta1=self.beta1,
            beta2=self.beta2,
            epsilon=self.epsilon,
            form=self.form,
        )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SGDDescription:
    """Plain gradient descent, without momentum."""

    kind: Literal["sgd"] = "sgd"

    def build(self, parameters: Iterable[Tensor]) -> Optimizer:
        return TorchOptimizer(torch.optim.SGD(parameters))


_One = AdamDescription | SGDDescription
OnePlayers = Annotated[_One, ONE_OF]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class EachPlayers:
    """An optimizer of its own for each player."""

    discriminator: OnePlayers = Field(default_factory=AdamDescription)
    generator: OnePlayers = Field(default_factory=AdamDescription)
    kind: Literal["each"] = "each"


OptimizerDescription = Annotated[_One | EachPlayers, ONE_OF]


def of_player(chosen: _One | EachPlayers, player: Literal["discriminator", "generator"]) -> _One:
    """What `chosen` has for one player: the same for both, or its own."""
    return getattr(chosen, player) if isinstance(chosen, EachPlayers) else chosen
