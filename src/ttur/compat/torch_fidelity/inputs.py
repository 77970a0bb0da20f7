"""What `input1` and `input2` may be: a folder, a data set of uint8 tensors, a generator."""

import copy
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ttur.compat.images import image_files
from ttur.data.images.decode import Picture
from ttur.evaluation.openers import open_images
from ttur.evaluation.sources import ImageSet
from ttur.runtime.errors import kind_of

_THREADS = 4

# Noise of a shape from a generator of numpy's old kind, by the name of its type.
NOISE: dict[str, Callable[[np.random.RandomState, tuple[int, int]], Tensor]] = {
    "normal": lambda rng, shape: torch.from_numpy(rng.randn(*shape)).float(),
    "unit": lambda rng, shape: _on_sphere(torch.from_numpy(rng.rand(*shape)).float()),
    "uniform_0_1": lambda rng, shape: torch.from_numpy(rng.rand(*shape)).float(),
}


class GenerativeModelBase(ABC, nn.Module):
    """A generator: noise (N, z_size), and labels (N,) if it has classes → uint8 (N, 3, H, W)."""

    @property
    @abstractmethod
    def z_size(self) -> int: ...

    @property
    @abstractmethod
    def z_type(self) -> str: ...

    @property
    @abstractmethod
    def num_classes(self) -> int: ...


class GenerativeModelModuleWrapper(GenerativeModelBase):
    """A module as such a generator; in evaluation mode unless told not to.

    Raises:
        ValueError: if the noise has no size, an unknown type, or the classes a negative number.
    """

    def __init__(
        self,
        module: nn.Module,
        z_size: int,
        z_type: str,
        num_classes: int,
        make_copy: bool = False,
        make_eval: bool = True,
        cuda: bool | None = None,
    ) -> None:
        super().__init__()
        if z_size < 1 or z_type not in NOISE or num_classes < 0:
            raise ValueError(
                f"expected a positive `z_size`, a `z_type` out of {', '.join(NOISE)} and no "
                f"negative `num_classes`, got {z_size!r}, {z_type!r} and {num_classes!r}"
            )
        self.module = copy.deepcopy(module) if make_copy else module
        self.module = self.module.eval() if make_eval else self.module
        if cuda is not None:
            self.module.to("cuda" if cuda else "cpu")
        self._noise = z_size, z_type, num_classes

    @property
    def z_size(self) -> int:
        return self._noise[0]

    @property
    def z_type(self) -> str:
        return self._noise[1]

    @property
    def num_classes(self) -> int:
        return self._noise[2]

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.module(*inputs)


@dataclass(frozen=True)
class Finding:
    """How the samples of a folder are found: everywhere below it or at its top, by extensions."""

    deep: bool
    extensions: str

    def files(self, folder: str) -> list[str]:
        """Real paths, sorted."""
        wanted = {f".{extension.strip()}" for extension in self.extensions.split(",")}
        found = []
        for where, folders, names in os.walk(folder):
            found += [os.path.join(where, n) for n in names if Path(n).suffix.lower() in wanted]
            if not self.deep:
                folders.clear()
        return sorted(map(os.path.realpath, found))


def open_input(
    source: Any, which: str, finding: Finding, device: torch.device, samples: int | None, seed: int
) -> ImageSet:
    """The images of an input; `which` names it in messages, `samples` is how many to draw.

    Raises:
        ValueError: if it is none, or a generator without a number of samples.
    """
    if isinstance(source, str | Path):
        if not os.path.isdir(source):
            raise ValueError(
                f"expected as `{which}` a folder of images, a Dataset or a generator, got "
                f"{str(source)!r}; of a registered data set give the folder that `ttur prepare` "
                "made of it (`ttur prepare cifar10 ARCHIVE`), a network wrapped by "
                "GenerativeModelModuleWrapper"
            )
        if (Path(source) / "card.json").is_file():
            return open_images(source)
        return image_files(str(source), finding.files(str(source)), threads=_THREADS)
    if isinstance(source, nn.Module):
        if not all(hasattr(source, name) for name in ("z_size", "z_type", "num_classes")):
            raise ValueError(
                f"expected `{which}` to say its noise, got {kind_of(source)}; wrap it by "
                'GenerativeModelModuleWrapper(module, z_size, "normal", 0)'
            )
        if samples is None or samples < 1:
            raise ValueError(
                f"expected `{which}_model_num_samples`, the number of images to draw, got {samples}"
            )
        return _drawn(source, which, device, samples, seed)
    return open_images(source)


def _drawn(model: Any, which: str, device: torch.device, count: int, seed: int) -> ImageSet:
    @torch.no_grad()
    def read(batch_size: int) -> Iterator[Picture]:
        rng = np.random.RandomState(seed)
        model.to(device)
        for start in range(0, count, batch_size):
            size = min(batch_size, count - start)
            inputs = [NOISE[model.z_type](rng, (size, model.z_size)).to(device)]
            if model.num_classes > 0:
                labels = rng.randint(0, model.num_classes, size=size, dtype=np.int64)
                inputs.append(torch.from_numpy(labels).to(device))
            images = model(*inputs)
            if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[:2] != (size, 3):
                raise ValueError(
                    f"expected uint8 ({size}, 3, height, width) from `{which}`, got {images.dtype} "
                    f"{tuple(images.shape)}; end the network with "
                    "(x * 127.5 + 127.5).clamp(0, 255).to(torch.uint8)"
                )
            for image in images.movedim(1, -1).cpu().numpy():
                yield Picture(np.ascontiguousarray(image))

    return ImageSet(which, count, "fail", read)


def _on_sphere(noise: Tensor) -> Tensor:
    return noise / noise.square().sum(dim=-1, keepdim=True).sqrt().clamp_min(1e-7)
