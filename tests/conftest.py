import sys
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

SOURCES = Path(__file__).parents[1] / "src"


def modules_of_shapes() -> list[str]:
    """Those that write shapes in their signatures. Checking costs some 60 µs a call, of every
    function of a module: half the time of the whole suite, were it asked of all modules.
    """
    return [
        ".".join(path.relative_to(SOURCES).with_suffix("").parts)
        for path in sorted((SOURCES / "ttur").rglob("*.py"))
        if "from jaxtyping import" in path.read_text("utf-8")
    ]


# Before the package is imported: every shape in a signature of ours is checked while tests run.
install_import_hook(modules_of_shapes(), "beartype.beartype")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Tests neither read nor write the user's cache of weights and statistics."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TTUR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def ttur(capsys, monkeypatch, tmp_path):
    """Runs the command line in this process in an empty folder: (exit code, stdout, stderr)."""
    from ttur.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TTUR_CACHE", str(tmp_path / "cache"))

    def call(words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ttur", *words.split()])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `gpu` are skipped where there is none."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    import torch  # only now: most files need not wait for it

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="no accelerator"))
