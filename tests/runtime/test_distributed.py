import subprocess
import sys
import textwrap

import pytest
import torch

from ttur.runtime import distributed


def test_without_a_process_group_it_is_a_group_of_one():
    assert (distributed.rank(), distributed.world_size()) == (0, 1)


def test_auto_picks_a_device_that_works():
    device = distributed.pick_device("auto")
    assert torch.ones(2, device=device).sum().item() == 2
    assert device.type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["cuda:99", "warp-drive"])
def test_a_device_that_is_not_there_is_refused(name):
    with pytest.raises(ValueError, match=f"'{name}'.*try `device` cpu"):
        distributed.pick_device(name)


def test_every_process_gets_what_every_process_gives(tmp_path):
    """Names, shapes and types of their own, an empty tensor among them; by rank."""
    program = f"""
        import sys, datetime, torch
        import torch.distributed as dist
        from ttur.runtime import distributed
        rank = int(sys.argv[1])
        dist.init_process_group(
            "gloo", init_method="file://{tmp_path}/meeting", rank=rank, world_size=2,
            timeout=datetime.timedelta(seconds=300),
        )
        mine = [
            {{"a": torch.tensor([1.5, -2.0], dtype=torch.float64), "empty": torch.empty(0, 3)}},
            {{"b": torch.tensor([[7, 255]], dtype=torch.uint8)}},
        ][rank]
        for given in distributed.from_every_rank(mine):
            print({{k: (str(v.dtype), list(v.shape), v.tolist()) for k, v in given.items()}})
        dist.destroy_process_group()
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    peers = [
        subprocess.Popen([*command, str(rank)], stdout=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]
    first, second = (peer.communicate(timeout=400)[0].splitlines() for peer in peers)
    assert first == second
    assert first == [
        "{'a': ('torch.float64', [2], [1.5, -2.0]), 'empty': ('torch.float32', [0, 3], [])}",
        "{'b': ('torch.uint8', [1, 2], [[7, 255]])}",
    ]


def test_alone_one_gets_what_one_gives():
    mine = {"a": torch.ones(2)}
    (given,) = distributed.from_every_rank(mine)
    assert given["a"] is mine["a"]
