"""Where random numbers come from: streams of their own, and the global generators guarded."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ttur.runtime.surroundings import neutral_surroundings


@dataclass(frozen=True)
class Stream:
    """The random numbers of one purpose of one run, as `stream` names them.

    `word` is that of the purpose. With an index it is the n-th of its siblings: of an epoch, of an
    update; without, that at 0. It does not remember what was drawn from it.
    """

    word: int
    index: tuple[int, ...] = ()

    @property
    def seed(self) -> int:
        """For what takes one number, in 63 bits.

        Siblings have neighbouring ones, whose streams are unrelated in torch's generators (Mersenne
        twister, Philox).
        """
        if len(self.index) > 1:
            words = np.random.SeedSequence([self.word, *self.index]).generate_state(1, np.uint64)
            return int(words[0] >> 1)
        return (self.word + sum(self.index)) % 2**63

    def torch(self, device: torch.device | str = "cpu") -> torch.Generator:
        """A generator on `device` at the beginning of the stream."""
        return torch.Generator(device).manual_seed(self.seed)

    def numpy(self) -> np.random.Generator:
        """One of numpy's at the beginning of the stream."""
        return np.random.default_rng([self.word, *self.index])

    def at(self, *index: int) -> "Stream":
        """The sibling at this place."""
        return Stream(self.word, (*self.index, *index))


def stream(seed: int, purpose: str, *index: int) -> Stream:
    """The stream of `purpose` in the run of `seed`: no two of a run share their numbers.

        >>> stream(0, "weights").torch().initial_seed() == stream(0, "weights").seed
        True
        >>> stream(0, "weights").seed == stream(0, "data").seed
        False

    Raises:
        ValueError: if `seed` is negative.
    """
    if seed < 0:
        raise ValueError(f"expected a seed of at least 0, got {seed}")
    words = np.random.SeedSequence([seed, *purpose.encode()]).generate_state(1, np.uint64)
    return Stream(int(words[0] >> 1), index)  # torch and numpy both take 63 bits


@contextmanager
def randomness_from(seed: int | None, device: torch.device) -> Iterator[None]:
    """The global generators of torch, numpy and Python begin at `seed`, None for where they are,
    and are put back.

    Networks, losses and data sets of somebody else's may draw from them. Whatever looks at a run
    (an evaluation, a probe, a drawing) does so within, and moves nothing.
    """
    devices = [device] if device.type == "cuda" else []
    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=devices):
        if seed is not None:
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


@neutral_surroundings()
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


@neutral_surroundings()
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
