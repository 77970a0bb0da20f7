"""Samples in training order: a permutation per epoch, which a stream of numbers gives."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from ttur.runtime.randomness import Stream

# Beyond this the array stays on disk and each batch travels.
RESIDENT_SHARE_OF_DEVICE_MEMORY = 0.5


class Batches:
    """An endless stream of batches, drawn without workers from an array or memory map.

    uint8 arrays of shape (N, H, W, 3) come out as images (batch, 3, H, W), float32 in [-1, 1],
    x / 127.5 - 1 (A.5); other arrays (N, ...) come out as they are. Any other `transform` is a
    function of a batch, which lies on the device already. Every epoch is one permutation; its
    incomplete last batch is dropped. With `mirror`, each image is as it is or its mirror image,
    with equal chances anew in every epoch. The state is three integers.

    Raises:
        ValueError: if there are fewer samples than a batch holds, bytes that are no images, or
            samples to mirror that are none.
    """

    def __init__(
        self,
        samples: np.ndarray | Tensor,
        batch_size: int,
        *,
        stream: Stream,
        device: torch.device,
        transform: Callable[[Tensor], Tensor] | None = None,
        mirror: bool = False,
    ):
        if mirror and not are_pixels(samples):
            raise ValueError(
                "only uint8 images (N, H, W, 3) are mirrored, got "
                f"{samples.dtype} of shape {tuple(samples.shape)}; leave `mirror` out"
            )
        if len(samples) < batch_size or batch_size < 1:
            raise ValueError(
                f"a batch of {batch_size} needs at least as many samples, got {len(samples)}; "
                "prepare more, or lower batch_size"
            )
        if (
            transform is None
            and samples.dtype in (np.uint8, torch.uint8)
            and not are_pixels(samples)
        ):
            raise ValueError(
                f"uint8 data must be images (N, H, W, 3), got {tuple(samples.shape)}; "
                "repeat grey three times, or convert to floats"
            )
        self.batch_size, self.stream, self.device = batch_size, stream, device
        self.epoch, self.batch, self.mirror = 0, 0, mirror
        self._samples = _resident(samples, device)
        self._transform = transform or (to_images if are_pixels(samples) else lambda batch: batch)
        self._order = self._permutation()

    def next(self) -> Tensor:
        """The next batch, on the device."""
        if self.batch == len(self._order):
            self.epoch, self.batch = self.epoch + 1, 0
            self._order = self._permutation()
        chosen, noise = self._order[self.batch], self.stream.at(self.epoch, self.batch)
        self.batch += 1
        return self._mirrored(self._pick(chosen), noise.numpy() if self.mirror else None)

    def draw(self, noise: np.random.Generator, count: int) -> Tensor:
        """`count` different samples drawn by `noise`; the stream stays where it stands."""
        chosen = noise.choice(len(self._samples), count, replace=False, shuffle=False)
        return self._mirrored(self._pick(torch.from_numpy(chosen)), noise if self.mirror else None)

    def state_dict(self) -> dict[str, Any]:
        """Where the batches stand; `seed` is the word of their stream."""
        return {"seed": self.stream.word, "epoch": self.epoch, "batch": self.batch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state` stood; the next batch is the one that was due."""
        self.stream = Stream(state["seed"])
        self.epoch, self.batch = state["epoch"], state["batch"]
        self._order = self._permutation()

    def _pick(self, chosen: Tensor) -> Tensor:
        if isinstance(self._samples, Tensor):
            picked = self._samples[chosen.to(self._samples.device)].to(self.device)
        else:
            picked = torch.from_numpy(self._samples[chosen.numpy()]).to(self.device)
        return self._transform(picked)

    def _mirrored(self, images: Tensor, noise: np.random.Generator | None) -> Tensor:
        if noise is None:
            return images
        turned = torch.from_numpy(noise.random(len(images)) < 0.5).to(images.device)
        return torch.where(turned[:, None, None, None], images.flip(-1), images)

    def _permutation(self) -> Tensor:
        """Indices of this epoch, of shape (batches, batch_size), beside the samples."""
        order = self.stream.at(self.epoch).numpy().permutation(len(self._samples))
        whole = len(order) // self.batch_size * self.batch_size
        rows = torch.from_numpy(order[:whole].reshape(-1, self.batch_size))
        return rows.to(self._samples.device) if isinstance(self._samples, Tensor) else rows


def to_images(pixels: Tensor) -> Tensor:
    """uint8 (batch, H, W, 3) → float32 (batch, 3, H, W) in [-1, 1], channels last in memory."""
    return pixels.movedim(-1, 1).to(torch.float32).div_(127.5).sub_(1)


def to_one_hot(
    codes: Integer[Tensor, "batch length"], symbols: int
) -> Float[Tensor, "batch length {symbols}"]:
    """Indices below `symbols` → float32, 1 at the index and 0 elsewhere (C.1)."""
    hot = torch.zeros((*codes.shape, symbols), dtype=torch.float32, device=codes.device)
    return hot.scatter_(2, codes.long()[..., None], 1.0)


def are_pixels(samples: np.ndarray | Tensor) -> bool:
    """Whether these are uint8 images (N, H, W, 3), which `Batches` brings to [-1, 1]."""
    return samples.dtype in (np.uint8, torch.uint8) and samples.ndim == 4 and samples.shape[3] == 3


def _resident(samples: np.ndarray | Tensor, device: torch.device) -> np.ndarray | Tensor:
    """Samples on the GPU if they fit there, else where they are."""
    if device.type == "cuda":
        size = samples.nbytes
        if size < RESIDENT_SHARE_OF_DEVICE_MEMORY * torch.cuda.mem_get_info(device)[0]:
            return torch.as_tensor(np.asarray(samples)).to(device)
    return samples
