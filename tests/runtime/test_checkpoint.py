import os
import resource
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from ttur.runtime import checkpoint


def state(number: int) -> dict:
    return {"number": number, "weights": torch.full((1000,), float(number))}


def test_what_is_saved_comes_back_exactly(tmp_path):
    saved = {
        "weights": torch.randn(3, 4, dtype=torch.float64),
        "noise": torch.Generator().manual_seed(1).get_state(),
        "nested": {"list": [1, 2.5, None, "text"]},
    }
    checkpoint.save(tmp_path, saved)
    loaded = checkpoint.load(tmp_path)
    assert loaded is not None
    assert torch.equal(loaded.state["weights"], saved["weights"])
    assert torch.equal(loaded.state["noise"], saved["noise"])
    assert loaded.state["nested"] == saved["nested"]


def test_two_generations_are_on_disk(tmp_path):
    for number in (1, 2, 3):
        checkpoint.save(tmp_path, state(number))
    assert checkpoint.load_file(tmp_path / checkpoint.NEWEST)["number"] == 3
    assert checkpoint.load_file(tmp_path / checkpoint.PREVIOUS)["number"] == 2
    assert {p.name for p in tmp_path.iterdir()} == {checkpoint.NEWEST, checkpoint.PREVIOUS}


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_one_bit_of_a_weight(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    weights = torch.full((1000,), 2.0).numpy().tobytes()
    raw[bytes(raw).index(weights) + 1234] ^= 1
    path.write_bytes(bytes(raw))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def replace_by_another_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "no tensors here")


def replace_by_other_weights(path: Path) -> None:
    torch.save(nn.Linear(2, 2).state_dict(), path)


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        flip_one_bit_of_a_weight,
        empty,
        replace_by_another_zip,
        replace_by_other_weights,
    ],
)
def test_a_damaged_newest_is_named_and_the_previous_used(tmp_path, damage):
    checkpoint.save(tmp_path, state(1))
    checkpoint.save(tmp_path, state(2))
    damage(tmp_path / checkpoint.NEWEST)
    loaded = checkpoint.load(tmp_path)
    assert loaded is not None
    assert loaded.state["number"] == 1
    assert len(loaded.problems) == 1
    assert str(tmp_path / checkpoint.NEWEST) in loaded.problems[0]


def test_saving_after_a_recovery_keeps_the_good_generation(tmp_path):
    checkpoint.save(tmp_path, state(1))
    checkpoint.save(tmp_path, state(2))
    truncate(tmp_path / checkpoint.NEWEST)
    checkpoint.recover(tmp_path)
    checkpoint.save(tmp_path, state(3))
    assert checkpoint.load_file(tmp_path / checkpoint.PREVIOUS)["number"] == 1


def test_if_both_are_damaged_both_are_named(tmp_path):
    checkpoint.save(tmp_path, state(1))
    checkpoint.save(tmp_path, state(2))
    for name in (checkpoint.NEWEST, checkpoint.PREVIOUS):
        truncate(tmp_path / name)
    with pytest.raises(ValueError, match=r"checkpoint\.pt.*checkpoint\.previous\.pt"):
        checkpoint.load(tmp_path)


def test_no_file_is_no_checkpoint(tmp_path):
    assert checkpoint.load(tmp_path) is None


class Payload:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def test_a_malicious_checkpoint_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"format": checkpoint.FORMAT, "state": Payload()}, tmp_path / checkpoint.NEWEST)
    with pytest.raises(ValueError, match="objects other than tensors"):
        checkpoint.load(tmp_path)
    assert not (tmp_path / "executed").exists()


def test_a_full_disk_leaves_both_generations_and_no_fragment(tmp_path):
    """The limit on file sizes is the kernel's own; the write fails like on a full disk."""
    checkpoint.save(tmp_path, state(1))
    checkpoint.save(tmp_path, state(2))
    program = f"""
        import resource, signal
        from pathlib import Path
        import torch
        from ttur.runtime import checkpoint
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, {resource.RLIM_INFINITY}))
        try:
            checkpoint.save(Path({str(tmp_path)!r}), {{"weights": torch.randn(100_000)}})
        except OSError as error:
            print("refused:", error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("refused:"), done
    assert checkpoint.NEWEST in done.stdout
    assert {p.name for p in tmp_path.iterdir()} == {checkpoint.NEWEST, checkpoint.PREVIOUS}
    assert checkpoint.load_file(tmp_path / checkpoint.NEWEST)["number"] == 2
    assert checkpoint.load_file(tmp_path / checkpoint.PREVIOUS)["number"] == 1


def test_weights_sha256_sees_values_names_dtypes_and_buffers():
    def digest(network: nn.Module) -> str:
        return checkpoint.weights_sha256(network)

    one, same = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    assert digest(one) == digest(same)
    assert same.running_mean is not None
    same.running_mean[1] = 1e-30
    assert digest(one) != digest(same)
    assert digest(nn.Sequential(nn.ReLU(), nn.BatchNorm1d(3))) != digest(
        nn.Sequential(nn.BatchNorm1d(3))
    )
    assert digest(nn.BatchNorm1d(3).double()) != digest(nn.BatchNorm1d(3))
