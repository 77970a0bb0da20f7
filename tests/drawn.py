"""Networks and samples for tests of models: float64, from seeds, nothing special in them."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def randomised(
    network: Network, initialize: Callable[[nn.Module, torch.Generator], None]
) -> Network:
    """In float64, initialised, with scales, shifts and biases that are not 0 or 1."""
    noise = seeded(3)
    network.double()
    initialize(network, noise)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 1:
                parameter += 0.3 * torch.randn(parameter.shape, generator=noise).double()
    return network


def some_images(seed: int, size: int = 16, batch: int = 4) -> Tensor:
    return torch.rand(batch, 3, size, size, generator=seeded(seed)).double() * 2 - 1


def close(actual: Tensor, expected: Tensor, atol: float = 1e-12) -> None:
    torch.testing.assert_close(actual, expected, rtol=0, atol=atol)
