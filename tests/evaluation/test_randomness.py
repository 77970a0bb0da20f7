"""Whoever measures leaves the global generators of torch, numpy and Python where they were."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import jaxtyping
import numpy as np
import pytest
import torch

from ttur.evaluation.accumulator import Accumulator
from ttur.evaluation.evaluate import evaluate, fid
from ttur.evaluation.reference import statistics
from ttur.features.extractors import Extractor


def drawn(count: int) -> torch.Tensor:
    """Images that take noise from all three."""
    noise = torch.rand(count, 3, 10, 10) + float(np.random.rand()) + random.random()  # noqa: NPY002
    return (noise * 80).to(torch.uint8)


def positions() -> tuple:
    numpy_state: Any = np.random.get_state()  # noqa: NPY002
    _, words, *rest = numpy_state
    return torch.get_rng_state().tolist(), words.tolist(), rest, random.getstate()


def noisy(images: torch.Tensor) -> torch.Tensor:
    """A network with noise of its own."""
    return images.mean(dim=(2, 3)) + torch.rand(len(images), 3)


@pytest.fixture(autouse=True)
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checker of types looks at one entry of a sequence, which Python's generator draws."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.fixture
def extractor() -> Extractor:
    return Extractor.of(noisy, name="noisy", dimension=3)


BLACK = np.zeros((20, 8, 8, 3), np.uint8)
LOOKS: dict[str, Callable[[Extractor], Any]] = {
    "fid": lambda e: fid(BLACK, drawn, count=20, extractor=e),
    "evaluate": lambda e: evaluate(
        BLACK, drawn, "fid,kid", count=20, kid_subset_size=8, extractor=e
    ),
    "statistics": lambda e: statistics(drawn, e, count=20),
}


@pytest.mark.parametrize("look", LOOKS)
def test_they_stay_where_they_were(look: str, extractor: Extractor):
    before = positions()
    once = LOOKS[look](extractor)
    assert positions() == before
    again = LOOKS[look](extractor)  # from the same place
    if look != "statistics":
        assert once.to_json() == again.to_json()


def test_two_sides_that_are_drawn_are_not_the_same_draw(extractor: Extractor):
    def batches() -> Iterator[torch.Tensor]:
        yield from (drawn(5) for _ in range(4))

    before = positions()
    made = fid(batches(), batches(), extractor=extractor)
    assert positions() == before
    digests = [made.fingerprints[side]["data_sha256"] for side in ("real", "generated")]
    assert digests[0] != digests[1]


def test_an_accumulator_goes_on_with_noise_of_its_own(extractor: Extractor):
    """Put back and no more, each update would draw the same images."""
    before = positions()
    taken = Accumulator((drawn(5) for _ in range(4)), extractor=extractor)
    for _ in range(3):
        taken.update(drawn(4) for _ in range(2))
    made = taken.compute()
    assert positions() == before
    assert made.audit["generated"]["duplicates"] == 0  # pyright: ignore[reportOptionalSubscript]
    assert not [warning for warning in made.warnings if "both sides" in warning]


def test_it_is_put_back_after_an_error(extractor: Extractor):
    def failing(count: int) -> torch.Tensor:
        drawn(count)
        raise RuntimeError("out of noise")

    before = positions()
    with pytest.raises(RuntimeError, match="out of noise"):
        statistics(failing, extractor, count=5)
    assert positions() == before
