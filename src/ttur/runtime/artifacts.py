"""Files from elsewhere: the download, the SHA-256, and what to do when offline."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ttur.runtime import digests
from ttur.runtime.cache import cache_directory
from ttur.runtime.lock import awaited_lock, lock_beside
from ttur.runtime.progress import task

if TYPE_CHECKING:
    from requests import RequestException

CONNECT_AND_READ_TIMEOUT_SECONDS = (10, 60)
CHUNK_BYTES = 1 << 20
RETRIES = 2
"""Of a download that breaks off or gives other bytes, after one second and after two."""

# What this process has already hashed; size and time tell when a file was replaced since.
_verified: dict[tuple[Path, int, int], str] = {}


@dataclass(frozen=True)
class Artifact:
    """A published file and the digest it must have; its bytes, if their number is known."""

    name: str
    url: str
    sha256: str
    size: int | None
    remedy: str = ""  # what a person can do without the file, in terms of arguments


def fetch(artifact: Artifact) -> Path:
    """The artifact in the cache, downloaded if need be; always the published bytes.

    A cached file is hashed once per process. One with other bytes is replaced by a download, never
    used. Every download has a temporary name of its own and is renamed after the check, so that an
    interrupted one leaves no half file under the real name. Of several processes that want it one
    downloads while the others wait, and find it; no process group is asked.

    Raises:
        ConnectionError: if the file is not there and cannot be downloaded.
        ValueError: if the address serves other bytes.
    """
    path = _place(artifact)
    if _is_published(path, artifact):
        return path
    with awaited_lock(lock_beside(path)):
        return _fetched(artifact, path)


def is_here(artifact: Artifact) -> bool:
    """Whether `fetch` would download nothing."""
    return _is_published(_place(artifact), artifact)


def _place(artifact: Artifact) -> Path:
    return cache_directory().expanduser().resolve() / artifact.name


def _fetched(artifact: Artifact, path: Path) -> Path:
    import pooch
    from requests import RequestException

    if _is_published(path, artifact):  # by whom one waited for
        return path
    found = "a damaged file (its SHA-256 is not the published one)" if path.exists() else "none"
    otherwise = artifact.remedy and f", or {artifact.remedy}"
    pooch.get_logger().setLevel("WARNING")  # a download has a bar, and its failure a sentence
    try:
        with task(f"download of {artifact.name}", artifact.size, "bytes") as advance:
            downloader = pooch.HTTPDownloader(
                progressbar=_Reports(advance),  # pyright: ignore[reportArgumentType]  any bar will do
                timeout=CONNECT_AND_READ_TIMEOUT_SECONDS,
                chunk_size=CHUNK_BYTES,
            )
            pooch.create(
                path=path.parent,
                base_url="",
                registry={artifact.name: f"sha256:{artifact.sha256}"},
                urls={artifact.name: artifact.url},
                retry_if_failed=RETRIES,
            ).fetch(
                artifact.name,
                downloader=downloader,  # pyright: ignore[reportArgumentType]  pooch's protocol misnames it
            )
    except RequestException as cause:
        raise ConnectionError(
            f"expected {artifact.url} in {_brief(path.parent)}, got {found} and {_failed(cause)}; "
            f"copy it there{otherwise}"
        ) from cause
    except ValueError as cause:
        raise ValueError(
            f"expected SHA-256 {artifact.sha256} from {artifact.url}, got other bytes, discarded "
            f"({cause}); does a proxy answer in its place? Get {artifact.name} by other means and "
            f"copy it to {path}{otherwise}"
        ) from cause
    return path


def _failed(cause: "RequestException") -> str:
    """Which way a download failed."""
    from requests import HTTPError, Timeout

    host = urlsplit(cause.request.url or "").netloc if cause.request is not None else "the network"
    if isinstance(cause, HTTPError) and cause.response is not None:
        return f"{cause.response.status_code} {cause.response.reason} from {host}"
    return f"no answer from {host}" if isinstance(cause, Timeout) else f"no connection to {host}"


def _brief(folder: Path) -> str:
    """A folder as a person writes it, with ~ for home."""
    home = Path.home()
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)


def _is_published(path: Path, artifact: Artifact) -> bool:
    if not path.is_file():
        return False
    status = path.stat()
    if artifact.size not in (None, status.st_size):
        return False
    key = (path, status.st_size, status.st_mtime_ns)
    if key not in _verified:
        _verified[key] = digests.of_file(path)
    return _verified[key] == artifact.sha256


class _Reports:
    """What pooch takes for a bar of tqdm."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance, self._done = advance, 0

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "total":  # a download begins, perhaps once more
            self.reset()
        object.__setattr__(self, name, value)

    def update(self, count: int) -> None:
        self._done += count
        self._advance(count)

    def reset(self) -> None:
        self.update(-self._done)

    def close(self) -> None:
        pass
