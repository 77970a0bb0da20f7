"""A network borrowed: other weights for a while, after which nothing has changed.

Not a deep copy of it: that is refused of what holds tensors with a graph (weight norm after a
forward pass, a list of outputs), and a loss that reaches the network by a closure, or a layer that
both players share, would meet the weights of training.
"""

import copy
import random
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

Weights = list[Tensor]
Buffers = dict[str, Tensor]

# What a network may keep in attributes and change in place.
_CHANGEABLE = (
    Tensor, np.ndarray, list, tuple, dict, set, deque,
    torch.Generator, np.random.Generator, np.random.RandomState, random.Random,
)  # fmt: skip
_OF_EVERY_MODULE = frozenset(vars(nn.Module()))


class Player:
    """A network and those of its parameters that its optimizer moves.

    These are the ones that require gradients now and are among `moved`, where that is given.

    Raises:
        ValueError: if there are none.
    """

    def __init__(
        self, name: str, network: nn.Module, moved: Iterable[Tensor] | None = None
    ) -> None:
        self.network = network
        by_id = None if moved is None else {id(parameter) for parameter in moved}
        self._names = [
            name
            for name, parameter in network.named_parameters()
            if parameter.requires_grad and (by_id is None or id(parameter) in by_id)
        ]
        if not self._names:
            of_it = "" if by_id is None else " that its optimizer moves"
            raise ValueError(
                f"the {name} should have parameters that require gradients{of_it}, got none"
            )

    def parameters(self) -> list[nn.Parameter]:
        named = dict(self.network.named_parameters())
        return [named[name] for name in self._names]

    def weights(self) -> Weights:
        """Their values, not copies."""
        return [parameter.detach() for parameter in self.parameters()]

    def buffers(self) -> Buffers:
        """What of the network is neither weight nor attribute, not copies."""
        return dict(self.network.named_buffers())

    def with_weights(
        self, weights: Weights, use: Callable[[Any], Any], buffers: Buffers | None = None
    ) -> Any:
        """use(network), which has other weights and copies of its buffers until it returns.

        With `buffers` it has these, and leaves there what they become. What the network set or
        changed in attributes is put back: numbers, tensors, containers, generators, which are
        copied at each call. What closures and objects of other types hold is shared.
        """
        network = self.network
        tensors: Buffers = dict(zip(self._names, weights, strict=True))
        tensors |= clones(self.buffers()) if buffers is None else buffers
        named = {f"network.{name}": tensor for name, tensor in tensors.items()}

        def use_and_keep(network: nn.Module) -> Any:
            found = use(network)
            if buffers is not None:
                buffers.update((n, buffer.detach()) for n, buffer in network.named_buffers())
            return found

        kept = [(vars(module), dict(vars(module))) for module in network.modules()]
        # A list of what is registered keeps its modules, and has what stands for the rest.
        copies: dict[int, Any] = {id(module): module for module in network.modules()}
        for name, tensor in (*network.named_parameters(), *network.named_buffers()):
            copies[id(tensor)] = tensors.get(name, tensor)
        try:
            for attributes, before in kept:
                for name in before.keys() - _OF_EVERY_MODULE:
                    attributes[name] = _copy(before[name], copies)
            return functional_call(_Use(network), named, (use_and_keep,))
        finally:
            for attributes, before in kept:
                attributes.clear()
                attributes.update(before)


def clones(buffers: Buffers) -> Buffers:
    return {name: buffer.clone() for name, buffer in buffers.items()}


class _Use(nn.Module):
    """use(network) as a forward pass, which `functional_call` knows how to surround."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, use: Callable[[nn.Module], Any]) -> Any:
        return use(self.network)


def _copy(value: Any, copies: dict[int, Any]) -> Any:
    if not isinstance(value, _CHANGEABLE):
        return value
    try:
        return copy.deepcopy(value, copies)
    except Exception:  # of a lock in a list, a tensor with a graph, ...: the list is a copy
        return value if isinstance(value, Tensor) else copy.copy(value)
