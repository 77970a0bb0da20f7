"""Plain arrays: points, signals, whatever a network takes as it is. Trained on, not scored."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic.dataclasses import dataclass
from torch import Tensor

from ttur.data.batches import Batches
from ttur.models.description import ModelDescription, SampleShape
from ttur.runtime import digests
from ttur.runtime.description import STRICT, Count
from ttur.runtime.randomness import Stream
from ttur.training.contracts import Evaluator, Say
from ttur.training.drawing import Drawing
from ttur.training.media.medium import Medium


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ArrayScoring:
    """There is no metric for samples of any kind."""

    metric: Literal["none"] = "none"
    evaluation_batch_size: Count = 1000
    kind: Literal["arrays"] = "arrays"

    def passes(self, updates: Sequence[int], every: int) -> dict[int, int]:
        return {}


class ArrayMedium(Medium):
    """An array or tensor (N, ...), which the networks get as it is."""

    kind: ClassVar = "arrays"

    def __init__(self, samples: np.ndarray | Tensor):
        self.samples = samples
        self.sha256 = digests.of_array(samples)
        self.sample_shape = tuple(samples.shape[1:])

    @classmethod
    def load(
        cls, name: str, split: str, data_directory: Path | None, model: ModelDescription
    ) -> "ArrayMedium":
        path = Path(data_directory or "", name, f"{split}.npy")
        if not path.is_file():
            raise FileNotFoundError(
                f"expected an array of samples in {path}, got nothing there; save it by numpy.save"
            )
        return cls(np.load(path, mmap_mode="r", allow_pickle=False))

    @classmethod
    def assumed_shape(cls, model: ModelDescription) -> SampleShape:
        return ()

    def batches(
        self, batch_size: int, stream: Stream, device: torch.device, *, mirror: bool = False
    ) -> Batches:
        return Batches(self.samples, batch_size, stream=stream, device=device, mirror=mirror)

    def evaluator(
        self,
        scoring: ArrayScoring,
        drawing: Drawing,
        *,
        every: int,
        last: int,
        weights: Path | str | None,
        say: Say,
    ) -> Evaluator:
        return Evaluator("none", None, None)

    @classmethod
    def displayable(cls, outputs: Tensor, vocabulary: tuple[str, ...]) -> Sequence[np.ndarray]:
        return list(outputs.cpu().numpy())

    @classmethod
    def write(cls, samples: Sequence[Any], *, out: Path | None, grid: Path | None) -> str:
        if grid is not None or out is None or out.suffix != ".npy":
            raise ValueError("samples of a plain array are kept as .npy; name such an `out`")
        if out.exists():
            raise FileExistsError(f"{out} exists; choose a new `out`")
        out.parent.mkdir(parents=True, exist_ok=True)
        np.save(out, np.stack(samples))
        return f"{out}\n"
