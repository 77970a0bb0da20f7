"""This process among its peers. Without a process group it is a group of one."""

from collections.abc import Iterator

import torch
import torch.distributed
from safetensors.torch import load, save
from torch import Tensor


def rank() -> int:
    """The number of this process, 0 where there is no group."""
    return torch.distributed.get_rank() if _in_group() else 0


def world_size() -> int:
    """How many processes work together, 1 where there is no group."""
    return torch.distributed.get_world_size() if _in_group() else 1


def from_every_rank(tensors: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """What each process of the group calls this with, by rank, one after the other.

    Names, types and shapes may differ from process to process; names come in their order. Every
    process must take them all; those of others come on the CPU. Nothing is pickled, unlike by
    `torch.distributed.all_gather_object`.
    """
    if world_size() == 1:
        yield tensors
        return
    mine = torch.frombuffer(bytearray(save(_stored(tensors))), dtype=torch.uint8)
    # NCCL moves what is on the GPU, other backends what is on the CPU.
    is_nccl = torch.distributed.get_backend() == "nccl"
    device = torch.device("cuda" if is_nccl else "cpu")
    for source in range(world_size()):
        size = torch.tensor(len(mine), device=device)
        torch.distributed.broadcast(size, source)
        content = mine.to(device) if rank() == source else mine.new_empty(int(size), device=device)
        torch.distributed.broadcast(content, source)
        given = tensors if rank() == source else load(content.cpu().numpy().tobytes())
        yield {name: given[name] for name in sorted(given)}  # a file has an order of its own


def _stored(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Whole and apart from one another, as safetensors wants them."""
    apart = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
    return {name: tensor.contiguous() for name, tensor in apart.items()}


def pick_device(name: str = "auto") -> torch.device:
    """ "auto" is the CUDA device if there is one, else the CPU; other names are torch's.

    Raises:
        ValueError: if the device does not exist here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(
            f"device {name!r} is not usable here (no name of one: auto, cpu, cuda, cuda:1, …); "
            "try `device` cpu"
        ) from error
    try:
        torch.zeros(1, device=device).cpu()  # there, and with memory: torch has a "meta", too
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        if reason.startswith("Expected one of"):  # and then all that torch has a name for
            reason = "there is no such kind"
        raise ValueError(
            f"device {name!r} is not usable here ({reason}); try `device` cpu"
        ) from error
    return device


def _in_group() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
