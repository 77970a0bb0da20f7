"""What a user passed to a run, described by value: the same words in another process, or not.

Functions are described by their names, their source as Python parses it (comments and layout do
not count), and the values that they have at hand: arguments of a `partial`, closures, defaults,
variables of their module. Objects by their class and attributes; classes by their functions and
values, inherited ones too; networks by their structure, their classes and their plain attributes.
Weights, learning rates, memory addresses and what `torch.compile` wraps around are not part of it.
What cannot be described is named. What comes with an installed package is described by its name.
"""

import ast
import functools
import inspect
import json
import re
import textwrap
import weakref
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ttur.runtime import digests
from ttur.runtime.undocumented import plain_name, unwrap
from ttur.timescales.optimizers import Adam, TorchOptimizer
from ttur.training.holdings import (
    OF_EVERY_MODULE,
    attributes_of,
    defaults_of,
    globals_of,
    is_of_a_library,
    is_users_own,
    members_of,
    own_classes,
    variables_of,
)

_GENERATORS = (torch.Generator, np.random.Generator, np.random.RandomState)
# What torch's optimizers keep in a group that is set at every step, or says how and not what.
_NO_SETTING = ("params", "lr", "initial_lr", "foreach", "fused", "capturable")


@dataclass
class Describer:
    """Describes parts one after the other; `not_compared` names what it could not."""

    not_compared: list[str] = field(default_factory=list)
    _above: list[int] = field(default_factory=list)  # what is being described right now
    # Functions and classes that were: each is told once, however many use it.
    _told: dict[int, Any] = field(default_factory=dict)

    def __call__(self, part: Any, where: str) -> Any:
        """`part` as plain values of JSON; `where` is what a message calls it."""
        part = unwrap(part)
        if part is None or isinstance(part, bool | int | float | str):
            return part if not isinstance(part, float) or np.isfinite(part) else repr(part)
        if id(part) in self._above:
            return {"again": type(part).__qualname__}
        if isinstance(part, FunctionType | type) and not is_of_a_library(part):
            if id(part) in self._told:
                return {"again": _name(part)}
            self._told[id(part)] = part
        self._above.append(id(part))
        try:
            return self._described(part, where)
        finally:
            self._above.pop()

    def _described(self, part: Any, where: str) -> Any:
        match part:
            case nn.Module():
                return self._network(part, where)
            case np.generic():
                return self(part.item(), where)
            case nn.Parameter():
                return {"shape": list(part.shape)}
            case Tensor() | np.ndarray():
                return {"shape": list(part.shape), "sha256": digests.of_array(part)}
            case Enum() | PurePath() | torch.dtype() | torch.device():
                return str(part)
            case bytes() | complex() | range() | slice():
                return str(part)
            case torch.Size() | tuple() | list() | deque():
                return [self(value, f"{where}.{index}") for index, value in enumerate(part)]
            case Mapping():
                named = {self._key(key, where): value for key, value in part.items()}
                return {name: self(value, f"{where}.{name}") for name, value in named.items()}
            case set() | frozenset():
                return sorted((self(value, where) for value in part), key=repr)
            case functools.partial():
                arguments = {str(index): value for index, value in enumerate(part.args)}
                described = {
                    n: self(v, f"{where}.{n}") for n, v in (arguments | part.keywords).items()
                }
                return {"partial": self(part.func, f"{where}.function"), **described}
            case TorchOptimizer():
                return self._optimizer(part.optimizer, where)
            case torch.optim.Optimizer():
                return self._optimizer(part, where)
            case Adam():
                settings = {n: getattr(part, n) for n in ("beta1", "beta2", "epsilon", "form")}
                return {"class": "Adam", **settings}
            case MethodType():
                described = {"method": self(part.__func__, where)}
                return described | {"self": self(part.__self__, f"{where}.self")}
            case FunctionType():
                return self._function(part, where)
            case type() if not is_of_a_library(part):
                return self._class(part, where)
            case BuiltinFunctionType() | type() | ModuleType() | weakref.ReferenceType():
                return _name(part)
        if isinstance(part, _GENERATORS):
            return {"class": type(part).__qualname__}  # where it stands is state
        if isinstance(wrapped := getattr(part, "__wrapped__", None), FunctionType):
            return self(wrapped, where)  # of functools.cache
        return self._object(part, where)

    def _network(self, network: nn.Module, where: str) -> dict[str, Any]:
        modules = [(plain_name(n), m) for n, m in network.named_modules() if unwrap(m) is m]
        kinds = {type(module) for _, module in modules if not is_of_a_library(type(module))}
        described: dict[str, Any] = {
            "layers": {name: _layer(module) for name, module in modules},
            "trainable": [plain_name(n) for n, p in network.named_parameters() if p.requires_grad],
            "classes": {_name(k): self(k, f"{where}.{_name(k)}") for k in sorted(kinds, key=_name)},
        }
        for name, module in modules:
            for attribute, value in _settings_of(module).items():
                place = f"{name}.{attribute}" if name else attribute
                described[place] = self(value, f"{where}.{place}")
        return described

    def _class(self, kind: type, where: str) -> dict[str, Any]:
        """Its functions and values, and those that it inherits."""
        described: dict[str, Any] = {"class": _name(kind)}
        for each in reversed(own_classes(kind)):
            if each is not kind:
                described[_name(each)] = self(each, where)
        members = members_of(kind).items()
        return described | {name: self(value, f"{where}.{name}") for name, value in members}

    def _key(self, key: Any, where: str) -> str:
        if key is None or isinstance(key, str | int | float | bool):
            return str(key)
        return json.dumps(self(key, where))

    def _optimizer(self, optimizer: torch.optim.Optimizer, where: str) -> dict[str, Any]:
        groups = [
            {n: self(v, f"{where}.{n}") for n, v in group.items() if n not in _NO_SETTING}
            | {"shapes": [list(parameter.shape) for parameter in group["params"]]}
            for group in optimizer.param_groups
        ]
        return {"class": self(type(optimizer), where), "groups": groups}

    def _function(self, function: FunctionType, where: str) -> Any:
        is_installed = is_of_a_library(function)
        if is_installed and not function.__closure__:
            return _name(function)
        described: dict[str, Any] = {"function": _name(function)}
        values = variables_of(function) | defaults_of(function)
        if not is_installed:
            described["source"] = _source_of(function)
            values |= {n: v for n, v in globals_of(function).items() if not _is_installed(v)}
        return described | {name: self(v, f"{where}.{name}") for name, v in values.items()}

    def _object(self, part: Any, where: str) -> Any:
        kind = type(part)
        if is_of_a_library(kind) and kind.__module__.partition(".")[0] != "ttur":
            self.not_compared.append(where)
            return {"class": _name(kind)}
        attributes: Mapping[str, Any] = attributes_of(part)
        described: dict[str, Any] = {"class": self(kind, where)}
        # What an object saves by itself is its state, and not a setting.
        saved = {"parameters", "optimizer"}
        saves = callable(getattr(part, "state_dict", None))
        if saves:
            with suppress(AttributeError):  # a companion has none before it began
                saved |= set(map(str, part.state_dict()))
        settings = getattr(part, "settings", None)
        if isinstance(settings, Mapping):  # it says itself what stays the same
            attributes = settings
        return described | {
            name: self(value, f"{where}.{name}")
            for name, value in attributes.items()
            if name not in saved and not (saves and isinstance(value, Tensor))
        }


def _layer(module: nn.Module) -> str:
    """Its kind and sizes, as `print` shows them."""
    shown = f"{type(module).__qualname__}({module.extra_repr()})"
    return re.sub(" at 0x[0-9a-f]+", "", shown)


def differences(before: Any, now: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(path, value before, value now) of all that differs between two descriptions."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in [*now, *(name for name in before if name not in now)]:
            place = f"{where}.{name}" if where else str(name)
            yield from differences(before.get(name), now.get(name), place)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for index, pair in enumerate(zip(before, now, strict=True)):
            yield from differences(*pair, f"{where}.{index}")
    elif before != now:
        yield where, before, now


def _name(part: Any) -> str:
    """`module.name`, without the module where a script is one."""
    name = getattr(part, "__qualname__", getattr(part, "__name__", type(part).__qualname__))
    module = getattr(part, "__module__", None)
    return name if module in (None, "__main__", "builtins") else f"{module}.{name}"


def _is_installed(value: Any) -> bool:
    """Whether it is a function or class of a library, which its name in the source says."""
    return isinstance(value, FunctionType | type | BuiltinFunctionType) and is_of_a_library(value)


def _settings_of(module: nn.Module) -> dict[str, Any]:
    """What a layer is made by that its shape does not show."""
    found = {n: v for n, v in attributes_of(module).items() if n not in OF_EVERY_MODULE}
    if is_of_a_library(type(module)):
        # Most show their settings when printed; all may be given functions of a user's own.
        plain = () if module.extra_repr() else (bool, int, float, str)
        functions = FunctionType | MethodType | functools.partial
        found = {
            name: value
            for name, value in found.items()
            if isinstance(value, functions) or (isinstance(value, plain) and name[0] != "_")
        }
    hooks = [*module._forward_pre_hooks.values(), *module._forward_hooks.values()]
    if own := [hook for hook in hooks if isinstance(hook, FunctionType) or is_users_own(hook)]:
        found["hooks"] = own
    return {n: v for n, v in found.items() if not isinstance(v, nn.Module | Tensor)}


def _source_of(function: FunctionType) -> str:
    """A digest of the source as Python parses it; of the code that runs where there is none."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function.__code__)))
    except (OSError, TypeError, SyntaxError):  # of an interpreter's session, or within a line
        tree = None
    if function.__code__.co_name == "<lambda>":
        lambdas = [] if tree is None else [n for n in ast.walk(tree) if isinstance(n, ast.Lambda)]
        tree = lambdas[0] if len(lambdas) == 1 else None
    if tree is not None:
        return digests.of_text(ast.dump(_undocumented(tree)))[:16]
    return digests.of_text(repr(_compiled(function.__code__)))[:16]


def _undocumented(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        is_definition = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if is_definition and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return tree


def _compiled(code: CodeType) -> tuple[Any, ...]:
    inner = [
        _compiled(c) if isinstance(c, CodeType) else sorted(map(repr, c))
        if isinstance(c, frozenset) else repr(c)
        for c in code.co_consts
    ]  # fmt: skip
    return (code.co_code, code.co_names, code.co_varnames, inner)
