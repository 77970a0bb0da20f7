"""State that no `state_dict` shows: what networks keep in attributes, functions in closures.

An augmentation's strength, a counter in a loss, a generator of random numbers, the weights of a
third network. What changes while a run trains belongs to it as the weights do: it is saved, and put
back where it stood.
"""

import inspect
import random
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import GeneratorType
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from ttur.runtime import digests
from ttur.runtime.storable import pack
from ttur.training.slots import Slot, Walk

PLAYERS = ("model.generator", "model.discriminator")  # whose state dicts are saved anyway


class UnseenState:
    """What is reachable from `parts`, by name, and no state dict; `known` are left out.

    Nothing is copied: what changed is told by digests, which are taken anew at every save.
    """

    def __init__(self, parts: Mapping[str, Any] | None = None, known: tuple[Any, ...] = ()) -> None:
        self._parts, self._known = dict(parts or {}), known
        walk = self._walk()
        self._first = {slot.where: _fingerprint(slot.read()) for slot in walk.slots}
        self._holders = walk.holders.keys()
        self._loaded: set[str] = set()

    def changes(self) -> list[Slot]:
        """The places whose value is another than at first, or was when the state was saved.

        Raises:
            ValueError: if one of them is in what came to be since: nobody could put it back.
        """
        found = [
            slot
            for slot in self._walk().slots
            if slot.where in self._loaded
            or _fingerprint(slot.read()) != self._first.get(slot.where)
        ]
        for slot in found:
            holder = slot.where.rpartition(".")[0]
            if slot.where not in self._first and holder not in self._holders:
                raise ValueError(
                    f"{slot.where} belongs to an object that was made in training, which a "
                    "checkpoint cannot make again; make it before"
                )
        return found

    def state_dict(self) -> dict[str, Any]:
        """Their values by place.

        Raises:
            ValueError: if one of them cannot be stored.
        """
        return {slot.where: _detached(slot.read()) for slot in self.changes()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put back what `state_dict` had found.

        Raises:
            ValueError: if a place is not there any more.
        """
        walk = self._walk()
        slots = {slot.where: slot for slot in walk.slots}
        for where, value in state.items():
            holder, _, name = where.rpartition(".")
            if where in slots:
                slots[where].write(_restored(slots[where].read(), value))
            elif holder in walk.holders:
                walk.holders[holder](name, value)  # set while training, so far not
            else:
                raise ValueError(
                    f"the checkpoint keeps {where}, which the parts of this run have not; continue "
                    f"with those it began with (places there are: {', '.join(slots) or 'none'})"
                )
        self._loaded |= state.keys()

    def _walk(self) -> Walk:
        walk = Walk(self._known)
        for name in PLAYERS:  # so that no other part has what is theirs
            if name in self._parts:
                walk.inside(self._parts[name], name, is_player=True)
        for name, part in self._parts.items():
            if name not in PLAYERS:
                walk.inside(part, name)
        return walk


def _fingerprint(value: Any) -> Any:
    """Equal as long as the value is; of what cannot be stored, as long as it is the same object."""
    try:
        return _digest(pack(_detached(value), "it"))
    except (ValueError, RecursionError):
        pass
    if isinstance(value, GeneratorType):
        there = inspect.getgeneratorlocals(value)
        return tuple((name, _fingerprint(local)) for name, local in there.items())
    if isinstance(value, Iterator) and type(value).__module__ in ("builtins", "itertools"):
        with suppress(TypeError):  # not every one says where it stands
            return repr(value.__reduce__())
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


def _restored(there: Any, value: Any) -> Any:
    """`value`, in the object that is there where others may hold the same one."""
    are_tensors = isinstance(there, Tensor) and isinstance(value, Tensor)
    if type(there) is not type(value) and not are_tensors:
        return value
    value = cast(Any, value)
    match there:
        case torch.Generator():
            there.set_state(value.get_state())
        case np.random.Generator():
            there.bit_generator.state = value.bit_generator.state
        case np.random.RandomState():
            there.set_state(value.get_state())
        case random.Random():
            there.setstate(value.getstate())
        case dict():
            items = {n: _restored(there.get(n), part) for n, part in value.items()}
            there.clear()
            there.update(items)
        case list() | deque():
            before = [*there, *[None] * len(value)]
            items = [_restored(*pair) for pair in zip(before, value, strict=False)]
            there.clear()
            there.extend(items)
        case set():
            there.clear()
            there.update(value)
        case np.ndarray() if there.shape == value.shape and there.dtype == value.dtype:
            there[...] = value
        case Tensor():
            if there.grad_fn is not None or there.shape != value.shape:
                return value.to(there.device)
            with torch.no_grad():
                there.copy_(value)
        case _:
            return value
    return there
