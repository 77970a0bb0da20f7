"""What a checkpoint can hold comes back as it was; the rest is refused by its place."""

import io
import random
from collections import Counter, OrderedDict, defaultdict, deque
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ttur.runtime.storable import pack, unpack


def there_and_back(value: Any) -> Any:
    """By way of a file that torch reads without pickled objects."""
    file = io.BytesIO()
    torch.save(pack(value), file)
    file.seek(0)
    return unpack(torch.load(file, weights_only=True))


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 3, -(2**70), 2.5, float("inf"), 1 + 2j, "word", "", b"\0bytes", b""),
        *([], (), {}, set(), frozenset(), [1, (2, [3]), {"a": None}], {1: "a", (2, 3): "b"}),
        *({1, "a", None, 2.5}, frozenset({(1, 2), 3}), {"deep": [{"er": deque([1, {2}])}]}),
        *(OrderedDict(b=1, a=2), Counter("abba"), deque([1, 2]), deque([1, 2], maxlen=2)),
        *(defaultdict(int, a=1), defaultdict(list, a=[1]), defaultdict(None, a=1)),
        *(Path("a/b"), torch.float16, torch.device("cpu"), torch.Size([2, 3]), bytearray(b"ab")),
        *(np.float64(0.1), np.float32(0.1), np.int8(-3), np.bool_(True), np.str_("word")),
        *(np.datetime64("2017-06-26"), np.complex64(1j)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_come_back_with_their_kind(value):
    back = there_and_back({"it": [value]})["it"][0]
    assert back == value
    if not isinstance(value, bytearray):
        assert type(back) is type(value)
    for name in ("maxlen", "default_factory", "dtype"):
        assert getattr(back, name, None) == getattr(value, name, None)


@pytest.mark.parametrize("dtype", ["u1", "<i4", ">f8", "f2", "c16", "?", "<U5", "M8[s]"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3)])
def test_arrays_come_back_to_the_bit(dtype, shape):
    array = np.arange(int(np.prod(shape)) or 1)[: int(np.prod(shape))].reshape(shape).astype(dtype)
    for each in (array, array.T, np.asfortranarray(array)):
        back = there_and_back(each)
        assert (back.dtype, back.shape) == (each.dtype, each.shape)
        assert back.tobytes() == each.tobytes()
        back[...] = back  # may be written to


def test_arrays_of_several_fields_and_infinite_numbers_come_back():
    array = np.array([(1, np.nan), (2, -np.inf)], dtype=[("a", "i2"), ("b", "f8")])
    assert there_and_back(array).tobytes() == array.tobytes()
    assert np.isnan(there_and_back(np.float64("nan")))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.bool, torch.int64])
def test_tensors_stand_for_themselves(dtype):
    tensor = torch.arange(6).reshape(2, 3).to(dtype)
    assert pack(tensor) is tensor
    assert torch.equal(there_and_back([tensor])[0], tensor)


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.Generator().manual_seed(3),
        lambda: np.random.default_rng(3),
        lambda: np.random.Generator(np.random.MT19937(3)),
        lambda: np.random.Generator(np.random.Philox(3)),
        lambda: np.random.RandomState(3),
        lambda: random.Random(3),
    ],
)
def test_generators_go_on_where_they_stood(make):
    def draw(generator: Any) -> list[float]:
        if isinstance(generator, torch.Generator):
            return torch.randn(3, generator=generator).tolist()
        normal = getattr(generator, "normal", None) or (lambda: generator.gauss(0, 1))
        return [normal() for _ in range(3)]

    generator = make()
    draw(generator)  # an odd number: half of a pair is kept for the next
    back = there_and_back({"rng": generator})["rng"]
    assert type(back) is type(generator)
    assert draw(back) == draw(generator)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.lists(inner).map(deque)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_whatever_is_made_of_them_comes_back(value):
    assert unpack(pack(value)) == value


class Odd:
    pass


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"a": [1, Odd()]}, r"state\.a\[1\] holds a .*Odd, which a checkpoint cannot store"),
        ({"a": (deque([Odd()]),)}, r"state\.a\[0\]\.parts\[0\] holds a .*Odd"),
        ({"f": len}, r"state\.f holds a builtin_function_or_method"),
        ({"f": lambda: 0}, r"state\.f holds a function"),
        ({"it": iter([])}, r"state\.it holds a list_iterator"),
        ({Odd(): 1}, "state has a key that is a .*Odd, expected words or numbers"),
        ({"ttur:kind": "bytes"}, "state has a key 'ttur:kind', which is ttur's own"),
        ({"d": defaultdict(lambda: 0)}, "a defaultdict of <function .*cannot be stored; expected"),
        ({"a": np.array([Odd()])}, "array of objects"),
    ],
)
def test_what_cannot_be_stored_is_refused_by_its_place(value, place):
    with pytest.raises(ValueError, match=place):
        pack(value)


def test_subclasses_are_refused_and_not_flattened():
    """What would come back as something else is not taken."""

    class Words(dict):
        pass

    class Number(int):
        pass

    for value in (Words(), Number(3)):
        with pytest.raises(ValueError, match="cannot store"):
            pack({"it": value})


def test_a_pure_path_stays_a_path():
    assert there_and_back(PurePosixPath("a/b")) == Path("a/b")
