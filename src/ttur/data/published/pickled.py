"""Read a pickle of plain values and arrays as data: no name is looked up, nothing is called.

`pickle` runs what a file tells it to run. This reader walks the opcodes (`pickletools.genops`,
which only parses) and builds dictionaries, lists, tuples, numbers, strings and numpy arrays of
bytes itself; any other opcode or global is refused by name.
"""

import pickletools
from dataclasses import dataclass
from typing import Any

import numpy as np

# The four globals a numpy array is pickled with. They stay names; `_reduced` knows their meaning.
_RECONSTRUCT = {"numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct"}
_NDARRAY, _DTYPE, _ENCODE = "numpy ndarray", "numpy dtype", "_codecs encode"
_GLOBALS = _RECONSTRUCT | {_NDARRAY, _DTYPE, _ENCODE}

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = {
    *("BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "SHORT_BINUNICODE"),
    *("BINBYTES", "SHORT_BINBYTES"),
}
_BYTES = {"BINSTRING", "SHORT_BINSTRING"}  # str of Python 2
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass(frozen=True)
class _Global:
    name: str


@dataclass
class _Array:
    """An array between REDUCE, which announces it, and BUILD, which brings its bytes."""

    values: np.ndarray | None = None


@dataclass(frozen=True)
class _Dtype:
    code: str


_MARK = object()


def read_pickle(data: bytes, where: str) -> dict[str, Any]:
    """The dictionary in a pickle of protocol 2 or 3; strings of Python 2 come as bytes.

    Raises:
        ValueError: naming `where` and the first opcode or global that is not plain data.
    """
    try:
        return _finished(_run(data))
    # Opcodes out of order leave the stack short or hold the wrong kind of value.
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{where} is not a pickle of plain arrays, refused without running it: {error}"
        ) from error


def _run(data: bytes) -> Any:
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    argument: Any
    for opcode, argument, _ in pickletools.genops(data):
        name = opcode.name
        if name in _VALUES:
            stack.append(argument)
        elif name in _BYTES:
            stack.append(argument.encode("latin-1"))
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "EMPTY_DICT":
            stack.append({})
        elif name == "EMPTY_LIST":
            stack.append([])
        elif name == "EMPTY_TUPLE":
            stack.append(())
        elif name == "TUPLE":
            stack.append(tuple(_popped(stack)))
        elif name in _TUPLES:
            parts = [stack.pop() for _ in range(_TUPLES[name])]
            stack.append(tuple(reversed(parts)))
        elif name in ("APPEND", "APPENDS"):
            items = [stack.pop()] if name == "APPEND" else _popped(stack)
            _expect(stack[-1], list).extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = [stack.pop(), stack.pop()][::-1] if name == "SETITEM" else _popped(stack)
            _expect(stack[-1], dict).update(zip(items[::2], items[1::2], strict=True))
        elif name == "GLOBAL":
            if argument not in _GLOBALS:
                raise ValueError(f"it names the global {argument.replace(' ', '.')!r}")
            stack.append(_Global(argument))
        elif name == "REDUCE":
            arguments = _expect(stack.pop(), tuple)
            stack.append(_reduced(_expect(stack.pop(), _Global).name, arguments))
        elif name == "BUILD":
            state = _expect(stack.pop(), tuple)
            _build(stack[-1], state)
        elif name == "STOP":
            return stack.pop()
        elif name != "PROTO":
            raise ValueError(f"it uses the opcode {name}")
    raise ValueError("it ends early")


def _popped(stack: list[Any]) -> list[Any]:
    """Everything above the last mark."""
    items = []
    while (item := stack.pop()) is not _MARK:
        items.append(item)
    return items[::-1]


def _expect(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"expected a {kind.__name__}, got a {type(value).__name__}")
    return value


def _reduced(name: str, arguments: tuple) -> Any:
    """What calling the global would have made, made here."""
    if name in _RECONSTRUCT and arguments[0] == _Global(_NDARRAY):
        return _Array()
    if name == _DTYPE:
        return _Dtype(_text(arguments[0]))
    if name == _ENCODE and _text(arguments[1]) == "latin1":  # how Python 3 writes bytes for 2
        return _text(arguments[0]).encode("latin-1")
    raise ValueError(f"it calls {name.replace(' ', '.')!r}")


def _build(target: Any, state: tuple) -> None:
    if isinstance(target, _Dtype):
        return  # byte order and alignment: nothing to say about single bytes
    _, shape, dtype, fortran, raw = state
    if _expect(dtype, _Dtype).code != "u1" or fortran:
        raise ValueError(f"expected an array of bytes in row order, got dtype {dtype.code}")
    _expect(target, _Array).values = np.frombuffer(_expect(raw, bytes), np.uint8).reshape(shape)


def _finished(value: Any) -> dict[str, Any]:
    """The dictionary with its arrays in place and its keys as text."""
    finished = {}
    for key, item in _expect(value, dict).items():
        finished[_text(key)] = item.values if isinstance(item, _Array) else item
    return finished


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else _expect(value, str)
