"""The programs of docs/coming_from.md print what they printed with the other tools.

What those printed is recorded in tests/golden/programs.json, by random weights of Inception and
16 against 12 images (tests/compat/programs.py).
"""

import json
from pathlib import Path

import pytest
import torch

from compat import programs

PROGRAMS = programs.programs()
RECORDED = json.loads(programs.GOLDEN.read_text("utf-8"))["printed"]
NEED_TORCHMETRICS = ("9", "10")
# Relative and absolute: float32 through 94 layers, and float32 kernels there, which err by 3e-6;
# the last one prints four decimals, and KID of subsets that are drawn without a seed there. The
# noise of 6 comes after what building a network draws there: another sample of a generator, of
# which tests/compat/test_cleanfid.py has the number.
TOLERANCES = dict.fromkeys(PROGRAMS, (2e-6, 5e-6)) | {
    "6": (0.2, 0),
    "10": (2e-6, 1e-3),
}

pytestmark = pytest.mark.extras


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("weights") / "random.pth"
    programs.write_weights(file)
    return file


@pytest.mark.parametrize(
    "number",
    # Three modes of clean-fid, one of which others have too.
    [pytest.param(each, marks=pytest.mark.long if each == "4" else ()) for each in PROGRAMS],
)
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


@pytest.mark.filterwarnings("ignore")  # of the other tools
@pytest.mark.parametrize("layer", [64])
def test_earlier_layers_are_those_of_the_tools(
    layer: int, weights: Path, tmp_path: Path, monkeypatch, peers
):
    """Beside the tools themselves: with few features their roots take no time."""
    from torchmetrics.image.fid import (  # pyright: ignore[reportMissingImports]
        FrechetInceptionDistance,
    )

    from ttur.compat import pytorch_fid, torch_fidelity, torchmetrics

    programs.write_images(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TTUR_INCEPTION_WEIGHTS", str(weights))
    peers.read_weights_from(str(weights))
    arguments = {"batch_size": 50, "device": "cpu", "dims": layer, "num_workers": 0}
    asked = {"fid": True, "feature_layer_fid": str(layer), "cuda": False, "verbose": False}
    asked |= {"input1": "samples", "input2": "photos", "save_cpu_ram": True}
    made = []
    for fid_score, fidelity, metric in (
        (peers.pytorch_fid.fid_score, peers.torch_fidelity, FrechetInceptionDistance(layer)),
        (pytorch_fid, torch_fidelity, torchmetrics.FrechetInceptionDistance(layer)),
    ):
        for side, real in zip(programs.sides(), (True, False), strict=True):
            metric.update(torch.from_numpy(side).movedim(-1, 1).contiguous(), real=real)
        paths = ["photos", "samples"]
        made.append(
            [
                float(fid_score.calculate_fid_given_paths(paths, **arguments)),
                fidelity.calculate_metrics(**asked)["frechet_inception_distance"],
                metric.compute().item(),
            ]
        )
    assert made[1] == pytest.approx(made[0], rel=2e-5)
    assert len({round(value, 4) for value in made[1]}) == 3  # three protocols
