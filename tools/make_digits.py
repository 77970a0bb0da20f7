"""Write src/ttur/data/published/digits.npz from scikit-learn's copy of the UCI handwritten digits.

    pip install scikit-learn==1.9.1
    python tools/make_digits.py

The file holds the 8x8 counts (0 to 16) and the labels as they are: 45 kB, where the 16x16 images
would be 270 kB. `ttur.data.published.digits` doubles them at load time, in integers.

Data: Alpaydin, E. and Kaynak, C. (1998), Optical Recognition of Handwritten Digits, UCI Machine
Learning Repository, https://doi.org/10.24432/C50P49, CC BY 4.0.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits  # pyright: ignore[reportMissingImports]

TARGET = Path(__file__).parent.parent / "src/ttur/data/published/digits.npz"


def main() -> None:
    images, labels = load_digits(return_X_y=True)
    counts = images.reshape(-1, 8, 8).astype(np.uint8)
    assert np.array_equal(counts.reshape(len(counts), 64), images), "counts are whole numbers"
    np.savez_compressed(TARGET, images=counts, labels=labels.astype(np.uint8))
    print(f"{TARGET.name}: {len(counts)} digits, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
