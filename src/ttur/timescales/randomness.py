"""The global generators of torch, numpy and Python, which networks may draw from."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


@contextmanager
def randomness_from(seed: int, device: torch.device) -> Iterator[None]:
    """They begin at `seed` and are put back."""
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


def global_noise(device: torch.device) -> dict[str, Any]:
    """Where they stand, in tensors and numbers, after `randomness_from` has begun."""
    of_numpy: Any = np.random.get_state()  # noqa: NPY002
    _, words, *of_numpy = of_numpy
    version, numbers, gauss = random.getstate()
    state = {
        "torch_noise": torch.get_rng_state(),
        "numpy_noise": [torch.from_numpy(words.astype(np.int64)), *of_numpy],
        "python_noise": [version, torch.tensor(numbers), gauss],
    }
    return state | (
        {"cuda_noise": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {}
    )


def restore_global_noise(state: dict[str, Any], device: torch.device) -> None:
    """`global_noise` as it was; what `state` has not, as older checkpoints, stays."""
    if "torch_noise" in state:
        torch.set_rng_state(state["torch_noise"])
    if "cuda_noise" in state:
        torch.cuda.set_rng_state(state["cuda_noise"], device)
    if "numpy_noise" in state:
        words, *of_numpy = state["numpy_noise"]
        np.random.set_state(("MT19937", words.numpy().astype(np.uint32), *of_numpy))  # noqa: NPY002
    if "python_noise" in state:
        version, numbers, gauss = state["python_noise"]
        random.setstate((version, tuple(numbers.tolist()), gauss))
