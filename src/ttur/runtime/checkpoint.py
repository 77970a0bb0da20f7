"""Everything needed to continue exactly, in one file: written beside, flushed, then renamed.

Two generations stay on disk, `checkpoint.pt` and `checkpoint.previous.pt`. A torn or foreign file
is named and never half-loaded; the other generation is used.
"""

import hashlib
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ttur.runtime.files import flush_directory, replacement
from ttur.runtime.saved import read_saved
from ttur.runtime.storable import pack, unpack
from ttur.runtime.undocumented import plain_name

FORMAT = "ttur-checkpoint-1"
NEWEST, PREVIOUS = "checkpoint.pt", "checkpoint.previous.pt"
DAMAGED = "checkpoint.damaged.pt"


@dataclass(frozen=True)
class Loaded:
    """A state read from disk, the file it stands in, and what was wrong with newer files."""

    state: dict[str, Any]
    path: Path
    problems: tuple[str, ...]


def save(directory: Path, state: dict[str, Any], identity: str = "") -> None:
    """Write `state` as the newest generation; the one before becomes the previous.

    `state` holds what `runtime.storable` can encode. `identity` says which run it belongs to, and
    `load` gives it to no other.

    Raises:
        ValueError: if a part of the state cannot be stored; names it.
        OSError: if the disk refuses; both generations are then as they were.
    """
    newest, written = directory / NEWEST, directory / f"{NEWEST}.next"
    save_file(written, state, identity)
    if newest.exists():
        os.replace(newest, directory / PREVIOUS)
    os.replace(written, newest)
    flush_directory(directory)


def check(state: dict[str, Any]) -> None:
    """Refuse now what `save` would refuse after long work; nothing is written.

    Raises:
        ValueError: if a part of the state cannot be stored; names it.
    """
    pack(state, "the run")


def save_file(path: Path, state: dict[str, Any], identity: str = "") -> None:
    """Replace the one file `path` as a whole, without generations."""
    content = {"format": FORMAT, "identity": identity, "state": pack(state, "the run")}
    try:
        with replacement(path) as file:
            torch.save(content, file)
    except RuntimeError as error:  # how torch's zip writer reports a full disk
        raise OSError(f"{path} could not be written ({error}); is the disk full?") from error


def recover(directory: Path, identity: str = "") -> Loaded | None:
    """`load`, and a newest file that cannot be used is moved out of the way of the good one.

    Otherwise the next `save` would make it the previous generation and drop the good one.
    """
    loaded = load(directory, identity)
    if loaded is not None and loaded.path.name == PREVIOUS and loaded.problems:
        os.replace(directory / NEWEST, directory / DAMAGED)
    return loaded


def load(directory: Path, identity: str = "") -> Loaded | None:
    """The newest generation that can be read whole, or None if there is no file at all.

    Raises:
        ValueError: if there are files and none can be used; the message names each.
    """
    problems = []
    for path in (directory / NEWEST, directory / PREVIOUS):
        if not path.exists():
            continue
        try:
            return Loaded(load_file(path, identity), path, tuple(problems))
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError(
            f"no checkpoint can be used: {'; '.join(problems)}; "
            f"put a copy of one that is whole in its place, or choose another `directory`"
        )
    return None


def load_file(path: Path, identity: str = "") -> dict[str, Any]:
    """What `save` or `save_file` wrote, on the CPU. With an `identity`, only of that run.

    Raises:
        ValueError: if the file is torn, damaged, not a checkpoint of ours, or of another run.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()  # torch does not compare the checksums of its records
        if damaged is not None:
            raise ValueError(f"the checksum of {damaged} is wrong")
        content = read_saved(path)
    except (RuntimeError, ValueError, EOFError) as error:
        raise ValueError(f"{path} is torn or damaged ({error})") from error
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path} is torn or not a checkpoint ({error})") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path} is not a checkpoint of ttur (expected format {FORMAT})")
    if not isinstance(content.get("state"), dict):
        raise ValueError(f"{path} is a checkpoint without a state")
    if identity and content.get("identity") != identity:
        raise ValueError(f"{path} belongs to a run of another configuration")
    return unpack(content["state"])


def state_of(network: nn.Module) -> dict[str, Any]:
    """Its state dict by plain names: a compiled network has the same as one that is not."""
    return {plain_name(name): value for name, value in network.state_dict().items()}


def give_state(network: nn.Module, state: dict[str, Any]) -> None:
    """Load what `state_of` gave of this network, compiled or not."""
    names = {plain_name(name): name for name in network.state_dict()}
    network.load_state_dict({names.get(name, name): value for name, value in state.items()})


def weights_sha256(network: nn.Module) -> str:
    """SHA-256 over name, dtype, shape and bytes of every parameter and buffer."""
    digest = hashlib.sha256()
    for name, tensor in state_of(network).items():
        if not isinstance(tensor, torch.Tensor):  # what a module adds is no weight
            continue
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        raw = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        digest.update(raw.numpy().tobytes())
    return digest.hexdigest()
