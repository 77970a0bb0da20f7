"""`cleanfid.fid`: its functions, with their arguments in their order.

Modes are protocols: `clean` is `clean`, `legacy_pytorch` is `torch`, `legacy_tensorflow` is `tf1`.
Folders are read with the folders in them, zips too. `num_workers` is the number of threads that
decode; `use_dataparallel` has no effect. `device` is by default the GPU if there is one. KID draws
its subsets as clean-fid does right after `np.random.seed(0)`.
"""

import glob
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ttur.compat.cleanfid.named import Named
from ttur.compat.images import Change, image_files
from ttur.compat.networks import inception
from ttur.compat.remarks import say_once
from ttur.evaluation.collector import Collector
from ttur.evaluation.evaluate import compare
from ttur.evaluation.sources import ImageSet
from ttur.evaluation.statistics import Side
from ttur.features.extractors import Extractor
from ttur.features.resize import PROTOCOL_OF, resize
from ttur.metrics.kernel import kernel_distance
from ttur.runtime.distributed import pick_device

MODES = {
    mode: PROTOCOL_OF[f"clean-fid {mode}"]
    for mode in ("clean", "legacy_pytorch", "legacy_tensorflow")
}
EXTENSIONS = {"bmp", "jpg", "jpeg", "pgm", "png", "ppm", "tif", "tiff", "webp", "npy"}
_SIZE = 299
_KID_SUBSETS, _KID_SUBSET_SIZE = 100, 1000

Device = str | torch.device
Generator = Callable[[Tensor], Tensor]


def compute_fid(
    fdir1: str | None = None,
    fdir2: str | None = None,
    gen: Generator | None = None,
    mode: str = "clean",
    model_name: str = "inception_v3",
    num_workers: int = 12,
    batch_size: int = 32,
    device: Device = "auto",
    dataset_name: str = "FFHQ",
    dataset_res: int | str = 1024,
    dataset_split: str = "train",
    num_gen: int = 50_000,
    z_dim: int = 512,
    custom_feat_extractor: Callable[[Tensor], Tensor] | None = None,
    verbose: bool = True,
    custom_image_tranform: Change | None = None,
    custom_fn_resize: None = None,
    use_dataparallel: bool = True,
) -> float:
    """The FID of two folders, or of one folder or of `gen` against a folder or named statistics.

    `gen` is given noise (batch_size, z_dim) of torch's global generator and returns images
    (batch_size, 3, H, W) in 0..255, which are not rounded.

    Raises:
        FileNotFoundError: if named statistics are not there; says what to do instead.
        ValueError: if the sides are none, or the mode or the network is unknown.
    """
    network = _network(mode, model_name, device, custom_feat_extractor, custom_fn_resize)
    reading = _Reading(network, num_workers, batch_size, custom_image_tranform, keep=())
    generated, reference = _sides(
        reading, fdir1, fdir2, gen, device=device, num_gen=num_gen, z_dim=z_dim
    )
    if reference is None:
        real = Named(dataset_name, mode, dataset_split, dataset_res).statistics()
    else:
        real = reference.statistics
    result = compare(real, generated.statistics)
    for warning in result.warnings if verbose else ():
        say_once(f"ttur: {warning}")
    return result.value


def compute_kid(
    fdir1: str | None = None,
    fdir2: str | None = None,
    gen: Generator | None = None,
    mode: str = "clean",
    num_workers: int = 12,
    batch_size: int = 32,
    device: Device = "auto",
    dataset_name: str = "FFHQ",
    dataset_res: int | str = 1024,
    dataset_split: str = "train",
    num_gen: int = 50_000,
    z_dim: int = 512,
    verbose: bool = True,
    use_dataparallel: bool = True,
) -> float:
    """KID of the same sides: the mean of 100 subsets of 1,000 images, or of all if there are fewer.

    Raises:
        FileNotFoundError, ValueError: as `compute_fid`.
    """
    network = _network(mode, "inception_v3", device)
    reading = _Reading(network, num_workers, batch_size)
    generated, reference = _sides(
        reading, fdir1, fdir2, gen, device=device, num_gen=num_gen, z_dim=z_dim
    )
    two_folders = fdir1 is not None and fdir2 is not None
    if reference is None:
        real = Named(dataset_name, mode, dataset_split, dataset_res).features()
    else:
        real = reference.features
    assert real is not None
    assert generated.features is not None
    # Theirs draws from its second argument first; of two folders that is the second.
    first, second = (real, generated.features) if two_folders else (generated.features, real)
    size = min(len(first), len(second), _KID_SUBSET_SIZE)
    rng = np.random.RandomState(0)
    return kernel_distance(
        first,
        second,
        subsets=_KID_SUBSETS,
        subset_size=size,
        draw=lambda count, size: rng.choice(count, size, replace=False),
    ).mean


def make_custom_stats(
    name: str,
    fdir: str,
    num: int | None = None,
    mode: str = "clean",
    model_name: str = "inception_v3",
    num_workers: int = 0,
    batch_size: int = 64,
    device: Device = "auto",
    verbose: bool = True,
) -> None:
    """Keeps the statistics of a folder under a name: `dataset_name=name, dataset_split="custom"`.

    Raises:
        FileExistsError: if the name is taken.
    """
    named = Named(name, mode)
    if named.statistics_file.exists():
        raise FileExistsError(
            f"expected a new name, got {name}, of which there are statistics in mode {mode}; "
            "remove them by remove_custom_stats first"
        )
    reading = _Reading(_network(mode, model_name, device), num_workers, batch_size)
    named.save(reading.folder(fdir, num))
    if verbose:
        say_once(f"ttur: statistics of {fdir} kept in {named.statistics_file}")


def test_stats_exists(
    name: str,
    mode: str,
    model_name: str = "inception_v3",  # noqa: PT028 - no test, its name is clean-fid's
    metric: str = "FID",  # noqa: PT028
) -> bool:
    """Whether there are statistics of that name, for `metric` FID or KID."""
    _check_model(model_name)
    named = Named(name, mode)
    files = {"FID": named.statistics_file, "KID": named.features_file}
    if metric not in files:
        raise ValueError(f"expected `metric` FID or KID, got {metric!r}")
    return files[metric].is_file()


def remove_custom_stats(name: str, mode: str = "clean", model_name: str = "inception_v3") -> None:
    """Raises FileNotFoundError if there are none of that name."""
    _check_model(model_name)
    Named(name, mode).remove()


def get_folder_features(
    fdir: str,
    model: Callable[[Tensor], Tensor] | None = None,
    num_workers: int = 12,
    num: int | None = None,
    batch_size: int = 128,
    device: Device = "auto",
    mode: str = "clean",
    verbose: bool = True,
) -> np.ndarray:
    """float32 (images, features) of a folder, by `model` or by Inception."""
    network = _network(mode, "inception_v3", device, model)
    features = _Reading(network, num_workers, batch_size).folder(fdir, num).features
    assert features is not None
    return features


class _Reading:
    """How both sides are looked at."""

    def __init__(
        self,
        network: Extractor,
        threads: int,
        batch_size: int,
        change: Change | None = None,
        keep: tuple[str, ...] = ("features",),
    ) -> None:
        self._network, self._threads, self._keep = network, threads, keep
        self._batch_size, self._change = batch_size, change

    def folder(self, folder: str, count: int | None = None) -> Side:
        """The images of a folder or zip, the first `count` of them."""
        collector = Collector(self._network, self._keep)
        images = _images(folder, count, self._threads, self._change)
        collector.read(images, self._batch_size)
        return collector.side()

    @torch.no_grad()
    def drawn(self, gen: Generator, device: torch.device, count: int, z_dim: int) -> Side:
        """What a generator makes, in whole batches; what is above `count` is left out."""
        collector = Collector(self._network, self._keep)
        for start in range(0, count, self._batch_size):
            noise = torch.randn((self._batch_size, z_dim)).to(device)
            images = gen(noise)[: count - start]
            if images.is_floating_point() and images.max() <= 1:
                raise ValueError(
                    "expected images in 0..255 from `gen`, got floats of at most "
                    f"{images.max():g}; scale them, as (x * 127.5 + 127.5).clamp(0, 255)"
                )
            collector.update(images if self._change is None else _changed(images, self._change))
        return collector.side()


def _sides(
    reading: _Reading,
    fdir1: str | None,
    fdir2: str | None,
    gen: Generator | None,
    *,
    device: Device,
    num_gen: int,
    z_dim: int,
) -> tuple[Side, Side | None]:
    """What is measured, and its reference, if that is a folder."""
    if fdir1 is None and gen is None:
        raise ValueError("expected `fdir1` or `gen`, got neither; say what is to be measured")
    reference = None if fdir2 is None else reading.folder(fdir2)
    if fdir1 is not None:
        return reading.folder(fdir1), reference
    assert gen is not None
    return reading.drawn(gen, pick_device(str(device)), num_gen, z_dim), reference


def _network(
    mode: str,
    model_name: str,
    device: Device,
    custom: Callable[[Tensor], Tensor] | None = None,
    custom_resize: Any = None,
) -> Extractor:
    if mode not in MODES:
        raise ValueError(f"expected `mode` out of {', '.join(MODES)}, got {mode!r}")
    if custom_resize is not None:
        raise ValueError(
            "expected no `custom_fn_resize`: the mode resizes; resize within "
            "`custom_image_tranform`, or give ttur.Extractor.of a function that does"
        )
    if custom is None:
        _check_model(model_name)
        return inception(2048, MODES[mode], device=device)
    where = pick_device(str(device))

    def features(pixels: Tensor) -> Tensor:
        # There a network that is Inception's resizes within in this mode, and no other does.
        as_it_comes = mode == "legacy_tensorflow"
        pixels = pixels if as_it_comes else resize(pixels, _SIZE, MODES[mode])
        return custom(pixels.to(where))

    dimension = features(torch.zeros(1, 3, _SIZE, _SIZE)).shape[1]
    return Extractor.of(features, name="custom", dimension=dimension, protocol=MODES[mode])


def _check_model(name: str) -> None:
    if name != "inception_v3":
        raise ValueError(
            f"expected `model_name` inception_v3, got {name!r}; give another network as "
            "`custom_feat_extractor`, or by ttur.Extractor.of"
        )


def _images(folder: str, count: int | None, threads: int, change: Change | None) -> ImageSet:
    """Hidden files are left out, as `glob` does."""
    if str(folder).endswith(".zip"):
        archive = zipfile.ZipFile(folder)
        names = [name for name in sorted(set(archive.namelist())) if _is_image(name.lower())]
        return image_files(
            str(folder), names[:count], threads=threads, contents=archive.read, change=change
        )
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"expected a folder or a zip of images, got {folder}")
    found = glob.glob(f"{glob.escape(str(folder))}/**/*", recursive=True)
    names = [name for name in sorted(found) if _is_image(name)]
    return image_files(str(folder), names[:count], threads=threads, change=change)


def _is_image(name: str) -> bool:
    extension = name.rpartition(".")[2]
    return extension in EXTENSIONS or extension in ("JPEG", "JPG", "PNG")


def _changed(images: Tensor, change: Change) -> Tensor:
    changed = [change(image.cpu().numpy().transpose(1, 2, 0)) for image in images]
    return torch.stack(
        [torch.from_numpy(np.ascontiguousarray(image)) for image in changed]
    ).movedim(-1, 1)
