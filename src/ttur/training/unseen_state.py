"""State that no `state_dict` shows: what networks keep in attributes, functions in closures.

An augmentation's strength, a counter in a loss, a generator of random numbers. What changes while
a run trains belongs to it as the weights do: it is saved, and put back where it stood.
"""

import functools
import operator
import random
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import CellType, FunctionType, MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ttur.runtime import digests
from ttur.runtime.checkpoint import plain_name
from ttur.runtime.storable import encoded

_OF_EVERY_MODULE = frozenset(vars(nn.Module()))
_LIBRARIES = sys.stdlib_module_names | {"builtins", "torch", "numpy", "scipy", "ttur", "pydantic"}


@dataclass(frozen=True)
class Slot:
    """A place that holds a value: of an attribute, or of a variable of a closure."""

    where: str
    read: Callable[[], Any]
    write: Callable[[Any], None]


class UnseenState:
    """What is reachable from `parts`, by name, and no state dict; `known` are left out.

    Raises:
        ValueError: by `check`, of an attribute that changes and cannot be stored.
    """

    def __init__(self, parts: Mapping[str, Any] | None = None, known: tuple[Any, ...] = ()) -> None:
        self._parts, self._known = dict(parts or {}), known
        self._first = {slot.where: _fingerprint(slot.read()) for slot in self._slots()}
        self._loaded: set[str] = set()

    def changed(self) -> list[Slot]:
        """The places whose value is another than at first, or was when the state was saved."""
        return [
            slot
            for slot in self._slots()
            if slot.where in self._loaded
            or _fingerprint(slot.read()) != self._first.get(slot.where)
        ]

    def state_dict(self) -> dict[str, Any]:
        """Their values by place.

        Raises:
            ValueError: if one of them cannot be stored.
        """
        return {slot.where: _detached(slot.read()) for slot in self.changed()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put back what `state_dict` had found.

        Raises:
            ValueError: if a place is not there any more.
        """
        slots = {slot.where: slot for slot in self._slots()}
        holders = {where.rpartition(".")[0]: slot for where, slot in slots.items()}
        for where, value in state.items():
            if where in slots:
                _put_back(slots[where], value)
            elif (holder := self._module_at(where.rpartition(".")[0])) is not None:
                vars(holder)[where.rpartition(".")[2]] = value  # set in a forward pass, so far not
            else:
                raise ValueError(
                    f"the checkpoint keeps {where}, which the parts of this run have not; continue "
                    f"with those it began with (places there are: {', '.join(holders) or 'none'})"
                )
        self._loaded |= state.keys()

    def _module_at(self, where: str) -> nn.Module | None:
        for name, part in self._parts.items():
            if isinstance(part, nn.Module) and (where == name or where.startswith(f"{name}.")):
                modules = {plain_name(n): m for n, m in unwrapped(part).named_modules()}
                return modules.get(where[len(name) + 1 :])
        return None

    def _slots(self) -> Iterator[Slot]:
        seen = {id(part) for part in self._known}
        for name, part in self._parts.items():
            yield from _inside(part, name, seen)


def unwrapped(part: Any) -> Any:
    """A network or function without what `torch.compile` put around it."""
    part = getattr(part, "_orig_mod", part)
    return getattr(part, "_torchdynamo_orig_callable", part)


def _inside(part: Any, where: str, seen: set[int]) -> Iterator[Slot]:
    """The places within `part`, each once."""
    part = unwrapped(part)
    if id(part) in seen or isinstance(part, type):
        return
    if isinstance(part, nn.Module):
        yield from _of_network(part, where, seen)
    elif isinstance(part, functools.partial):
        seen.add(id(part))
        yield from _inside(part.func, f"{where}.function", seen)
        yield from _of_items(part.args, where, seen)
        yield from _of_items(part.keywords, where, seen)
    elif isinstance(part, MethodType):
        yield from _inside(part.__self__, where, seen)
    elif isinstance(part, FunctionType):
        seen.add(id(part))
        cells = zip(part.__code__.co_freevars, part.__closure__ or (), strict=True)
        for name, cell in cells:
            yield from _of_cell(cell, f"{where}.{name}", seen)
        yield from _of_attributes(vars(part), where, seen)
    elif _is_users_own(part):
        seen.add(id(part))
        yield from _of_attributes(vars(part), where, seen)
    elif isinstance(part, list | tuple | dict):
        yield from _of_items(part, where, seen)


def _of_network(network: nn.Module, where: str, seen: set[int]) -> Iterator[Slot]:
    for name, module in network.named_modules():
        if id(module) in seen or unwrapped(module) is not module:
            continue
        seen.add(id(module))
        place = f"{where}.{plain_name(name)}" if name else where
        attributes = {k: v for k, v in vars(module).items() if k not in _OF_EVERY_MODULE}
        yield from _of_attributes(vars(module), place, seen, only=attributes.keys())
        buffers = module._buffers
        hidden = [b for b in module._non_persistent_buffers_set if buffers.get(b) is not None]
        yield from _of_attributes(buffers, place, seen, only=hidden)


def _of_attributes(
    holder: dict[str, Any], where: str, seen: set[int], only: Any = None
) -> Iterator[Slot]:
    for name in list(holder if only is None else only):
        value = holder[name]
        if isinstance(value, nn.Parameter):
            continue
        if _holds_parts(value):
            yield from _inside(value, f"{where}.{name}", seen)
        else:
            read = functools.partial(holder.__getitem__, name)
            write = functools.partial(holder.__setitem__, name)
            yield Slot(f"{where}.{name}", read, write)


def _of_items(items: Any, where: str, seen: set[int]) -> Iterator[Slot]:
    """Those of a list or dict; of a tuple what can change in its place."""
    for name, value in items.items() if isinstance(items, dict) else enumerate(items):
        if _holds_parts(value):
            yield from _inside(value, f"{where}.{name}", seen)
        else:
            read = functools.partial(operator.getitem, items, name)
            yield Slot(f"{where}.{name}", read, functools.partial(operator.setitem, items, name))


def _of_cell(cell: CellType, where: str, seen: set[int]) -> Iterator[Slot]:
    try:
        value = cell.cell_contents
    except ValueError:  # a variable that was never set
        return
    if _holds_parts(value):
        yield from _inside(value, where, seen)
    elif id(cell) not in seen:
        seen.add(id(cell))
        read = functools.partial(getattr, cell, "cell_contents")
        yield Slot(where, read, functools.partial(setattr, cell, "cell_contents"))


def _holds_parts(value: Any) -> bool:
    """Whether state may stand deeper within it, and it is none itself."""
    value = unwrapped(value)
    if isinstance(value, list | tuple):
        return any(map(_holds_parts, value))
    if isinstance(value, dict):
        return any(map(_holds_parts, value.values()))
    parts = nn.Module | functools.partial | FunctionType | MethodType | type
    return isinstance(value, parts) or _is_users_own(value)


def _is_users_own(value: Any) -> bool:
    root = type(value).__module__.partition(".")[0]
    return root not in _LIBRARIES and hasattr(value, "__dict__")


def _fingerprint(value: Any) -> Any:
    """Equal as long as the value is; of what cannot be stored, as long as it is the same object."""
    try:
        return _digest(encoded(_detached(value), "it"))
    except ValueError:
        return id(value)


def _digest(value: Any) -> Any:
    if isinstance(value, Tensor):
        return digests.of_array(value)
    if isinstance(value, dict):
        return tuple((name, _digest(part)) for name, part in value.items())
    if isinstance(value, list | tuple):
        return tuple(map(_digest, value))
    return repr(value)


def _detached(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else value


def _put_back(slot: Slot, value: Any) -> None:
    """In place where others may hold the same object."""
    there = slot.read()
    if type(there) is not type(value):
        slot.write(value)
    elif isinstance(there, torch.Generator):
        there.set_state(value.get_state())
    elif isinstance(there, np.random.Generator):
        there.bit_generator.state = value.bit_generator.state
    elif isinstance(there, np.random.RandomState):
        there.set_state(value.get_state())
    elif isinstance(there, random.Random):
        there.setstate(value.getstate())
    elif isinstance(there, dict | set | deque | list):
        there.clear()
        getattr(there, "extend" if isinstance(there, deque | list) else "update")(value)
    elif isinstance(there, Tensor) and there.grad_fn is None and there.shape == value.shape:
        with torch.no_grad():
            there.copy_(value)
    else:
        slot.write(value.to(there.device) if isinstance(there, Tensor) else value)
