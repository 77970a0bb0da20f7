"""What torch.save wrote, read as data; of what it did not write, what it looks like."""

import pickle
from pathlib import Path
from typing import Any, BinaryIO

import torch

_BEGINNINGS = (
    (b"<!doctype html", "a page of HTML, as a download gives that went wrong"),
    (b"<html", "a page of HTML, as a download gives that went wrong"),
    (b"<?xml", "a file of XML, as a download gives that went wrong"),
    (b"version https://git-lfs", "a pointer of Git LFS and not the file itself"),
)
_ZIP = b"PK\x03\x04"
BEGINNING = 512  # bytes that are looked at


def read_saved(file: Path | BinaryIO) -> Any:
    """Tensors and plain values; no object is made and no code runs.

        >>> import io
        >>> read_saved(io.BytesIO(b"<html><title>404</title>"))
        Traceback (most recent call last):
            ...
        ValueError: it is a page of HTML, as a download gives that went wrong

    Raises:
        ValueError: if it is anything else; says what it looks like.
        OSError: if it cannot be read.
    """
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return read_saved(opened)
    beginning = file.read(BEGINNING)
    file.seek(0)
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # other bytes lead its unpickler anywhere
        holds_objects = isinstance(error, pickle.UnpicklingError) and beginning.startswith(_ZIP)
        objects = "holds objects other than tensors"
        raise ValueError(f"it {objects if holds_objects else likeness(beginning)}") from error


def likeness(beginning: bytes) -> str:
    """What a file is that begins so and was expected to be one of tensors: "is …".

    >>> likeness(b""), likeness(b"some words\\n")
    ('is empty', 'is a text')
    """
    if not beginning:
        return "is empty"
    start = beginning.lstrip().lower()
    for mark, kind in _BEGINNINGS:
        if start.startswith(mark):
            return f"is {kind}"
    try:
        text = beginning.decode("utf-8")
    except UnicodeDecodeError:
        return "is torn, or nothing that torch.save wrote"
    plain = all(character.isprintable() or character.isspace() for character in text)
    return "is a text" if plain else "is torn, or nothing that torch.save wrote"
