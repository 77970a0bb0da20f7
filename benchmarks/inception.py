"""Images per second of resize and Inception-v3, with random weights.

python benchmarks/inception.py [--images 100] [--batch-size 50] [--side 32] [--device cpu]
"""

import argparse
import time

import torch

from ttur.metrics.inception import SIZE, Inception
from ttur.metrics.resize import PROTOCOLS, resize, scale


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    device = torch.device(options.device)
    network = Inception().to(device)
    shape = (options.batch_size, 3, options.side, options.side)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8).to(device)
    batches = max(1, options.images // options.batch_size)

    def seconds(function) -> float:
        """For all batches, after one to warm up."""
        function()
        if device.type == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(batches):
            function()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    count = batches * options.batch_size
    print(f"{count} images of {options.side}×{options.side}, {torch.get_num_threads()} threads")
    for protocol in PROTOCOLS:
        rate = count / seconds(lambda protocol=protocol: resize(pixels, SIZE, protocol))
        print(f"resize {protocol:10} {rate:10.1f} images/s")
    images = scale(resize(pixels, SIZE, "tf1"), "tf1")
    print(f"{'network':17} {count / seconds(lambda: network(images)):10.1f} images/s")


if __name__ == "__main__":
    main()
