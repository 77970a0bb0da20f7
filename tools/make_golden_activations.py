"""Write golden_activations.json, what `ttur selftest` compares networks with.

    PYTHONPATH=tests python tools/make_golden_activations.py

From the literal transcriptions in tests/reference, in float64, under protocol `tf1`: of each
network it takes the weights and nothing else. About a minute. The file has eight significant
digits, so it comes out the same whatever the machine rounds.
"""

import json
from importlib import resources
from pathlib import Path

import numpy as np
import safetensors.numpy
import torch

from reference.compact import features_and_logits
from reference.frechet import naive_covariance, naive_distance, naive_mean
from reference.inception import inception
from reference.weights import SHAPES
from ttur.data.published.digits import digits
from ttur.evaluation.selftest.golden_activations import SEED, STRIDE, golden_images, golden_weights

TARGET = Path(__file__).parent.parent / "src/ttur/evaluation/selftest/golden_activations.json"


def scaled(images: np.ndarray) -> np.ndarray:
    """uint8 (N, H, W, 3) → (x - 128) / 128, float64 (N, 3, H, W); of the network's own size."""
    return (images.astype(np.float64).transpose(0, 3, 1, 2) - 128) / 128


def compact_state(name: str) -> dict[str, np.ndarray]:
    file = resources.files("ttur.features") / "weights" / f"{name}.safetensors"
    state = safetensors.numpy.load(file.read_bytes())
    return {key: tensor.astype(np.float64) for key, tensor in state.items()}


def rounded(values: np.ndarray) -> list:
    return [[float(f"{value:.8g}") for value in row] for row in values]


def main() -> None:
    shapes = {name: tuple(shape) for name, shape in SHAPES.items()}
    with torch.no_grad():
        features, logits = inception(
            golden_weights(shapes), torch.from_numpy(scaled(golden_images(2, 299)))
        )
    document: dict = {
        "made": {"by": "tools/make_golden_activations.py", "seed": SEED, "stride": STRIDE},
        "inception": {
            "features": rounded(features[:, ::STRIDE].numpy()),
            "logits": rounded(logits[:, ::STRIDE].numpy()),
        },
    }
    for name, size in (("digits", 16), ("cifar10", 32)):
        compact = features_and_logits(scaled(golden_images(2, size)), compact_state(name))
        document[name] = {
            key: rounded(values)
            for key, values in zip(("features", "logits"), compact, strict=True)
        }
    train, test = (
        features_and_logits(scaled(digits(split).images), compact_state("digits"))[0]
        for split in ("train", "test")
    )
    document["fd_digits"] = naive_distance(
        naive_mean(train), naive_covariance(train), naive_mean(test), naive_covariance(test)
    )
    TARGET.write_text(json.dumps(document) + "\n", "utf-8")
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes, fd_digits {document['fd_digits']:.9g}")


if __name__ == "__main__":
    main()
