"""Images per second of a vision transformer, and which share of the machine's own ceiling it is.

    python benchmarks/vit.py [--extractor dinov2_vitb14] [--threads 2] [--turns 3] [--batch-size 16]
        [--precisions float32,bfloat16] [--square 2048]

Random weights. The ceiling is torch's own product of square matrices, on a CPU one a thread as
features are, measured in turns with the features; the operations counted are those of products, and
the best turn counts: others only take time away.
A CPU without instructions for bfloat16 takes minutes for it: ask for float32 alone there.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from ceiling import SQUARE, Ceiling
from safetensors.torch import save_file
from torch import nn

from ttur.features.designs import DESIGNS
from ttur.features.extractors import load_extractor
from ttur.features.inference import PRECISIONS
from ttur.features.vit import MLP_RATIO, ViT
from ttur.runtime.distributed import pick_device


def operations(network: ViT, size: int) -> int:
    """Of the products for one image, a multiplication and an addition each."""
    patch, width = network.patch_embed.proj.kernel_size[0], network.cls_token.shape[-1]
    patches = (size // patch) ** 2
    tokens = patches + 1
    linear = tokens * width**2 * (4 + 2 * MLP_RATIO)
    attention = 2 * tokens**2 * width
    return 2 * (len(network.blocks) * (linear + attention) + patches * 3 * patch**2 * width)


def seconds(function: Callable[[], torch.Tensor]) -> float:
    start = time.perf_counter()
    function().sum().item()  # waits for the device
    return time.perf_counter() - start


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--extractor", default="dinov2_vitb14")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--precisions", default=",".join(PRECISIONS))
    parser.add_argument("--square", type=int, default=SQUARE)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    device, design = pick_device(options.device), DESIGNS[options.extractor]
    network = design.network()
    assert isinstance(network, ViT)
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.normal_(layer.weight, std=layer.weight[0].numel() ** -0.5)
    shape = (options.batch_size, 3, options.side, options.side)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8).to(device)

    per_image = operations(network, design.size)
    work = {}  # name → (function, operations)
    features = {}
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "random.safetensors"
        save_file(network.state_dict(), weights)
        for precision in options.precisions.split(","):
            extract = load_extractor(
                options.extractor, weights=weights, device=device, precision=precision
            )
            ceiling = Ceiling(precision, device, options.threads, options.square)
            work[ceiling.name] = (ceiling, ceiling.operations)
            features[precision] = lambda extract=extract: extract(pixels).features
            work[f"{options.extractor}, {precision}"] = (
                features[precision],
                per_image * options.batch_size,
            )
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {device}, ", end="")
    print(f"{options.batch_size} images of {options.side} × {options.side}, ", end="")
    print(f"{per_image / 1e9:.1f} GFLOP an image")
    times: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(options.turns + 1):  # one to warm up
        for name, (function, _) in work.items():
            taken = seconds(function)
            if turn > 0:
                times[name].append(taken)
    print(f"{'':34}{'images/s':>10}{'GFLOP/s':>10}{'share':>8}")
    ceiling = float("nan")
    for name, (_, count) in work.items():
        rate = count / min(times[name]) / 1e9
        if name.startswith("product"):
            ceiling = rate
            print(f"{name:34}{'':10}{rate:10.1f}{1:8.0%}")
        else:
            images = options.batch_size / min(times[name])
            print(f"{name:34}{images:10.2f}{rate:10.1f}{rate / ceiling:8.0%}")
    exact, *others = (function() for function in features.values())
    for short in others:
        error = (short - exact).norm(dim=1) / exact.norm(dim=1)
        print(f"another precision moves features by {error.median():.1e} of their norm")


if __name__ == "__main__":
    main()
