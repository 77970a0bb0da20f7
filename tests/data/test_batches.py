import numpy as np
import pytest
import torch

from ttur.data.batches import Batches, to_images, to_one_hot
from ttur.runtime.randomness import Stream, stream

CPU = torch.device("cpu")


def numbered(count: int) -> np.ndarray:
    """Float samples that carry their own index."""
    return np.arange(count, dtype=np.float32)[:, None]


def epoch_of(batches: Batches, length: int) -> list[list[int]]:
    return [batches.next().flatten().int().tolist() for _ in range(length)]


def test_an_epoch_visits_each_sample_at_most_once_and_drops_the_incomplete_batch():
    batches = Batches(numbered(23), 5, stream=Stream(1), device=CPU)
    first, second = epoch_of(batches, 4), epoch_of(batches, 4)
    for epoch in (first, second):
        seen = [index for batch in epoch for index in batch]
        assert len(seen) == len(set(seen)) == 20
    assert first != second


def test_the_order_follows_from_stream_and_epoch_alone():
    orders = [
        epoch_of(Batches(numbered(40), 8, stream=Stream(s), device=CPU), 10) for s in (1, 1, 2)
    ]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    expected = np.random.default_rng([1, 1]).permutation(40)[:8]  # the second epoch's first batch
    assert orders[0][5] == expected.tolist()


@pytest.mark.parametrize("consumed", [0, 1, 4, 5, 7, 13])
def test_a_resumed_stream_gives_what_was_due(consumed):
    whole, cut = (Batches(numbered(23), 5, stream=Stream(3), device=CPU) for _ in range(2))
    epoch_of(whole, consumed)
    epoch_of(cut, consumed)
    fresh = Batches(numbered(23), 5, stream=Stream(99), device=CPU)
    fresh.load_state_dict(cut.state_dict())
    assert epoch_of(fresh, 9) == epoch_of(whole, 9)


def test_pixels_become_images_between_minus_one_and_one_with_channels_first():
    pixels = torch.zeros(2, 3, 4, 3, dtype=torch.uint8)
    pixels[0, 1, 2] = torch.tensor([0, 51, 255], dtype=torch.uint8)
    images = to_images(pixels)
    assert images.shape == (2, 3, 3, 4)
    assert images.dtype == torch.float32
    assert images[0, :, 1, 2].tolist() == pytest.approx([-1.0, -0.6, 1.0], abs=1e-6)


def test_a_memory_map_gives_the_same_batches_as_the_array(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 3), dtype=np.uint8)
    np.save(tmp_path / "images.npy", pixels)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    a, b = (Batches(source, 4, stream=Stream(0), device=CPU) for source in (pixels, mapped))
    assert all(torch.equal(a.next(), b.next()) for _ in range(7))


def test_a_tensor_of_any_shape_comes_out_as_it_is():
    samples = torch.randn(10, 7, 2)
    batch = Batches(samples, 10, stream=Stream(0), device=CPU).next()
    assert torch.equal(batch.sort(0).values, samples.sort(0).values)


def test_what_is_drawn_beside_the_stream_differs_from_sample_to_sample(tmp_path):
    """As many as there are is each once; the stream goes on as if nothing had been drawn."""
    np.save(tmp_path / "samples.npy", numbered(23))
    for source in (numbered(23), np.load(tmp_path / "samples.npy", mmap_mode="r")):
        batches, undisturbed = (Batches(source, 5, stream=Stream(1), device=CPU) for _ in range(2))
        assert epoch_of(batches, 2) == epoch_of(undisturbed, 2)
        everything = batches.draw(np.random.default_rng(0), 23)
        assert sorted(everything.flatten().tolist()) == list(range(23))
        again = [batches.draw(np.random.default_rng(3), 5) for _ in range(2)]
        assert torch.equal(*again)
        assert epoch_of(batches, 6) == epoch_of(undisturbed, 6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_codes_on_disk_become_one_hot_in_the_same_order_as_any_samples(tmp_path, dtype):
    codes = np.arange(20 * 7).reshape(20, 7).astype(dtype)
    np.save(tmp_path / "codes.npy", codes)
    mapped = np.load(tmp_path / "codes.npy", mmap_mode="r")

    def transform(batch: torch.Tensor) -> torch.Tensor:
        return to_one_hot(batch, 140)

    hot = Batches(mapped, 4, stream=Stream(2), device=CPU, transform=transform)
    plain = Batches(codes.astype(np.int64), 4, stream=Stream(2), device=CPU)
    for _ in range(7):
        batch, expected = hot.next(), plain.next()
        assert batch.dtype == torch.float32
        assert batch.shape == (4, 7, 140)
        assert torch.equal(batch, torch.eye(140)[expected])


@pytest.mark.parametrize("count", [0, 3])
def test_fewer_samples_than_a_batch_are_refused(count):
    with pytest.raises(ValueError, match=f"batch of 4 needs at least as many samples, got {count}"):
        Batches(numbered(count), 4, stream=Stream(0), device=CPU)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_on_a_gpu_codes_are_resident_and_one_hot(dtype):
    codes = np.random.default_rng(0).integers(0, 90, (50, 8)).astype(dtype)
    host, resident = (
        Batches(
            codes,
            8,
            stream=Stream(0),
            device=torch.device(d),
            transform=lambda batch: to_one_hot(batch, 90),
        )
        for d in ("cpu", "cuda")
    )
    for _ in range(12):
        batch = resident.next()
        assert batch.is_cuda
        assert torch.equal(batch.cpu(), host.next())


@pytest.mark.gpu
def test_on_a_gpu_the_array_is_resident_and_the_batches_are_equal():
    pixels = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 3), dtype=np.uint8)
    host = Batches(pixels, 8, stream=Stream(0), device=CPU)
    resident = Batches(pixels, 8, stream=Stream(0), device=torch.device("cuda"))
    for _ in range(12):
        batch = resident.next()
        assert batch.is_cuda
        assert torch.allclose(batch.cpu(), host.next(), atol=1e-6)


def test_mirrored_batches_are_the_images_or_their_mirror_images_and_resume():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 4, 5, 3), np.uint8)
    plain = Batches(pixels, 8, stream=Stream(3), device=CPU)
    mirrored = Batches(pixels, 8, stream=Stream(3), device=CPU, mirror=True)
    turned, batches = [], []
    for _ in range(50):
        one, other = plain.next(), mirrored.next()
        batches.append(other)
        for image, seen in zip(one, other, strict=True):
            turned.append(torch.equal(seen, image.flip(-1)))
            assert turned[-1] or torch.equal(seen, image)
    assert 160 < sum(turned) < 240  # 200 ± 4 standard deviations
    assert turned[:40] != turned[40:80]  # anew in every epoch
    resumed = Batches(pixels, 8, stream=Stream(3), device=CPU, mirror=True)
    resumed.load_state_dict({"seed": 3, "epoch": 6, "batch": 3})
    assert torch.equal(resumed.next(), batches[33])
    with pytest.raises(ValueError, match="only uint8 images"):
        Batches(numbered(9), 3, stream=Stream(1), device=CPU, mirror=True)


def test_the_state_is_that_of_earlier_versions():
    """980e01c wrote the number that `stream_seed(0, "data")` gave; old checkpoints go on."""
    batches = Batches(numbered(23), 5, stream=stream(0, "data"), device=CPU)
    epoch_of(batches, 6)
    assert batches.state_dict() == {"seed": stream(0, "data").word, "epoch": 1, "batch": 2}
    assert batches.state_dict()["seed"] == 1557076856005854010
