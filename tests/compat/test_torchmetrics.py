"""`ttur.compat.torchmetrics` beside torchmetrics' own metrics, by a network of the user's."""

import copy
import pickle
import subprocess
import sys
import textwrap
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

pytestmark = pytest.mark.extras


class Patches(nn.Module):
    """uint8 images → 12 features, which serve as logits too."""

    num_features = 12

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(images.float(), 8).flatten(1) / 16


@pytest.fixture(scope="module")
def ours(peers) -> ModuleType:
    from ttur.compat import torchmetrics

    return torchmetrics


@pytest.fixture(scope="module")
def theirs(peers) -> ModuleType:
    from torchmetrics import image  # pyright: ignore[reportMissingImports]

    return image


def images(count: int, seed: int, top: int = 256) -> Tensor:
    noise = torch.Generator().manual_seed(seed)
    return torch.randint(top, (count, 3, 16, 16), generator=noise, dtype=torch.uint8)


REAL, FAKE = images(40, seed=0), images(30, seed=1, top=200)


def fed(metric: Any, *, real: Tensor = REAL, fake: Tensor = FAKE, batch: int = 7) -> Any:
    for images in real.split(batch):
        metric.update(images, real=True)
    for images in fake.split(batch):
        metric.update(images, real=False)
    return metric


def kid(module: ModuleType, **options: Any) -> Any:
    return module.KernelInceptionDistance(Patches(), subsets=5, subset_size=20, **options)


@pytest.mark.filterwarnings("ignore:Metric .* will save all extracted features")
def test_numbers_and_kinds_are_those_of_torchmetrics(ours, theirs):
    def values(module: ModuleType) -> list[Tensor]:
        distance = fed(module.FrechetInceptionDistance(Patches()))
        score = module.InceptionScore(Patches(), splits=4)
        for batch in FAKE.split(7):
            score.update(batch)
        made = [distance.compute()]
        for metric in (fed(kid(module)), score):
            torch.manual_seed(0)
            made += metric.compute()
        return made

    for mine, its in zip(values(ours), values(theirs), strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-4, atol=1e-5)
        assert mine.shape == its.shape == ()


@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric")
def test_reset_forgets_the_generated_images_and_by_default_the_real_ones(ours):
    whole = fed(ours.FrechetInceptionDistance(Patches()))
    first = whole.compute()
    whole.reset()
    with pytest.raises(RuntimeError, match="got 0 real and 0 generated"):
        whole.compute()
    for make in (
        lambda **o: ours.FrechetInceptionDistance(Patches(), **o),
        lambda **o: kid(ours, **o),
    ):
        metric = fed(make(reset_real_features=False))
        before = metric.compute()
        metric.reset()
        fed(metric, real=REAL[:0])
        assert str(metric.compute()) == str(before)
    assert first > 0


def test_forward_is_the_value_of_the_batch_and_counts_every_image_once(ours):
    for keeps in (True, False):
        metric = ours.FrechetInceptionDistance(Patches(), reset_real_features=keeps)
        metric.update(REAL, real=True)
        metric.update(FAKE[:10], real=False)
        if not keeps:
            batch = metric(FAKE[10:], real=False)
            alone = fed(ours.FrechetInceptionDistance(Patches()), fake=FAKE[10:])
            torch.testing.assert_close(batch, alone.compute())
            assert metric.real_features_num_samples == 40
            whole = fed(ours.FrechetInceptionDistance(Patches())).compute()
            torch.testing.assert_close(metric.compute(), whole)
    lists = kid(ours, reset_real_features=False)
    lists.update(REAL, real=True)
    lists(FAKE, real=False)
    assert [len(part) for part in lists.real_features] == [40]
    assert lists.compute() == fed(kid(ours), batch=40).compute()


def test_collections_caches_and_shares(ours, theirs):
    from torchmetrics import MetricCollection  # pyright: ignore[reportMissingImports]

    alone = [fed(kid(ours)).compute()[0], fed(ours.FrechetInceptionDistance(Patches())).compute()]
    collection = MetricCollection(
        {"fid": ours.FrechetInceptionDistance(Patches()), "kid": kid(ours)}
    )
    made = fed(collection).compute()
    assert made["fid"] == alone[1]
    assert made["kid"][0] == alone[0]
    assert collection["fid"].compute() is collection["fid"].compute()  # cached by torchmetrics
    collection.reset()
    assert collection["fid"].fake_features_num_samples == 0


def test_copies_pickles_and_moves(ours):
    metric = fed(ours.FrechetInceptionDistance(Patches(), reset_real_features=False))
    value = metric.compute()
    for made in (pickle.loads(pickle.dumps(metric)), copy.deepcopy(metric), metric.clone()):
        assert made.compute() == value
        made.update(FAKE, real=False)
        assert made.fake_features_num_samples == 60
    assert metric.fake_features_num_samples == 30
    assert metric.to("cpu").compute() == value
    double = metric.set_dtype(torch.float64)
    assert double.real_features_sum.dtype == torch.float64


def test_inception_moves_and_is_loaded_where_it_is_needed(ours, cheap_inception):
    metric = ours.FrechetInceptionDistance(64, normalize=True)
    assert metric.state_dict() == {}
    assert "torch_antialias" in repr(metric)
    metric.load_state_dict({"inception.Conv2d_1a_3x3.conv.weight": torch.zeros(1)})
    value = fed(metric, real=REAL / 255, fake=FAKE / 255).compute()
    whole = fed(ours.FrechetInceptionDistance(64)).compute()
    torch.testing.assert_close(value, whole, rtol=0.05, atol=0)  # cut to 8 bits, not rounded
    copied = pickle.loads(pickle.dumps(metric))
    assert copied.compute() == value
    copied.reset()
    assert fed(copied, real=REAL / 255, fake=FAKE / 255).compute() == value


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (torch.full((2, 3, 8, 8), 1.01), "expected floats in 0..1 .* got 1.01 to 1.01"),
        (torch.full((2, 3, 8, 8), -0.1), "images in -1..1 are"),
        (torch.full((2, 3, 8, 8), torch.nan), "expected floats in 0..1"),
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), "leave it out for uint8"),
    ],
)
def test_values_out_of_range_are_refused(ours, cheap_inception, batch: Tensor, message: str):
    """torchmetrics lets them wrap around."""
    metric = ours.InceptionScore(normalize=True)
    with pytest.raises(ValueError, match=message):
        metric.update(batch)
    with pytest.raises(ValueError, match="expected uint8 images, got"):
        ours.InceptionScore().update(torch.zeros(2, 3, 8, 8))


def test_what_there_is_not_is_refused(ours, cheap_inception):
    with pytest.raises(ValueError, match=r"expected `feature` out of .* got 100"):
        ours.FrechetInceptionDistance(100)
    with pytest.raises(ValueError, match="`degree` 3, `gamma` None and"):
        ours.KernelInceptionDistance(degree=2)


def test_processes_that_saw_unequal_shares_agree(ours, tmp_path):
    """Two gloo processes with unequal numbers of batches give what one process gives."""
    program = f"""
        import datetime, sys
        sys.path.insert(0, {str(__file__).rpartition("/compat/")[0]!r})
        import torch.distributed as dist
        from golden import peers
        from ttur.compat import torchmetrics as ours
        from compat.test_torchmetrics import FAKE, REAL, Patches, fed, kid
        rank = int(sys.argv[1])
        dist.init_process_group(
            "gloo", init_method="file://{tmp_path}/meeting", rank=rank, world_size=2,
            timeout=datetime.timedelta(seconds=300),
        )
        share = slice(0, 25) if rank == 0 else slice(25, None)
        for metric in (ours.FrechetInceptionDistance(Patches()), kid(ours)):
            value = fed(metric, real=REAL[share], fake=FAKE[share]).compute()
            value = value if isinstance(value, tuple) else (value,)
            print(*(each.item() for each in value))
        dist.destroy_process_group()
        """
    file = tmp_path / "program.py"
    file.write_text(textwrap.dedent(program))
    processes = [
        subprocess.Popen([sys.executable, str(file), str(rank)], stdout=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    said = [process.communicate(timeout=300)[0] for process in processes]
    assert said[0] == said[1]
    distance, kernel = ([float(word) for word in line.split()] for line in said[0].splitlines())
    assert distance[0] == pytest.approx(
        fed(ours.FrechetInceptionDistance(Patches())).compute().item(), rel=1e-5
    )
    assert kernel == pytest.approx([each.item() for each in fed(kid(ours)).compute()], rel=1e-5)
