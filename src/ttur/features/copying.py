"""A network of somebody else's as it measures: a copy of its own, its weights settled."""

import copy
import itertools
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import parametrize

from ttur.runtime import undocumented


def own_copy(network: Any) -> Any:
    """A deep copy, of modules whose weights are computed from others (`weight_norm`), too."""
    if isinstance(network, DistributedDataParallel):  # holds its process group
        network = network.module
    # Torch copies no tensor with a graph; the module computes it again before it is used.
    computed = {
        id(value): value.detach().clone()
        for module in (network.modules() if isinstance(network, nn.Module) else ())
        for value in vars(module).values()
        if isinstance(value, torch.Tensor) and not value.is_leaf
    }
    return copy.deepcopy(network, computed)


def settle_weights(network: nn.Module) -> None:
    """Parametrised weights become plain ones: the same numbers, which can be pickled."""
    for module in list(network.modules()):
        if parametrize.is_parametrized(module):
            names = list(getattr(module, "parametrizations", {}))
            values = {name: getattr(module, name).detach() for name in names}
            # Not `remove_parametrizations`: it changes the class, which the original shares.
            module.__class__ = parametrize.type_before_parametrizations(module)
            del module.parametrizations
            for name, value in values.items():
                module.register_buffer(name, value)
            undocumented.forget_loading(module)


def dtype_of(network: nn.Module) -> torch.dtype:
    """Of its weights, or else buffers, that are not integers; float32 if it has none."""
    tensors = itertools.chain(network.parameters(), network.buffers())
    return next((t.dtype for t in tensors if t.is_floating_point()), torch.float32)
