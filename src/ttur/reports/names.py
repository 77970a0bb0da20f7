"""What numbers, data sets and settings are called in figures and tables: the words of the field."""

import re
from collections.abc import Sequence

from ttur.analysis.groups import Group

# By name: what runs are scored by Inception's features for, and what it is by another network's.
METRICS = {
    "fid": ("FID", "Fréchet distance"),
    "sfid": ("sFID", "spatial Fréchet distance"),
    "is": ("Inception Score", "Inception Score"),
    "ind": ("Inception Distance (IND)", "Inception Distance (IND)"),
    "kid": ("KID", "kernel distance"),
    "mmd": ("Gaussian MMD", "Gaussian MMD"),
    "precision": ("precision", "precision"),
    "recall": ("recall", "recall"),
    "density": ("density", "density"),
    "coverage": ("coverage", "coverage"),
    "clipped_density": ("clipped density", "clipped density"),
    "clipped_coverage": ("clipped coverage", "clipped coverage"),
    "authenticity": ("authenticity", "authenticity"),
    "modes": ("classes covered", "classes covered"),
}
VARIANTS = {"infinity": ", without bias", "adm": ", as ADM computes it"}  # after a name
DATA = {
    "cifar10": "CIFAR-10",
    "digits": "UCI digits",
    "mnist": "MNIST",
    "svhn": "SVHN",
    "stl10": "STL-10",
    "celeba": "CelebA",
    "lsun_bedroom": "LSUN bedrooms",
    "billion_word": "One Billion Word",
    "speeches": "presidential speeches",
}
FEATURES = DATA | {"inception": "Inception", "clip": "CLIP", "dinov2": "DINOv2"}
MODELS = {
    "dcgan": "DCGAN",
    "wgan_gp_image": "WGAN-GP",
    "wgan_gp_language": "WGAN-GP",
    "began": "BEGAN",
}
_RATE = r"\d[\d.]*(?:e[+-]?\d+)?"


def metric_title(metric: str) -> str:
    """The name of a number, in the words of the field; one's own as it is.

        >>> [metric_title(name) for name in ("fid", "fd_cifar10", "jsd_4", "precision_k5_digits")]
        ['FID', 'Fréchet distance (CIFAR-10 features)', 'JSD, 4-grams', 'precision, k = 5 \
(UCI digits features)']
        >>> metric_title("fid_ema")
        'FID, averaged weights'
    """
    if match := re.fullmatch(r"jsd_(\d+)(_fine)?", metric):
        return f"JSD, {match[1]}-grams{', more sentences' if match[2] else ''}"
    if metric == "cmmd":
        return "CMMD"
    if metric.endswith("_ema"):
        return f"{metric_title(metric.removesuffix('_ema'))}, averaged weights"
    for kind in sorted(METRICS, key=len, reverse=True):
        of_others = re.sub("^fid", "fd", kind)
        variants = "|".join(VARIANTS)
        pattern = f"(?:{kind}|{of_others})(?:_({variants}))?(?:_k(\\d+))?(?:_(.+))?"
        if match := re.fullmatch(pattern, metric):
            variant, neighbours, extractor = match.groups()
            by_inception, by_others = METRICS[kind]
            name = by_inception if extractor is None else by_others
            name += VARIANTS.get(variant, "") + (f", k = {neighbours}" if neighbours else "")
            return name if extractor is None else f"{name} ({_features(extractor)} features)"
    return metric


def score_title(metric: str, value: float) -> str:
    """A value under its name, without whose features it is by: `Fréchet distance 9.88`."""
    return f"{metric_title(metric).partition(' (')[0]} {value:.4g}"


def _features(extractor: str) -> str:
    name, bracket, digest = extractor.partition("[")
    return FEATURES.get(name, name) + (f" {bracket}{digest}" if bracket else "")


def data_title(name: str) -> str:
    """The name of a data set as papers write it; one's own as it is."""
    return DATA.get(name, name)


def experiment_title(group: Group) -> str:
    """The model and the data: `DCGAN on CIFAR-10`; of networks of one's own the data."""
    model = MODELS.get(group.runs[0].configuration.get("model", {}).get("kind", ""))
    data = data_title(group.data)
    if data == "–":
        return group.experiment
    return f"{model} on {data}" if model else data


def figure_title(groups: Sequence[Group]) -> str:
    """Of a figure that shows them all: each model and data set once."""
    return "; ".join(dict.fromkeys(map(experiment_title, groups)))


def setting_title(title: str) -> str:
    """A setting in which two rates say whose they are, D for the discriminator, G the generator.

    >>> setting_title("TTUR 1e-4 5e-4"), setting_title("sgd orig 2e-2")
    ('TTUR, D 1e-4, G 5e-4', 'sgd orig 2e-2')
    """
    match = re.fullmatch(f"(.+?) ({_RATE}) ({_RATE})", title)
    return f"{match[1]}, D {match[2]}, G {match[3]}" if match else title
