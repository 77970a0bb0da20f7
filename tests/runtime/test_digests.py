import hashlib

import numpy as np
import pytest
import torch

from ttur.runtime import digests


def test_of_files_bytes_and_texts_is_sha256(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc" * 1_000_000)
    assert digests.of_file(path) == hashlib.sha256(b"abc" * 1_000_000).hexdigest()
    # FIPS 180-2, appendix B.1
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digests.of_bytes(b"abc") == digests.of_text("abc") == expected


def test_of_a_document_does_not_depend_on_the_order_of_keys():
    assert digests.of_document({"a": 1, "b": [2]}) == digests.of_document({"b": [2], "a": 1})
    assert digests.of_document({"a": 1}) != digests.of_document({"a": 2})


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", "int64"])
def test_an_array_its_copy_and_its_tensor_have_one_digest(dtype):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    digest = digests.of_array(array)
    assert digests.of_array(np.asfortranarray(array)) == digest
    assert digests.of_array(array.astype(array.dtype.newbyteorder(">"))) == digest
    assert digests.of_array(torch.from_numpy(array)) == digest
    assert digests.of_array(torch.from_numpy(array).movedim(0, 2).contiguous().movedim(2, 0)) == (
        digest
    )


def test_shape_and_dtype_are_part_of_an_array():
    zeros = np.zeros(4, np.float32)
    others = [zeros.reshape(2, 2), zeros.astype(np.float64)[:2], zeros.view(np.int32), zeros[:0]]
    assert len({digests.of_array(array) for array in [zeros, *others]}) == 5


def test_tensors_of_kinds_that_numpy_lacks_have_one_too():
    one, other = torch.ones(3, dtype=torch.bfloat16), torch.zeros(3, dtype=torch.bfloat16)
    assert digests.of_array(one) != digests.of_array(other)


def test_pieces_are_the_bytes_they_make_together():
    pieces = [b"a", memoryview(b"bc"), b""]
    assert digests.of_pieces(pieces) == digests.of_bytes(b"abc")
    assert digests.of_pieces([]) == digests.of_bytes(b"")
