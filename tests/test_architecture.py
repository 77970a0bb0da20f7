"""Every import between rooms points down the order."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "ttur"
# Rooms on one line do not import each other.
ORDER = [
    ["__main__"],
    ["cli"],
    ["reports"],
    ["experiments"],
    ["training"],
    ["evaluation"],
    ["theory", "metrics", "data"],
    ["models", "losses"],
    ["timescales"],
    ["runtime"],
]
FLOOR = {room: level for level, rooms in enumerate(ORDER) for room in rooms}
MODULES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        rooms |= {n.split(".")[1] for n in names if n.startswith("ttur.") and n.count(".")}
    return rooms & FLOOR.keys()


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_down(path: Path):
    room = room_of(path)
    assert room in FLOOR, f"{room} has no place in the order of rooms (docs: design)"
    upward = {r for r in imported_rooms(path) if r != room and FLOOR[r] <= FLOOR[room]}
    assert not upward, f"{path.name} in {room} imports {upward}, which lie above or beside it"


def test_the_loop_names_no_model_data_set_or_metric():
    for name in ("loop.py", "contracts.py", "game.py"):
        rooms = imported_rooms(SOURCE / "training" / name)
        assert not rooms & {"models", "data", "metrics", "evaluation", "experiments"}


def test_no_room_lacks_a_noun():
    banned = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert not [path for path in MODULES if path.stem in banned or path.parent.name in banned]


def test_nothing_is_unpickled():
    """Only tensors, arrays without objects, and the restricted reader of CIFAR-10 come in."""
    forbidden = ("allow_pickle=True", "weights_only=False", "pickle.load", "sqrtm(", "yaml.load(")
    for path in MODULES:
        found = [word for word in forbidden if word in path.read_text()]
        assert not found, f"{path} has {found}"
