"""The programs of docs/coming_from.md print what they printed with the other tools.

What those printed is recorded in tests/golden/programs.json, by random weights of Inception and
16 against 12 images (tests/compat/programs.py).
"""

import json
from pathlib import Path

import pytest

from compat import programs

PROGRAMS = programs.programs()
RECORDED = json.loads(programs.GOLDEN.read_text("utf-8"))["printed"]
NEED_TORCHMETRICS = ("9", "10")
# Relative and absolute. Roots of singular matrices err by 1e-5 there, and float32 kernels by 3e-6;
# the last one prints four decimals.
TOLERANCES = dict.fromkeys(PROGRAMS, (2e-5, 5e-6)) | {"10": (2e-5, 1e-4)}

pytestmark = pytest.mark.extras


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("weights") / "random.pth"
    programs.write_weights(file)
    return file


@pytest.mark.parametrize("number", PROGRAMS)
def test_the_numbers_are_those_of_the_tool(
    number: str, weights: Path, tmp_path: Path, monkeypatch, request
):
    if number in NEED_TORCHMETRICS:
        request.getfixturevalue("peers")
    programs.write_images(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TTUR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TTUR_INCEPTION_WEIGHTS", str(weights))
    printed = programs.printed(PROGRAMS[number].after, programs.surroundings())
    relative, absolute = TOLERANCES[number]
    assert len(RECORDED[number]) > 0
    assert programs.numbers_of(printed) == pytest.approx(
        RECORDED[number], rel=relative, abs=absolute
    )
