"""What a data set is made from: it is there, and what is official is what was published."""

import os
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


def digest(source: Path, of_files: dict[Path, str]) -> str:
    """SHA-256 of a file, or of the sorted relative names and digests of all files of a folder.

    `of_files` receives that of each file. The lock file of an LMDB is left out: whoever reads the
    database may write to it.
    """
    if source.is_file():
        of_files[source] = digests.of_file(source)
        return of_files[source]
    names, pending = [], [source]
    while pending:  # not rglob, which recurses: folders can be deep
        for path in pending.pop().iterdir():
            if path.is_dir() and not path.is_symlink():
                pending.append(path)
            elif path.is_file() and path.name != "lock.mdb":
                names.append(path.relative_to(source).as_posix())
    return digests.of_pieces(
        f"{digest(source / name, of_files)}  ".encode() + os.fsencode(name) + b"\n"
        for name in sorted(names)
    )


def origin(
    published: PublishedDataSet, files: tuple[Path, ...], of_files: dict[Path, str]
) -> dict[str, str]:
    """Whether what is read are the published files, byte by byte, as the card says it.

    A folder unpacked from them, or another form of them, has no published digest to compare.

    Raises:
        ValueError: if a file has the name of a published one and another digest.
    """
    if not published.sha256:
        return {}
    for file in files:
        expected, got = published.sha256.get(file.name), of_files[file]
        if expected not in (None, got):
            raise ValueError(
                f"expected the SHA-256 {expected} of {file.name}, as it was published, got {got} "
                f"of {file}: it is damaged or another; get it again at {published.url}, or make "
                f"a data set of your own with `ttur prepare {published.kind}`"
            )
    listed = set(published.sha256.values())
    official = files and all(of_files[file] in listed for file in files)
    return {"digest": "official" if official else "not among the published"}
