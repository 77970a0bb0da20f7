"""What surrounds a call changes none of its numbers, and no call changes what surrounds it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from reference.weights import random_inception_weights
from ttur.evaluation.accumulator import Accumulator
from ttur.evaluation.evaluate import fid
from ttur.features.extractors import Extractor, load_extractor

cudnn, mkldnn, cuda = torch.backends.cudnn, torch.backends.mkldnn, torch.backends.cuda


@contextmanager
def setting(write: Callable[[Any], Any], value: Any, before: Any) -> Iterator[None]:
    write(value)
    try:
        yield
    finally:
        write(before)


class Halved(TorchFunctionMode):
    """Halves what any convolution or product of matrices gives."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        return result / 2 if func in (torch.conv2d, nn.functional.linear) else result


def attribute(holder: Any, name: str, value: Any) -> AbstractContextManager[None]:
    return setting(partial(setattr, holder, name), value, getattr(holder, name))


SURROUNDINGS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "float64": lambda: setting(torch.set_default_dtype, torch.float64, torch.float32),
    "float16": lambda: setting(torch.set_default_dtype, torch.float16, torch.float32),
    "bfloat16": lambda: setting(torch.set_default_dtype, torch.bfloat16, torch.float32),
    "default device": lambda: setting(torch.set_default_device, "meta", None),
    "within a device": lambda: torch.device("meta"),
    "a mode of functions": Halved,
    "inference mode": torch.inference_mode,
    "gradients": torch.enable_grad,
    "no gradients": torch.no_grad,
    "matrix products": lambda: setting(torch.set_float32_matmul_precision, "medium", "highest"),
    "TF32": lambda: attribute(cudnn, "allow_tf32", True),
    "no cuDNN": lambda: attribute(cudnn, "enabled", False),
    "cuDNN chooses": lambda: attribute(cudnn, "benchmark", True),
    "cuDNN deterministic": lambda: attribute(cudnn, "deterministic", True),
    "no oneDNN": lambda: attribute(mkldnn, "enabled", False),
    "no fast attention": lambda: setting(cuda.enable_flash_sdp, False, True),
    "deterministic": lambda: setting(torch.set_deterministic_debug_mode, 2, 0),
    "two threads": lambda: setting(torch.set_num_threads, 2, torch.get_num_threads()),
    "numpy raises": lambda: np.errstate(all="raise"),
}


def state() -> dict[str, Any]:
    """All that the surroundings vary, read by what torch documents."""
    of_numpy: Any = np.random.get_state()  # noqa: NPY002
    return {
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "products": (torch.get_float32_matmul_precision(), cuda.matmul.allow_tf32),
        "cudnn": (cudnn.allow_tf32, cudnn.enabled, cudnn.benchmark, cudnn.deterministic),
        "precisions": [
            getattr(operation, "fp32_precision", None)
            for operation in (
                *(getattr(mkldnn, name, None) for name in ("matmul", "conv", "rnn")),
                *(getattr(cudnn, name, None) for name in ("conv", "rnn")),
                cuda.matmul,
                torch.backends,
            )
        ],
        "oneDNN": getattr(mkldnn, "enabled", None),
        "attention": cuda.flash_sdp_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "threads": torch.get_num_threads(),
        "numpy": np.geterr(),
        "noise": (torch.default_generator.get_state().tolist(), of_numpy[1].tolist()),
    }


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(random_inception_weights(), path)
    yield path
    path.unlink()


def of_ones_own() -> Extractor:
    """Draws its weights from the generator that it is given, and makes tensors as it runs."""
    generator = torch.Generator().manual_seed(3)
    kernel = torch.randn(8, 3, 5, 5, generator=generator, dtype=torch.float32, device="cpu")
    convolution = nn.Conv2d(3, 8, 5, device="cpu", dtype=torch.float32)
    with torch.no_grad():
        convolution.weight.copy_(kernel)
        convolution.bias.zero_()  # pyright: ignore[reportOptionalMemberAccess]

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = convolution

        def forward(self, images: Tensor) -> Tensor:
            seen = self.convolution(images) * torch.tensor(0.3) + torch.linspace(0, 1, 12)
            return seen.mean(dim=(2, 3)) @ torch.eye(8)

    return Extractor.of(Network(), name="mine", dimension=8, size=16)


@pytest.fixture(scope="module")
def pixels() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (6, 3, 24, 24), dtype=torch.uint8, generator=generator)


def same(one: Any, other: Any) -> bool:
    return all(
        torch.equal(getattr(one, kind), getattr(other, kind))
        for kind in ("features", "logits", "spatial")
    )


LOADERS = {"digits": partial(load_extractor, "digits", device="cpu"), "mine": of_ones_own}


@pytest.mark.parametrize("surrounding", SURROUNDINGS)
@pytest.mark.parametrize("name", LOADERS)
def test_no_surrounding_changes_a_number_or_is_changed(pixels: Tensor, name: str, surrounding: str):
    """Made outside and used within, and the other way round."""
    made = LOADERS[name]()
    expected = made(pixels)
    with SURROUNDINGS[surrounding]():
        if name == "digits":  # one's own draws, where it is made
            before = state()
            inside = LOADERS[name]()
            assert state() == before
        else:
            before, inside = state(), made
        got = [extract(pixels) for extract in (made, inside)]
        assert state() == before
        assert not any(result.features.is_inference() for result in got)
    assert all(same(result, expected) for result in (*got, inside(pixels)))
    assert {result.features.dtype for result in got} == {torch.float32}
    # Ordinary tensors, that a graph may be built upon.
    (got[0].features * torch.ones(1, requires_grad=True)).sum().backward()


@contextmanager
def all_together() -> Iterator[None]:
    with ExitStack() as stack:
        for surrounding in SURROUNDINGS.values():
            stack.enter_context(surrounding())
        before = state()
        yield
        assert state() == before


@pytest.mark.long  # 94 layers, twice
def test_all_together_do_not_change_inception(weights: Path, pixels: Tensor):
    made = load_extractor("inception", weights=weights, device="cpu")
    expected = made(pixels[:1])
    with all_together():
        assert same(made(pixels[:1]), expected)


def test_distances_are_the_same_from_images_to_number():
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    options = {"extractor": "digits", "device": "cpu", "interval": False, "cache": False}
    expected = fid(images[:20], images[20:], **options).value
    floats = torch.from_numpy(images).movedim(-1, 1).float() / 255
    with all_together():
        assert fid(images[:20], images[20:], **options).value == expected
        given = floats[:20], floats[20:]
        assert fid(*given, value_range=(0.0, 1.0), **options).value == expected
        accumulator = Accumulator(images[:20], "fid", **options)
        accumulator.update(images[20:])
        assert accumulator.compute()["fd_digits"] == expected


def test_settings_are_put_back_when_the_last_of_several_threads_leaves():
    """The first to leave changes nothing under the other."""
    together = threading.Barrier(2, timeout=30)
    left, seen = threading.Event(), []

    def first(images: Tensor) -> Tensor:
        together.wait()
        return images.mean((2, 3))

    def second(images: Tensor) -> Tensor:
        together.wait()
        left.wait(30)
        seen.append(torch.get_default_dtype())
        return images.mean((2, 3))

    pixels = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    one, other = (Extractor.of(f, name="mine", dimension=3) for f in (first, second))
    with SURROUNDINGS["float64"]():
        thread = threading.Thread(target=other, args=(pixels,))
        thread.start()
        one(pixels)
        left.set()
        thread.join()
        assert seen == [torch.float32]
        assert torch.get_default_dtype() == torch.float64


def test_a_network_may_work_in_place():
    pixels = torch.full((2, 3, 4, 4), 6.0)
    extract = Extractor.of(lambda x: x.div_(2).mean((2, 3)), name="mine", dimension=3)
    assert (extract(pixels).features == 3).all()
    assert (pixels == 6).all()
