"""How a phase is computed. The only file that knows: precision, compilation, graphs, all-reduce."""

from collections.abc import Callable

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from ttur.runtime.description import STRICT
from ttur.timescales.orders import Phase


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Execution:
    """The plain step: one backward pass per phase, in the precision of the networks.

    Whoever computes a step in another way takes this one's place: it places networks, and turns a
    player's loss into the loss and its gradients. It is part of what a run is.
    """

    channels_last: bool = False
    """Networks lie channels last in memory, as the pixels of the data do: no conversions."""

    def place(self, network: nn.Module, device: torch.device) -> nn.Module:
        """The network on the device, in the memory that the steps want. Its own object."""
        if not self.channels_last:
            return network.to(device)
        return network.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def phase(self, loss: Callable[[], Tensor], parameters: tuple[nn.Parameter, ...]) -> Phase:
        """The loss, detached, and its gradients; moves nothing and waits for nothing.

        A parameter that the loss does not reach gets zeros: its optimizer still counts the update.
        """
        value = loss()
        if not isinstance(value, Tensor) or value.ndim != 0:
            found = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise ValueError(f"expected a loss that is one number, got {found}; take its mean")
        return Phase(value.detach(), torch.autograd.grad(value, parameters, materialize_grads=True))
