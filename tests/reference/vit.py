"""A vision transformer in loops: numpy in float64, one image, one head and one token at a time."""

import math

import numpy as np

Weights = dict[str, np.ndarray]


def vit(w: Weights, image: np.ndarray, *, depth: int, heads: int, eps: float, clip: bool):
    """Scaled image (3, H, W), on the trained grid of patches of 14 → features, by the official
    names of DINOv2's tensors; `clip` for its norm before, QuickGELU, and projection.
    """
    w = {name: np.asarray(values, np.float64) for name, values in w.items()}
    kernel, side = w["patch_embed.proj.weight"], 14
    tokens = [w["cls_token"][0, 0]]
    for row in range(image.shape[1] // side):
        for column in range(image.shape[2] // side):
            piece = image[:, row * side :, column * side :][:, :side, :side]
            bias = 0 if clip else w["patch_embed.proj.bias"]
            tokens.append(np.array([(piece * each).sum() for each in kernel]) + bias)
    x = np.stack(tokens) + w["pos_embed"][0]
    if clip:
        x = norm(w, "norm_pre", x, eps)
    for block in range(depth):
        at = f"blocks.{block}"
        for branch, name in ((attention, "1"), (mlp, "2")):
            change = branch(w, at, norm(w, f"{at}.norm{name}", x, eps), heads, clip)
            x = x + (change if clip else change * w[f"{at}.ls{name}.gamma"])
    features = norm(w, "norm", x[:1], eps)[0]
    if not clip:
        return features
    projected = w["head.weight"] @ features
    return projected / math.sqrt(sum(value**2 for value in projected))


def norm(w: Weights, at: str, x: np.ndarray, eps: float) -> np.ndarray:
    rows = []
    for token in x:
        mean = token.sum() / len(token)
        variance = ((token - mean) ** 2).sum() / len(token)
        rows.append((token - mean) / math.sqrt(variance + eps))
    return np.stack(rows) * w[f"{at}.weight"] + w[f"{at}.bias"]


def linear(w: Weights, at: str, x: np.ndarray) -> np.ndarray:
    return x @ w[f"{at}.weight"].T + w[f"{at}.bias"]


def attention(w: Weights, at: str, x: np.ndarray, heads: int, clip: bool) -> np.ndarray:
    width = x.shape[1]
    each = width // heads
    q, k, v = np.split(linear(w, f"{at}.attn.qkv", x), 3, axis=1)
    mixed = np.zeros_like(x)
    for head in range(heads):
        part = slice(head * each, (head + 1) * each)
        for token in range(len(x)):
            scores = np.exp(k[:, part] @ q[token, part] / math.sqrt(each))
            mixed[token, part] = (scores / scores.sum()) @ v[:, part]
    return linear(w, f"{at}.attn.proj", mixed)


def mlp(w: Weights, at: str, x: np.ndarray, heads: int, clip: bool) -> np.ndarray:
    hidden = linear(w, f"{at}.mlp.fc1", x)
    for index, value in np.ndenumerate(hidden):
        gate = 1 / (1 + math.exp(-1.702 * value)) if clip else math.erfc(-value / math.sqrt(2)) / 2
        hidden[index] = value * gate
    return linear(w, f"{at}.mlp.fc2", hidden)
