"""The contract of a medium, one kind of samples."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from ttur.data.batches import Batches
from ttur.models.description import ModelDescription, SampleShape
from ttur.runtime.randomness import Stream
from ttur.training.contracts import Evaluator, Say
from ttur.training.drawing import Drawing


class Medium(ABC):
    """The samples of one run, opened.

    `kind` is the word for them in a model's description and in a configuration's scoring. `sha256`
    is of the samples, `sample_shape` that of one of them as the networks see it.
    """

    kind: ClassVar[str]
    sha256: str
    sample_shape: SampleShape
    vocabulary: tuple[str, ...] = ()
    """The symbols that samples are spelt in, where they are."""

    @classmethod
    @abstractmethod
    def load(
        cls, name: str, split: str, data_directory: Path | None, model: ModelDescription
    ) -> "Medium":
        """The data set of that name, in the size of the model.

        Raises:
            FileNotFoundError: if it is not there; says how to get it.
            ValueError: if it is of another kind or size.
        """

    @classmethod
    @abstractmethod
    def assumed_shape(cls, model: ModelDescription) -> SampleShape:
        """The shape of a sample where no data are at hand to say it."""

    @abstractmethod
    def batches(
        self, batch_size: int, stream: Stream, device: torch.device, *, mirror: bool = False
    ) -> Batches:
        """The samples in the order of training; with `mirror`, half of them mirror images."""

    @abstractmethod
    def evaluator(
        self,
        scoring: Any,
        drawing: Drawing,
        *,
        every: int,
        last: int,
        weights: Path | str | None,
        say: Say,
    ) -> Evaluator:
        """How `scoring`, a description of this medium, wants a generator looked at.

        It is looked at every so many updates, and after the last. What is missing is missed now.
        """

    def rehearse(
        self, scoring: Any, *, device: torch.device, weights: Path | str | None, say: Say
    ) -> Mapping[str, bool] | None:
        """Refuse what `evaluator` would refuse, at once; what would be downloaded is said.

        The numbers that there will be, as `Evaluator.lower_is_better`; None if not known yet.
        """
        return None

    @classmethod
    @abstractmethod
    def displayable(cls, outputs: Tensor, vocabulary: tuple[str, ...]) -> Sequence[Any]:
        """Outputs of a generator as a person sees them, one by one: pixels, sentences."""

    @classmethod
    @abstractmethod
    def write(cls, samples: Sequence[Any], *, out: Path | None, grid: Path | None) -> str:
        """Samples as `shown`, kept at `out` or together in the file `grid`; what to print of it.

        Raises:
            ValueError: if this medium has another way of being kept; says which.
            FileExistsError: if something is there already.
        """
