"""The programs of docs/coming_from.md, before and after their import changes; run in one folder.

As a program it runs those of the other tools, in their environment (`pip install 'ttur[peers]'`),
by the weights of tests/golden/inputs.py, and keeps what they print in tests/golden/programs.json:

    OMP_NUM_THREADS=1 python tests/compat/programs.py

Before each, the global generators are seeded with 0: those tools draw from them. Their roots of
2048 × 2048 matrices, which take minutes and err by 1e-5 where a matrix is singular, are taken of
the 27 dimensions that 28 images span; what they print with their own is in peers.json.
"""

import io
import json
import os
import random
import re
import runpy
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from golden import inputs  # noqa: E402

GOLDEN = ROOT / "tests/golden/programs.json"
PAGE = (ROOT / "docs/coming_from.md").read_text("utf-8")
COMMANDS = {
    "python -m pytorch_fid": "pytorch_fid",
    "fidelity": "torch_fidelity.fidelity",
    "python -m ttur.compat.pytorch_fid": "ttur.compat.pytorch_fid",
    "python -m ttur.compat.torch_fidelity": "ttur.compat.torch_fidelity",
}


@dataclass(frozen=True)
class Program:
    """One of the page: what it was, what it is now, and what differs."""

    title: str
    before: str
    after: str
    removed: tuple[str, ...]
    added: tuple[str, ...]


def programs() -> dict[str, Program]:
    """By their number."""
    found = re.findall(r"^### (\d+)\. (.+?)\n\n```diff\n(.*?)^```", PAGE, re.S | re.M)
    return {number: _program(title, lines.splitlines()) for number, title, lines in found}


def own_words() -> list[str]:
    """What the page says in Python of ttur's own."""
    return re.findall(r"^```python\n(.*?)^```", PAGE, re.S | re.M)


def _program(title: str, lines: list[str]) -> Program:
    def side(signs: str) -> str:
        return "\n".join(line[1:] for line in lines if line[:1] in signs)

    removed, added = (tuple(line[1:] for line in lines if line[:1] == sign) for sign in ("-", "+"))
    return Program(title, side("- "), side("+ "), removed, added)


def sides() -> tuple[np.ndarray, np.ndarray]:
    """uint8 (16, 40, 57, 3) and (12, 40, 57, 3)."""
    return inputs.images(1, 16, 40, 57), inputs.images(2, 12, 40, 57)


def write_images(folder: Path) -> None:
    """Both sides as PNG files in `photos` and `samples`."""
    for name, images in zip(("photos", "samples"), sides(), strict=True):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index, image in enumerate(images):
            Image.fromarray(image).save(folder / name / f"{index:03}.png")


def surroundings() -> dict[str, Any]:
    """The names that the page takes for granted."""
    real, fake = (torch.from_numpy(side).movedim(-1, 1) for side in sides())

    def generator(noise: Tensor) -> Tensor:
        return (fake[:1, :, :32, :32] + 32 * noise[:, :3, None, None]).clamp(0, 255)

    # Halves of a level: whoever cuts to 8 bits, and not as byte() does, has other pixels.
    floats = [(side.float() + 0.5) / 256 for side in (real, fake)]
    return {
        "torch": torch,
        "Path": Path,
        "device": torch.device("cpu"),
        "real": floats[0],
        "fake": floats[1],
        "generator": generator,
    }


def numbers_of(text: str) -> list[float]:
    """All numbers with a point."""
    return [float(number) for number in re.findall(r"-?\d+\.\d+(?:e-?\d+)?", text)]


def printed(text: str, names: dict[str, Any]) -> str:
    """What a program or command prints on stdout."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - clean-fid draws from it
    random.seed(0)
    out = io.StringIO()
    words = text.strip()
    command = max((each for each in COMMANDS if words.startswith(each)), key=len, default="")
    with redirect_stdout(out), _arguments(words.removeprefix(command).split()):
        if command:
            runpy.run_module(COMMANDS[command], run_name="__main__", alter_sys=False)
        else:
            exec(compile(text, "program", "exec"), {**names})
    return out.getvalue()


@contextmanager
def _arguments(words: list[str]) -> Iterator[None]:
    kept, sys.argv = sys.argv, ["program", *words]
    try:
        yield
    finally:
        sys.argv = kept


def write_weights(file: Path) -> None:
    weights = inputs.inception_weights()
    torch.save({name: torch.from_numpy(array) for name, array in weights.items()}, file)


def take_roots_where_images_span(peers: ModuleType) -> None:
    """In the place of the tools' `sqrtm` and `eigvals`."""

    def eigenvalues(product: np.ndarray) -> np.ndarray:
        columns = np.random.default_rng(0).normal(size=(len(product), 64))
        basis = np.linalg.qr(product @ columns)[0][:, :32]
        return np.linalg.eigvals(basis.T @ product @ basis)

    def root(product: np.ndarray, disp: bool = True) -> Any:
        values = np.real(np.sqrt(eigenvalues(product).astype(complex)))
        made = np.zeros_like(product)
        made[0, 0] = values.sum()  # of which the trace is taken
        return made if disp else (made, 0.0)

    scipy_linalg = SimpleNamespace(sqrtm=root)
    peers.pytorch_fid.fid_score.linalg = scipy_linalg
    peers.cleanfid.fid.linalg = scipy_linalg
    np.linalg.eigvals, whole = (
        (lambda x: eigenvalues(x) if len(x) > 64 else whole(x)),
        np.linalg.eigvals,
    )
    torch.linalg.eigvals = lambda x: torch.from_numpy(eigenvalues(x.numpy()).astype(complex))


def main() -> None:
    from golden import peers

    take_roots_where_images_span(peers)

    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.pth"
        write_weights(weights)
        write_images(Path(folder))
        peers.read_weights_from(str(weights))
        os.chdir(folder)
        made = {}
        for number, program in programs().items():
            start = time.monotonic()
            made[number] = numbers_of(printed(program.before, surroundings()))
            print(f"{number}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    keep(made)


def keep(made: dict[str, list[float]]) -> None:
    """Written to `GOLDEN`, with the versions they are of."""
    tools = ("pytorch-fid", "clean-fid", "torch-fidelity", "torchmetrics")
    document = {
        "made_by": "tests/compat/programs.py",
        "versions": {name: version(name) for name in (*tools, "torch", "scipy", "pillow")},
        "printed": made,
    }
    GOLDEN.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
