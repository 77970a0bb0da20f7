"""The registry of metrics: names in, names out, directions; a new metric is a row and no more."""

import numpy as np
import pytest

from ttur.evaluation.comparison import Comparison
from ttur.evaluation.evaluate import evaluate
from ttur.evaluation.measure import Measure, metric_name
from ttur.evaluation.measures import MEASURES
from ttur.evaluation.metric_names import extractor_of, measures, parse_metrics
from ttur.features.extractors import Extractor


@pytest.mark.parametrize(
    ("text", "kinds", "extractor"),
    [
        ("fid", ("fid",), "inception"),
        ("fid, is,kid", ("fid", "is", "kid"), "inception"),
        ("precision_recall_k5", ("precision_recall_k5",), "inception"),
        ("fd_digits", ("fid",), "digits"),
        ("fd_digits,fd_digits,kid_digits", ("fid", "kid"), "digits"),
        ("fd_infinity_cifar10", ("fid_infinity",), "cifar10"),
        ("is_inception,fid", ("is", "fid"), "inception"),
        ("modes_digits,fd_digits", ("modes", "fid"), "digits"),
        ("precision_recall_k5_cifar10", ("precision_recall_k5",), "cifar10"),
        ("density_coverage_cifar10", ("density_coverage",), "cifar10"),
        ("fd_my.nets:Big_One", ("fid",), "my.nets:Big_One"),
        ("cmmd", ("mmd",), "clip"),
        ("cmmd,fd_clip", ("mmd", "fid"), "clip"),
        ("fd_dinov2_vitb14", ("fid",), "dinov2_vitb14"),
        ("precision_recall_k7_my.nets:Big_One", ("precision_recall_k7",), "my.nets:Big_One"),
    ],
)
def test_names_carry_their_extractor(text: str, kinds: tuple[str, ...], extractor: str):
    assert parse_metrics(text) == (kinds, extractor)
    assert parse_metrics(text.split(",")) == (kinds, extractor)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fdi", r"no metric 'fdi'.*did you mean fid"),
        ("kidd_digits", r"no metric 'kidd_digits'.*did you mean kid_digits"),
        ("fid_digits", r"no metric 'fid_digits'.*did you mean .*fd_digits"),
        ("precision_recal_cifar10", r"did you mean precision_recall_cifar10"),
        ("kid_k5", r"by one extractor|k5"),
        ("?", r"there are fid, fid_infinity, is, is_adm, ind, kid, .*, authenticity, adm$"),
        ("", r"no metric ''"),
        ("FID", r"did you mean fid\?$"),
        ("inception_score", r"did you mean is\?$"),
        ("Inception-Score", r"did you mean is\?$"),
        ("precision", r"did you mean precision_recall\?$"),
        ("recall", r"did you mean precision_recall\?$"),
        ("coverage", r"did you mean density_coverage\?$"),
        ("kernel_inception_distance", r"did you mean kid\?$"),
        ("fid,fd_digits", r"by one extractor, got inception and digits"),
    ],
)
def test_names_that_are_none_are_answered_with_the_closest(text: str, said: str):
    if text == "kid_k5":
        assert parse_metrics(text) == (("kid",), "k5")  # an extractor that nobody will find
        return
    with pytest.raises(ValueError, match=said):
        parse_metrics(text)


def test_every_name_a_comparison_gives_is_read_back(embedded: Extractor):
    comparison = Comparison.of_names(list(MEASURES), extractor=embedded)
    assert comparison.headline == "fd_digits"
    assert comparison.lower_is_better
    rising = {
        name.removesuffix("_digits") for name, falls in comparison.directions.items() if not falls
    }
    assert rising == {
        *(
            "authenticity",
            "is",
            "is_adm",
            "modes",
            "precision_k3",
            "recall_k3",
            "density_k5",
            "coverage_k5",
        ),
        *("clipped_density_k5", "clipped_coverage_k5"),
    }
    assert set(comparison.directions) == set(comparison.names)
    assert len(set(comparison.names)) == sum(len(m.kinds) for m in MEASURES.values())


def test_neighbours_asked_for_in_two_ways_are_one_metric():
    (once,) = measures("precision_recall,precision_recall_k3")
    assert once.kinds == ("precision_k3", "recall_k3")
    assert [m.k for m in measures("precision_recall,precision_recall_k5")] == [3, 5]


def test_a_distance_by_other_features_is_never_called_fid():
    assert metric_name("fid", "fid") == "fid"
    assert metric_name("fid", "fd_mine[01234567]") == "fd_mine[01234567]"
    assert metric_name("fid_infinity", "fd_mine") == "fd_infinity_mine"


def test_cmmd_is_the_mmd_of_clip_with_the_weights_of_its_name():
    assert metric_name("mmd", "fd_clip") == "cmmd"
    assert metric_name("fid", "fd_clip") == "fd_clip"
    for other in ("clip[01234567]", "dinov2", "digits"):
        assert metric_name("mmd", f"fd_{other}") == f"mmd_{other}"
    assert metric_name("mmd", "fid") == "mmd"  # by Inception


def test_a_new_metric_is_one_row(monkeypatch, images, other_images, tiny: Extractor):
    """Names, direction, the least count, its message and what is kept all come from the row."""

    def brightness(real, generated, settings):
        yield float(generated.features.mean() - real.features.mean()), {"unit": "levels"}

    both = {"real": ("features",), "generated": ("features",)}
    row = Measure("brightness", brightness, True, both, lambda dimension, _: 2 * dimension)
    monkeypatch.setitem(MEASURES, "brightness", row)
    comparison = Comparison.of_names("brightness", extractor=tiny)
    assert comparison.directions == {"brightness_patches": True}
    made = evaluate(images, other_images, "brightness", extractor=tiny)
    assert list(made) == ["brightness_patches"]
    assert made.to_json()["metrics"][0]["unit"] == "levels"
    assert made["brightness_patches"] < 0
    assert parse_metrics("brightness_digits") == (("brightness",), "digits")
    with pytest.raises(ValueError, match="brightness needs at least 24 images, got 20; add images"):
        evaluate(images, other_images[:20], "brightness", extractor=tiny)
    with pytest.raises(ValueError, match="did you mean brightness"):
        evaluate(images, images, "brigthness", extractor=tiny)


def test_statistics_do_not_do_where_a_metric_needs_images(images, embedded: Extractor):
    comparison = Comparison.of_names("modes", extractor=embedded)
    side = Comparison.of_names("fid", extractor=embedded)
    from ttur.evaluation.openers import open_images

    statistics = side.look(open_images(images), "real").statistics
    with pytest.raises(ValueError, match="need the logits of the real images"):
        comparison.look(statistics, "real")


def test_batches_one_by_one_are_the_pass_over_them(images, other_images, embedded: Extractor):
    """As a run is scored: the real side kept, samples as they are drawn."""
    import torch

    from ttur.evaluation.openers import open_images

    comparison = Comparison.of_names("fid,is,modes", extractor=embedded, interval=False)
    real = comparison.look(open_images(images), "real", cache=True)
    drawn = comparison.collect("generated")
    for batch in torch.from_numpy(other_images).movedim(-1, 1).split(7):
        drawn.update(batch.float())
    made = comparison.of(real, drawn.side())
    whole = evaluate(images, other_images, "fid,is,modes", extractor=embedded, interval=False)
    assert dict(made) == pytest.approx(dict(whole), rel=1e-5)
    assert np.isfinite(list(made.values())).all()


def test_names_bring_their_extractor_or_carry_the_one_asked_for():
    assert extractor_of("fd_digits,kid_digits", "inception") == "digits"
    assert extractor_of("fd_digits,kid", "digits") == "digits"
    assert extractor_of("fd_mine", "networks:mine") == "networks:mine"  # as results call it
    assert [m.name for m in measures("fd_digits,precision_recall_k5_digits")] == [
        "fid",
        "precision_recall",
    ]
    with pytest.raises(ValueError, match="by cifar10, got fd_digits, which is by digits; ask"):
        extractor_of("fd_digits", "cifar10")
    with pytest.raises(ValueError, match="by inception, got cmmd, which is by clip; ask for mmd"):
        extractor_of("fid,cmmd", "inception", brought=True)
    with pytest.raises(ValueError, match="by one extractor, got inception and clip"):
        extractor_of("fid,cmmd", "inception")
