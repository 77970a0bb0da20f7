"""The compact residual network written out in numpy, float64: nine taps a convolution."""

import numpy as np

EPSILON = 1e-5  # of the batch norm


def convolution(x: np.ndarray, state: dict, name: str, stride: int = 1) -> np.ndarray:
    """relu(norm(3x3 convolution of x, zero padding 1)); x is (batch, channels, height, width)."""
    kernel = state[f"{name}.convolution.weight"]
    count, _, height, width = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    full = np.zeros((count, len(kernel), height, width))
    for row in range(3):
        for column in range(3):
            window = padded[:, :, row : row + height, column : column + width]
            full += np.einsum("oi,nihw->nohw", kernel[:, :, row, column], window)
    y = full[:, :, ::stride, ::stride]
    mean, variance, gain, shift = (
        state[f"{name}.norm.{part}"][None, :, None, None]
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    return np.maximum(0, (y - mean) / np.sqrt(variance + EPSILON) * gain + shift)


def residual(x: np.ndarray, state: dict, name: str) -> np.ndarray:
    inner = convolution(x, state, f"{name}.branch.0")
    return x + convolution(inner, state, f"{name}.branch.1")


def features_and_logits(images: np.ndarray, state: dict) -> tuple[np.ndarray, np.ndarray]:
    x = convolution(images, state, "body.0")
    x = convolution(x, state, "body.1", stride=2)
    x = convolution(x, state, "body.2", stride=2)
    x = residual(x, state, "body.3")
    x = convolution(x, state, "body.4", stride=2)
    x = residual(x, state, "body.5")
    features = x.mean(axis=(2, 3))
    return features, features @ state["head.weight"].T + state["head.bias"]
