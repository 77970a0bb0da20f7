"""The same network, run faster: batch norm folded away, channels last, images shared among cores.

What a compiler does to a frozen network, without a compiler: no step to wait for, nothing that
pays off only above some number of images.
"""

import copy
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

from ttur.features.inception import Convolution
from ttur.runtime import undocumented

PRECISIONS = ("float32", "bfloat16")
# Matrices large enough for the CPU, activations small enough for its cache. Measured.
IMAGES_AT_ONCE = 8
_PACKING = threading.Lock()


def measuring_copy(network: nn.Module, precision: str = "float32") -> nn.Module:
    """A copy for measuring: every `Convolution` of Inception becomes one operation.

    float32: the same outputs to rounding. bfloat16: images, kernels and activations are rounded to
    8 bits of mantissa, sums are not. It takes float32 images on the device the network is on now.
    """
    network = copy.deepcopy(network)
    dtype = getattr(torch, precision)
    on_cpu = next(network.parameters()).device.type == "cpu"
    onednn = on_cpu and undocumented.fuses_convolutions(dtype)
    fused = OneDnnConvolution if onednn else FusedConvolution
    layers = [(name, m) for name, m in network.named_modules() if isinstance(m, Convolution)]
    for name, layer in layers:
        network.set_submodule(name, fused(layer, dtype))
    return network


class FusedConvolution(nn.Module):
    """max(0, w ∗ x + b), batch norm within w and b: folded in float64, then rounded once."""

    def __init__(self, layer: Convolution, dtype: torch.dtype) -> None:
        super().__init__()
        exact = copy.deepcopy(layer).double().eval()
        # It looks at the tensors of a batch norm alone, which ours has.
        folded = fuse_conv_bn_eval(exact.conv, exact.bn)  # pyright: ignore[reportArgumentType]
        assert folded.bias is not None
        kernel = folded.weight.detach().to(dtype)
        # Buffers, for they say on which device the network is; no file holds them.
        kernel = kernel.contiguous(memory_format=torch.channels_last)
        self.kernel: Tensor
        self.bias: Tensor
        self.register_buffer("kernel", kernel, persistent=False)
        self.register_buffer("bias", folded.bias.detach().to(dtype), persistent=False)
        self.stride = list(layer.conv.stride)
        self.padding = [side for side in layer.conv.padding if isinstance(side, int)]

    def forward(self, x: Tensor) -> Tensor:
        x = self._as_ours(x)
        return undocumented.convolution_relu(x, self.kernel, self.bias, self.stride, self.padding)

    def _as_ours(self, x: Tensor) -> Tensor:
        """In our numbers, channels last: so is everything but the images before the first layer."""
        return x.to(self.bias.dtype).contiguous(memory_format=torch.channels_last)


class OneDnnConvolution(FusedConvolution):
    """The same in one call of oneDNN, with the kernel laid out once as this CPU reads it."""

    packed: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        x = self._as_ours(x)
        if self.packed is None:
            self._pack([IMAGES_AT_ONCE, *x.shape[1:]])
        assert self.packed is not None
        return undocumented.packed_convolution_relu(
            x, self.packed, self.bias, self.stride, self.padding
        )

    def __deepcopy__(self, memo: dict) -> "OneDnnConvolution":
        return self  # it never changes, and torch cannot copy a packed kernel

    def _pack(self, shape: list[int]) -> None:
        """Once the side of the images is known: the best layout depends on it."""
        with _PACKING:  # several threads may come to the first image together
            if self.packed is None:
                self.packed = undocumented.packed_kernel(
                    self.kernel, self.stride, self.padding, shape
                )
                del self.kernel


def without_tf32() -> AbstractContextManager[None]:
    """cuDNN would round the factors of a float32 convolution to 10 bits of mantissa."""
    cudnn = torch.backends.cudnn
    return cudnn.flags(
        enabled=cudnn.enabled,
        benchmark=cudnn.benchmark,
        deterministic=cudnn.deterministic,
        allow_tf32=False,
    )


def side_by_side(
    function: Callable[[Num[Tensor, "_ channels height width"]], tuple[Tensor, ...]],
    images: Num[Tensor, "batch channels height width"],
) -> tuple[Float[Tensor, "batch _"], ...]:
    """`function` of a few images at a time, on as many threads as torch has, joined in order.

    A thread works alone on its images and waits for no other: two cores do twice the work of one,
    where threads that share every convolution wait at its end, and longer if a core is busy.
    `function` is called from several threads at once, without gradients.
    """
    threads = torch.get_num_threads()
    rounds = -(-len(images) // (threads * IMAGES_AT_ONCE))
    # As many parts for each thread, and as large: none waits for another at the end.
    parts = images.tensor_split(max(1, min(rounds * threads, len(images))))
    without_gradients = torch.no_grad()(function)  # the setting is each thread's own
    if threads == 1 or len(parts) == 1:
        outputs = [without_gradients(part) for part in parts]
    else:
        try:
            with ThreadPoolExecutor(threads, "images", torch.set_num_threads, (1,)) as pool:
                outputs = list(pool.map(without_gradients, parts))
        finally:
            torch.set_num_threads(threads)  # a thread's setting is also that of threads to come
    return tuple(torch.cat(parts) for parts in zip(*outputs, strict=True))
