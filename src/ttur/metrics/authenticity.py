"""Whether generated samples are new, or lie on those that the network was trained with."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Num

from ttur.metrics.neighbours import clouds, neighbours


@dataclass(frozen=True, eq=False)
class Authenticity:
    """The `share` in 0..1 of generated samples that are authentic, and what it is made from.

    Of each generated sample, in their order: the `nearest` training sample, an index, its
    `distances`, and in `training_distances` that of this training sample to its own nearest one.
    """

    share: float
    nearest: Int[np.ndarray, " generated"]
    distances: Float[np.ndarray, " generated"]
    training_distances: Float[np.ndarray, " generated"]

    @property
    def summary(self) -> dict[str, int | float]:
        """What stands beside the share: `copies`, at distance 0, and both median distances."""
        return {
            "copies": int((self.distances == 0).sum()),
            "median_distance": float(np.median(self.distances)),
            "median_training_distance": float(np.median(self.training_distances)),
        }


def authenticity(
    training: Num[Any, "training_samples d"], generated: Num[Any, "generated_samples _"]
) -> Authenticity:
    """The share of generated samples farther from their nearest training sample than that one is
    from its own nearest training sample (Alaa et al. 2022, section 4.2; times 100 the AuthPct of
    dgm-eval).

        >>> made = authenticity(np.array([[0.0], [1], [9]]), np.array([[0.5], [9], [3]]))
        >>> made.nearest.tolist(), made.distances.tolist(), round(made.share, 2)
        ([0, 2, 1], [0.5, 0.0, 2.0], 0.33)

    Farther is strictly farther, as in dgm-eval: at equal distances a sample is not authentic, and a
    copy never is. Of training samples equally near the first is the nearest one. A training sample
    that occurs twice is at distance 0 from its own nearest: beside it all but copies are authentic.
    What new samples of the training distribution score depends on the dimension, 0.34 for 1 normal
    feature and 0.86 for 256 at 1,000 samples a side: compare with real samples that were held out.
    Far samples, noise among them, score 1: it says nothing of quality.

    Every comparison is decided as float64 Σ (x - y)² decides it; distances are its square roots.
    Memory as `metrics.manifold.precision_recall`.

    Raises:
        ValueError: if a side has fewer than two samples, a feature is not finite, or the dimensions
            differ.
    """
    training_cloud, generated_cloud = clouds(training, generated, 1)
    of_generated = neighbours(generated_cloud, training_cloud, 1)
    own = neighbours(training_cloud, training_cloud, 1).squares[of_generated.indices]
    scale = training_cloud.scale
    return Authenticity(
        float((own < of_generated.squares).mean()),
        of_generated.indices,
        np.sqrt(of_generated.squares) * scale,
        np.sqrt(own) * scale,
    )
