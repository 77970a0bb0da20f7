import os

import pytest

from ttur.runtime.files import remove_unfinished, replaced


def test_a_block_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    (tmp_path / "a").write_bytes(b"old")

    def fail() -> None:
        with replaced(tmp_path / "a") as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


def test_what_a_killed_process_was_writing_is_removed_and_nothing_else(tmp_path):
    with replaced(tmp_path / "a.png"):
        (beside,) = tmp_path.iterdir()
        mine, other = beside.name, beside.name.replace(str(os.getpid()), str(os.getpid() + 1))
        (tmp_path / other).touch()
        remove_unfinished(tmp_path, os.getpid() + 1)
        assert [path.name for path in tmp_path.iterdir()] == [mine]
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
