import copyreg
import os
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import archives
from ttur.data.published.pickled import read_pickle

BATCH = archives.python_batch(archives.pictures(2), np.array([3, 7]))


def test_a_batch_of_python_2_is_read_with_its_planes_in_order():
    read = read_pickle(BATCH, "here")
    assert read["labels"] == [3, 7]
    assert read["filenames"] == [b"0.png", b"1.png"]
    assert np.array_equal(read["data"][:, :1024], archives.pictures(2)[..., 0].reshape(2, -1))


def test_python_reads_the_same_from_the_same_bytes():
    """So the opcodes of the fixture are a pickle, and our reader agrees with the real one."""
    theirs = pickle.loads(BATCH, encoding="latin1")
    ours = read_pickle(BATCH, "here")
    assert np.array_equal(ours["data"], theirs["data"])
    assert ours["labels"] == theirs["labels"]


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_batch_written_again_by_python_3_is_read(protocol):
    batch = {b"data": np.arange(6, dtype=np.uint8).reshape(2, 3), "labels": [0, 1]}
    read = read_pickle(pickle.dumps(batch, protocol=protocol), "here")
    assert np.array_equal(read["data"], batch[b"data"])
    assert read["labels"] == [0, 1]


def opcodes(body: bytes) -> bytes:
    return b"\x80\x02" + body + b"."


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (opcodes(b"cos\nsystem\nU\x04true\x85R"), r"os\.system"),
        (opcodes(b"c__builtin__\neval\nU\x011\x85R"), r"__builtin__\.eval"),
        # The allowed names, put to another use.
        (opcodes(b"cnumpy.core.multiarray\n_reconstruct\nU\x03abc\x85R"), "it calls 'numpy"),
        (opcodes(b"cnumpy\nndarray\n)R"), "it calls 'numpy"),
        (opcodes(b"c_codecs\nencode\nU\x01aU\x03hex\x86R"), "it calls '_codecs"),
        # The other ways to a call: instances, the extension registry, persistent identifiers.
        (opcodes(b"(ios\nsystem\n"), "opcode INST"),
        (opcodes(b"(cos\nsystem\no"), "opcode OBJ"),
        (opcodes(b"\x82\x01"), "opcode EXT1"),
        (opcodes(b"U\x01aQ"), "opcode BINPERSID"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "opcode STACK_GLOBAL"),
        (opcodes(b"cnumpy\nndarray\n)\x81"), "opcode NEWOBJ"),
        # Attributes of an object are not set: only arrays are built.
        (opcodes(b"}(K\x01K\x01K\x01K\x01K\x01tb"), "state"),
        # Nor those of a name, which would be there for the next file.
        (opcodes(b"cnumpy\nndarray\n}U\x01aK\x01sb"), r"it changes 'numpy\.ndarray'"),
        (opcodes(b"}U\x01acnumpy\ndtype\n)Rs"), r"it calls 'numpy\.dtype'"),
        # Memory beyond that of the file, and depths at which the stack of the process ends.
        (opcodes(b"}r\xff\xff\xff\x7f"), "value number 2147483647 as opcode 2"),
        (opcodes(b"}" + b")" + b"\x85" * 200_000 + b"K\x01s"), "more than 1000 tuples"),
        (opcodes(b"K\x01"), "expected a dict, got a int"),
        (b"", "no opcodes|pickle exhausted"),
    ],
)
def test_everything_else_is_refused_by_name(data, words):
    with pytest.raises(ValueError, match=rf"(?s)batch.*refused without running it.*({words})"):
        read_pickle(data, "batch")


def test_a_dictionary_that_holds_itself_ends():
    read = read_pickle(opcodes(b"}q\x01U\x01ah\x01s"), "here")
    assert read.keys() == {"a"}


def test_no_global_is_looked_up(monkeypatch):
    """With the import system and `os.system` mined, the reader does not step on either."""

    def mine(*arguments, **options):
        raise AssertionError("something was called")

    monkeypatch.setattr(os, "system", mine)
    monkeypatch.setattr("builtins.__import__", mine)
    try:
        read_pickle(BATCH, "here")
        read_pickle(opcodes(b"cos\nsystem\nU\x04true\x85R"), "here")
    except ValueError as error:
        assert "os.system" in str(error)  # noqa: PT017  (pytest.raises imports)


def test_an_extension_code_that_the_process_knows_is_not_looked_up():
    """`pickle` answers a code it has seen before from a cache, past `find_class`."""
    copyreg.add_extension("os", "system", 5)
    try:
        with pytest.raises(ValueError, match="opcode EXT1"):
            read_pickle(opcodes(b"\x82\x05U\x04true\x85R"), "here")
    finally:
        copyreg.remove_extension("os", "system", 5)


@given(position=st.integers(0, len(BATCH) - 1), byte=st.integers(0, 255))
@settings(max_examples=150, deadline=None, database=None)
def test_a_damaged_batch_gives_a_value_or_a_named_error(position, byte):
    if position > 300:  # past the opcodes: within the pixels, where every byte is a value
        position %= 300
    damaged = BATCH[:position] + bytes([byte]) + BATCH[position + 1 :]
    try:
        read_pickle(damaged, "batch")
    except ValueError as error:
        assert str(error).startswith("batch ")  # noqa: PT017
