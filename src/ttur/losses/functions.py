"""What a loss is, what a game has of them, and what changes beside the players."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from ttur.timescales.orders import Round

Network = Callable[[Tensor], Tensor]
Samples = Float[Tensor, "batch *sample"]
Loss = Float[Tensor, ""]
LossFunction = Callable[[Network, Round], Tensor]


@runtime_checkable
class Players(Protocol):
    """What a companion may ask of a game."""

    generator: Any
    discriminator: Any
    update: int  # outer iterations that are complete; during one, the number before it

    def draw_latents(self) -> Tensor: ...
    def generate(self, latents: Tensor) -> Tensor: ...
    def next_real(self) -> Tensor: ...


@runtime_checkable
class Companion(Protocol):
    """What changes with every update beside the players, and belongs to a run as they do.

    `begin` is called once, before the first update, with the device of the players. `after_update`
    is called when both players have moved, under `no_grad`; what it returns is logged, and nothing
    in it may wait for the device. `trouble` says (first bad update, cause) if the run is lost; it
    is asked where the loop waits anyway. `state_dict` holds all that the companion changes, and
    `load_state_dict` puts it back: at a resume, and after a probe of the losses.
    """

    name: str

    def begin(self, device: torch.device) -> None: ...
    def after_update(self, game: Players) -> dict[str, Tensor]: ...
    def trouble(self) -> tuple[int, str] | None: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class Losses(NamedTuple):
    """The two losses of a game, each a scalar to be minimised by its player.

    discriminator(D, round): `round.fake` carries no graph to the generator. generator(D, round): it
    does. `companions` are what the losses share with the updates. `uninformative` is the loss of
    the best discriminator that cannot tell real from generated, None where that is unknown; the
    tracking gap needs it. `name` tells apart losses that a run cannot describe by their value.

        >>> from ttur.losses import Losses, logistic, non_saturating
        >>> losses = Losses(logistic, non_saturating)
    """

    discriminator: LossFunction
    generator: LossFunction
    companions: tuple[Companion, ...] = ()
    uninformative: float | None = None
    name: str | None = None


class Term(ABC):
    """A loss or a penalty, described; `+` joins a loss and penalties: `Hinge() + R1(10)`."""

    joined: ClassVar[Callable[[Any, Any], Any]]  # set where losses and penalties are known

    @abstractmethod
    def build(self) -> Any:
        """The functions: `Losses` of a loss, a function (D, round) of a penalty."""

    def __add__(self, other: Any) -> Any:
        return Term.joined(self, other)
