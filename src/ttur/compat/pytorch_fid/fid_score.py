"""`pytorch_fid.fid_score`: its functions, with their arguments in their order.

Folders are read at their top, by extensions in lower case; `.npz` files hold `mu` and `sigma`.
`num_workers` is the number of threads that decode.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ttur.compat.images import image_files
from ttur.compat.networks import inception
from ttur.compat.pytorch_fid.inception import pooled
from ttur.compat.remarks import say_once
from ttur.evaluation.collector import Collector, side_of_images
from ttur.evaluation.evaluate import compare
from ttur.evaluation.sources import ImageSet
from ttur.evaluation.statistics import Statistics
from ttur.features.extractors import Extractor
from ttur.features.resize import PROTOCOL_OF
from ttur.metrics.frechet import frechet_distance

PROTOCOL = PROTOCOL_OF["pytorch-fid"]
IMAGE_EXTENSIONS = {"bmp", "jpg", "jpeg", "pgm", "png", "ppm", "tif", "tiff", "webp"}


def calculate_fid_given_paths(
    paths: Sequence[str],
    batch_size: int,
    device: str | torch.device,
    dims: int,
    num_workers: int = 1,
) -> float:
    """The Fréchet distance of two folders or `.npz` files, by the layer of `dims` features.

    Raises:
        RuntimeError: if there is nothing at a path.
        ValueError: if a folder has fewer than two images, or statistics were made in another way.
    """
    for path in paths:
        _check_there(path)
    files = [path for path in paths if str(path).endswith(".npz")]
    # Two files need no network, and no weights.
    network = None if len(files) == 2 else inception(dims, PROTOCOL, device=device)
    sides = [_statistics(path, network, batch_size, num_workers) for path in paths]
    result = compare(*sides)
    for warning in result.warnings:
        say_once(f"ttur: {warning}")
    return result.value


def save_fid_stats(
    paths: Sequence[str],
    batch_size: int,
    device: str | torch.device,
    dims: int,
    num_workers: int = 1,
) -> None:
    """Writes `mu` and `sigma` of the images in the first path to the second, an .npz.

    Raises:
        RuntimeError: if there is nothing at the first, or something at the second.
    """
    _check_there(paths[0])
    output = Path(paths[1])
    output = output if output.suffix == ".npz" else output.with_name(f"{output.name}.npz")
    if output.exists():
        raise RuntimeError(f"Existing output file: {output}")
    print(f"Saving statistics for {paths[0]}")
    network = inception(dims, PROTOCOL, device=device)
    _statistics(paths[0], network, batch_size, num_workers).save(output)


def calculate_frechet_distance(
    mu1: np.ndarray, sigma1: np.ndarray, mu2: np.ndarray, sigma2: np.ndarray, eps: float = 1e-6
) -> float:
    """Of two Gaussians. Nothing is added to the diagonal, whatever `eps`: ours needs no help.

    Raises:
        ValueError: if their shapes differ or a covariance is none.
    """
    means = [np.atleast_1d(mu) for mu in (mu1, mu2)]
    covariances = [np.atleast_2d(sigma) for sigma in (sigma1, sigma2)]
    return frechet_distance(means[0], covariances[0], means[1], covariances[1])


def get_activations(
    files: Sequence[str | Path],
    model: nn.Module,
    batch_size: int = 50,
    dims: int = 2048,
    device: str | torch.device = "cpu",
    num_workers: int = 1,
) -> np.ndarray:
    """float64 (files, dims): what `model` returns first, its mean over all places."""
    collector = _collected(files, model, batch_size, dims, device, num_workers, ("features",))
    return np.concatenate(collector.kept["features"]).astype(np.float64)


def calculate_activation_statistics(
    files: Sequence[str | Path],
    model: nn.Module,
    batch_size: int = 50,
    dims: int = 2048,
    device: str | torch.device = "cpu",
    num_workers: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean (dims,) and covariance (dims, dims) of the activations."""
    made = _collected(files, model, batch_size, dims, device, num_workers).side().statistics
    return made.mean, made.covariance


def compute_statistics_of_path(
    path: str,
    model: nn.Module,
    batch_size: int,
    dims: int,
    device: str | torch.device,
    num_workers: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """The same of the images in a folder, or as an `.npz` has them."""
    if str(path).endswith(".npz"):
        read = Statistics.load(Path(path))
        return read.mean, read.covariance
    files = _files(path)
    return calculate_activation_statistics(files, model, batch_size, dims, device, num_workers)


def _check_there(path: str) -> None:
    if not Path(path).exists():
        raise RuntimeError(f"Invalid path: {path}")


def _files(folder: str | Path) -> list[str]:
    found = (path for path in Path(folder).iterdir() if path.suffix[1:] in IMAGE_EXTENSIONS)
    return [str(path) for path in sorted(found)]


def _images(folder: str | Path, threads: int) -> ImageSet:
    return image_files(str(folder), _files(folder), threads=threads)


def _statistics(path: str, network: Extractor | None, batch_size: int, threads: int) -> Statistics:
    if str(path).endswith(".npz"):
        return Statistics.load(Path(path))
    assert network is not None
    return side_of_images(_images(path, threads), network, batch_size=batch_size).statistics


def _collected(
    files: Sequence[str | Path],
    model: nn.Module,
    batch_size: int,
    dims: int,
    device: str | torch.device,
    threads: int,
    keep: tuple[str, ...] = (),
) -> Collector:
    model.eval()

    def features(pixels: Tensor) -> Tensor:
        outputs: Any = model(pixels.to(device) / 255)
        return pooled(outputs[0])

    network = Extractor.of(features, name=type(model).__name__, dimension=dims)
    collector = Collector(network, keep)
    names = [str(file) for file in files]
    collector.read(image_files("the files", names, threads=threads), batch_size, audited=False)
    return collector
