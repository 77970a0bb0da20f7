"""docs/ names code, tests and files that exist."""

import ast
import re
from functools import cache, reduce
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
MAP = (ROOT / "docs/paper_map.md").read_text("utf-8")
MAPPED, UNMAPPED = MAP.split("## Not yet here")
CODE = re.compile(r"`(src/ttur/[\w/]+\.py):([\w.]+)`")
ROWS = [row for row in MAPPED.splitlines() if row.startswith("| ") and "file:func" not in row]


def test_the_map_is_not_empty():
    assert len(ROWS) >= 60


@pytest.mark.parametrize("row", ROWS)
def test_every_row_names_code_that_exists(row: str):
    where, *what, code = re.split(r" \| ", row.strip("| "))
    assert where
    assert what
    named = CODE.findall(code)
    assert CODE.sub("", code).strip(", ") == "", "the last column holds nothing but references"
    assert named
    for file, qualified_name in named:
        parts = qualified_name.split(".")
        assert not any(part.startswith("_") for part in parts)
        assert (ROOT / file).is_file()
        module = import_module(file.removeprefix("src/").removesuffix(".py").replace("/", "."))
        found = reduce(getattr, parts, module)
        if hasattr(found, "__module__") and len(parts) == 1:
            assert found.__module__ == module.__name__, f"{qualified_name} is defined elsewhere"


def test_what_is_not_here_names_no_code():
    assert not re.search(r"src/|\.py", UNMAPPED)


def test_labels_in_the_code_stand_on_a_page_that_ships():
    """ "J.40" and the like are first words of a row, of the map or of the numerics."""
    pages = "\n".join(
        (ROOT / "docs" / f"{page}.md").read_text("utf-8") for page in ("paper_map", "numerics")
    )
    label = re.compile(r"(?<![\w.])[A-J]\.\d+\b")
    rows = {
        each
        for first in re.findall(r"^\| ((?:[A-J]\.\d+(?:, | (?=\w)))+)", pages, flags=re.MULTILINE)
        for each in label.findall(first)
    }
    assert len(rows) > 40
    used = {
        (str(path.relative_to(ROOT)), each)
        for path in (ROOT / "src").rglob("*.py")
        for each in label.findall(path.read_text("utf-8"))
    }
    assert not {where for where in used if where[1] not in rows}


@cache
def functions_in(file: str) -> set[str]:
    """Names of the test functions of a file, those in classes as `TestClass::test_name`."""
    names = set[str]()
    for node in ast.parse((ROOT / file).read_text("utf-8")).body:
        owner = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        for function in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(function, ast.FunctionDef):
                names.add(owner + function.name)
    return names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tests_named_in_docs_exist(page: Path):
    for file, name in re.findall(r"`(tests/[\w/]+\.py)(?:::([\w:]+))?`", page.read_text("utf-8")):
        assert (ROOT / file).is_file(), file
        assert not name or name in functions_in(file), f"{file} has no {name}"


def test_files_of_the_map_for_newcomers_exist():
    """Below src/ttur, where they do not begin with another folder of the checkout."""
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    named = set(re.findall(r"`((?:[\w.]+/)*[\w.]*(?:/|\.py|\.md))`", page)) - {
        "__init__.py",
        "card.json",
    }
    assert len(named) > 40
    roots = (ROOT, ROOT / "src", ROOT / "src" / "ttur")
    assert not {name for name in named if not any((root / name).exists() for root in roots)}


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.name)
def test_files_linked_in_docs_exist(page: Path):
    for link in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8")):
        assert "://" in link or (page.parent / link).exists(), link
