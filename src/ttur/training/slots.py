"""The places within a user's parts that hold values: attributes, variables, items.

Each is found once, however many parts share it, and in the same order by the same parts.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CellType, FunctionType, MethodType
from typing import Any

from torch import Tensor, nn

from ttur.runtime.undocumented import plain_name, unwrap
from ttur.training.holdings import (
    OF_EVERY_MODULE,
    attributes_of,
    defaults_of,
    globals_of,
    is_of_a_library,
    is_users_own,
    members_of,
    own_classes,
)


@dataclass(frozen=True)
class Slot:
    """A place that holds a value: of an attribute, or of a variable of a closure."""

    where: str
    read: Callable[[], Any]
    write: Callable[[Any], None]


class Walk:
    """The places within parts, each once: `slots` with values, and `holders` that take new ones."""

    def __init__(self, known: tuple[Any, ...]) -> None:
        self.slots: list[Slot] = []
        self.holders: dict[str, Callable[[str, Any], None]] = {}
        self._seen: dict[Any, Any] = {id(part): part for part in known}

    def inside(
        self,
        part: Any,
        where: str,
        *,
        is_player: bool = False,
        write: Callable[[Any], None] | None = None,
    ) -> None:
        """What `part` holds; `write` puts another in its place, where that is possible."""
        part = unwrap(part)
        if self._was_seen(id(part), part):
            return
        match part:
            case nn.Module():
                self._network(part, where, is_player)
            case functools.partial():
                self.inside(part.func, f"{where}.function")
                self._items(part.args, where, None)
                self._items(part.keywords, where, None)
            case MethodType():
                self.inside(part.__func__, where)
                self.inside(part.__self__, where)
            case FunctionType():
                self._function(part, where)
            case type():
                self._class(part, where)
            case _:
                if isinstance(part, list | tuple | dict):  # whose new keys come before attributes
                    self._items(part, where, write)
                if is_users_own(part):
                    self._attributes(part, attributes_of(part), where)
                    self.inside(type(part), where)

    def _was_seen(self, key: Any, holds: Any) -> bool:
        if key in self._seen:
            return True
        self._seen[key] = holds  # as long as it lives, its id is its own
        return False

    def _value(
        self, value: Any, where: str, read: Callable[[], Any], write: Callable[[Any], None]
    ) -> None:
        """A value, or what is within it."""
        if _holds_parts(value):
            self.inside(value, where, write=write)
        else:
            self.slots.append(Slot(where, read, write))

    def _network(self, network: nn.Module, where: str, is_player: bool) -> None:
        for name, module in network.named_modules():
            if (module is not network and self._was_seen(id(module), module)) or (
                unwrap(module) is not module
            ):
                continue
            place = f"{where}.{plain_name(name)}" if name else where
            attributes = {k: v for k, v in vars(module).items() if k not in OF_EVERY_MODULE}
            self._attributes(module, attributes, place)
            if not is_of_a_library(type(module)):
                self.inside(type(module), place)
            unsaved = module._non_persistent_buffers_set
            tensors = module._buffers if is_player else module._parameters | module._buffers
            kept = {n: t for n, t in tensors.items() if not is_player or n in unsaved}
            self._attributes(module, {n: t for n, t in kept.items() if t is not None}, place)
            for hook in (*module._forward_pre_hooks.values(), *module._forward_hooks.values()):
                if isinstance(hook, FunctionType) or is_users_own(hook):
                    self.inside(hook, f"{place}.hooks")

    def _function(self, function: FunctionType, where: str) -> None:
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        for name, cell in cells:
            self._cell(cell, f"{where}.{name}")
        self._attributes(function, vars(function), where)
        if is_of_a_library(function):
            return
        for name, value in defaults_of(function).items():
            self._value(value, f"{where}.{name}", functools.partial(_same, value), _refuse)
        there = function.__globals__
        for name, value in globals_of(function).items():
            if name in there and not self._was_seen((id(there), name), there):
                write = functools.partial(there.__setitem__, name)
                self._value(
                    value, f"{where}.{name}", functools.partial(there.__getitem__, name), write
                )

    def _class(self, kind: type, where: str) -> None:
        for each in own_classes(kind):
            if each is kind or not self._was_seen(id(each), each):
                for name, value in members_of(each).items():
                    place = f"{where}.class {each.__qualname__}.{name}"
                    if isinstance(vars(each)[name], property):
                        self._items(value, place, None)
                    else:
                        write = functools.partial(setattr, each, name)
                        self._value(value, place, functools.partial(getattr, each, name), write)

    def _attributes(self, part: Any, attributes: Mapping[str, Any], where: str) -> None:
        is_module = isinstance(part, nn.Module)
        put = functools.partial(_set_tensor if is_module else object.__setattr__, part)
        if not isinstance(part, FunctionType):  # whose variables are not ours to make
            self.holders.setdefault(where, put)
        for name, value in list(attributes.items()):
            read = functools.partial(getattr, part, name)
            self._value(value, f"{where}.{name}", read, functools.partial(put, name))

    def _items(self, items: Any, where: str, write: Callable[[Any], None] | None) -> None:
        """Those of a list or dict; of a tuple what may change in its place."""
        if isinstance(items, dict):
            self.holders.setdefault(where, items.__setitem__)
        for name, value in list(items.items() if isinstance(items, dict) else enumerate(items)):
            put = functools.partial(_put, items, name, write)
            read = functools.partial(items.__getitem__, name)
            self._value(value, f"{where}.{name}", read, put)

    def _cell(self, cell: CellType, where: str) -> None:
        try:
            value = cell.cell_contents
        except ValueError:  # a variable that was never set
            return
        if not self._was_seen(id(cell), cell):
            read = functools.partial(getattr, cell, "cell_contents")
            self._value(value, where, read, functools.partial(setattr, cell, "cell_contents"))


def _same(value: Any) -> Any:
    return value


def _refuse(value: Any) -> None:
    """A default is changed in its place or not at all."""


def _set_tensor(module: nn.Module, name: str, value: Any) -> None:
    """Where the module keeps it, whatever its `__setattr__` makes of it."""
    for holder in (module._parameters, module._buffers):
        if name in holder:
            holder[name] = value
            return
    vars(module)[name] = value


def _put(items: Any, name: Any, write: Callable[[Any], None] | None, value: Any) -> None:
    """Another value in a list or dict; in a tuple's place another tuple."""
    if not isinstance(items, tuple):
        items[name] = value
    elif write is not None and value is not items[name]:
        others = (*items[:name], value, *items[name + 1 :])
        write(type(items)._make(others) if hasattr(items, "_make") else type(items)(others))  # pyright: ignore[reportAttributeAccessIssue]


def _holds_parts(value: Any, above: tuple[int, ...] = ()) -> bool:
    """Whether state may stand deeper within it, and it is none itself."""
    value = unwrap(value)
    if isinstance(value, nn.Module | functools.partial | FunctionType | MethodType | type):
        return True
    if not isinstance(value, Tensor | type(None)) and is_users_own(value):
        return not isinstance(value, tuple)  # a named tuple is a value
    if isinstance(value, list | tuple | dict) and id(value) not in above:
        parts = value.values() if isinstance(value, dict) else value
        return any(_holds_parts(part, (*above, id(value))) for part in parts)
    return False
