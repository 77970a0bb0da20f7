"""Checks of the feature networks on the chosen device, through the path that commands take."""

import platform
from functools import partial

import numpy as np
import torch
from jaxtyping import UInt8

from ttur.data.published.digits import digits
from ttur.evaluation.evaluate import fid
from ttur.evaluation.selftest.check import Check, Fact, Installation
from ttur.evaluation.selftest.golden_activations import golden_activations, golden_images
from ttur.features.extractors import DESIGNS, EmbeddedWeights, Extractor

# float32 through 48 layers errs by some 1e-6 of the norm. TF32 and bfloat16, which GPUs may slip
# in for float32, err by 1e-3 and 1e-2; a pool of the wrong kind by more.
FLOAT32 = 2e-5
# Embedded ones first: they are quick.
NAMES = sorted(
    DESIGNS.keys() & golden_activations().keys(),
    key=lambda name: not isinstance(DESIGNS[name].weights, EmbeddedWeights),
)


def golden_error(name: str, kind: str, installation: Installation) -> Fact:
    """The largest error of an image's features (or logits), as a part of their norm."""
    expected = np.array(golden_activations()[name][kind])
    extractor = installation.extractor(name)
    got = _activations(extractor, golden_images(2, DESIGNS[name].size))[kind]
    stride = round(got.shape[1] / expected.shape[1])  # large ones are kept in part
    error = _relative_error(got[:, ::stride], expected)
    return Fact(0, error, FLOAT32, f"torch {torch.__version__}, {_device(installation)}")


def recognised_digits(installation: Installation) -> Fact:
    """358 of 360 test digits; no decision is closer than rounding could turn."""
    test = digits("test")
    logits = _activations(installation.extractor("digits"), test.images)["logits"]
    return Fact(358, int((logits.argmax(axis=1) == test.labels).sum()), tolerance=0)


def batches(name: str, sizes: tuple[int, ...], installation: Installation) -> Fact:
    """Features of an image alone, among others, and in reversed order."""
    images = golden_images(sizes[-1], DESIGNS[name].size)
    extractor = installation.extractor(name)
    whole = _activations(extractor, images)["features"]
    errors = [_relative_error(_activations(extractor, images[::-1])["features"][::-1], whole)]
    for size in sizes[:-1]:
        parts = [
            _activations(extractor, images[start : start + size])["features"]
            for start in range(0, len(images), size)
        ]
        errors.append(_relative_error(np.concatenate(parts), whole))
    return Fact(0, max(errors), FLOAT32)


def changes_by_repetition(name: str, installation: Installation) -> Fact:
    """How many of the features change when the same images are given again: none."""
    extractor, images = installation.extractor(name), golden_images(2, DESIGNS[name].size)
    once, again = (_activations(extractor, images)["features"] for _ in range(2))
    return Fact(0, int((once != again).sum()), tolerance=0)


def distance_of_digits(batch_size: int, shuffled: bool, installation: Installation) -> Fact:
    """Train against test digits, from pixels to the number, in the words of `ttur fid`.

    A distance is a difference of sums near it in size, so features in float32 leave it 1e-6 of
    its value; a covariance over n for n - 1 would move it by 1e-3.
    """
    expected = golden_activations()["fd_digits"]
    train, test = digits("train").images, digits("test").images
    if shuffled:
        train = train[np.random.RandomState(0).permutation(len(train))]
    options = {"batch_size": batch_size, "interval": False, "cache": False}
    got = fid(train, test, extractor=installation.extractor("digits"), **options).value
    return Fact(expected, got, tolerance=1e-5 * expected)


def _activations(
    extractor: Extractor, images: UInt8[np.ndarray, "batch height width 3"]
) -> dict[str, np.ndarray]:
    said = extractor(torch.from_numpy(images.copy()).movedim(-1, 1))
    return {
        "features": said.features.double().cpu().numpy(),
        "logits": said.logits.double().cpu().numpy(),
    }


def _relative_error(got: np.ndarray, expected: np.ndarray) -> float:
    errors = np.linalg.norm(got - expected, axis=1) / np.linalg.norm(expected, axis=1)
    return float(errors.max())


def _device(installation: Installation) -> str:
    if installation.device.startswith("cuda"):
        return torch.cuda.get_device_name(installation.device)
    return platform.machine() if installation.device == "cpu" else installation.device


CHECKS = (
    *(
        Check(f"{kind} of {name} on two known images", partial(golden_error, name, kind))
        for name in NAMES
        for kind in ("features", "logits")
    ),
    Check("embedded digits told apart", recognised_digits),
    *(
        Check(f"features of {name} alone, {words}", partial(batches, name, sizes))
        for name in NAMES
        for words, sizes in (
            [("in sevens, in fifties", (1, 7, 50))]
            if isinstance(DESIGNS[name].weights, EmbeddedWeights)
            else [("and in fives", (1, 5))]
        )
    ),
    *(
        Check(f"features of {name} twice, to the bit", partial(changes_by_repetition, name))
        for name in NAMES
    ),
    Check("fd_digits of train against test, in fifties", partial(distance_of_digits, 50, False)),
    Check("fd_digits shuffled, in sevens", partial(distance_of_digits, 7, True)),
)
