"""How samples are drawn to be looked at: from a copy of the generator, always the same latents."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ttur.runtime.randomness import Stream

DrawLatents = Callable[[int, torch.Generator], Tensor]
# (generator, fixed latents) → the copy that draws
EvaluationCopy = Callable[[nn.Module, Tensor], nn.Module]


@dataclass(frozen=True)
class Drawing:
    """Draws from one generator after another.

    `latents(count, rng)` draws a batch of them on the device of `rng`; `stream` is that of the
    run's evaluations.
    """

    evaluation_copy: EvaluationCopy
    latents: DrawLatents
    stream: Stream
    device: torch.device

    def rng(self, index: int = 0) -> torch.Generator:
        """The beginning of one of the streams of latents."""
        return self.stream.at(index).torch(self.device)
