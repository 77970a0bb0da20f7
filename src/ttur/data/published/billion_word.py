"""The One Billion Word benchmark (Chelba et al. 2013): its shards, in order."""

import io
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath

from ttur.data.contents import Corpus
from ttur.data.lines import Points
from ttur.data.published.description import PublishedText
from ttur.data.published.seekable_gzip import SeekableGzip
from ttur.data.published.shards import Shard, first_lines

_ARCHIVE = "1-billion-word-language-modeling-benchmark-r13output.tar.gz"
_SHARDS = {
    "train": (
        "training-monolingual.tokenized.shuffled",
        re.compile(r"news\.en-(000(?!00)[0-9]{2})-of-00100"),
        1,
    ),
    "held_out": (
        "heldout-monolingual.tokenized.shuffled",
        re.compile(r"news\.en\.heldout-(000[0-4][0-9])-of-00050"),
        0,
    ),
}


@contextmanager
def _read(
    published: PublishedText, sources: list[Path], most_lines: int | None
) -> Iterator[Corpus]:
    """The official archive (also uncompressed, .tar) or its extracted folder; nothing is unpacked.

    Training shards 1 to 99 in order, up to `most_lines`; all held-out shards. Shards at the end may
    be missing, so that a part can be used; a gap is an error.

    Raises:
        ValueError: if the source is damaged, is none of these, has a gap, or names files outside.
    """
    (source,) = sources
    if source.is_dir():
        yield _corpus(_in_folder(source), source, most_lines)
        return
    with source.open("rb") as file:
        start = file.read(262)
    if start[:2] == b"\x1f\x8b":
        stream = io.BufferedReader(SeekableGzip(source), 2**20)
    elif start[257:] == b"ustar":
        stream = source.open("rb")
    else:
        raise ValueError(
            f"expected {_ARCHIVE} or the folder extracted from it, got {source}; "
            f"it can be had at {published.url}"
        )
    with stream:
        try:
            archive = tarfile.TarFile(fileobj=stream)
            shards = _in_archive(archive, source)
            while rest := stream.read(2**20):  # to the end, where gzip has its checksum
                if rest.strip(b"\0"):
                    raise ValueError(f"{source} is damaged after its first files")
        except (tarfile.TarError, EOFError) as error:
            raise ValueError(f"cannot read the archive {source}: {error}") from error
        yield _corpus(shards, source, most_lines)


def _in_folder(folder: Path) -> dict[str, dict[int, Shard]]:
    # The training folder alone, the folder that the archive makes, or the one that holds it.
    folder = folder.resolve()
    paths = [*folder.glob("*"), *folder.glob("*/*"), *folder.glob("*/*/*")]
    found: dict[str, dict[int, Shard]] = {split: {} for split in _SHARDS}
    for path in paths:
        place = _place(PurePosixPath(path))
        if place is None:
            continue
        if not path.is_file() or not path.resolve().is_relative_to(folder):
            raise ValueError(f"{path} is no file, or a link out of {folder}; refused")
        _enter(found, place, Shard(str(path), partial(path.open, "rb")))
    return found


def _in_archive(archive: tarfile.TarFile, source: Path) -> dict[str, dict[int, Shard]]:
    found: dict[str, dict[int, Shard]] = {split: {} for split in _SHARDS}
    for member in archive:
        path, where = PurePosixPath(member.name), f"{source}!{member.name}"
        if path.is_absolute() or ".." in path.parts or "\\" in member.name:
            raise ValueError(f"{where} names a file outside the archive; refused")
        place = _place(path)
        if place is None:
            continue
        if not member.isreg() or member.issparse():
            raise ValueError(f"{where} is a link, a folder or a device, not a text; refused")
        _enter(found, place, Shard(where, partial(archive.extractfile, member)))
    return found


def _place(path: PurePosixPath) -> tuple[str, int] | None:
    """(split, number) of a shard by its name and its folder's, None of any other file."""
    for split, (folder, name, _) in _SHARDS.items():
        if path.parent.name == folder and (match := name.fullmatch(path.name)):
            return split, int(match[1])
    return None


def _enter(found: dict[str, dict[int, Shard]], place: tuple[str, int], shard: Shard) -> None:
    split, number = place
    if number in found[split]:
        raise ValueError(f"expected each shard once, got {found[split][number].name}, {shard.name}")
    found[split][number] = shard


def _corpus(found: dict[str, dict[int, Shard]], source: Path, most_lines: int | None) -> Corpus:
    ordered: dict[str, list[Shard]] = {}
    for split, shards in found.items():
        folder, _, first = _SHARDS[split]
        numbers = range(first, first + len(shards))
        missing = sorted(set(numbers) - set(shards))
        if missing or (split == "train" and not shards):
            raise ValueError(
                f"expected the shards of {folder} from {first} on in {source}, got none of number "
                f"{missing[0] if missing else first}; extract the whole archive"
            )
        ordered[split] = [shards[number] for number in numbers]

    def lines(split: str) -> Iterator[Points]:
        return first_lines(most_lines if split == "train" else None, ordered[split])

    files = (source,) if source.is_file() else ()
    return Corpus("billion_word", tuple(s for s in ordered if ordered[s]), lines, files)


BILLION_WORD = PublishedText(
    name="billion_word",
    title="One Billion Word benchmark (Chelba et al. 2013)",
    url="http://www.statmt.org/lm-benchmark/",
    licence="Apache 2.0 (the project); its text is news of WMT 2011, whose terms apply",
    reader=_read,
    lines=10_000_000,  # as many as the paper's runs read, about a third
    sha256={_ARCHIVE: "01ba60381110baf7f189dfd2b8374de371e8c9a340835793f190bdae9e90a34e"},
)
