"""Write tests/golden/peers.json: what pytorch-fid, clean-fid and torch-fidelity say.

In an environment of theirs (tests/golden/peers.py says how to make one), on the CPU:

    OMP_NUM_THREADS=1 PEERS/bin/python tools/make_golden.py

Images, weights and feature vectors come from tests/golden/inputs.py. The tools read PNG files and
run as their documentation says; what could not be had (the published weights, clean-fid's
TorchScript network) is replaced as tests/golden/peers.py says.
"""

import json
import platform
import re
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from golden import inputs, peers  # noqa: E402

TARGET = ROOT / "tests/golden/peers.json"
COUNT = 8
# Every 32nd feature is kept, and every 43rd pixel of a resized image: what a bug changes, these
# change. Of the kept features those that vary most make a covariance that eight images can fill.
FEATURES = slice(None, None, 32)
PIXELS = slice(None, None, 43)
RESIZED = {"up": (32, 32), "odd": (40, 57), "down": (331, 420), "mixed": (417, 101)}
PEERS = ("pytorch-fid", "clean-fid", "torch-fidelity")
CPU = torch.device("cpu")


def main() -> None:
    torch.set_num_threads(1)
    real, generated = inputs.real_images(COUNT), inputs.generated_images(COUNT)
    weights = inputs.inception_weights()
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "weights.pth")
        torch.save({name: torch.from_numpy(array) for name, array in weights.items()}, file)
        peers.read_weights_from(file)
        folders = (
            written(Path(folder) / "real", real),
            written(Path(folder) / "generated", generated),
        )
        golden = {
            "made_by": "tools/make_golden.py",
            "python": platform.python_version(),
            "versions": {
                name: version(name)
                for name in (*PEERS, "torch", "torchvision", "numpy", "scipy", "pillow")
            },
            "inputs": {
                "weights_sha256": inputs.digest(weights.values()),
                "real_sha256": inputs.digest([real]),
                "generated_sha256": inputs.digest([generated]),
                "features_sha256": inputs.digest(sides()),
            },
            "resize": resized(),
            "images": {
                "pytorch-fid": of_pytorch_fid(real, generated, *folders),
                "torch-fidelity": of_torch_fidelity(real, generated, *folders, file),
            }
            | {
                f"clean-fid {mode}": of_clean_fid(real, generated, *folders, mode) for mode in MODES
            },
            "features": of_features(),
        }
    text = json.dumps(golden, indent=1)
    # Rows of numbers on one line each.
    text = re.sub(r"\[[^][{}\"]+\]", lambda row: " ".join(row.group().split()), text)
    TARGET.write_text(text + "\n", "utf-8")
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes")


MODES = ("clean", "legacy_pytorch", "legacy_tensorflow")


def written(folder: Path, images: np.ndarray) -> str:
    folder.mkdir()
    for index, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{index:03}.png")
    return str(folder)


def resized() -> dict[str, Any]:
    """One image of each shape to 299 × 299, still in 0..255."""
    resizers = {
        "tf1": lambda image: channels_last(peers.tf1(channels_first(image))),
        "clean": peers.cleanfid.resize.build_resizer("clean"),
        "torch": peers.cleanfid.resize.build_resizer("legacy_pytorch"),
    }
    made: dict[str, Any] = {}
    for name, (height, width) in RESIZED.items():
        image = inputs.images(3, 1, height, width)[0]
        for protocol, resizer in resizers.items():
            full = np.asarray(resizer(image), np.float32)
            assert full.shape == (299, 299, 3)
            made[f"{protocol} {name}"] = {
                "sha256": inputs.digest([full]),
                "mean": float(full.mean(dtype=np.float64)),
                "pixels": numbers(full[PIXELS, PIXELS]),
            }
    return made


def of_pytorch_fid(
    real: np.ndarray, generated: np.ndarray, real_folder: str, generated_folder: str
) -> dict[str, Any]:
    features = peers.pytorch_fid_features()
    fid = peers.pytorch_fid.fid_score.calculate_fid_given_paths(
        [real_folder, generated_folder], batch_size=50, device=CPU, dims=2048, num_workers=0
    )
    return {
        "settings": "calculate_fid_given_paths(batch_size=50, dims=2048)",
        "fid": float(fid),
    } | kept(features(real), features(generated))


def of_clean_fid(
    real: np.ndarray, generated: np.ndarray, real_folder: str, generated_folder: str, mode: str
) -> dict[str, Any]:
    features = peers.clean_fid_features(mode)
    network = peers.cleanfid.features.build_feature_extractor(mode, CPU)
    fid = peers.cleanfid.fid.compute_fid(
        *(real_folder, generated_folder),
        mode=mode,
        custom_feat_extractor=lambda batch: network(batch)[:, FEATURES],
        device=CPU,
        num_workers=0,
        verbose=False,
    )
    return {
        "settings": f"compute_fid(mode={mode!r}), its network cut to every 32nd feature",
        "fid_of_kept": float(fid),
    } | kept(features(real), features(generated))


def of_torch_fidelity(
    real: np.ndarray, generated: np.ndarray, real_folder: str, generated_folder: str, file: str
) -> dict[str, Any]:
    settings = {
        "feature_extractor": "inception-v3-compat",
        "isc_splits": 2,
        "samples_shuffle": False,
        "kid_subsets": 1,
        "kid_subset_size": COUNT,
        "prc_neighborhood": 1,
    }
    metrics = peers.torch_fidelity.calculate_metrics(
        input1=generated_folder,
        input2=real_folder,
        feature_extractor_weights_path=file,
        **dict.fromkeys(("isc", "fid", "kid", "prc", "save_cpu_ram"), True),
        **dict.fromkeys(("cuda", "cache", "verbose"), False),
        **settings,
    )
    features = peers.torch_fidelity_features(file)
    logits = peers.torch_fidelity_features(file, "logits_unbiased")(generated)
    return {
        "settings": f"calculate_metrics(input1=generated, input2=real, {settings})",
        "fid": metrics["frechet_inception_distance"],
        "kid": metrics["kernel_inception_distance_mean"],
        "inception_score": metrics["inception_score_mean"],
        "inception_score_standard_deviation": metrics["inception_score_std"],
        "precision": metrics["precision"],
        "recall": metrics["recall"],
        "logits": numbers(logits[:, FEATURES]),
    } | kept(features(real), features(generated))


def kept(real: np.ndarray, generated: np.ndarray) -> dict[str, Any]:
    """Some features, the length of all, and two distances that do not hang on rounding.

    With fewer images than features the tools take the root of a matrix that is almost all kernel:
    `fid_of_features` is the distance of the same features without it (the nuclear norm of the
    cross-Gram matrix), `fid_of_four` the tool's own formula on the four features that vary most.
    """
    sides = real.astype(np.float64), generated.astype(np.float64)
    x, y = ((side - side.mean(0)) / np.sqrt(len(side) - 1) for side in sides)
    squared = ((sides[0].mean(0) - sides[1].mean(0)) ** 2).sum()
    root = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    four = sorted(np.argsort(-np.concatenate(sides).var(0))[:4].tolist())
    return {
        "fid_of_features": float(squared + (x**2).sum() + (y**2).sum() - 2 * root),
        "four": four,
        "fid_of_four": float(peers.cleanfid.fid.fid_from_feats(*(side[:, four] for side in sides))),
        "norms": [[float(norm) for norm in np.linalg.norm(side, axis=1)] for side in sides],
        "features": [numbers(side[:, FEATURES]) for side in (real, generated)],
    }


def sides() -> tuple[np.ndarray, np.ndarray]:
    return inputs.features(5, 397, 16), inputs.features(6, 397, 16)


def of_features() -> dict[str, Any]:
    """The formulas alone, in float64, on 397 vectors a side; as logits, 16 classes."""
    real, generated = (side.astype(np.float64) for side in sides())
    moments = [(side.mean(0), np.cov(side, rowvar=False)) for side in (real, generated)]
    real_tensor, generated_tensor = torch.from_numpy(real), torch.from_numpy(generated)
    fidelity: Any = peers.torch_fidelity
    np.random.seed(0)  # noqa: NPY002 - clean-fid draws from it
    once = {"kid_subsets": 1, "kid_subset_size": len(real), "verbose": False}
    neighbours = {"prc_neighborhood": 3, "save_cpu_ram": False, "verbose": False}
    inception_score = fidelity.metric_isc.isc_features_to_metric(
        4 * generated_tensor, splits=10, shuffle=False
    )
    manifold = fidelity.metric_prc.prc_features_to_metric(
        generated_tensor, real_tensor, **neighbours
    )
    return {
        "frechet": {
            "pytorch-fid": float(
                peers.pytorch_fid.fid_score.calculate_frechet_distance(*moments[0], *moments[1])
            ),
            "clean-fid": float(peers.cleanfid.fid.fid_from_feats(real, generated)),
            "torch-fidelity": fidelity.metric_fid.fid_statistics_to_metric(
                *(
                    fidelity.metric_fid.fid_features_to_statistics(side)
                    for side in (real_tensor, generated_tensor)
                ),
                verbose=False,
            )["frechet_inception_distance"],
        },
        "kernel": {
            "clean-fid": peers.cleanfid.fid.kernel_distance(
                real, generated, num_subsets=1, max_subset_size=len(real)
            ),
            "torch-fidelity": fidelity.metric_kid.kid_features_to_metric(
                generated_tensor, real_tensor, **once
            )["kernel_inception_distance_mean"],
        },
        "inception_score_of_4x": {
            "mean": inception_score["inception_score_mean"],
            "standard_deviation": inception_score["inception_score_std"],
        },
        "precision": manifold["precision"],
        "recall": manifold["recall"],
    }


def channels_first(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None].float()


def channels_last(pixels: torch.Tensor) -> np.ndarray:
    return pixels[0].permute(1, 2, 0).numpy()


def numbers(array: np.ndarray) -> Any:
    """float32 as the shortest decimals that give it back, nested as in the array."""
    return [numbers(row) for row in array] if array.ndim else float(str(np.float32(array)))


if __name__ == "__main__":
    main()
