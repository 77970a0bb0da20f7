"""Tensors of a TorchScript archive without running it: as torch wrote them, and nothing else."""

import io
import pickle
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ttur.features import torchscript
from ttur.features.state_dicts import tensors_in


class Tower(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
        self.proj = nn.Parameter(torch.randn(4, 2))
        self.turned = nn.Parameter(torch.randn(2, 4).T)  # with strides of its own
        self.register_buffer("side", torch.tensor(336))
        self.scale = 1.5

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(x) @ self.proj * self.scale


@pytest.fixture(scope="module")
def tower() -> nn.Module:
    torch.manual_seed(0)
    return Tower().half()


@pytest.fixture(scope="module")
def archive(tower: nn.Module) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's own, of TorchScript
        torch.jit.save(torch.jit.script(tower), file)
    return file.getvalue()


def rewritten(archive: bytes, change) -> bytes:
    """The archive with other bytes in place of its parts."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return file.getvalue()


def test_they_are_those_of_the_module(tower: nn.Module, archive: bytes):
    assert torchscript.is_torchscript(archive)
    got = tensors_in(archive, "model.pt")
    assert got.keys() == tower.state_dict().keys()
    for name, expected in tower.state_dict().items():
        assert got[name].dtype == expected.dtype
        assert torch.equal(got[name], expected), name


def test_a_state_dict_is_none(tower: nn.Module):
    file = io.BytesIO()
    torch.save(tower.state_dict(), file)
    assert not torchscript.is_torchscript(file.getvalue())
    assert not torchscript.is_torchscript(b"weights")


class Trap:
    """Unpickled, it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_what_the_file_would_call_is_not_called(archive: bytes, tmp_path: Path):
    trap = pickle.dumps(Trap(tmp_path / "sprung"), protocol=2)
    changed = rewritten(archive, lambda name, data: trap if name.endswith("/data.pkl") else data)
    with pytest.raises(ValueError, match=r"named tensors in model\.pt"):
        tensors_in(changed, "model.pt")
    assert not (tmp_path / "sprung").exists()


def opcode(name: str, data: bytes) -> bytes:
    return data[:-1] + b"\x8c\x01a." if name.endswith("/data.pkl") else data


def shorter(name: str, data: bytes) -> bytes:
    return data[:2] if "/data/" in name else data


def longer_shape(name: str, data: bytes) -> bytes:
    """Rows of one tensor: 4 become 200, which its bytes do not hold."""
    return data.replace(b"(K\x04K\x02t", b"(K\xc8K\x02t") if name.endswith("data.pkl") else data


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (opcode, "SHORT_BINUNICODE"),
        (shorter, "not of modules and tensors"),
        (longer_shape, "not of modules and tensors"),
        (lambda name, data: b"" if name.endswith("/data.pkl") else data, "model.pt"),
    ],
)
def test_a_damaged_archive_is_named(archive: bytes, change, said: str):
    with pytest.raises(ValueError, match=said) as error:
        tensors_in(rewritten(archive, change), "model.pt")
    assert "model.pt" in str(error.value)


def test_a_torn_archive_is_named(archive: bytes):
    with pytest.raises(ValueError, match=r"named tensors in model\.pt"):
        tensors_in(archive[: len(archive) // 2], "model.pt")
