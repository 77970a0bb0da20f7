"""What may go from the cache goes, the longest unused first; nothing else is touched."""

import os
from pathlib import Path

import pytest

from ttur.runtime.cache import (
    cache_directory,
    cache_limit,
    clear_cache,
    kept_files,
    note_use,
    trim_cache,
)
from ttur.runtime.lock import exclusive_lock, lock_beside


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TTUR_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TTUR_CACHE_LIMIT", raising=False)
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def keep(cache: Path, kind: str, letter: str, used: int, size: int = 1000) -> Path:
    path = cache / kind / f"{letter * 64}.npz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (used, used))
    return path


def test_the_cache_is_the_platforms_unless_told(cache: Path, monkeypatch: pytest.MonkeyPatch):
    assert cache_directory() == cache
    monkeypatch.delenv("TTUR_CACHE")
    assert cache_directory().name == "ttur"
    assert cache_directory() != cache


def test_what_was_used_longest_ago_goes_first_whatever_its_kind(cache: Path, monkeypatch):
    first, second = keep(cache, "statistics", "a", 10), keep(cache, "ngrams", "b", 20)
    third = keep(cache, "statistics", "c", 30)
    weights = keep(cache, ".", "d", 1)  # a download, which never goes
    note_use(first)
    monkeypatch.setenv("TTUR_CACHE_LIMIT", "2K")
    trim_cache()
    assert [path.exists() for path in (first, second, third, weights)] == [True, False, True, True]
    monkeypatch.setenv("TTUR_CACHE_LIMIT", "0")
    trim_cache()
    assert [file.path for file in kept_files()] == [weights]


def test_what_a_process_holds_stays(cache: Path, monkeypatch: pytest.MonkeyPatch):
    held, free = keep(cache, "statistics", "a", 10), keep(cache, "statistics", "b", 20)
    left = lock_beside(free)
    left.touch()  # of a killed process, which holds nothing
    monkeypatch.setenv("TTUR_CACHE_LIMIT", "0")
    with exclusive_lock(lock_beside(held), "busy"):
        trim_cache()
        assert not clear_cache()
    assert held.exists()
    assert not free.exists()


def test_clearing_removes_what_is_ours_and_can_be_made_again(cache: Path, tmp_path: Path):
    ours = [keep(cache, "statistics", "a", 10), keep(cache, "ngrams", "b", 10)]
    unfinished = cache / "statistics" / f".{'c' * 64}.npz.17.writing"
    unfinished.touch()
    os.utime(unfinished, (10, 10))
    outside = tmp_path / "precious.npz"
    outside.touch()
    stays = [
        cache / "weights.pth",
        cache / "statistics" / "mine.npz",
        cache / "statistics" / f".{'e' * 64}.npz.17.writing",  # of a process at work
        outside,
    ]
    for path in stays:
        path.touch()
    link = cache / "statistics" / f"{'d' * 64}.npz"
    link.symlink_to(outside)
    assert sorted(file.path for file in clear_cache()) == sorted(ours)
    assert not any(path.exists() for path in (*ours, unfinished))
    assert all(path.exists() for path in stays)
    assert link.is_symlink()


def test_a_folder_that_is_a_link_is_not_entered(cache: Path, tmp_path: Path):
    elsewhere = keep(tmp_path, "elsewhere", "a", 10)
    (cache / "statistics").symlink_to(elsewhere.parent)
    assert clear_cache() == []
    assert elsewhere.exists()


@pytest.mark.parametrize(("text", "size"), [("", 4e9), ("0", 0), ("2.5g", 2.5e9), ("100MB", 1e8)])
def test_the_limit_is_a_size(text: str, size: float, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TTUR_CACHE_LIMIT", text)
    assert cache_limit() == size


@pytest.mark.parametrize("text", ["-1", "much", "1e9", "inf"])
def test_a_limit_that_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TTUR_CACHE_LIMIT", text)
    with pytest.raises(ValueError, match=r"expected TTUR_CACHE_LIMIT as a number of bytes"):
        cache_limit()
