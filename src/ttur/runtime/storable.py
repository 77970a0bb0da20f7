"""What a checkpoint can hold: values of Python, numpy and torch ↔ what torch loads without pickle.

Plain values and tensors stand for themselves. Others become a dict with a tag, and come back as
what they were; what can become neither is refused by its place before anything is written.
"""

import random
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import torch

_TAG = "ttur:kind"
_PLAIN = (type(None), bool, int, float, complex, str, torch.dtype, torch.device, torch.Size)
_FACTORIES: dict[str, Callable[[], Any]] = {f.__name__: f for f in (int, float, list, dict, set)}


def pack(value: Any, where: str = "state") -> Any:
    """`value` as `torch.load(weights_only=True)` reads it back.

    Raises:
        ValueError: if a part of it cannot be stored; names where it stands.
    """
    kind = type(value)
    if kind in _PLAIN or isinstance(value, torch.Tensor):
        return value
    if kind in (list, tuple):
        return kind(pack(part, f"{where}[{index}]") for index, part in enumerate(value))
    if kind in (dict, OrderedDict):
        if _TAG in value:
            raise ValueError(f"{where} has a key {_TAG!r}, which is ttur's own; use another")
        return _packed_items(value, where)
    for name, (kinds, encode, _) in _CODECS.items():
        if kind in kinds:
            return {_TAG: name, **pack(encode(value), where)}
    if isinstance(value, np.generic) and not value.dtype.hasobject:
        return {_TAG: "scalar", "array": _array(np.asarray(value))}
    raise ValueError(
        f"{where} holds {_article(kind)}, which a checkpoint cannot store; keep numbers, tensors, "
        "arrays or lists and dicts of them in its place"
    )


def unpack(value: Any) -> Any:
    """The inverse of `pack`."""
    if type(value) in (list, tuple):
        return type(value)(unpack(part) for part in value)
    if type(value) not in (dict, OrderedDict):
        return value
    items = type(value)((name, unpack(part)) for name, part in value.items())
    if _TAG not in items:
        return items
    tag = items.pop(_TAG)
    if tag == "scalar":
        return _from_array(items["array"])[()]
    return _CODECS[tag][2](items)


def _packed_items(value: dict[Any, Any], where: str) -> dict[Any, Any]:
    for key in value:
        if type(key) not in (str, int, float, bool, type(None), tuple):
            raise ValueError(
                f"{where} has a key that is {_article(type(key))}, expected words or numbers"
            )
    return type(value)((name, pack(part, f"{where}.{name}")) for name, part in value.items())


def _article(kind: type) -> str:
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _array(array: np.ndarray) -> dict[str, Any]:
    if array.dtype.hasobject:
        raise ValueError("an array of objects cannot be stored; keep numbers in its place")
    raw = np.ascontiguousarray(array).reshape(-1).view(np.uint8).copy()
    return {"bytes": torch.from_numpy(raw), "dtype": array.dtype.str, "shape": list(array.shape)}


def _from_array(parts: dict[str, Any]) -> np.ndarray:
    return parts["bytes"].numpy().view(np.dtype(parts["dtype"])).reshape(parts["shape"]).copy()


def _numpy_generator(parts: dict[str, Any]) -> np.random.Generator:
    bits = getattr(np.random, parts["state"]["bit_generator"])()
    bits.state = parts["state"]
    return np.random.Generator(bits)


def _random_state(parts: dict[str, Any]) -> np.random.RandomState:
    made = np.random.RandomState()
    made.set_state(parts["state"])
    return made


def _python_random(parts: dict[str, Any]) -> random.Random:
    made = random.Random()
    made.setstate(parts["state"])
    return made


def _torch_generator(parts: dict[str, Any]) -> torch.Generator:
    made = torch.Generator(parts["device"])
    made.set_state(parts["state"])
    return made


def _factory(value: defaultdict) -> str | None:
    if value.default_factory is None:
        return None
    name = getattr(value.default_factory, "__name__", "")
    if _FACTORIES.get(name) is not value.default_factory:
        raise ValueError(
            f"a defaultdict of {value.default_factory!r} cannot be stored; expected one of "
            f"{', '.join(_FACTORIES)}"
        )
    return name


_CODECS: dict[str, tuple[tuple[type, ...], Callable[[Any], dict], Callable[[dict], Any]]] = {
    "array": ((np.ndarray,), _array, _from_array),
    "bytes": (
        (bytes, bytearray),
        lambda v: {
            "bytes": torch.frombuffer(bytearray(v) or bytearray(1), dtype=torch.uint8)[: len(v)]
        },
        lambda parts: bytes(parts["bytes"].tolist()),
    ),
    "set": ((set,), lambda v: {"parts": sorted(v, key=repr)}, lambda parts: set(parts["parts"])),
    "frozenset": (
        (frozenset,),
        lambda v: {"parts": sorted(v, key=repr)},
        lambda parts: frozenset(parts["parts"]),
    ),
    "deque": (
        (deque,),
        lambda v: {"parts": list(v), "maxlen": v.maxlen},
        lambda parts: deque(parts["parts"], parts["maxlen"]),
    ),
    "defaultdict": (
        (defaultdict,),
        lambda v: {"factory": _factory(v), "parts": dict(v)},
        lambda parts: defaultdict(
            None if parts["factory"] is None else _FACTORIES[parts["factory"]], parts["parts"]
        ),
    ),
    "counter": ((Counter,), lambda v: {"parts": dict(v)}, lambda parts: Counter(parts["parts"])),
    "path": (
        tuple({Path, PurePath, type(Path()), type(PurePath())}),
        lambda v: {"path": str(v)},
        lambda parts: Path(parts["path"]),
    ),
    "numpy generator": (
        (np.random.Generator,),
        lambda v: {"state": v.bit_generator.state},
        _numpy_generator,
    ),
    "numpy random state": (
        (np.random.RandomState,),
        lambda v: {"state": v.get_state()},
        _random_state,
    ),
    "python random": ((random.Random,), lambda v: {"state": v.getstate()}, _python_random),
    "torch generator": (
        (torch.Generator,),
        lambda v: {"state": v.get_state(), "device": str(v.device)},
        _torch_generator,
    ),
}
