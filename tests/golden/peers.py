"""pytorch-fid, clean-fid and torch-fidelity, fed a file of weights; runs in their environment.

Python 3.11 and `pip install --no-deps` of pytorch-fid==0.3.0 clean-fid==0.1.35
torch-fidelity==0.4.0 torchvision, beside torch==2.13.0 scipy==1.17.1 (1.18 took `disp` from sqrtm)
and pillow requests tqdm.

Their published weights are downloads; here all three read the file given. Of clean-fid's own
TorchScript network only the scaling and pooling around it are theirs then: the layers are
pytorch-fid's, and the resize inside (legacy_tensorflow) is torch-fidelity's.

    python tests/golden/peers.py pytorch-fid|clean-fid|torch-fidelity|torchmetrics A B WEIGHTS.pth

is the command of that tool with its own defaults, on the CPU.
"""

import sys
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

LIBRARY = torch.library.Library("torchvision", "DEF")
# torchvision's wheel does not load beside a CPU-only torch: its compiled operators are missing and
# their registration fails. None of the three tools calls one.
for operator in ("nms", "qnms"):
    LIBRARY.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import cleanfid.features  # noqa: E402  # pyright: ignore[reportMissingImports]
import cleanfid.fid  # noqa: E402  # pyright: ignore[reportMissingImports]
import cleanfid.inception_pytorch  # noqa: E402  # pyright: ignore[reportMissingImports]
import cleanfid.inception_torchscript  # noqa: E402  # pyright: ignore[reportMissingImports]
import cleanfid.resize  # noqa: E402  # pyright: ignore[reportMissingImports]
import pytorch_fid.fid_score  # noqa: E402  # pyright: ignore[reportMissingImports]
import pytorch_fid.inception  # noqa: E402  # pyright: ignore[reportMissingImports]
import torch_fidelity.feature_extractor_inceptionv3  # noqa: E402  # pyright: ignore[reportMissingImports]
import torch_fidelity.fidelity  # noqa: E402  # pyright: ignore[reportMissingImports]
from torch_fidelity.feature_extractor_inceptionv3 import (  # noqa: E402  # pyright: ignore[reportMissingImports]
    FeatureExtractorInceptionV3,
)
from torch_fidelity.interpolate_compat_tensorflow import (  # noqa: E402  # pyright: ignore[reportMissingImports]
    interpolate_bilinear_2d_like_tensorflow1x,
)

# uint8 (N, H, W, 3) → features (N, 2048), as the tool computes them from decoded images.
Features = Callable[[np.ndarray], np.ndarray]


def read_weights_from(path: str) -> None:
    """Let all of them load this file where they would download one."""

    def load(*_: object, **__: object) -> dict[str, Tensor]:
        return torch.load(path, weights_only=True)

    pytorch_fid.inception.load_state_dict_from_url = load
    cleanfid.inception_pytorch.load_state_dict_from_url = load
    torch_fidelity.feature_extractor_inceptionv3.load_state_dict_from_url = load
    cleanfid.inception_torchscript.check_download_inception = lambda **_: None
    # Its module `torch` becomes one whose jit.load gives our network, and is torch otherwise.
    jit = types.SimpleNamespace(load=lambda _: TorchScriptNetwork())
    cleanfid.inception_torchscript.torch = types.SimpleNamespace(
        jit=jit, __version__=torch.__version__
    )


class TorchScriptNetwork(nn.Module):
    """What clean-fid expects in its file: traced `layers`, and a resize of its own."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():  # a file that is read draws nothing
            blocks = nn.Sequential(*pytorch_fid.inception.InceptionV3().eval().blocks)
        with torch.no_grad():
            self.layers: nn.Module = torch.jit.trace(blocks, torch.zeros(2, 3, 299, 299))  # pyright: ignore[reportAttributeAccessIssue]

    def forward(self, pixels: Tensor, return_features: bool) -> Tensor:
        assert return_features
        return self.layers((tf1(pixels) - 128) / 128)


def tf1(pixels: Tensor) -> Tensor:
    return interpolate_bilinear_2d_like_tensorflow1x(pixels, size=(299, 299), align_corners=False)


def pytorch_fid_features() -> Features:
    network = pytorch_fid.inception.InceptionV3().eval()

    @torch.no_grad()
    def features(images: np.ndarray) -> np.ndarray:
        # ToTensor of each image, batched.
        batch = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().float().div(255)
        return network(batch)[0][:, :, 0, 0].numpy()

    return features


def clean_fid_features(mode: str) -> Features:
    network = cleanfid.features.build_feature_extractor(mode, torch.device("cpu"))
    resize = cleanfid.resize.build_resizer(mode)

    def features(images: np.ndarray) -> np.ndarray:
        resized = np.stack([resize(image) for image in images])
        batch = torch.from_numpy(resized).permute(0, 3, 1, 2).contiguous().float()
        return cleanfid.fid.get_batch_features(batch, network, torch.device("cpu"))

    return features


def torch_fidelity_features(weights: str, layer: str = "2048") -> Features:
    network = FeatureExtractorInceptionV3("inception", [layer], weights)

    @torch.no_grad()
    def features(images: np.ndarray) -> np.ndarray:
        return network(torch.from_numpy(images).permute(0, 3, 1, 2).contiguous())[0].numpy()

    return features


def torchmetrics_fid(real: str, generated: str, weights: str) -> float:
    """It has no command: the loop of its documentation, over two folders, in batches of 50."""
    from PIL import Image
    from torchmetrics.image.fid import (  # pyright: ignore[reportMissingImports]
        FrechetInceptionDistance,
    )

    metric = FrechetInceptionDistance(feature=2048, feature_extractor_weights_path=weights)
    for folder, is_real in ((real, True), (generated, False)):
        files = sorted(Path(folder).iterdir())
        for start in range(0, len(files), 50):
            images = np.stack([np.asarray(Image.open(f)) for f in files[start : start + 50]])
            metric.update(torch.from_numpy(images).movedim(-1, 1), real=is_real)
    return float(metric.compute())


def main() -> None:
    tool, real, generated, weights = sys.argv[1:]
    read_weights_from(weights)
    if tool == "pytorch-fid":
        sys.argv = ["pytorch_fid", real, generated]
        pytorch_fid.fid_score.main()
    elif tool == "torch-fidelity":
        sides = ["--input1", generated, "--input2", real]
        file = ["--feature-extractor-weights-path", weights]
        sys.argv = ["fidelity", "--fid", "--no-cache", *sides, *file]
        torch_fidelity.fidelity.main()
    elif tool == "clean-fid":
        print(cleanfid.fid.compute_fid(real, generated, device=torch.device("cpu")))
    elif tool == "torchmetrics":
        print(torchmetrics_fid(real, generated, weights))
    else:
        raise SystemExit(f"expected one of four tools, got {tool}")


if __name__ == "__main__":
    main()
