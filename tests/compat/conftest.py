"""A network that costs nothing in the place of Inception's; the other tools, if there are any."""

import importlib.util
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ttur.features.extractors import Extractor

PEERS = ("pytorch_fid", "cleanfid", "torch_fidelity", "torchmetrics", "torchvision")


def of_layer(name: str, protocol: str) -> Extractor:
    """The means of patches: as many as the layer has, or 96, and 6 classes of their squares."""
    dimension = int(name.removeprefix("inception_")) if "_" in name else 96

    def network(images: Tensor) -> tuple[Tensor, Tensor]:
        means = F.avg_pool2d(images, 4).flatten(1)
        squares = F.avg_pool2d(images**2, 4).flatten(1)
        features = F.pad(means, (0, 64))[:, :dimension] + 1
        return features, 8 * squares[:, :6]

    return Extractor.of(network, name="patches", dimension=dimension, size=16, protocol=protocol)


@pytest.fixture
def cheap_inception(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, *, protocol: str, **options: Any) -> Extractor:
        return of_layer(name, protocol)

    monkeypatch.setattr("ttur.compat.networks.load_extractor", load)


@pytest.fixture(scope="session")
def peers() -> ModuleType:
    """The other tools, with torchvision's operators declared."""
    if missing := [name for name in PEERS if importlib.util.find_spec(name) is None]:
        pytest.skip(f"no {', '.join(missing)} here: pip install 'ttur[peers]'")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from golden import peers
    return peers


def random_images(count: int, seed: int, side: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def write_images(folder: Path, images: np.ndarray, suffix: str = ".png") -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{index:03}{suffix}" for index in range(len(images))]
    for file, image in zip(files, images, strict=True):
        Image.fromarray(image).save(file)
    return [str(file) for file in files]


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`photos` of 20 images and `samples` of 15, in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TTUR_CACHE", str(tmp_path / "cache"))
    write_images(tmp_path / "photos", random_images(20, seed=0))
    write_images(tmp_path / "samples", random_images(15, seed=1) // 2)
    return tmp_path
