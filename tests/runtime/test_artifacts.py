"""Downloads are checked before they are used, and say what to do when they fail."""

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ttur.runtime import artifacts
from ttur.runtime.artifacts import Artifact, fetch

CONTENT = bytes(range(256)) * 9000  # 2.3 MB: more than two chunks of the download
REMEDY = "give --weights FILE"


@dataclass
class Served:
    """A loopback server: what it answers, and how often it was asked."""

    url: str = ""
    content: bytes = CONTENT
    first: bytes | None = None  # what the first request gets instead, as if it broke off
    announced_bytes: int | None = None
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def served() -> Iterator[Served]:
    state = Served()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(state.announced_bytes or len(state.content)))
            self.end_headers()
            first = state.first if len(state.requests) == 1 else None
            self.wfile.write(state.content if first is None else first)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}/file.bin"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        server.shutdown()
        thread.join(timeout=10)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TTUR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(artifacts, "RETRIES", 0)  # they wait; one test is of them
    return tmp_path / "cache"


def artifact(url: str) -> Artifact:
    return Artifact("file.bin", url, hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), REMEDY)


def closed_port_url() -> str:
    with socket.socket() as listener:  # bound, never listening, closed: nobody answers there
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/file.bin"


def test_a_file_is_downloaded_once_and_then_found_in_the_cache(served: Served, cache: Path):
    path = fetch(artifact(served.url))
    assert path == cache / "file.bin"
    assert path.read_bytes() == CONTENT
    assert fetch(artifact(served.url)) == path
    assert served.requests == ["/file.bin"]
    assert [file.name for file in cache.iterdir()] == ["file.bin"]


def test_other_bytes_from_the_address_are_refused_and_nothing_is_left(served: Served, cache: Path):
    served.content = CONTENT[:-1] + b"!"
    with pytest.raises(ValueError, match="got other bytes") as error:
        fetch(artifact(served.url))
    assert hashlib.sha256(CONTENT).hexdigest() in str(error.value)
    assert REMEDY in str(error.value)
    assert list(cache.iterdir()) == []


def test_a_download_that_breaks_off_is_refused_and_nothing_is_left(served: Served, cache: Path):
    served.content, served.announced_bytes = CONTENT[:-1000], len(CONTENT)
    with pytest.raises((ConnectionError, ValueError), match=r"file\.bin"):
        fetch(artifact(served.url))
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("first", [CONTENT[:-1000], CONTENT[:-1] + b"!"], ids=["short", "other"])
def test_a_download_that_fails_once_is_tried_again(
    first: bytes, served: Served, cache: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(artifacts, "RETRIES", 1)
    served.first, served.announced_bytes = first, len(CONTENT)
    assert fetch(artifact(served.url)).read_bytes() == CONTENT
    assert served.requests == ["/file.bin"] * 2
    assert [file.name for file in cache.iterdir()] == ["file.bin"]


def test_offline_the_error_names_the_file_its_place_and_the_remedies(cache: Path):
    wanted = artifact(closed_port_url())
    with pytest.raises(ConnectionError) as error:
        fetch(wanted)
    for part in (f"{wanted.url} in {cache}", "no connection to 127.0.0.1", REMEDY):
        assert part in str(error.value)


def test_offline_a_file_already_there_is_enough(cache: Path):
    cache.mkdir()
    (cache / "file.bin").write_bytes(CONTENT)
    assert fetch(artifact(closed_port_url())) == cache / "file.bin"


@pytest.mark.parametrize(
    "damaged", [CONTENT[:-1], CONTENT[:-1] + b"!"], ids=["truncated", "changed"]
)
def test_a_damaged_cached_file_is_replaced_online_and_refused_offline(
    damaged: bytes, served: Served, cache: Path
):
    cache.mkdir()
    (cache / "file.bin").write_bytes(damaged)
    with pytest.raises(ConnectionError, match="damaged") as error:
        fetch(artifact(closed_port_url()))
    assert f"file.bin in {cache}" in str(error.value)
    assert fetch(artifact(served.url)).read_bytes() == CONTENT


def test_a_file_that_changes_after_its_check_is_checked_again(served: Served):
    path = fetch(artifact(served.url))
    fetch(artifact(served.url))
    assert len(served.requests) == 1
    path.write_bytes(CONTENT[:-1] + b"!")
    os.utime(path, ns=(0, 0))  # a clock tick may be longer than the test
    assert fetch(artifact(served.url)).read_bytes() == CONTENT
    assert len(served.requests) == 2


def test_of_several_that_want_a_file_one_downloads_and_the_others_find_it(
    served: Served, cache: Path
):
    contents: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: contents.append(fetch(artifact(served.url)).read_bytes()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert contents == [CONTENT] * 4
    assert len(served.requests) == 1
    assert [file.name for file in cache.iterdir()] == ["file.bin"]


def test_where_no_lock_can_be_made_the_file_is_fetched_without(served: Served, cache: Path):
    (cache / ".file.bin.lock").mkdir(parents=True)
    assert fetch(artifact(served.url)).read_bytes() == CONTENT
