"""The house: every import points down, no two files need each other, flags stay above."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "ttur"
# Rooms on one line do not import each other.
ORDER = [
    ["__main__"],
    ["cli", "compat"],
    ["reports"],
    ["analysis"],
    ["experiments"],
    ["tracking"],
    ["training"],
    ["evaluation"],
    ["theory"],
    ["perturbation"],
    ["features", "metrics", "data"],
    ["models", "losses"],
    ["timescales"],
    ["runtime"],
]
FLOOR = {room: level for level, rooms in enumerate(ORDER) for room in rooms}
FACE = SOURCE / "__init__.py"
MODULES = sorted(SOURCE.rglob("*.py"))
PATHS = {
    ".".join(["ttur", *path.relative_to(SOURCE).with_suffix("").parts]).removesuffix(
        ".__init__"
    ): path
    for path in MODULES
}


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@cache
def imports(path: Path) -> frozenset[Path]:
    """The files that a file imports from, wherever in it: within functions and for types too."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            # A name may be a module, or stand in one.
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                names.append(module if module in PATHS else node.module)
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return frozenset(PATHS[name] for name in names if name in PATHS)


def circles() -> list[list[str]]:
    """Files that need each other, by Tarjan's strongly connected components."""
    index, low, stack, found = {}, {}, [], []

    def visit(path: Path) -> None:
        index[path] = low[path] = len(index)
        stack.append(path)
        for other in imports(path):
            if other not in index:
                visit(other)
                low[path] = min(low[path], low[other])
            elif other in stack:
                low[path] = min(low[path], index[other])
        if low[path] == index[path]:
            circle = []
            while not circle or circle[-1] != path:
                circle.append(stack.pop())
            if len(circle) > 1 or path in imports(path):
                found.append([str(each.relative_to(SOURCE)) for each in circle])

    for path in MODULES:
        if path not in index:
            visit(path)
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_down(path: Path):
    """`import ttur` is an import of everything: only the face itself may do that."""
    assert FACE not in imports(path), f"{path.name} imports the face; name the module it needs"
    if path == FACE:
        return
    room = room_of(path)
    assert room in FLOOR, f"{room} has no place in the order of rooms (docs: design)"
    rooms = {room_of(other) for other in imports(path)}
    upward = {r for r in rooms if r != room and FLOOR[r] <= FLOOR[room]}
    assert not upward, f"{path.name} in {room} imports {upward}, which lie above or beside it"


def test_contributing_has_the_rooms_their_order_and_their_sentences():
    page = (SOURCE.parents[1] / "CONTRIBUTING.md").read_text("utf-8")
    order = " → ".join(", ".join(rooms) for rooms in ORDER[1:])
    assert f"\n{order}\n" in page
    for room in {room for rooms in ORDER[1:] for room in rooms}:
        tree = ast.parse((SOURCE / room / "__init__.py").read_text("utf-8"))
        sentence = (ast.get_docstring(tree) or "").splitlines()[0]
        assert f"| `{room}` | {sentence} |" in page


def test_the_rooms_of_data_point_down():
    """Images know no data set, published data sets not how they are prepared."""
    order = ["images", "published", "preparing"]
    for path in MODULES:
        if path.parent.name in order and room_of(path) == "data":
            above = order[order.index(path.parent.name) + 1 :]
            found = [other for other in imports(path) if other.parent.name in above]
            assert not found, f"{path.relative_to(SOURCE)} imports {found}"


def test_no_files_need_each_other():
    assert circles() == []


def test_circles_and_imports_of_the_face_would_be_seen(monkeypatch):
    """Of two files that import each other within functions, and of a line `import ttur`."""
    one, two = SOURCE / "runtime" / "files.py", SOURCE / "runtime" / "lock.py"
    monkeypatch.setitem(globals(), "imports", lambda p: {one: {two}, two: {one}}.get(p, set()))
    assert [sorted(circle) for circle in circles()] == [["runtime/files.py", "runtime/lock.py"]]
    monkeypatch.undo()
    source = "def f():\n    import ttur\n    from ttur.runtime import files\n"
    monkeypatch.setattr(Path, "read_text", lambda self: source)
    assert imports.__wrapped__(one) == {FACE, one}


def test_the_loop_names_no_model_data_set_or_metric():
    for name in ("loop.py", "contracts.py", "game.py", "events.py", "cadence.py", "execution.py"):
        rooms = {room_of(path) for path in imports(SOURCE / "training" / name)}
        assert not rooms & {"models", "data", "metrics", "evaluation", "experiments"}


def test_analysis_draws_nothing():
    for path in MODULES:
        if room_of(path) == "analysis":
            assert not packages(path) & {"matplotlib", "rich", "PIL"}, path.name


def packages(path: Path) -> set[str]:
    """What a file imports from, wherever in it, by the first part of its name."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names.append(str(node.module))
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return {name.partition(".")[0] for name in names}


def test_no_room_lacks_a_noun():
    banned = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert not [path for path in MODULES if path.stem in banned or path.parent.name in banned]


def test_nothing_is_unpickled():
    """Only tensors and arrays without objects come in. CIFAR-10's python batches are pickles: one
    file reads them by Python's own `Unpickler`, to which every name is a note and no call is made.
    """
    forbidden = ("allow_pickle=True", "weights_only=False", "pickle.load", "sqrtm(", "yaml.load(")
    notes = SOURCE / "data" / "published" / "pickled.py"
    for path in MODULES:
        assert "Unpickler" not in path.read_text() or path == notes
        found = [word for word in forbidden if word in path.read_text()]
        assert not found, f"{path} has {found}"


def spoken(path: Path) -> list[str]:
    """The strings of a file but its docstrings, whole commands of the program left out."""
    tree = ast.parse(path.read_text())
    parts = {id(part) for node in ast.walk(tree) for part in _silent(node)}
    texts = [_text(node) for node in ast.walk(tree) if id(node) not in parts]
    return [re.sub("`ttur [^`]*`|^ttur .*", "", text) for text in texts]


def _silent(node: ast.AST) -> list[ast.AST]:
    """Docstrings, and the pieces that an f-string is made of."""
    if isinstance(node, ast.Expr):
        return [node.value]
    return list(node.values) if isinstance(node, ast.JoinedStr) else []


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "…" for part in node.values)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return ""


@pytest.mark.parametrize("room", [room for room in FLOOR if room not in ("cli", "__main__")])
def test_below_the_command_line_nobody_speaks_of_flags(room):
    """A caller in Python is told of arguments, `directory`; `cli.exits` makes flags of them."""
    for path in MODULES:
        if path != FACE and room_of(path) == room and path.name != "__main__.py":
            found = [text for text in spoken(path) if re.search(r"(^|[\s(])--[a-z]", text)]
            assert not found, f"{path.relative_to(SOURCE)} says {found}"


def test_every_public_constant_of_a_kind_stands_once():
    """The registries: a name in one table is not listed in a second file of the source."""
    tables = {
        "evaluation/measures.py": ("density_coverage", "fid_infinity"),
        "features/resize.py": ("torch_antialias",),
        "timescales/orders.py": ("generator_twice",),
    }
    for home, names in tables.items():
        for name in names:
            pattern = re.compile(rf"""["']{name}["']""")
            places = [
                str(path.relative_to(SOURCE))
                for path in MODULES
                if pattern.search(path.read_text())
                and path.relative_to(SOURCE) != Path(home)
                and "selftest" not in path.parts
            ]
            assert places == [], f"{name} is named in {places} beside {home}"


def test_shapes_in_signatures_are_checked_while_tests_run():
    import numpy as np

    from ttur.metrics.frechet import frechet_distance_of_samples

    with pytest.raises(TypeError, match="Float"):
        frechet_distance_of_samples(np.zeros((4, 3)), np.zeros(4))
