"""Files of weights → tensors of a network: read without pickle, loaded strictly."""

import io
import pickle
from collections.abc import Mapping

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn


def tensors_in(contents: bytes, source: str) -> dict[str, Tensor]:
    """The named tensors of a .safetensors file, or else of one by `torch.save(state_dict)`.

    Raises:
        ValueError: if the bytes are neither.
    """
    try:
        if source.endswith(".safetensors"):
            return safetensors.torch.load(contents)
        state = torch.load(io.BytesIO(contents), map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as cause:
        reason = (str(cause) or type(cause).__name__).splitlines()[0]
        raise ValueError(
            f"expected named tensors in {source}, got a file that does not read as such "
            f"({reason}); save a state dict, with torch.save or safetensors"
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
