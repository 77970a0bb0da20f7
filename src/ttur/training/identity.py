"""What a user passed to a run, described by value: the same words in another process, or not.

Functions are described by their names, their source as Python parses it (comments and layout do
not count), and the values that they have at hand: arguments of a `partial`, closures, defaults,
constants of their module. Objects by their class and attributes; networks by their structure, the
source of their classes and their plain attributes. Weights, learning rates, memory addresses and
what `torch.compile` wraps around are not part of it. What cannot be described is named.
"""

import ast
import functools
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
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
from ttur.runtime.checkpoint import plain_name
from ttur.timescales.optimizers import Adam, TorchOptimizer
from ttur.training.unseen_state import unwrapped

_LIBRARIES = sys.stdlib_module_names | {"builtins", "torch", "numpy", "scipy", "ttur", "pydantic"}
_GENERATORS = (torch.Generator, np.random.Generator, np.random.RandomState)
_OF_EVERY_MODULE = frozenset(vars(nn.Module()))
# What torch's optimizers keep in a group that is set at every step, or says how and not what.
_NO_SETTING = ("params", "lr", "initial_lr", "foreach", "fused", "capturable")


@dataclass
class Describer:
    """Describes parts one after the other; `not_compared` names what it could not."""

    not_compared: list[str] = field(default_factory=list)
    _above: list[int] = field(default_factory=list)  # what is being described right now

    def __call__(self, part: Any, where: str) -> Any:
        """`part` as plain values of JSON; `where` is what a message calls it."""
        part = unwrapped(part)
        if part is None or isinstance(part, bool | int | float | str):
            return part if not isinstance(part, float) or np.isfinite(part) else repr(part)
        if id(part) in self._above:
            return {"again": type(part).__qualname__}
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
            case Tensor() | np.ndarray():
                return {"shape": list(part.shape), "sha256": digests.of_array(part)}
            case Enum() | PurePath() | torch.dtype() | torch.device() | bytes() | complex():
                return str(part)
            case torch.Size() | tuple() | list():
                return [self(value, f"{where}.{index}") for index, value in enumerate(part)]
            case Mapping():
                return {str(key): self(value, f"{where}.{key}") for key, value in part.items()}
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
                return {"method": _name(part), "self": self(part.__self__, f"{where}.self")}
            case FunctionType():
                return self._function(part, where)
            case BuiltinFunctionType() | type() | ModuleType():
                return _name(part)
        if isinstance(part, _GENERATORS):
            return {"class": type(part).__qualname__}  # where it stands is state
        return self._object(part, where)

    def _network(self, network: nn.Module, where: str) -> dict[str, Any]:
        modules = [(plain_name(n), m) for n, m in network.named_modules() if unwrapped(m) is m]
        classes = {type(module) for _, module in modules if not _is_of_a_library(type(module))}
        described: dict[str, Any] = {
            "layers": {name: _layer(module) for name, module in modules},
            "trainable": [plain_name(n) for n, p in network.named_parameters() if p.requires_grad],
            "sources": {_name(kind): _source_of(kind) for kind in sorted(classes, key=_name)},
        }
        for name, module in modules:
            for attribute, value in vars(module).items():
                is_ours = attribute.startswith("_") or attribute in _OF_EVERY_MODULE
                if (
                    is_ours
                    or isinstance(value, nn.Module | Tensor)
                    or _is_of_a_library(type(module))
                ):
                    continue
                place = f"{name}.{attribute}" if name else attribute
                described[place] = self(value, f"{where}.{place}")
        return described

    def _optimizer(self, optimizer: torch.optim.Optimizer, where: str) -> dict[str, Any]:
        groups = [
            {n: self(v, f"{where}.{n}") for n, v in group.items() if n not in _NO_SETTING}
            | {"shapes": [list(parameter.shape) for parameter in group["params"]]}
            for group in optimizer.param_groups
        ]
        return {"class": _name(type(optimizer)), "groups": groups}

    def _function(self, function: FunctionType, where: str) -> Any:
        if _is_of_a_library(function) and not function.__closure__:
            return _name(function)
        described: dict[str, Any] = {"function": _name(function)}
        if not _is_of_a_library(function):
            described["source"] = _source_of(function)
        values = _closure(function)
        if not _is_of_a_library(function):
            values |= _constants(function)
        parameters = inspect.signature(function).parameters.values()
        values |= {p.name: p.default for p in parameters if p.default is not p.empty}
        return described | {name: self(v, f"{where}.{name}") for name, v in values.items()}

    def _object(self, part: Any, where: str) -> Any:
        kind = type(part)
        attributes = getattr(part, "__dict__", None)
        if attributes is None or (_is_of_a_library(kind) and kind.__module__[:4] != "ttur"):
            self.not_compared.append(where)
            return {"class": _name(kind)}
        described: dict[str, Any] = {"class": _name(kind)}
        if not _is_of_a_library(kind):
            described["source"] = _source_of(kind)
        # What an object saves by itself is its state, and not a setting.
        saved = {"parameters", "optimizer"}
        if callable(getattr(part, "state_dict", None)):
            with suppress(AttributeError):  # a companion has none before it began
                saved |= set(map(str, part.state_dict()))
        settings = getattr(part, "settings", None)
        if isinstance(settings, Mapping):  # it says itself what stays the same
            attributes = settings
        return described | {
            name: self(value, f"{where}.{name}")
            for name, value in attributes.items()
            if name not in saved and not isinstance(value, Tensor)
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


def _is_of_a_library(part: Any) -> bool:
    return (getattr(part, "__module__", None) or "builtins").partition(".")[0] in _LIBRARIES


def _closure(function: FunctionType) -> dict[str, Any]:
    values = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # a variable that was never set
            values[name] = cell.cell_contents
    return values


def _constants(function: FunctionType) -> dict[str, Any]:
    """Values and functions of its module that a function reads, itself or deeper within."""
    names = dict.fromkeys(_names_in(function.__code__))
    found = {name: function.__globals__[name] for name in names if name in function.__globals__}
    no_values = (type, ModuleType, BuiltinFunctionType)
    return {
        name: value
        for name, value in found.items()
        if not isinstance(value, no_values) and not (callable(value) and _is_of_a_library(value))
    }


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names_in(inner)


def _source_of(part: Callable[..., Any]) -> str:
    """A digest of the source as Python parses it; of the code that runs where there is none."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(part)))
    except (OSError, TypeError, SyntaxError):  # of an interpreter's session, or within a line
        tree = None
    if isinstance(part, FunctionType) and part.__name__ == "<lambda>":
        lambdas = [] if tree is None else [n for n in ast.walk(tree) if isinstance(n, ast.Lambda)]
        tree = lambdas[0] if len(lambdas) == 1 else None
    if tree is not None:
        return digests.of_text(ast.dump(_undocumented(tree)))[:16]
    code = getattr(part, "__code__", None)
    return "" if code is None else digests.of_text(repr(_compiled(code)))[:16]


def _undocumented(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        is_definition = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if is_definition and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return tree


def _compiled(code: CodeType) -> tuple[Any, ...]:
    inner = [_compiled(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return (code.co_code, code.co_names, code.co_varnames, inner)
