"""Images per second from pixels to features, beside the way of pytorch-fid, and of each resize.

    python benchmarks/inception.py [--threads 2] [--turns 5] [--batch-size 50] [--side 32]
        [--precisions float32,bfloat16]

The same random weights and pixels for all, who take turns in one process: medians of the times, and
of the ratios turn by turn. Their way is the package pytorch_fid itself where it and its torchvision
can be imported, else the same network run as it does: eager, batch norm apart, torch's resize.
The share is that of the machine's own ceiling, its rate at products of matrices
(benchmarks/ceiling.py), best turn against best turn. A CPU without instructions for bfloat16 takes
minutes for it: ask for float32 alone there.
"""

import argparse
import importlib
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from ceiling import Ceiling, operations_of
from safetensors.torch import save_file
from torch import Tensor

from ttur.features.extractors import load_extractor
from ttur.features.inception import SIZE, Convolution, Inception
from ttur.features.inference import PRECISIONS
from ttur.features.resize import FOR_INCEPTION, resize, scale
from ttur.runtime.distributed import pick_device

Rates = dict[str, list[float]]


def random_network() -> Inception:
    """Activations of order one in every layer: kernels scaled as He's, batch norm near identity."""
    generator = torch.Generator().manual_seed(0)
    network = Inception()
    for layer in network.modules():
        if isinstance(layer, Convolution):
            torch.nn.init.kaiming_normal_(layer.conv.weight, generator=generator)
            layer.bn.weight.uniform_(0.8, 1.2, generator=generator)
            layer.bn.running_var.uniform_(0.8, 1.2, generator=generator)
            layer.bn.bias.normal_(0, 0.1, generator=generator)
            layer.bn.running_mean.normal_(0, 0.1, generator=generator)
    return network


def their_way(network: Inception) -> tuple[str, Callable[[Tensor], Tensor]]:
    try:
        peer = importlib.import_module("pytorch_fid.inception")
    except (ImportError, RuntimeError):  # the latter: its torchvision does not fit this torch
        return "plain eager", lambda pixels: network(scale(resize(pixels, SIZE, "torch"), "torch"))[
            0
        ]
    weights = {name: tensor.cpu() for name, tensor in network.state_dict().items()}
    vars(peer).update(load_state_dict_from_url=lambda *_, **__: weights)
    theirs = peer.InceptionV3([3]).to(network.fc.weight.device).eval()
    return "pytorch-fid", lambda pixels: theirs(pixels.float() / 255)[0].flatten(1)


def in_turn(functions: dict[str, Callable[[Tensor], Tensor]], pixels: Tensor, turns: int) -> Rates:
    """Images per second of each function in each turn, after one to warm up."""
    rates: Rates = {name: [] for name in functions}
    for turn in range(turns + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function(pixels).sum().item()  # waits for the device
            if turn > 0:
                rates[name].append(len(pixels) / (time.perf_counter() - start))
    return rates


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--precisions", default=",".join(PRECISIONS))
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device, precisions = pick_device(options.device), options.precisions.split(",")
    network = random_network().to(device)
    shape = (options.batch_size, 3, options.side, options.side)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8).to(device)

    base, theirs = their_way(network)
    functions = {base: theirs}
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "random.safetensors"
        save_file(network.state_dict(), weights)
        for precision in precisions:
            extract = load_extractor(
                "inception", protocol="torch", weights=weights, device=device, precision=precision
            )
            functions[f"ttur {precision}"] = lambda x, extract=extract: extract(x).features
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {device}, ", end="")
    print(f"{options.batch_size} images of {options.side} × {options.side}")
    ceilings = {each: Ceiling(each, device, options.threads) for each in precisions}
    rates = in_turn(
        functions | {c.name: lambda _, c=c: c() for c in ceilings.values()}, pixels, options.turns
    )
    per_image = operations_of(network, torch.zeros(1, 3, SIZE, SIZE, device=device))
    print(f"{per_image / 1e9:.2f} GFLOP an image; products of matrices, GFLOP/s: ", end="")
    ceiling = {
        precision: each.operations * max(rates[each.name]) / len(pixels)
        for precision, each in ceilings.items()
    }
    print(", ".join(f"{precision} {rate / 1e9:.1f}" for precision, rate in ceiling.items()))
    expected = theirs(pixels)
    print(f"{'features':26}{'images/s':>10}{'ratio':>8}{'error':>10}{'share':>8}")
    for name, function in functions.items():
        ratio = statistics.median(a / b for a, b in zip(rates[name], rates[base], strict=True))
        difference = (function(pixels) - expected).norm(dim=1) / expected.norm(dim=1)
        rate = statistics.median(rates[name])
        most = ceiling["bfloat16" if "bfloat16" in name else "float32"]
        share = max(rates[name]) * per_image / most
        print(f"{name:26}{rate:10.1f}{ratio:8.2f}{difference.max():10.1e}{share:8.0%}")

    resizes = {
        protocol: lambda x, protocol=protocol: scale(resize(x, SIZE, protocol), protocol)
        for protocol in FOR_INCEPTION
    }
    print(f"{'resize and scaling':26}{'images/s':>10}")
    for name, values in in_turn(resizes, pixels, options.turns).items():
        print(f"{name:26}{statistics.median(values):10.0f}")


if __name__ == "__main__":
    main()
