"""A result counts as its number, prints as a line, and says the whole as JSON."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from ttur.evaluation.evaluate import evaluate, fid
from ttur.evaluation.result import Result
from ttur.features.extractors import Extractor


def test_a_result_counts_as_its_number(images, other_images, tiny: Extractor):
    result = fid(images, other_images, extractor=tiny)
    assert float(result) == result.value
    assert f"{result:.2f}" == f"{result.value:.2f}"
    assert result < result.value + 1
    assert result > result.value - 1
    assert result <= result.value <= result.value
    assert result == result.value
    assert result != result.value + 1
    worse = fid(images, other_images // 2, extractor=tiny)
    assert sorted([worse, result], key=float) == [min(worse, result), max(worse, result)]
    assert result == fid(images, other_images, extractor=tiny)
    assert result != fid(images, other_images, extractor=tiny, interval=False)  # says less
    assert np.mean([float(result)]) == result.value


def test_a_result_prints_as_one_line(embedded: Extractor):
    from ttur.data.published.digits import digits

    result = fid(digits("train").images[:400], digits("test").images, extractor=embedded)
    low, high = (result.details["interval"][end] for end in ("low", "high"))
    expected = f"fd_digits {result.value:.6g}, 95% interval {low:.6g} to {high:.6g} (protocol tf1)"
    assert str(result) == f"{result}" == expected
    assert repr(result) == f"Result('fd_digits', {result.value!r}, protocol='tf1')"
    assert json.loads(json.dumps(result.to_json()))["value"] == result.value


def test_an_evaluation_is_a_mapping_and_prints_a_line_a_number(
    images, other_images, tiny: Extractor
):
    made = evaluate(images, other_images, "fid,precision_recall", extractor=tiny)
    assert dict(made) == {m.metric: m.value for m in made.measurements}
    assert next(iter(made.items())) == ("fd_patches", made["fd_patches"])
    assert "recall_k3_patches" in made
    assert len(str(made).splitlines()) == 3
    assert str(made).splitlines()[1].startswith("precision_k3_patches ")
    assert len(repr(made)) < 300
    with pytest.raises(KeyError, match="no fid here; there are fd_patches, precision_k3_patches"):
        made["fid"]


def test_a_result_compares_with_numbers_alone(images, other_images, tiny: Extractor):
    result = fid(images, other_images, extractor=tiny)
    for text in ("10", "abc", None):
        with pytest.raises(TypeError, match="not supported between instances"):
            _ = result < text
        assert result != text
    half = replace(result, value=0.5)
    assert half == np.float32(0.5)
    assert np.float32(0.5) == half
    assert half < torch.tensor(0.6)
    assert half < np.float16(0.6)
    assert half >= np.array(0.5)


def test_an_evaluation_equals_the_mapping_of_its_numbers(images, other_images, tiny: Extractor):
    made = evaluate(images, other_images, "fid,precision_recall", extractor=tiny)
    assert made == dict(made)
    assert dict(made) == made
    assert made != {**made, "fd_patches": -1.0}
    assert made == evaluate(images, other_images, "fid,precision_recall", extractor=tiny)
    assert made != replace(made, warnings=("another",))  # says something else


def test_a_result_is_reckoned_with_as_its_number():
    said = {"counts": {}, "fingerprints": {}, "audit": {}, "protocol": "tf1"}
    made = Result(metric="fid", value=4.25, details={}, **said)
    assert (made - 1, 1 - made, made + 1, 1 + made, made - made) == (3.25, -3.25, 5.25, 5.25, 0)
    assert (made * 2, 2 * made, made / 2, 17 / made, made**2) == (8.5, 8.5, 2.125, 4, 18.0625)
    assert (-made, abs(-made), round(made), round(made, 1)) == (-4.25, 4.25, 4, 4.2)
    assert sum([made, made]) == 8.5
