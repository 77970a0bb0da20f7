"""Names of numbers: what a metric's name says about it."""

# Kinds of scores; an extractor's name or a k may follow. All else is a distance.
RISING = ("is", "modes", "precision", "recall", "density", "coverage")


def lower_is_better(metric: str) -> bool:
    """Distances (`fid`, `fd_…`, `kid`, `ind`, …) fall as samples improve; scores rise.

    Scores are `is`, `modes_digits`, `precision_k3`, `recall_k3`, `density_k5`, `coverage_k5` and
    the same followed by an extractor, as in `precision_k3_cifar10`.
    """
    return metric.split("_")[0] not in RISING
