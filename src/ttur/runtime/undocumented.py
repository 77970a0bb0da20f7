"""What torch has and does not document, each with what stands in for it.

Nothing else in this package names any: a torch that renames or drops them costs time, no result,
and of what is compiled that it is taken for what it was.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib import import_module
from types import FunctionType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

COMPILING = frozenset({"_is_torch_compile", "_compiled_call_impl"})
"""Attributes that compiling gives to a module."""


def move_towards(tensors: Sequence[Tensor], others: Sequence[Tensor], share: float) -> None:
    """Each tensor goes that share of the way to its other, in place; at 1 it is the other."""
    together = getattr(torch, "_foreach_lerp_", None)
    if together is not None and tensors:
        together(tensors, others, share)
        return
    for tensor, other in zip(tensors, others, strict=True):
        tensor.lerp_(other, share)


def norms(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The Euclidean norm of each tensor; on a GPU in a few launches for all of them."""
    together = getattr(torch, "_foreach_norm", None)
    if together is None:
        return [torch.linalg.vector_norm(tensor) for tensor in tensors]
    return list(together(tensors))


def convolution_relu(
    x: Tensor, kernel: Tensor, bias: Tensor, stride: list[int], padding: list[int]
) -> Tensor:
    """max(0, kernel ∗ x + bias), by what torch documents."""
    return F.conv2d(x, kernel, bias, stride, padding).relu_()


def packed_convolution_relu(
    x: Tensor, packed: Tensor, bias: Tensor, stride: list[int], padding: list[int]
) -> Tensor:
    """The same to rounding, in one call of oneDNN, with a kernel of `packed_kernel`.

    Torch's compiler emits this call for frozen networks. Only where `fuses_convolutions`.
    """
    return torch.ops.mkldnn._convolution_pointwise(
        x, packed, bias, padding, stride, [1, 1], 1, "relu", [], ""
    )


def packed_kernel(
    kernel: Tensor, stride: list[int], padding: list[int], shape: list[int]
) -> Tensor:
    """A kernel laid out as this CPU reads it for images of `shape`."""
    return torch.ops.aten.mkldnn_reorder_conv2d_weight(
        kernel.to_mkldnn(), padding, stride, [1, 1], 1, shape
    )


@cache
def fuses_convolutions(dtype: torch.dtype) -> bool:
    """Whether this torch has the two calls of oneDNN, and this CPU their numbers."""
    x = torch.ones(1, 16, 3, 3, dtype=dtype).contiguous(memory_format=torch.channels_last)
    kernel, bias = torch.ones(16, 16, 1, 1, dtype=dtype), torch.ones(16, dtype=dtype)
    try:
        packed = packed_kernel(kernel, [1, 1], [0, 0], list(x.shape))
        return bool((packed_convolution_relu(x, packed, bias, [1, 1], [0, 0]) == 17).all())
    except (AttributeError, RuntimeError):
        return False


@contextmanager
def without_modes() -> Iterator[None]:
    """No mode of torch functions or of dispatch, that of the default device among them; by what
    torch documents, none but the latter.
    """
    with ExitStack() as stack:
        try:
            of_functions, without_last = (
                torch.overrides._get_current_function_mode_stack,
                torch.overrides._pop_mode_temporarily,
            )
            dispatch: Any = import_module("torch.utils._python_dispatch")
            without_dispatch, of_dispatch = (
                dispatch._disable_current_modes,
                dispatch._len_torch_dispatch_stack,
            )
        except (AttributeError, ImportError):
            stack.enter_context(torch.device("cpu"))
        else:
            for _ in of_functions():
                stack.enter_context(without_last())
            if of_dispatch():
                stack.enter_context(without_dispatch())
        yield


def forget_loading(module: nn.Module) -> None:
    """Drop what a module does before it loads a state dict: closures, which do not pickle."""
    vars(module).get("_load_state_dict_pre_hooks", {}).clear()


def unwrap(part: Any) -> Any:
    """A network or function without what `torch.compile` put around it."""
    if isinstance(part, nn.Module):
        part = getattr(part, "_orig_mod", part)
    if isinstance(part, nn.Module | FunctionType):
        part = getattr(part, "_torchdynamo_orig_callable", part)
    return part


def plain_name(name: str) -> str:
    """The name of a layer or weight, without what `torch.compile` puts in between."""
    return ".".join(part for part in name.split(".") if part != "_orig_mod")
