import os
from pathlib import Path

import pytest

from ttur.runtime.files import check_can_be_made, open_plain, remove_unfinished, replacement


def test_a_block_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    (tmp_path / "a").write_bytes(b"old")

    def fail() -> None:
        with replacement(tmp_path / "a") as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


def test_what_a_killed_process_was_writing_is_removed_and_nothing_else(tmp_path):
    with replacement(tmp_path / "a.png"):
        (beside,) = tmp_path.iterdir()
        mine, other = beside.name, beside.name.replace(str(os.getpid()), str(os.getpid() + 1))
        (tmp_path / other).touch()
        remove_unfinished(tmp_path, os.getpid() + 1)
        assert [path.name for path in tmp_path.iterdir()] == [mine]
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("change", [False, True])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path, change):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="it is a pipe"):
        open_plain(tmp_path / "pipe", change=change)


def test_a_link_is_read_through_but_not_written_through(tmp_path):
    (tmp_path / "file").write_bytes(b"content\r\n\x1a.")
    (tmp_path / "link").symlink_to("file")
    with open_plain(tmp_path / "link") as file:
        assert file.read() == b"content\r\n\x1a."
    with pytest.raises(OSError, match="symbolic link"):
        open_plain(tmp_path / "link", change=True)
    with open_plain(tmp_path / "file", change=True) as file:
        file.write(b"C")
    assert (tmp_path / "file").read_bytes() == b"Content\r\n\x1a."


def test_no_file_is_made_where_there_is_none(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_plain(tmp_path / "none", change=True)
    assert not any(tmp_path.iterdir())


def test_a_folder_that_could_not_be_made_is_refused_as_mkdir_refuses_it(tmp_path, monkeypatch):
    check_can_be_made(tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    for folder, error, at in (
        (tmp_path / "file" / "b", NotADirectoryError, tmp_path / "file" / "b"),
        (tmp_path / "a" / "b", PermissionError, tmp_path / "a"),
    ):
        with pytest.raises(error) as refused:
            check_can_be_made(folder)
        assert refused.value.filename == str(at)
