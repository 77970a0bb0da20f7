"""SHA-256 of files, bytes, texts, documents and arrays: one definition each."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np


def of_file(path: Path) -> str:
    """Of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_bytes(content: bytes | memoryview) -> str:
    return hashlib.sha256(content).hexdigest()


def of_pieces(pieces: Iterable[bytes | memoryview]) -> str:
    """Of bytes that come one after the other, as `of_bytes` of them together."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def of_text(text: str) -> str:
    """Of its UTF-8 bytes; half a surrogate pair, which file names may hold, is a byte as well."""
    return of_bytes(text.encode("utf-8", "surrogateescape"))


def of_document(document: Any) -> str:
    """Of what JSON can hold, whatever the order of its keys."""
    return of_text(json.dumps(document, sort_keys=True, allow_nan=False))


def of_array(array: Any) -> str:
    """Of dtype, shape and values of an array of numpy or a tensor, on any device.

    Values count in their memory order of C and little-endian, so that a view and its copy agree.
    """
    if not isinstance(array, np.ndarray | np.generic):
        array = _viewed(array)
    values = np.ascontiguousarray(array)
    values = values.astype(values.dtype.newbyteorder("<"), copy=False)
    digest = hashlib.sha256(f"{values.dtype.str} {values.shape}\n".encode())
    digest.update(values.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _viewed(tensor: Any) -> np.ndarray:
    """A tensor as an array; of a dtype that numpy lacks, its bytes."""
    tensor = tensor.detach().cpu().contiguous()
    try:
        return tensor.numpy()
    except TypeError:  # bfloat16, float8
        import torch

        return tensor.reshape(-1).view(torch.uint8).numpy()
