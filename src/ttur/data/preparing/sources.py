"""What a data set is made from: it is there, and what is official is what was published."""

import os
from collections.abc import Callable
from pathlib import Path

from ttur.data.published.description import PublishedDataSet
from ttur.runtime import digests


def check_sources(published: PublishedDataSet, sources: list[Path]) -> None:
    """Whether these could be sources of it.

    Raises:
        FileNotFoundError: if one is not there.
        ValueError: if they are too many or none, or one is neither file nor folder.
    """
    where = f"; it can be had at {published.url}" if published.url else ""
    if not sources or (not published.takes_several_sources and len(sources) > 1):
        raise ValueError(f"expected one source for {published.name}, got {len(sources)}{where}")
    for source in sources:
        if not source.exists():
            raise FileNotFoundError(f"no file or folder {source}{where}")
        if not source.is_file() and not source.is_dir():
            raise ValueError(f"expected a file or folder, got {source}, a pipe or a device")


def digest(source: Path, note: Callable[[Path, str], None] = lambda file, found: None) -> str:
    """SHA-256 of a file, or of the sorted relative names and digests of all files of a folder.

    `note` hears of every file. The lock file of an LMDB is left out: whoever reads the database may
    write to it.
    """
    if source.is_file():
        found = digests.of_file(source)
        note(source, found)
        return found
    names, pending = [], [source]
    while pending:  # not rglob, which recurses: folders can be deep
        for path in pending.pop().iterdir():
            if path.is_dir() and not path.is_symlink():
                pending.append(path)
            elif path.is_file() and path.name != "lock.mdb":
                names.append(path.relative_to(source).as_posix())
    return digests.of_pieces(
        f"{digest(source / name, note)}  ".encode() + os.fsencode(name) + b"\n"
        for name in sorted(names)
    )


class FileDigests(dict[Path, str]):
    """Digests of the files that may be published ones: sources, and by name. A folder can have
    millions of others.
    """

    def __init__(self, published: PublishedDataSet, sources: list[Path]) -> None:
        self.published, self.sources = published, sources

    def note(self, file: Path, found: str) -> None:
        if file in self.sources or file.name in self.published.sha256:
            self[file] = found

    def origin(self, files: tuple[Path, ...]) -> dict[str, str]:
        """Whether the files that are read are the published ones, as the card says it.

        A folder unpacked from them, or another form of them, has no published digest to compare.

        Raises:
            ValueError: if a file has the name of a published one and another digest.
        """
        listed, published = self.published.sha256, self.published
        for file in files:
            if file.name in listed and self[file] != listed[file.name]:
                raise ValueError(
                    f"expected the SHA-256 {listed[file.name]} of {file.name}, as it was "
                    f"published, got {self[file]} of {file}: it is damaged or another; get it "
                    f"again at {published.url}, or make a data set of your own with "
                    f"`ttur prepare {published.kind}`"
                )
        official = files and all(self.get(file) in listed.values() for file in files)
        said = {"digest": "official" if official else "not among the published"}
        return said if listed else {}
