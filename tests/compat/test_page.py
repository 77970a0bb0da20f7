"""docs/coming_from.md: programs change an import and nothing else, and all of it runs."""

import re
from pathlib import Path
from typing import Any

import pytest

import ttur
from compat import programs
from ttur.features.extractors import Extractor, load_extractor

PROGRAMS = programs.programs()
OWN = programs.own_words()


def test_there_are_ten_programs():
    assert list(PROGRAMS) == [str(number) for number in range(1, 11)]


@pytest.mark.parametrize("number", PROGRAMS)
def test_one_import_changes(number: str):
    """Or the words before the arguments of a command."""
    program = PROGRAMS[number]
    assert len(program.removed) == len(program.added) > 0
    for old, new in zip(program.removed, program.added, strict=True):
        if old.startswith("from "):
            old, new = (
                re.sub(r"^from \S+", "", old),
                re.sub(r"^from ttur\.compat\.\S+|^from ttur\.compat", "", new),
            )
            assert old == new
        else:
            flags = r"^(fidelity|python -m pytorch_fid|python -m ttur\.compat\.\S+)"
            assert re.sub(flags, "", old) == re.sub(flags, "", new) != old


@pytest.mark.parametrize("words", OWN, ids=lambda words: words.splitlines()[0])
def test_own_words_run(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """By the embedded extractor, in the place of Inception."""

    def load(name: str, *, protocol: str | None = None, **options: Any) -> Extractor:
        assert name == "inception"
        return load_extractor("digits", protocol=protocol, device="cpu")

    for module in ("comparison", "reference"):
        monkeypatch.setattr(f"ttur.evaluation.{module}.load_extractor", load)
    monkeypatch.setattr("ttur.evaluation.comparison.expected_fingerprint", lambda *_: {})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TTUR_CACHE", str(tmp_path / "cache"))
    programs.write_images(tmp_path)
    printed = programs.printed(words, programs.surroundings() | {"ttur": ttur})
    assert "digits" in printed
