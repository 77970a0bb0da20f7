"""A network borrowed: other weights and a seed for a while, after which nothing has changed."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

Weights = list[Tensor]


def _trainable(network: nn.Module) -> dict[str, nn.Parameter]:
    return {name: p for name, p in network.named_parameters() if p.requires_grad}


def values(network: nn.Module) -> Weights:
    """The parameters that the network's player moves: their values, not copies."""
    return [parameter.detach() for parameter in _trainable(network).values()]


@contextmanager
def randomness_from(seed: int, device: torch.device) -> Iterator[None]:
    """The global generators of torch, numpy and Python begin at `seed` and are put back."""
    devices = [device] if device.type == "cuda" else []
    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        if devices:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)  # noqa: NPY002


class _Use(nn.Module):
    """use(network) as a forward pass, which `functional_call` knows how to surround."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, use: Callable[[nn.Module], Any]) -> Any:
        return use(self.network)


def with_weights(network: nn.Module, weights: Weights, use: Callable[[Any], Any]) -> Any:
    """use(network), which has other weights and copies of its buffers until it returns.

    What it set in attributes meanwhile, of Python's or tensors, is put back too.
    """
    tensors: dict[str, Tensor] = dict(zip(_trainable(network), weights, strict=True))
    tensors |= {name: buffer.clone() for name, buffer in network.named_buffers()}
    kept = [(vars(module), dict(vars(module))) for module in network.modules()]
    try:
        named = {f"network.{name}": tensor for name, tensor in tensors.items()}
        return functional_call(_Use(network), named, (use,))
    finally:
        for attributes, before in kept:
            attributes.clear()
            attributes.update(before)
