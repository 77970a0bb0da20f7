"""What a network returns, in whatever form, as float32 features, logits and spatial outputs."""

import io
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ttur.runtime.errors import kind_of

KINDS = ("features", "logits", "spatial")


@dataclass(frozen=True)
class Features:
    """What a network says of a batch: float32, a row an image.

    Without classes, `logits` has no column; without an output of its positions, `spatial` has none.
    Inception has 2023 of them, those of sFID, from the same pass.
    """

    features: Float[Tensor, "batch dimension"]
    logits: Float[Tensor, "batch classes"]
    spatial: Float[Tensor, "batch positions"]


class Adapted(nn.Module):
    """A function of somebody else's as a network of ours.

    Images are given in the numbers of its weights: half to a half network. It returns features, or
    a tuple of (features, logits) or (features, logits, spatial), or a dict of these names; of
    anything else with several entries, `output` says which are the features.
    """

    def __init__(
        self,
        function: Callable[[Tensor], Any],
        output: str | int | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.function, self.output, self.dtype = function, output, dtype

    def __getstate__(self) -> dict[str, Any]:
        state = dict(vars(self))
        if isinstance(self.function, torch.jit.ScriptModule):  # does not pickle otherwise
            state["_modules"] = state["_modules"] | {"function": self.function.save_to_buffer()}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if isinstance(contents := self._modules.get("function"), bytes):
            with warnings.catch_warnings():  # TorchScript is deprecated, and still given
                warnings.simplefilter("ignore", DeprecationWarning)
                self._modules["function"] = torch.jit.load(io.BytesIO(contents))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        said = self.function(images.to(self.dtype))
        if self.output is not None:
            said = _entry(said, self.output)
            made = (said[0],) if isinstance(said, list | tuple) and len(said) == 1 else (said,)
        else:
            made = _entries(said)
        return tuple(_rows(kind, one, images) for kind, one in zip(KINDS, made, strict=False))


def of_batch(outputs: tuple[Tensor, ...], count: int, dimension: int, name: str) -> Features:
    """A network's outputs of `count` images, checked.

    Raises:
        ValueError: if the features have another shape than (count, dimension), the others not a row
            for each image, or one is not of real numbers.
    """
    features, none = outputs[0], outputs[0].new_empty(count, 0)
    if features.shape[2:] == (1,) * (features.ndim - 2):  # a map of a single position
        features = features.flatten(1) if features.ndim > 2 else features
    if features.shape == (count,) and dimension == 1:
        features = features[:, None]
    if features.shape != (count, dimension):
        raise ValueError(
            f"expected features of shape ({count}, {dimension}) from extractor {name}, got "
            f"{tuple(features.shape)}; {_remedy(features, count)}"
        )
    for kind, output in zip(KINDS[1:], outputs[1:], strict=False):
        if output.ndim != 2 or len(output) != count:
            raise ValueError(
                f"expected {kind} of shape ({count}, any) from extractor {name}, got "
                f"{tuple(output.shape)}; return (features, logits), or name the features by "
                "`output`"
            )
    made = (features, *outputs[1:], *[none] * (len(KINDS) - len(outputs)))
    return Features(*(output.to(torch.float32) for output in made))


def _remedy(features: Tensor, count: int) -> str:
    if features.ndim == 2 and len(features) == count:
        return f"declare `dimension` {features.shape[1]}"
    if features.ndim == 1 and len(features) == count:
        return "return a row for each image, or declare `dimension` 1 if it is one number for each"
    if features.ndim == 4:
        return "average a map over its positions, by x.mean(dim=(2, 3)), or flatten it"
    return "return a row for each image, flattened, and declare its length as `dimension`"


def _entries(said: Any) -> tuple[Any, ...]:
    """Features, and logits and spatial outputs where there are."""
    if isinstance(said, Features):
        return (said.features, said.logits, said.spatial)
    if isinstance(said, Mapping):
        if "features" in said:
            return tuple(said[kind] for kind in KINDS if kind in said)
        if len(said) == 1:
            return tuple(said.values())
        known = ", ".join(map(repr, said))
        raise ValueError(
            f"expected features, or an entry 'features', got a dict of {known}; name the entry by "
            "`output`"
        )
    if isinstance(said, list | tuple):
        most = len(KINDS) if isinstance(said, tuple) else 1  # a list is of layers
        if 1 <= len(said) <= most:
            return tuple(said)
        raise ValueError(
            f"expected features, (features, logits) or (features, logits, spatial), got a "
            f"{type(said).__name__} of {len(said)}; say by `output` which are the features, as "
            "output=0"
        )
    return (said,)


def _entry(said: Any, output: str | int) -> Any:
    """Of a dict or sequence, or an attribute."""
    try:
        named = isinstance(output, str) and not isinstance(said, Mapping)
        return getattr(said, str(output)) if named else said[output]
    except (KeyError, IndexError, AttributeError, TypeError) as error:
        got = (
            f"a dict of {', '.join(map(repr, said))}"
            if isinstance(said, Mapping)
            else kind_of(said)
        )
        raise ValueError(
            f"expected an output {output!r} of the network, got {got}; choose another `output`"
        ) from error


def _rows(kind: str, output: Any, images: Tensor) -> Tensor:
    if isinstance(output, np.ndarray):
        output = torch.from_numpy(output).to(images.device)
    if not isinstance(output, Tensor) or output.is_complex() or output.is_quantized:
        got = f"a tensor of {output.dtype}" if isinstance(output, Tensor) else kind_of(output)
        raise ValueError(
            f"expected a tensor or array of real numbers as {kind}, got {got}; return one, or say "
            "by `output` which entry it is"
        )
    return output.to(torch.float32)
