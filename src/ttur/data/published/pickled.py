"""Read a pickle of plain values and byte arrays as data: nothing that it names is called.

`pickle` runs what a file tells it to run. Here only opcodes of plain values reach it
(`pickletools.genops` parses them beforehand), and the four names that an array is pickled with
stand for notes of them: what a file calls is written down, never done.
"""

import io
import pickle
import pickletools
from typing import Any, NoReturn

import numpy as np

from ttur.data.images.decode import is_of_the_machine

_RECONSTRUCT = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")
_NDARRAY, _DTYPE, _ENCODE = "numpy.ndarray", "numpy.dtype", "_codecs.encode"
_TUPLES = {"EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"}
_MEMOS = {"BINPUT", "LONG_BINPUT"}
_PLAIN = {
    *("PROTO", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE"),
    *("BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "SHORT_BINUNICODE"),
    *("BINBYTES", "SHORT_BINBYTES", "BINSTRING", "SHORT_BINSTRING"),  # the last: str of Python 2
    *("EMPTY_DICT", "SETITEM", "SETITEMS", "EMPTY_LIST", "APPEND", "APPENDS"),
    *("BINGET", "LONG_BINGET", "GLOBAL", "REDUCE", "BUILD"),
}
_MOST_TUPLES = 1000  # an array has four; hashing a million within each other ends the process


def read_pickle(data: bytes, where: str) -> dict[str, Any]:
    """The dictionary in a pickle of protocol 2 or 3; strings of Python 2 come as bytes.

    Raises:
        ValueError: naming `where` and the first opcode or name that is not plain data.
    """
    try:
        _check_opcodes(data)
        return _plain(_Notes(io.BytesIO(data), fix_imports=False, encoding="bytes").load())
    except Exception as error:  # opcodes out of order raise half a dozen kinds
        if is_of_the_machine(error):
            raise
        raise ValueError(
            f"{where} is not a pickle of plain arrays, refused without running it: {error}"
        ) from error


def _check_opcodes(data: bytes) -> None:
    """Refuse other opcodes, and those that would take more memory than the file has bytes."""
    tuples = 0
    for rank, (opcode, argument, _) in enumerate(pickletools.genops(data)):
        tuples += opcode.name in _TUPLES
        if opcode.name not in _PLAIN | _TUPLES | _MEMOS:
            raise ValueError(f"it uses the opcode {opcode.name}")
        if tuples > _MOST_TUPLES:
            raise ValueError(f"it has more than {_MOST_TUPLES} tuples")
        # An array of so many entries is made for it; Python numbers what it stores.
        if opcode.name in _MEMOS and isinstance(argument, int) and argument > rank:
            raise ValueError(f"it stores its value number {argument} as opcode {rank}")


class _Name:
    """What a name stands for: calling it makes a note."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *arguments: Any) -> Any:
        if self.name == _ENCODE and arguments[1:] == ("latin1",):  # bytes, by Python 3 for 2
            return _text(arguments[0]).encode("latin-1")
        return _Call(self.name, arguments)

    def __setstate__(self, state: Any) -> NoReturn:
        raise ValueError(f"it changes {self.name!r}")


class _Call:
    """A call that was noted, and the state that what it makes would get."""

    def __init__(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.name, self.arguments, self.state = name, arguments, None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Notes(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        full = f"{module}.{name}"
        if full not in (*_RECONSTRUCT, _NDARRAY, _DTYPE, _ENCODE):
            raise ValueError(f"it names the global {full!r}")
        return _Name(full)

    def persistent_load(self, pid: Any, /) -> NoReturn:
        raise ValueError("it names an object outside itself")


def _plain(value: Any) -> dict[str, Any]:
    """The dictionary with its arrays in place and its keys as text."""
    if isinstance(value, _Call):
        raise ValueError(f"it calls {value.name!r}")
    if not isinstance(value, dict):
        raise ValueError(f"expected a dict, got a {type(value).__name__}")
    return {
        _text(key): _array(item) if isinstance(item, _Call) else item for key, item in value.items()
    }


def _array(call: _Call) -> np.ndarray:
    """The bytes of an array as the file describes it."""
    if call.name not in _RECONSTRUCT or getattr(call.arguments[0], "name", "") != _NDARRAY:
        raise ValueError(f"it calls {call.name!r}")
    if not isinstance(call.state, tuple) or len(call.state) != 5:
        raise ValueError("expected the state of an array")
    _, shape, dtype, is_fortran, content = call.state
    is_of_bytes = isinstance(dtype, _Call) and dtype.name == _DTYPE
    code = _text(dtype.arguments[0]) if is_of_bytes else None
    if code != "u1" or is_fortran is not False or not isinstance(content, bytes):
        raise ValueError(f"expected an array of bytes in row order, got dtype {code}")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if not isinstance(value, str):
        raise ValueError(f"expected text, got a {type(value).__name__}")
    return value
