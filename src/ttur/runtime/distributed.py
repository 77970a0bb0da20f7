"""This process among its peers. Without a process group it is a group of one."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed
from torch import Tensor


def rank() -> int:
    """The number of this process, 0 where there is no group."""
    return torch.distributed.get_rank() if _in_group() else 0


def world_size() -> int:
    """How many processes work together, 1 where there is no group."""
    return torch.distributed.get_world_size() if _in_group() else 1


def from_every_rank(tensors: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """What each process of the group calls this with, by rank, one after the other.

    Names, types and shapes may differ from process to process. Every process must take them all.
    Nothing is pickled, unlike by `torch.distributed.all_gather_object`.
    """
    # NCCL moves what is on the GPU, other backends what is on the CPU.
    is_nccl = world_size() > 1 and torch.distributed.get_backend() == "nccl"
    device = torch.device("cuda" if is_nccl else "cpu")
    for source in range(world_size()):
        described = [(k, str(v.dtype).removeprefix("torch."), v.shape) for k, v in tensors.items()]
        header = torch.tensor(list(json.dumps(described).encode()), dtype=torch.uint8)
        length = _broadcast(torch.tensor(len(header)), source, device)
        if rank() != source:
            header = torch.empty(int(length), dtype=torch.uint8)
        header = _broadcast(header, source, device)
        received = {}
        for name, dtype, shape in json.loads(bytes(header.tolist())):
            mine = (
                tensors[name]
                if rank() == source
                else torch.empty(shape, dtype=getattr(torch, dtype))
            )
            received[name] = _broadcast(mine, source, device)
        yield received


@contextmanager
def rank_zero_first() -> Iterator[None]:
    """The block runs on rank 0, then on the others: what rank 0 fetched, they find."""
    if rank() != 0:
        torch.distributed.barrier()
    try:
        yield
    finally:
        if rank() == 0 and world_size() > 1:
            torch.distributed.barrier()


def pick_device(name: str = "auto") -> torch.device:
    """ "auto" is the CUDA device if there is one, else the CPU; other names are torch's.

    Raises:
        ValueError: if the device does not exist here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()  # there, and with memory: torch has a "meta", too
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device {name!r} is not usable here ({str(error).splitlines()[0]}); try `device` cpu"
        ) from error
    return device


def _broadcast(tensor: Tensor, source: int, device: torch.device) -> Tensor:
    """The tensor of the process `source`, here."""
    if world_size() == 1:
        return tensor
    travelling = tensor.to(device).contiguous()
    torch.distributed.broadcast(travelling, source)
    return travelling.to(tensor.device)


def _in_group() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
