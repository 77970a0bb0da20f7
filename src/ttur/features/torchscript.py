"""The tensors of a TorchScript archive, read as data: nothing in it is called or compiled.

OpenAI publishes CLIP so. `torch.jit.load` would compile the code of the archive and run what it
says of loading; the tensors need none of it. They stand as plain bytes in a zip, and the opcodes of
its `data.pkl`, parsed by `pickletools`, say which bytes are which attribute of which module. Here
they move notes of names about on a stack, and a file that uses another opcode is refused.
"""

import io
import pickletools
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

_DTYPES = {
    f"torch {name}Storage": dtype
    for name, dtype in {
        "Float": torch.float32,
        "Half": torch.float16,
        "BFloat16": torch.bfloat16,
        "Double": torch.float64,
        "Long": torch.int64,
        "Int": torch.int32,
    }.items()
}
_REBUILD = "torch._utils _rebuild_tensor_v2"
_CONSTANTS = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}
_VALUES = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "BINSTRING"}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass(eq=False)
class _Note:
    """What would be made: by calling a name with arguments, or as a module with attributes."""

    name: str
    arguments: tuple[Any, ...] = ()
    attributes: dict[Any, Any] = field(default_factory=dict)


def is_torchscript(contents: bytes) -> bool:
    """Whether it is a zip with TorchScript's own mark, `constants.pkl`."""
    if not contents.startswith(b"PK"):
        return False
    with zipfile.ZipFile(io.BytesIO(contents)) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def tensors(contents: bytes) -> dict[str, Tensor]:
    """Parameters and buffers by the path of attributes to them, as in the module's state dict.

    Raises:
        ValueError: if `data.pkl` is not that of modules and tensors, or has none, or a tensor lies
            outside its bytes.
    """
    with zipfile.ZipFile(io.BytesIO(contents)) as archive:
        (data,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        try:
            module = _noted(_stored(archive, data))
            folder = data.removesuffix("data.pkl") + "data/"
            leaves = dict(_leaves(module, "", set()))
            made = {name: _tensor(note, archive, folder) for name, note in leaves.items()}
        except (LookupError, TypeError, AttributeError, RuntimeError) as error:
            raise ValueError(f"its data.pkl is not of modules and tensors: {error!r}") from error
    if not made:
        raise ValueError("its data.pkl is of no module with tensors")
    return made


def _stored(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed, which torch never does")
    return archive.read(name)


def _noted(data: bytes) -> Any:
    """The value that the opcodes describe, with notes in place of what they would call."""
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[Any, Any] = {}

    def since_mark() -> list[Any]:
        start = marks.pop()
        values = stack[start:]
        del stack[start:]
        return values

    for opcode, argument, _ in pickletools.genops(data):
        name = opcode.name
        if name in _VALUES:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name]())
        elif name == "GLOBAL":
            stack.append(_Note(str(argument)))
        elif name == "MARK":
            marks.append(len(stack))
        elif name == "TUPLE":
            stack.append(tuple(since_mark()))
        elif name in _TUPLES:
            stack[-_TUPLES[name] :] = [tuple(stack[-_TUPLES[name] :])]
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name in ("APPEND", "APPENDS"):
            values = since_mark() if name == "APPENDS" else [stack.pop()]
            stack[-1].extend(values)
        elif name in ("SETITEM", "SETITEMS"):
            values = since_mark() if name == "SETITEMS" else [stack.pop(-2), stack.pop()]
            stack[-1].update(zip(values[::2], values[1::2], strict=True))
        elif name in ("REDUCE", "NEWOBJ"):
            arguments = stack.pop()
            stack.append(_Note(stack.pop().name, arguments))
        elif name == "BUILD":
            attributes = stack.pop()
            stack[-1].attributes = attributes if isinstance(attributes, dict) else {}
        elif name == "BINPERSID":
            stack.append(_Note("storage", stack.pop()))
        elif name not in ("PROTO", "STOP"):
            raise ValueError(f"its data.pkl uses the opcode {name}")
    return stack.pop()


def _leaves(module: _Note, prefix: str, seen: set[int]) -> Iterator[tuple[str, _Note]]:
    """The tensors of a module and of those within it, each module once."""
    seen.add(id(module))
    for name, value in module.attributes.items():
        if isinstance(value, _Note) and value.name == _REBUILD:
            yield f"{prefix}{name}", value
        elif isinstance(value, _Note) and id(value) not in seen:
            yield from _leaves(value, f"{prefix}{name}.", seen)


def _tensor(note: _Note, archive: zipfile.ZipFile, folder: str) -> Tensor:
    storage, offset, shape, strides = note.arguments[:4]
    _, kind, key, *_ = storage.arguments
    stored = bytearray(_stored(archive, f"{folder}{key}"))
    flat = torch.frombuffer(stored, dtype=_DTYPES[kind.name])
    return flat.as_strided(shape, strides, offset)  # refuses what lies outside
