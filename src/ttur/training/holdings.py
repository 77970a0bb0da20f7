"""What a part of a user's own has at hand: attributes, variables, and what its code reads.

Identity compares these, and the unseen state keeps what of them changes.
"""

import dis
import functools
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from torch import nn

from ttur.runtime.undocumented import COMPILING

# The last two come with `torch.compile`.
OF_EVERY_MODULE = frozenset(vars(nn.Module())) | COMPILING
_LIBRARIES = sys.stdlib_module_names | {"builtins", "torch", "numpy", "scipy", "ttur", "pydantic"}
_READS = {"LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL"}
# What `dataclass` writes into a class; it follows from the fields.
_WRITTEN = {"__init__", "__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__"}


def is_of_a_library(part: Any) -> bool:
    """Whether a class or function comes with what is installed.

    A function is where its code is: what wraps one of a user's own takes that one's name.
    """
    if isinstance(part, FunctionType):
        return _is_installed(part.__globals__.get("__name__") or "builtins")
    return _is_installed(getattr(part, "__module__", None) or "builtins")


@functools.cache
def _is_installed(module: str) -> bool:
    root = module.partition(".")[0]
    if root in _LIBRARIES:
        return True
    file = getattr(sys.modules.get(root), "__file__", None)
    installed = (sysconfig.get_path(name) for name in ("purelib", "platlib"))
    return file is not None and any(Path(file).is_relative_to(place) for place in installed)


def is_users_own(value: Any) -> bool:
    """Whether it is an object of a class of the user's own."""
    return not is_of_a_library(type(value))


def attributes_of(part: Any) -> dict[str, Any]:
    """Those of an object, in `__slots__` as well."""
    found = dict(getattr(part, "__dict__", {}))
    for kind in type(part).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(part, name):
                found[name] = getattr(part, name)
    return found


def own_classes(kind: type) -> list[type]:
    """`kind` and what it inherits from, without the classes of libraries."""
    return [each for each in kind.__mro__ if not is_of_a_library(each)]


def members_of(kind: type) -> dict[str, Any]:
    """Functions and values of one class, as they stand in its body."""
    found = {}
    for name, value in vars(kind).items():
        if isinstance(value, staticmethod | classmethod):
            value = value.__func__
        elif isinstance(value, functools.cached_property):
            value = value.func
        elif isinstance(value, property):
            value = tuple(f for f in (value.fget, value.fset) if f is not None)
        if isinstance(value, FunctionType):
            if name in _WRITTEN and value.__code__.co_filename == "<string>":
                continue
        elif (
            (name.startswith("__") and name.endswith("__"))
            or name.startswith("_abc_")
            or hasattr(type(value), "__get__")
        ):
            continue
        found[name] = value
    return found


def variables_of(function: FunctionType) -> dict[str, Any]:
    """What a closure holds; without variables that were never set."""
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            continue
    return found


def defaults_of(function: FunctionType) -> dict[str, Any]:
    """Its defaults by argument."""
    code, defaults = function.__code__, function.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount][code.co_argcount - len(defaults) :]
    return dict(zip(names, defaults, strict=True)) | (function.__kwdefaults__ or {})


def globals_of(function: FunctionType) -> dict[str, Any]:
    """Variables of its module that it reads, itself or deeper within.

    Of a module of the user's own, what it may read there stands beside it.
    """
    there = function.__globals__
    names = dict.fromkeys(_read_in(function.__code__))
    found = {name: there[name] for name in names if name in there}
    for name, module in [*found.items()]:
        if isinstance(module, ModuleType):
            del found[name]
            if not _is_installed(module.__name__):
                read = dict.fromkeys(_attributes_in(function.__code__))
                found |= {f"{name}.{n}": vars(module)[n] for n in read if n in vars(module)}
    return found


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)


def _read_in(code: CodeType) -> Iterator[str]:
    for each in _codes(code):
        for instruction in dis.get_instructions(each):
            if instruction.opname in _READS:
                yield instruction.argval


def _attributes_in(code: CodeType) -> Iterator[str]:
    for each in _codes(code):
        yield from each.co_names
