"""Draw the pictures of README and docs that are not of the present drawing code: `make pictures`.

    python tools/pictures.py [--all]

What is drawn comes from docs/pictures/data (records of the demo's runs and their last samples, as
`ttur run demo` left them), from the digits that come with the package, and from the studies of the
theory, which take minutes. docs/pictures/drawn.json says which drawing code each picture is of;
tests/test_pictures.py compares.
"""

import argparse
import ast
import hashlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
PICTURES = ROOT / "docs" / "pictures"
DRAWN = PICTURES / "drawn.json"
VISIBLE = 24  # of 255: a colour that is off by more
ROOM = "ttur.reports."  # whose modules are drawing code


@dataclass(frozen=True)
class Picture:
    """How a picture is drawn, into a file or a PNG and more, and the modules where that begins."""

    draw: Callable[[Path], object]
    modules: tuple[str, ...]

    @property
    def code_sha256(self) -> str:
        """Of the text of its modules and of all in the room of drawing that they import."""
        found: dict[str, Path] = {}
        waiting = [*self.modules]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = SOURCE / (name.replace(".", "/") + ".py")
                waiting += [each for each in _imports(found[name]) if each.startswith(ROOM)]
        texts = [f"{name}\n{found[name].read_text('utf-8')}" for name in sorted(found)]
        return hashlib.sha256("\n".join(texts).encode()).hexdigest()


@cache
def _imports(file: Path) -> tuple[str, ...]:
    nodes = ast.walk(ast.parse(file.read_text("utf-8")))
    return tuple(node.module or "" for node in nodes if isinstance(node, ast.ImportFrom))


def _demo_curves(file: Path) -> None:
    from ttur.analysis.groups import group_runs
    from ttur.reports.figures import draw_report
    from ttur.training.record import read_runs

    draw_report(group_runs(read_runs(PICTURES / "data" / "demo")), file)


def _demo_samples(file: Path) -> None:
    from ttur.analysis.groups import group_runs
    from ttur.reports.samples import draw_samples
    from ttur.training.record import read_runs

    draw_samples(group_runs(read_runs(PICTURES / "data" / "demo")), file)


@cache
def _study():
    from ttur.data import catalogue
    from ttur.evaluation.disturbances.study import disturbance_study
    from ttur.features.extractors import load_extractor

    digits = catalogue.load("digits")
    assert digits.labels is not None
    low, high = (digits.images[digits.labels < 5], digits.images[digits.labels >= 5])
    return disturbance_study(low, load_extractor("digits", device="cpu"), contamination=high)


def _figure_3(file: Path) -> None:
    from ttur.reports.disturbances import draw_figure_3, markdown_table

    print(markdown_table(_study()))
    draw_figure_3(_study(), file)


def _ind(file: Path) -> None:
    from ttur.reports.disturbances import draw_fid_and_ind

    draw_fid_and_ind(_study(), file)


def _theory(name: str, file: Path) -> None:
    from ttur.reports.theory import draw_study
    from ttur.theory import catalogue

    study = catalogue.study(name)
    draw_study(study(), file, study.question, study.theorem)


STUDIES = (
    *("actor_critic", "adam_heavy_ball", "controlled_noise", "flat_minimum", "linear_rates"),
    *("markov_critic", "momentum_games", "network_flow", "nonlinear_clt", "perturbation"),
    *("time_scales", "toy_saddle"),
)
ALL = {
    "demo.png": Picture(_demo_curves, ("ttur.reports.figures",)),
    "demo-samples.png": Picture(_demo_samples, ("ttur.reports.samples", "ttur.data.images.grid")),
    "disturbances.png": Picture(_figure_3, ("ttur.reports.disturbances",)),
    "disturbances-ind.png": Picture(_ind, ("ttur.reports.disturbances",)),
} | {
    f"theory_{name}.png": Picture(
        partial(_theory, name), ("ttur.reports.theory", f"ttur.theory.studies.{name}")
    )
    for name in STUDIES
}


def stale() -> list[str]:
    """Pictures that are missing, changed, or of other drawing code."""
    drawn = json.loads(DRAWN.read_text("utf-8")) if DRAWN.exists() else {}
    return [name for name, picture in ALL.items() if drawn.get(name) != _stamp(name, picture)]


def _stamp(name: str, picture: Picture) -> dict[str, str] | None:
    file = PICTURES / name
    if not file.exists():
        return None
    return {
        "code_sha256": picture.code_sha256,
        "file_sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }


def _smaller(image: Image.Image) -> Image.Image:
    """In 256 colours, a third of the size, where nobody sees it: samples have more."""
    small = image.quantize(256, dither=Image.Dither.NONE)
    off = ImageChops.difference(image, small.convert("RGB"))
    return small if np.asarray(off).max() <= VISIBLE else image


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--all", action="store_true", help="those of the present code, too")
    wanted = [*ALL] if parser.parse_args().all else stale()
    with tempfile.TemporaryDirectory() as folder:
        for name in wanted:
            print(name, flush=True)
            ALL[name].draw(Path(folder, name))
            with Image.open(Path(folder, name)) as image:
                _smaller(image.convert("RGB")).save(PICTURES / name, optimize=True, dpi=(300, 300))
            drawn = json.loads(DRAWN.read_text("utf-8")) if DRAWN.exists() else {}
            drawn[name] = _stamp(name, ALL[name])
            kept = {each: drawn[each] for each in sorted(drawn) if each in ALL}
            DRAWN.write_text(json.dumps(kept, indent=2) + "\n", "utf-8")
    print(f"{len(wanted)} of {len(ALL)} pictures drawn")


if __name__ == "__main__":
    main()
