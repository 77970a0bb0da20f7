"""Images batch by batch: the same numbers as at once, in any tree of merges, over processes."""

import copy
import inspect
import json
import pickle
import subprocess
import sys
import textwrap
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ttur.evaluation.accumulator import Accumulator
from ttur.evaluation.evaluate import Evaluation, evaluate
from ttur.evaluation.measures import MEASURES
from ttur.evaluation.reference import statistics
from ttur.features.extractors import Extractor

METRICS = ("fid", "kid", "precision_recall", "density_coverage")
OPTIONS = {"kid_subset_size": 20, "cache": False}
REAL = np.random.default_rng(0).integers(0, 256, (90, 10, 10, 3), dtype=np.uint8)
DRAWN = np.random.default_rng(1).integers(0, 128, (80, 10, 10, 3), dtype=np.uint8)


def accumulator(extractor: Extractor, metrics: tuple[str, ...] = METRICS) -> Accumulator:
    return Accumulator(REAL, metrics, extractor=extractor, **OPTIONS)


def values(made: Evaluation) -> dict[str, float]:
    return {measurement.metric: measurement.value for measurement in made.measurements}


def test_batch_by_batch_is_at_once_to_the_bit(tiny: Extractor):
    expected = evaluate(REAL, DRAWN, METRICS, extractor=tiny, **OPTIONS)
    taken = accumulator(tiny)
    for start, stop in [(0, 1), (1, 30), (30, 77), (77, 80)]:
        taken.update(DRAWN[start:stop])
    assert taken.compute().measurements == expected.measurements
    assert taken.compute().to_json() == expected.to_json()  # audit and fingerprints too


def test_tensors_floats_and_arrays_are_the_same_images(tiny: Extractor):
    expected, taken = accumulator(tiny), accumulator(tiny)
    expected.update(DRAWN)
    taken.update(torch.from_numpy(DRAWN[:40]).movedim(-1, 1))
    scaled = Accumulator(REAL, METRICS, extractor=tiny, value_range=(-1.0, 1.0), **OPTIONS)
    scaled.update(torch.from_numpy(DRAWN[40:]).movedim(-1, 1) / 127.5 - 1)
    taken.merge(scaled)
    assert values(taken.compute()) == pytest.approx(values(expected.compute()), rel=1e-12)


SLOWLY = {
    "uint8": torch.from_numpy(DRAWN).movedim(-1, 1),
    "uint8 in a row": torch.from_numpy(DRAWN).movedim(-1, 1).contiguous(),
    "float32": torch.from_numpy(DRAWN).movedim(-1, 1) / 127.5 - 1,
    "float64, halves and beyond": torch.linspace(-1.2, 1.2, 80 * 300, dtype=torch.float64).reshape(
        80, 3, 10, 10
    ),
    "float16": (torch.from_numpy(DRAWN).movedim(-1, 1) / 127.5 - 1).half(),
    "bfloat16": (torch.from_numpy(DRAWN).movedim(-1, 1) / 127.5 - 1).bfloat16(),
    "grey": torch.from_numpy(DRAWN[..., 0]),
    "grey with a channel": torch.from_numpy(DRAWN[..., :1]).movedim(-1, 1) / 127.5 - 1,
}


@pytest.mark.parametrize("kind", SLOWLY)
@pytest.mark.parametrize("size", [8, None])
def test_a_tensor_on_its_device_is_what_the_slow_path_makes_of_it(kind: str, size: int | None):
    """Pixels, features, numbers and audit, to the bit; also of a convolution on raw pixels, which
    rounds differently in another layout of memory.
    """
    torch.manual_seed(5)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 12, 3, stride=2), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    )
    extractor = Extractor.of(network, name="mine", dimension=12, size=size)
    options = {"extractor": extractor, "value_range": (-1.0, 1.0), "batch_size": 32, "cache": False}
    fast, slow = (Accumulator(REAL, "fid", **options) for _ in range(2))
    tensor = SLOWLY[kind]
    fast.update(tensor)
    slow.update(iter(tensor.split(32)) if tensor.ndim == 4 else list(tensor[:, None]))
    assert fast.compute().to_json() == slow.compute().to_json()


def test_without_audit_the_numbers_stay_and_nothing_is_hashed(tiny: Extractor):
    audited, plain = (
        accumulator(tiny),
        Accumulator(REAL, METRICS, extractor=tiny, audit=False, **OPTIONS),
    )
    for images in (torch.from_numpy(DRAWN[:50]).movedim(-1, 1), DRAWN[50:]):
        audited.update(images)
        plain.update(images)
    assert plain.compute().measurements == audited.compute().measurements
    assert plain.compute().counts == {"real": 90, "generated": 80}
    assert plain.compute().audit["generated"] is None
    assert "data_sha256" not in plain.compute().fingerprints["generated"]
    assert plain.compute().audit["real"] is not None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (torch.zeros(3, 10, 10, 3, dtype=torch.uint8), "move the axes"),
        (torch.zeros(3, 10, 10, dtype=torch.uint8), "may be a single one"),
        (torch.zeros(3, 3, 10, 10, dtype=torch.int64), "got int64"),
        (torch.full((3, 3, 10, 10), torch.nan), "NaN"),
        (torch.zeros(()), "expected images"),
    ],
)
def test_tensors_of_another_kind_are_refused_as_everywhere(tiny: Extractor, wrong, said: str):
    taken = Accumulator(REAL, extractor=tiny, value_range=(0.0, 1.0), cache=False)
    with pytest.raises(ValueError, match=said):
        taken.update(wrong)


def test_the_options_are_those_of_evaluate():
    own = inspect.signature(Accumulator).parameters
    for name, parameter in inspect.signature(evaluate).parameters.items():
        if name not in ("generated", "count", "say", "progress"):
            assert own[name].default == parameter.default
            assert own[name].annotation == parameter.annotation
    taken = Accumulator(REAL, extractor="digits", protocol="clean", device="cpu", cache=False)
    taken.update(DRAWN)
    assert taken.compute().protocol == "clean"


def test_floats_without_a_range_are_refused(tiny: Extractor):
    with pytest.raises(ValueError, match="value_range"):
        accumulator(tiny).update(torch.zeros(3, 3, 10, 10))


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cuts=st.lists(st.integers(1, 79), min_size=1, max_size=5, unique=True),
    order=st.randoms(use_true_random=False),
)
def test_any_tree_of_merges_gives_the_same_distance(tiny: Extractor, cuts, order):
    """Up to rounding: sums in another order."""
    whole = accumulator(tiny, ("fid",))
    whole.update(DRAWN)
    bounds = [0, *sorted(cuts), 80]
    parts = []
    for start, stop in pairwise(bounds):
        parts.append(accumulator(tiny, ("fid",)))
        parts[-1].update(DRAWN[start:stop])
    order.shuffle(parts)
    while len(parts) > 1:
        taking = parts.pop(order.randrange(len(parts)))
        parts[order.randrange(len(parts))].merge(taking)
    assert parts[0].compute()["fd_patches"] == pytest.approx(
        whole.compute()["fd_patches"], rel=1e-10
    )
    assert parts[0].compute().counts == {"real": 90, "generated": 80}


def test_a_saved_state_goes_on_to_the_bit(tiny: Extractor, tmp_path: Path):
    expected = accumulator(tiny)
    expected.update(DRAWN)
    before = accumulator(tiny)
    before.update(DRAWN[:33])
    torch.save(before.state_dict(), tmp_path / "state.pt")
    after = accumulator(tiny)
    after.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    after.update(DRAWN[33:])
    assert after.compute().to_json() == expected.compute().to_json()


def test_a_state_of_another_extractor_is_refused(tiny: Extractor, tiny_torch: Extractor):
    state = accumulator(tiny_torch)
    state.update(DRAWN)
    with pytest.raises(ValueError, match=r"expected the state.*'protocol': 'torch'"):
        accumulator(tiny).load_state_dict(state.state_dict())


def test_a_state_that_kept_less_is_refused(tiny: Extractor):
    little = accumulator(tiny, ("fid",))
    little.update(DRAWN)
    taken = accumulator(tiny)
    taken.update(DRAWN[:40])
    before = taken.compute().to_json()
    with pytest.raises(ValueError, match="expected features"):
        taken.load_state_dict(little.state_dict())
    with pytest.raises(ValueError, match="expected features"):
        taken.merge(little)
    assert taken.compute().to_json() == before


def test_an_accumulator_of_another_extractor_is_not_merged(tiny: Extractor, tiny_torch: Extractor):
    other = accumulator(tiny_torch)
    other.update(DRAWN)
    with pytest.raises(ValueError, match=r"expected the state.*'protocol': 'torch'"):
        accumulator(tiny).merge(other)


@pytest.mark.parametrize("lost", ["document", "image_digests", "moments.scatters"])
def test_what_is_no_state_is_refused(tiny: Extractor, lost: str):
    taken = accumulator(tiny)
    taken.update(DRAWN)
    state = taken.state_dict()
    del state[lost]
    with pytest.raises(ValueError, match="expected the state of an accumulator"):
        accumulator(tiny).load_state_dict(state)


def test_a_restored_state_keeps_the_seed_of_its_groups(tiny: Extractor):
    before = Accumulator(REAL, extractor=tiny, seed=3, cache=False)
    before.update(DRAWN)
    after = accumulator(tiny, ("fid",))
    after.load_state_dict(before.state_dict())
    assert after.compute().fingerprints["generated"]["seed"] == 3


def test_a_reference_of_another_protocol_is_refused_at_the_start(
    tiny: Extractor, tiny_torch: Extractor
):
    reference = statistics(REAL, tiny_torch)
    with pytest.raises(ValueError, match="protocol torch against tf1"):
        Accumulator(reference, extractor=tiny)
    Accumulator(reference, extractor=tiny, allow_protocol_mismatch=True)


def test_an_empty_share_adds_nothing(tiny: Extractor):
    taken, expected = accumulator(tiny), accumulator(tiny)
    taken.update(DRAWN)
    taken.update(DRAWN[:0])
    expected.update(DRAWN)
    assert taken.compute().to_json() == expected.compute().to_json()


def test_reset_forgets_the_generated_side_alone(tiny: Extractor):
    taken = accumulator(tiny)
    taken.update(REAL)
    taken.reset()
    with pytest.raises(ValueError, match="at least 2 images, got 0"):
        taken.compute()
    taken.update(DRAWN)
    expected = accumulator(tiny)
    expected.update(DRAWN)
    assert taken.compute().to_json() == expected.compute().to_json()


def test_processes_get_one_number_or_one_refusal_and_wait_nowhere_else(
    tiny: Extractor, tmp_path: Path
):
    """Three gloo processes. Shares of 1, 62 and 17 of the 80 images count once each; so do shards
    of the real images; whatever else differs, all refuse alike. Rank 0 alone may evaluate, with
    weights that are fetched: the sum of ranks that follows is still that of all ranks.
    """
    program = f"""
        import datetime, hashlib, json, os, sys
        from pathlib import Path
        import numpy as np, torch, torch.distributed as dist
        import torch.nn.functional as F
        from ttur.evaluation.accumulator import Accumulator
        from ttur.evaluation.evaluate import evaluate
        from ttur.features.extractors import Extractor
        from ttur.runtime.artifacts import Artifact, fetch
        rank = int(sys.argv[1])
        os.environ["TTUR_CACHE"] = "{tmp_path}"
        dist.init_process_group(
            "gloo", init_method="file://{tmp_path}/meeting", rank=rank, world_size=3,
            timeout=datetime.timedelta(seconds=300),
        )
        patches = lambda images: F.avg_pool2d(images, 4).flatten(1)
        tiny = Extractor.of(patches, name="patches", dimension=12, size=8)
        real = np.random.default_rng(0).integers(0, 256, (90, 10, 10, 3), dtype=np.uint8)
        drawn = np.random.default_rng(1).integers(0, 128, (80, 10, 10, 3), dtype=np.uint8)
        share = slice(*[(0, 1), (1, 63), (63, 80)][rank])

        def show(side=real, metrics={METRICS!r}, **options):
            options = dict(extractor=tiny, kid_subset_size=20, cache=False) | options
            taken = Accumulator(side, metrics, **options)
            taken.update(drawn[share])
            try:
                made = taken.compute()
            except ValueError as error:
                print(json.dumps(str(error)))
                return
            values = [m.value for m in made.measurements]
            print(json.dumps([made.counts, values, made.first.details, made.warnings]))

        show()
        show(real[30 * rank : 30 * (rank + 1)])
        show(metrics="fid,kid" if rank == 1 else "fid")
        show(seed=rank)
        show(interval=rank > 0, metrics="fid")
        show(value_range=(0, 1) if rank else (-1, 1), metrics="fid")
        show(real[: 90 - rank])
        show(real[rank::3], metrics="fid", sync=False) if rank else print("[]")
        if rank == 0:
            Path("{tmp_path}/kept").write_bytes(b"1")
            sha256 = hashlib.sha256(b"1").hexdigest()
            fetch(Artifact("kept", "http://127.0.0.1:9/kept", sha256, 1))
            evaluate(real, drawn, "fid,is", extractor="digits")
        total = torch.ones(1) * (rank + 1)
        dist.all_reduce(total)
        print(total.item())
        dist.destroy_process_group()
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    peers = [
        subprocess.Popen([*command, str(rank)], stdout=subprocess.PIPE, text=True)
        for rank in range(3)
    ]
    said = [peer.communicate(timeout=400)[0].splitlines() for peer in peers]
    apart = 7  # the line of `sync=False`
    assert said[0][:apart] == said[1][:apart] == said[2][:apart]
    whole, shards, metrics, seed, interval, value_range, overlap, _, total = map(
        json.loads, said[0]
    )
    taken = accumulator(tiny)
    taken.update(DRAWN)
    expected = taken.compute()
    for counts, values, details, _ in (whole, shards):
        assert counts == {"real": 90, "generated": 80}
        assert values == pytest.approx([m.value for m in expected.measurements], rel=1e-10)
        assert details["interval"] is not None
    assert not any("processes" in warning for warning in whole[3])
    assert "real: the processes had different images, merged (30 + 30 + 30)" in shards[3]
    for refusal, name in ((metrics, "metrics"), (seed, "seed"), (interval, "interval")):
        assert f"expected the same `{name}` in every process, got" in refusal
    assert "`value_range` in every process, got [-1, 1] and [0, 1] and [0, 1]" in value_range
    assert "process 2: 88 images, data_sha256" in overlap
    own = [json.loads(lines[apart]) for lines in said[1:]]
    assert [counts for counts, *_ in own] == [
        {"real": 30, "generated": 62},
        {"real": 30, "generated": 17},
    ]
    assert own[0][1] != own[1][1]
    assert [float(lines[-1]) for lines in said] == [6.0] * 3 == [total] * 3


def of_grey(images: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """12 features, logits and places: a function of a module, as pickling wants it."""
    features = F.avg_pool2d(images, 4).flatten(1)
    return features, features, F.avg_pool2d(images[:, :1], 2).flatten(1)


def test_it_is_pickled_and_copied_with_all_it_has_seen():
    """Under every metric: a row of `MEASURES` holds nothing that cannot be pickled."""
    extractor = Extractor.of(of_grey, name="grey", dimension=12, size=8)
    whole = accumulator(extractor, tuple(MEASURES))
    whole.update(DRAWN)
    expected = whole.compute()
    for copied in (pickle.loads(pickle.dumps(whole)), copy.deepcopy(whole)):
        assert copied.compute() == expected
        copied.update(REAL)
        assert copied.compute().counts["generated"] == 170
    assert whole.compute() == expected


def test_it_is_not_merged_with_itself(tiny: Extractor):
    one = accumulator(tiny, ("fid",))
    one.update(DRAWN)
    with pytest.raises(ValueError, match="expected another accumulator to merge, got this one"):
        one.merge(one)
    assert one.compute().counts["generated"] == 80
