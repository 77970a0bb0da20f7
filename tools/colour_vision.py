"""A picture as it is seen without green receptors, and as it is printed in grey.

    python tools/colour_vision.py runs/report.png

writes runs/report-deuteranopia.png and runs/report-grey.png. The matrix is of Machado, Oliveira and
Fernandes (2009), table 1, deuteranomaly at severity 1.0, and acts on linear light.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
)
GREY = np.tile([0.2126, 0.7152, 0.0722], (3, 1))  # luminance, three times


def seen(pixels: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """uint8 sRGB (H, W, 3) through a matrix of linear light."""
    x = pixels / 255
    linear = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4) @ matrix.T
    linear = np.clip(linear, 0, 1)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return (255 * coded).round().astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("picture", type=Path)
    path = parser.parse_args().picture
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    for name, matrix in (("deuteranopia", DEUTERANOPIA), ("grey", GREY)):
        out = path.with_name(f"{path.stem}-{name}.png")
        Image.fromarray(seen(pixels, matrix)).save(out)
        print(out)


if __name__ == "__main__":
    main()
