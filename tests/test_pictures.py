"""The pictures of README and docs are there, used, and of the present drawing code."""

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_spec = importlib.util.spec_from_file_location("pictures", ROOT / "tools" / "pictures.py")
assert _spec is not None
assert _spec.loader is not None
pictures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(pictures)


def test_pictures_are_of_the_present_drawing_code():
    assert pictures.stale() == [], "drawn by other code; run `make pictures` and look at them"


def test_pages_show_the_pictures_that_can_be_redrawn_and_no_others():
    shown = {
        name
        for page in PAGES
        for name in re.findall(r"\((?:docs/)?pictures/([^)]+)\)", page.read_text("utf-8"))
    }
    there = {
        file.name for file in (ROOT / "docs" / "pictures").glob("*.*") if file.suffix == ".png"
    }
    assert shown == set(pictures.ALL) == there


def test_another_line_in_what_a_picture_imports_makes_it_stale(tmp_path, monkeypatch):
    """A copy of the room of drawing, in which the ticks are written otherwise."""
    curves = pictures.ALL["demo.png"]
    before = curves.code_sha256
    for file in (ROOT / "src" / "ttur" / "reports").glob("*.py"):
        copy = tmp_path / "ttur" / "reports" / file.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(file.read_text("utf-8"), "utf-8")
    monkeypatch.setattr(pictures, "SOURCE", tmp_path)
    assert curves.code_sha256 == before
    ticks = tmp_path / "ttur" / "reports" / "panels.py"  # which figures.py imports
    ticks.write_text(ticks.read_text("utf-8").replace("1000:g}k", "1000:g} k"), "utf-8")
    assert curves.code_sha256 != before
    tables = tmp_path / "ttur" / "reports" / "tables.py"  # which it does not
    again = curves.code_sha256
    tables.write_text("", "utf-8")
    assert curves.code_sha256 == again
