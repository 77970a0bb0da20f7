import random

import numpy as np
import pytest
import torch

from ttur.runtime.randomness import (
    global_noise,
    randomness_from,
    restore_global_noise,
    stream,
)

CPU = torch.device("cpu")


def drawn() -> list[float]:
    """Odd numbers of normals: numpy and Python keep the second of a pair."""
    return [
        float(torch.randn(())),
        float(np.random.normal()),  # noqa: NPY002
        random.gauss(0, 1),
    ]


def test_all_three_begin_at_the_seed_and_are_put_back():
    with randomness_from(5, CPU):
        first = drawn()
        with randomness_from(6, CPU):
            other = drawn()
        second = drawn()
    with randomness_from(5, CPU):
        again = [drawn(), drawn()]
    assert [first, second] == again
    assert len({*first, *other, *second}) == 9


def test_without_a_seed_they_go_on_where_they_are_and_are_put_back():
    with randomness_from(5, CPU):
        with randomness_from(None, CPU):
            within = drawn()
        assert drawn() == within


def test_what_stands_in_a_checkpoint_goes_on_where_it_was():
    with randomness_from(5, CPU):
        drawn()
        state = global_noise(CPU)
        expected = drawn()
        drawn()
        restore_global_noise(state, CPU)
        assert drawn() == expected
        kinds = {type(part) for name in ("numpy_noise", "python_noise") for part in state[name]}
    assert kinds <= {torch.Tensor, int, float, type(None)}  # as checkpoints hold


def test_an_older_checkpoint_has_none_and_nothing_happens():
    with randomness_from(5, CPU):
        restore_global_noise({}, CPU)
        found = drawn()
    with randomness_from(5, CPU):
        assert drawn() == found


def test_streams_of_one_run_share_no_numbers():
    seeds = {
        stream(3, purpose, *index).seed for purpose in ("a", "b") for index in [(), (1,), (2,)]
    }
    assert len(seeds) == 6
    drawn = {float(stream(3, "a", *index).numpy().normal()) for index in [(), (1,), (0, 1), (1, 1)]}
    assert len(drawn) == 4


def test_a_stream_begins_anew_and_an_index_may_come_in_parts():
    assert stream(3, "a", 1, 2).numpy().normal() == stream(3, "a").at(1).at(2).numpy().normal()
    first, second = (torch.randn(3, generator=stream(3, "a").torch()) for _ in range(2))
    assert torch.equal(first, second)


def test_streams_are_those_of_the_first_edition():
    """980e01c: build.stream_seed, and default_rng([seed of the stream, n])."""
    words = np.random.SeedSequence([5, *b"monitor"]).generate_state(1, np.uint64)
    seed = int(words[0] >> 1)
    assert stream(5, "monitor").seed == seed
    assert stream(5, "evaluation", 1).seed == stream(5, "evaluation").seed + 1
    assert stream(5, "monitor", 7).numpy().normal() == np.random.default_rng([seed, 7]).normal()


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match="at least 0, got -1"):
        stream(-1, "data")
