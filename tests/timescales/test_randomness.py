import random

import numpy as np
import torch

from ttur.timescales.randomness import global_noise, randomness_from, restore_global_noise

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
