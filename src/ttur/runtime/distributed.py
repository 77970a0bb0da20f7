"""This process among its peers. Without a process group it is a group of one."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed


def rank() -> int:
    """The number of this process, 0 where there is no group."""
    return torch.distributed.get_rank() if _in_group() else 0


def world_size() -> int:
    """How many processes work together, 1 where there is no group."""
    return torch.distributed.get_world_size() if _in_group() else 1


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
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device {name!r} is not usable here ({str(error).splitlines()[0]}); try --device cpu"
        ) from error
    return device


def _in_group() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
