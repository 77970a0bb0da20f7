"""C.1 character by character: lines of fixed length, their vocabulary, their codes."""

import io
import tarfile
from collections import Counter
from pathlib import Path

FOLDER = "1-billion-word-language-modeling-benchmark-r13output"
TRAINING = "training-monolingual.tokenized.shuffled"
HELD_OUT = "heldout-monolingual.tokenized.shuffled"


def lines_of(content: bytes) -> list[str]:
    """What stands between line feeds, without one carriage return at its end."""
    lines = content.decode("utf-8").split("\n")
    if lines[-1] == "":
        lines.pop()  # the last line feed ends a line, it begins none
    return [line[:-1] if line.endswith("\r") else line for line in lines]


def padded(line: str, length: int) -> list[str]:
    characters = [line[i] for i in range(min(len(line), length))]
    while len(characters) < length:
        characters.append("`")
    return characters


def vocabulary(lines: list[str], size: int, length: int) -> list[str]:
    counts: Counter[str] = Counter()
    for line in lines:
        for character in padded(line, length):
            counts[character] += 1
    ranked = sorted(counts, key=lambda character: (-counts[character], ord(character)))
    return ["unk", *ranked[: size - 1]]


def encoded(lines: list[str], symbols: list[str], length: int) -> list[list[int]]:
    rows = []
    for line in lines:
        row = []
        for character in padded(line, length):
            row.append(symbols.index(character) if character in symbols else 0)
        rows.append(row)
    return rows


def shard_names(train: int, held_out: int) -> tuple[list[str], list[str]]:
    """Their official names, the training shards from 1 on."""
    return (
        [f"{FOLDER}/{TRAINING}/news.en-{i:05}-of-00100" for i in range(1, train + 1)],
        [f"{FOLDER}/{HELD_OUT}/news.en.heldout-{i:05}-of-00050" for i in range(held_out)],
    )


def tar_archive(path: Path, files: dict[str, bytes], compressed: bool = True) -> Path:
    """Files in the order given, with entries for their folders as GNU tar writes them."""
    with tarfile.open(path, "w:gz" if compressed else "w", format=tarfile.GNU_FORMAT) as archive:
        folders = {FOLDER} | {str(Path(name).parent) for name in files if name.startswith(FOLDER)}
        for name in sorted(folders):
            folder = tarfile.TarInfo(name)
            folder.type = tarfile.DIRTYPE
            archive.addfile(folder)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def extracted(files: dict[str, bytes], folder: Path) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder
