"""One lock, held by one process at a time."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ttur.runtime.lock import awaited_lock, exclusive_lock

HOLDER = """
import sys, time
from pathlib import Path
from ttur.runtime.lock import exclusive_lock
with exclusive_lock(Path(sys.argv[1]), "busy"):
    print("held", flush=True)
    sys.stdin.readline()
print("given back", flush=True)
sys.stdin.readline()
"""


@contextmanager
def another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    """It holds the lock until it is told a line, and lives until it is told another."""
    pipe = subprocess.PIPE
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=pipe, stdout=pipe, text=True
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        yield holder
    finally:
        holder.kill()
        holder.communicate(timeout=20)


def is_free(path: Path) -> bool:
    try:
        with exclusive_lock(path, "busy"):
            return True
    except BlockingIOError:
        return False


def test_what_another_process_holds_is_refused_until_it_gives_it_back(tmp_path):
    path = tmp_path / "lock"
    with another_process(path) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert not is_free(path)
        with (
            pytest.raises(BlockingIOError, match=r"^wait for it$"),
            exclusive_lock(path, "wait for it"),
        ):
            pass
        print(file=holder.stdin, flush=True)
        assert holder.stdout.readline() == "given back\n"
        assert is_free(path)


def test_a_killed_process_holds_nothing(tmp_path):
    path = tmp_path / "lock"
    with another_process(path) as holder:
        assert not is_free(path)
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait(20)
        assert path.exists()
        assert is_free(path)


def test_this_process_holds_it_once(tmp_path):
    path = tmp_path / "lock"
    with exclusive_lock(path, "busy"):
        assert not is_free(path)
        assert is_free(tmp_path / "another")
        elsewhere = []
        thread = threading.Thread(target=lambda: elsewhere.append(is_free(path)))
        thread.start()
        thread.join(20)
        assert elsewhere == [False]
    assert is_free(path)


def test_a_block_that_fails_gives_it_back(tmp_path):
    def fail() -> None:
        with exclusive_lock(tmp_path / "lock", "busy"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert is_free(tmp_path / "lock")


def test_a_thread_may_give_back_what_another_has_taken(tmp_path):
    """As the collector does, which ends a generator in any thread."""
    block = exclusive_lock(tmp_path / "lock", "busy")
    block.__enter__()
    thread = threading.Thread(target=block.__exit__, args=(None, None, None))
    thread.start()
    thread.join(20)
    assert is_free(tmp_path / "lock")


@pytest.mark.parametrize(
    "make",
    [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("nothing")],
    ids=["folder", "pipe", "link to nothing"],
)
def test_whatever_else_has_its_name_is_refused_and_not_waited_for(tmp_path, make):
    make(tmp_path / "lock")
    with (
        pytest.raises(FileExistsError, match=r"delete it.*lock"),
        exclusive_lock(tmp_path / "lock", "busy"),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_a_link_to_a_file_is_not_followed(tmp_path):
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "lock").symlink_to("victim")
    with pytest.raises(FileExistsError), exclusive_lock(tmp_path / "lock", "busy"):
        pass
    assert (tmp_path / "victim").read_bytes() == b"precious"


def test_who_waits_finds_what_the_holder_made_and_no_lock_stays(tmp_path):
    """Three threads, each a process as far as the lock knows: one makes, the others find."""
    path, made, makers = tmp_path / "new" / "lock", tmp_path / "made", []

    def find_or_make() -> None:
        with awaited_lock(path):
            if not made.exists():
                makers.append(1)
                threading.Event().wait(0.05)
                made.touch()

    threads = [threading.Thread(target=find_or_make) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert makers == [1]
    assert list(path.parent.iterdir()) == []


def test_an_error_gives_the_lock_back(tmp_path):
    with pytest.raises(KeyError), awaited_lock(tmp_path / "lock"):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_where_a_folder_stands_in_place_of_the_lock_the_block_runs_without(tmp_path):
    with awaited_lock(tmp_path):
        pass
    assert tmp_path.is_dir()
