"""Files of weights → tensors of a network: read without pickle, loaded strictly."""

import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from ttur.features import torchscript
from ttur.runtime.saved import BEGINNING, likeness, read_saved


@dataclass(frozen=True)
class Rename:
    """A name in a file, as a regular expression of all of it, and the tensor's in the network.

    None leaves the tensor out. Those that are one tensor in the network are joined, by `part`. What
    has the numbers in another shape, `change` puts into ours.
    """

    pattern: str
    name: str | None
    part: int = 0
    change: Callable[[Tensor], Tensor] = lambda tensor: tensor


def renamed(state: Mapping[str, Tensor], names: Iterable[Rename]) -> dict[str, Tensor]:
    """The tensors under the names of the network, each by the first row that it matches; what
    matches none keeps its name.

    >>> import torch
    >>> both = {"q.bias": torch.zeros(2), "k.bias": torch.ones(2), "old": torch.zeros(1)}
    >>> renamed(both, [Rename("old", None), Rename("q.bias", "qk"), Rename("k.bias", "qk", 1)])
    {'qk': tensor([0., 0., 1., 1.])}
    """
    compiled = [(re.compile(row.pattern), row) for row in names]
    parts: dict[str, list[tuple[int, Tensor]]] = defaultdict(list)
    for name, tensor in state.items():
        found = next(((m, row) for regex, row in compiled if (m := regex.fullmatch(name))), None)
        if found is None:
            parts[name].append((0, tensor))
        elif found[1].name is not None:
            match, row = found
            parts[match.expand(found[1].name)].append((row.part, row.change(tensor)))
    return {name: _joined(tensors) for name, tensors in parts.items()}


def _joined(tensors: list[tuple[int, Tensor]]) -> Tensor:
    if len(tensors) == 1:
        return tensors[0][1]
    return torch.cat([tensor for _, tensor in sorted(tensors, key=lambda each: each[0])])


def tensors_in(contents: bytes, source: str) -> dict[str, Tensor]:
    """The named tensors of a .safetensors file, of a TorchScript archive, or else of one by
    `torch.save(state_dict)`.

    Raises:
        ValueError: if the bytes are neither.
    """
    try:
        if source.endswith(".safetensors"):
            return safetensors.torch.load(contents)
        if torchscript.is_torchscript(contents):
            return torchscript.tensors(contents)
        state = read_saved(io.BytesIO(contents))
    except (SafetensorError, zipfile.BadZipFile, ValueError) as cause:
        is_ours = isinstance(cause, ValueError)
        reason = str(cause) if is_ours else f"it {likeness(contents[:BEGINNING])}"
        raise ValueError(
            f"expected named tensors in {source}, got a file that does not read as such "
            f"({reason}); download it again, or save a state dict with torch.save or safetensors"
        ) from cause
    if isinstance(state, Mapping) and all(isinstance(value, Tensor) for value in state.values()):
        return dict(state)
    raise ValueError(
        f"expected a state dict (names to tensors) in {source}, got a {type(state).__name__} "
        "of other things; save module.state_dict()"
    )


def load_strictly(network: nn.Module, state: dict[str, Tensor], source: str) -> None:
    """Every tensor of the network comes from the file and every tensor of the file is used.

    Batch norm's count of batches is not looked at: it has no effect, and published files differ.

    Raises:
        ValueError: if names or shapes differ; it lists them.
    """

    def shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
        return {
            name: tuple(tensor.shape)
            for name, tensor in tensors.items()
            if not name.endswith("num_batches_tracked")
        }

    expected, got = shapes(network.state_dict()), shapes(state)
    wrong = [
        *(f"missing {name} {expected[name]}" for name in expected if name not in got),
        *(f"unexpected {name} {got[name]}" for name in got if name not in expected),
        *(
            f"{name} expected {expected[name]}, got {got[name]}"
            for name in expected
            if name in got and expected[name] != got[name]
        ),
    ]
    if wrong:
        shown = "; ".join(wrong[:8]) + (f"; and {len(wrong) - 8} more" if len(wrong) > 8 else "")
        raise ValueError(
            f"expected the {len(expected)} tensors of {type(network).__name__} in {source}, "
            f"got {len(wrong)} that differ: {shown}; give weights of this network"
        )
    network.load_state_dict(state, strict=False)
