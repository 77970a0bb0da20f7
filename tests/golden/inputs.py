"""What the golden values were computed on: images, weights and feature vectors, from bits alone.

Only the raw stream of PCG64 and exact arithmetic, no library's normal distribution: every machine
and every version of numpy makes the same bytes. `peers.json` holds their digests.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

# Names and shapes in the order of pt_inception-2015-12-05-6726825d.pth (SHA-256 6726825d0af5…).
TENSORS: dict[str, list[int]] = json.loads(
    (Path(__file__).parent / "inception_tensors.json").read_text("utf-8")
)


def uniform(seed: int, *shape: int) -> np.ndarray:
    """Multiples of 2⁻²⁴ in [-1/2, 1/2), float32."""
    count = int(np.prod(shape))
    words = np.random.PCG64(seed).random_raw((count + 1) // 2).astype("<u8").view("<u4")
    return ((words[:count] >> 8) / np.float32(2**24) - np.float32(0.5)).reshape(shape)


def inception_weights() -> dict[str, np.ndarray]:
    """Random, He-scaled (variance 2 / inputs); batch-norm statistics away from 0 and 1."""
    weights = {}
    for seed, (name, shape) in enumerate(TENSORS.items()):
        values = uniform(seed, *shape)
        if name.endswith(("conv.weight", "fc.weight")):
            values *= np.float32(np.sqrt(24 / np.prod(shape[1:])))
        elif name.endswith(("bn.weight", "running_var")):
            values = 1 + np.float32(0.4) * values
        else:
            values *= np.float32(0.35)
        weights[name] = values
    return weights


def images(seed: int, count: int, height: int, width: int) -> np.ndarray:
    """uint8 (count, height, width, 3): coloured cells of four sizes, under stripes and grain."""
    rng = np.random.PCG64(seed)
    row, column = np.indices((height, width))
    made = np.empty((count, height, width, 3), np.uint8)
    for index in range(count):
        cell = 2 << (index % 4)
        cells = _bytes(rng, height // cell + 1, width // cell + 1, 3)
        cells = cells.repeat(cell, 0).repeat(cell, 1)[:height, :width]
        slope, phase = _bytes(rng, 2, 3) % 16
        stripes = (row[..., None] * slope + column[..., None] * (15 - slope) + 16 * phase) % 256
        grain = _bytes(rng, height, width, 3)
        contrast = 1 + index % 3
        made[index] = (4 * contrast * cells + 3 * stripes + grain) // (4 * contrast + 4)
    return made


def real_images(count: int) -> np.ndarray:
    return images(1, count, 32, 32)


def generated_images(count: int) -> np.ndarray:
    """Of another shape, so that every comparison covers two resizes."""
    return images(2, count, 40, 57)


def features(seed: int, count: int, dimension: int) -> np.ndarray:
    """float32 (count, dimension), non-negative as pool_3 is, correlated, of decaying variance."""
    latent = uniform(seed, count, dimension)
    # The same mixture whatever the seed, so that two sides resemble each other; seeds shift it.
    mixture = uniform(99, dimension, dimension) / np.sqrt(np.arange(1, dimension + 1))[:, None]
    # Products and sums of few bits are exact in any order of summation: no BLAS can differ.
    latent, mixture = np.round(latent * 256) / 256, np.round(mixture * 256) / 256
    return np.maximum(latent @ mixture + 0.25 + 0.0625 * (seed % 4), 0).astype(np.float32)


def digest(arrays: Iterable[np.ndarray]) -> str:
    """SHA-256 of the bytes of arrays, one after the other."""
    sha256 = hashlib.sha256()
    for array in arrays:
        sha256.update(np.ascontiguousarray(array).data)
    return sha256.hexdigest()


def _bytes(rng: np.random.PCG64, *shape: int) -> np.ndarray:
    return (rng.random_raw(int(np.prod(shape))) >> 56).astype(np.int64).reshape(shape)
