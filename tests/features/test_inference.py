"""The network run faster is the same network, whatever the batch, the order and the threads."""

import copy
import threading
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from reference.inception import inception
from reference.weights import random_inception_weights
from ttur.features.inception import SIZE, Convolution, Inception
from ttur.features.inference import (
    FusedConvolution,
    OneDnnConvolution,
    measuring_copy,
    side_by_side,
    without_tf32,
)
from ttur.runtime import undocumented

ONEDNN_FUSES_BFLOAT16 = undocumented.fuses_convolutions(torch.bfloat16)
PATHS = {"public": FusedConvolution, "oneDNN": OneDnnConvolution}


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    return random_inception_weights()


@pytest.fixture(scope="module")
def network(weights: dict[str, Tensor]) -> Inception:
    network = Inception()
    network.load_state_dict(weights)
    return network


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.rand(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture(params=PATHS)
def path(request, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "oneDNN" and not undocumented.fuses_convolutions(torch.float32):
        pytest.skip("this torch or this CPU has no fused oneDNN convolution")
    monkeypatch.setattr(undocumented, "fuses_convolutions", lambda dtype: request.param == "oneDNN")
    return request.param


@pytest.fixture
def three_threads() -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield 3
    torch.set_num_threads(before)


def error(ours: Tensor, expected: Tensor) -> float:
    return ((ours - expected).norm(dim=1) / expected.norm(dim=1)).max().item()


def a_layer() -> Convolution:
    """Kernel 1 × 7, odd numbers of channels, statistics far from 0 and 1."""
    generator = torch.Generator().manual_seed(3)
    layer = Convolution(5, 9, (1, 7)).requires_grad_(False)
    layer.conv.weight.normal_(0, 0.2, generator=generator)
    layer.bn.running_mean.normal_(0, 30, generator=generator)
    layer.bn.running_var.uniform_(1e-4, 50, generator=generator)
    layer.bn.weight.normal_(0, 2, generator=generator)
    layer.bn.bias.normal_(0, 5, generator=generator)
    return layer


class TestPrepared:
    def test_outputs_are_those_of_the_transcription(
        self, network: Inception, weights: dict[str, Tensor], images: Tensor, path: str
    ):
        fast = measuring_copy(network)
        assert sum(isinstance(layer, PATHS[path]) for layer in fast.modules()) == 94
        assert not any(isinstance(layer, Convolution) for layer in fast.modules())
        with torch.no_grad():
            outputs = fast(images[:1])
        # float32 against float64, as for the network itself: a few 1e-7 of the norm.
        for ours, expected in zip(outputs, inception(weights, images[:1]), strict=False):
            assert error(ours, expected) < 2e-6

    def test_the_original_is_left_as_it_was(self, network: Inception, images: Tensor):
        before = network(images[:1])[0]
        measuring_copy(network)(images[:1])
        assert torch.equal(network(images[:1])[0], before)
        assert len(network.state_dict()) == 472

    def test_bfloat16_is_the_same_network_with_short_numbers(
        self, network: Inception, images: Tensor, path: str
    ):
        if path == "oneDNN" and not ONEDNN_FUSES_BFLOAT16:
            pytest.skip("this CPU has no fused oneDNN convolution of bfloat16")
        with torch.no_grad():
            outputs = measuring_copy(network, "bfloat16")(images[:1])
            expected = network(images[:1])
        features = outputs[0]
        assert {output.dtype for output in outputs} == {torch.float32}
        assert not torch.equal(features, features.bfloat16().float())  # averaged in float32
        # One rounding is up to 2^-9 = 2e-3; errors of 94 layers average out rather than add.
        for ours, theirs in zip(outputs, expected, strict=True):
            assert 5e-4 < error(ours, theirs) < 2e-2

    @pytest.mark.gpu
    def test_on_an_accelerator_it_agrees_with_the_cpu(self, network: Inception, images: Tensor):
        device = torch.device("cuda")
        expected = network(images)[0]
        for precision, tolerance in (("float32", 1e-5), ("bfloat16", 2e-2)):
            fast = measuring_copy(copy.deepcopy(network).to(device), precision)
            with torch.no_grad(), without_tf32():
                features, again = (fast(images.to(device))[0] for _ in range(2))
            assert features.device.type == "cuda"
            assert error(features.cpu(), expected) < tolerance
            assert torch.equal(again, features)


class TestFusedConvolution:
    def test_batch_norm_folds_exactly(self, path: str):
        layer = a_layer()
        x = torch.randn(2, 5, 4, 11, generator=torch.Generator().manual_seed(4))
        expected = copy.deepcopy(layer).double()(x.double())
        ours = PATHS[path](layer, torch.float32)(x)
        assert (expected > 0).any()
        assert (expected == 0).any()
        # Rounding of the folded kernel and bias, 6e-8 of the largest value, a few times.
        torch.testing.assert_close(ours.double(), expected, rtol=0, atol=1e-6 * expected.max())

    def test_a_copy_made_after_its_kernel_was_packed_still_works(self, path: str):
        x = torch.randn(2, 5, 4, 11)
        layer = PATHS[path](a_layer(), torch.float32)
        assert torch.equal(layer(x), copy.deepcopy(layer)(x))

    def test_images_of_another_side_than_it_was_packed_for(self, path: str):
        layer, other = (PATHS[path](a_layer(), torch.float32) for _ in range(2))
        small, large = torch.randn(1, 5, 4, 11), torch.randn(6, 5, 20, 31)
        layer(small)
        torch.testing.assert_close(layer(large), other(large), rtol=1e-5, atol=1e-4)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_it_is_rounded_once_after_folding_in_float64(self, dtype: torch.dtype):
        layer = a_layer()
        factor = layer.bn.weight.double() / (layer.bn.running_var.double() + 1e-3).sqrt()
        kernel = layer.conv.weight.double() * factor[:, None, None, None]
        bias = layer.bn.bias.double() - layer.bn.running_mean.double() * factor
        folded = FusedConvolution(layer, dtype)
        assert torch.equal(folded.kernel, kernel.to(dtype))
        assert torch.equal(folded.bias, bias.to(dtype))
        assert not list(folded.parameters())


class TestSideBySide:
    @pytest.mark.parametrize("count", [0, 1, 4, 5, 23])
    def test_outputs_come_back_in_order(self, three_threads: int, count: int):
        images = torch.arange(count * 12.0).view(count, 3, 2, 2)
        first, second = side_by_side(lambda x: (x.flatten(1), -x[:, :1, 0, 0]), images)
        assert torch.equal(first, images.flatten(1))
        assert torch.equal(second, -images[:, :1, 0, 0])

    def test_each_share_is_worked_on_by_one_thread_of_several(self, three_threads: int):
        together = threading.Barrier(three_threads, timeout=30)
        settings = []

        def function(part: Tensor) -> tuple[Tensor, Tensor]:
            settings.append((torch.get_num_threads(), torch.is_grad_enabled(), len(part)))
            together.wait()  # passes only if all are at work at once
            return part.flatten(1), part.flatten(1)

        side_by_side(function, torch.zeros(9, 3, 2, 2))
        assert settings == [(1, False, 3)] * 3

    def test_the_threads_of_torch_are_as_before(self, three_threads: int):
        side_by_side(lambda x: (x.flatten(1), x.flatten(1)), torch.zeros(9, 3, 2, 2))
        seen = []
        assert torch.get_num_threads() == three_threads
        later = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        later.start()
        later.join()
        assert seen == [three_threads]
        before = threading.active_count()
        side_by_side(lambda x: (x.flatten(1), x.flatten(1)), torch.zeros(9, 3, 2, 2))
        assert threading.active_count() == before

    def test_an_error_in_one_share_is_the_callers(self, three_threads: int):
        def function(part: Tensor) -> tuple[Tensor, Tensor]:
            raise ValueError("not these")

        with pytest.raises(ValueError, match="not these"):
            side_by_side(function, torch.zeros(9, 3, 2, 2))
        assert torch.get_num_threads() == three_threads
