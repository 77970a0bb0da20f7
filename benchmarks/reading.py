"""Images per second from disk to batches: folders and archives, PNG and JPEG, arrays.

    OMP_NUM_THREADS=1 taskset -c 0,1 python benchmarks/reading.py

Writes its images to a temporary folder. The time is of `open_images(...).batches(50)` with the
audit, listing included; the files are in the page cache, so it is of decoding, not of the disk.
"""

import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from ttur.data.images import ahead as reading
from ttur.evaluation.openers import ImageSource, open_images

COUNTS = {32: 5000, 256: 1000}


def pictures(count: int, side: int) -> np.ndarray:
    """Smooth with some noise: what photographs cost to decode, roughly."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side] / side
    waves = rng.uniform(1, 9, (count, 2, 3, 1, 1))
    smooth = np.sin(waves[:, 0] * x * 6) + np.cos(waves[:, 1] * y * 6)
    values = 128 + 50 * smooth + rng.normal(0, 8, (count, 3, side, side))
    return np.moveaxis(values.clip(0, 255).astype(np.uint8), 1, -1)


def written(folder: Path, images: np.ndarray, suffix: str) -> Path:
    folder.mkdir()
    for index, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{index:05d}{suffix}", quality=90)
    return folder


def zipped(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    return path


def tarred(folder: Path, suffix: str, mode: str) -> Path:
    path = folder.with_suffix(suffix)
    with tarfile.open(path, mode) as archive:  # pyright: ignore[reportCallIssue, reportArgumentType]
        archive.add(folder, ".")
    return path


def rate(source: ImageSource, threads: int) -> float:
    """Images per second, the best of three passes."""
    reading.DECODING_THREADS = threads
    rates = []
    for _ in range(3):
        started = time.perf_counter()
        count = sum(len(batch) for batch in open_images(source).batches(50))
        rates.append(count / (time.perf_counter() - started))
    return max(rates)


def main() -> None:
    print(f"{'source':<24}{'1 thread':>12}{'4 threads':>12}   images/s")
    with tempfile.TemporaryDirectory() as temporary:
        for side, suffix in ((32, ".png"), (256, ".png"), (256, ".jpg")):
            images = pictures(COUNTS[side], side)
            folder = written(Path(temporary, f"{side}{suffix[1:]}"), images, suffix)
            sources = {
                "folder": folder,
                "zip": zipped(folder),
                "tar": tarred(folder, ".tar", "w"),
                "tar.gz": tarred(folder, ".tar.gz", "w:gz"),
            }
            if suffix == ".png":
                np.savez(folder.with_suffix(".npz"), images)
                sources |= {"array": images, "npz": folder.with_suffix(".npz")}
            for kind, source in sources.items():
                name = f"{side} px {suffix[1:]} {kind}" if kind[0] in "fzt" else f"{side} px {kind}"
                print(f"{name:<24}{rate(source, 1):>12,.0f}{rate(source, 4):>12,.0f}", flush=True)


if __name__ == "__main__":
    main()
