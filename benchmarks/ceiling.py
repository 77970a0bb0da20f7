"""The machine's own ceiling: its rate at torch's product of square matrices, and shares of it.

On a CPU the product runs once on each thread, as features are computed. Whoever asks measures it in
turns with his own work, and compares best turns: other programs only take time away.
"""

from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn

SQUARE = 2048


class Ceiling:
    """The product of square matrices of one precision, "float32" or "bfloat16"."""

    def __init__(self, precision: str, device: torch.device, threads: int, side: int = SQUARE):
        self.name = f"product of {side}², {precision}"
        self.threads = threads if device.type == "cpu" else 1
        self.operations = 2 * side**3 * self.threads
        self._factor = torch.randn(side, side, device=device).to(getattr(torch, precision))

    def __call__(self) -> Tensor:
        if self.threads == 1:
            return (self._factor @ self._factor).float()
        before = torch.get_num_threads()
        with ThreadPoolExecutor(
            self.threads, initializer=torch.set_num_threads, initargs=(1,)
        ) as pool:
            made = list(pool.map(lambda _: self._factor @ self._factor, range(self.threads)))
        torch.set_num_threads(before)
        return made[0].float()


def operations_of(network: nn.Module, image: Tensor) -> int:
    """Of the convolutions and linear layers for one image (1, 3, height, width), a multiplication
    and an addition each.
    """
    counts = []

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        weight = layer.get_parameter("weight")
        counts.append(2 * weight[0].numel() * output.numel() // len(output))

    hooks = [
        layer.register_forward_hook(count)
        for layer in network.modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    with torch.no_grad():
        network(image)
    for hook in hooks:
        hook.remove()
    return sum(counts)
