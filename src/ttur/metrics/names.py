"""Names of numbers: what a metric's name says about it."""


def lower_is_better(metric: str) -> bool:
    """Distances fall as samples improve; scores (`is`, `is_<extractor>`) rise."""
    return not (metric == "is" or metric.startswith("is_"))
